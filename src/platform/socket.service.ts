import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  type ExecutionArgs,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import {
  CloseCode,
  type Context,
  handleProtocols,
  makeServer,
  type SubscribePayload,
} from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { armourRules, coded, type DocumentLimits, refuseCostly } from './armour.js';
import { formatError } from './error-format.js';
import type { Admission, Gate } from './gate.service.js';
import { faultRecorder } from './graphql.service.js';
import type { Log } from './log.service.js';
import type { Metrics } from './metrics.service.js';
import { isAllowedOrigin } from './origin.js';
import { subscribeAfresh } from './subscribe.service.js';

/** Limits of every socket. */
const socketLimits = {
  frameBytes: 64 * 1024,
  initWithinMs: 3_000,
  subscriptions: 20,
  recheckMs: 5_000,
  /** A reader with more than this waiting for him is cut off. */
  bufferedBytes: 4 * 1024 * 1024,
  pingMs: 12_000,
} as const;

export interface SocketOptions {
  readonly schema: GraphQLSchema;
  readonly settings: DocumentLimits & {
    readonly introspection: boolean;
    readonly allowedOrigins: readonly string[];
  };
  readonly gate: Gate;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** What is known of one socket. */
interface Peer {
  readonly socket: WebSocket;
  readonly requestId: string;
  readonly address: string;
  admission: Admission | null;
  expiry: NodeJS.Timeout | undefined;
}

type SocketContext = Context<Record<string, unknown> | undefined, Peer>;

/**
 * GraphQL subscriptions over WebSocket (graphql-transport-ws). Nothing else is executed here,
 * and every limit of HTTP holds: the library itself parses and validates without any.
 */
export function serveSockets(
  http: Server,
  path: string,
  options: SocketOptions,
): { close(): Promise<void> } {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: socketLimits.frameBytes,
    handleProtocols,
    perMessageDeflate: false,
  });
  const peers = new Set<Peer>();
  const server = protocolServer(options);
  http.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const status = refusedUpgrade(request, path, options.settings.allowedOrigins);
    if (status !== null) {
      stream.on('error', () => undefined);
      stream.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const peer = greet(socket, request);
      peers.add(peer);
      options.metrics.sockets.set(peers.size);
      const closed = open(server, peer, options.log);
      socket.once('close', (code, reason) => {
        peers.delete(peer);
        options.metrics.sockets.set(peers.size);
        clearTimeout(peer.expiry);
        closed(code, String(reason)).catch((error) => {
          options.log.failure('socket failed', error, { requestId: peer.requestId });
        });
      });
    });
  });
  const recheck = recheckEvery(socketLimits.recheckMs, peers, options);
  return {
    close: async () => {
      clearInterval(recheck);
      for (const { socket } of peers) socket.close(1001, 'Going away');
      const cut = setTimeout(() => {
        for (const { socket } of peers) socket.terminate();
      }, 2_000);
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
      clearTimeout(cut);
    },
  };
}

function refusedUpgrade(
  request: IncomingMessage,
  path: string,
  allowedOrigins: readonly string[],
): string | null {
  if (new URL(request.url ?? '/', 'http://localhost').pathname !== path) return '404 Not Found';
  const { origin, host } = request.headers;
  if (origin === undefined || isAllowedOrigin(origin, host, allowedOrigins)) return null;
  return '401 Unauthorized';
}

function greet(socket: WebSocket, request: IncomingMessage): Peer {
  return {
    socket,
    requestId: randomUUID(),
    address: request.socket.remoteAddress ?? '',
    admission: null,
    expiry: undefined,
  };
}

/** Joins a socket to the protocol; answers what to call when it has closed. */
function open(
  server: ReturnType<typeof protocolServer>,
  peer: Peer,
  log: Log,
): (code: number, reason: string) => Promise<void> {
  const { socket } = peer;
  let alive = true;
  socket.on('pong', () => {
    alive = true;
  });
  const heartbeat = setInterval(() => {
    if (!alive) return socket.terminate();
    alive = false;
    return socket.ping();
  }, socketLimits.pingMs);
  // Frames over the limit and broken ones end here; ws has closed the socket by then.
  socket.on('error', () => undefined);
  const closed = server.opened(
    {
      protocol: socket.protocol,
      send: (data) => send(peer, data, log),
      close: (code, reason) => socket.close(code, reason),
      onMessage: (take) => {
        socket.on('message', (data) => {
          take(String(data)).catch((error) => {
            log.failure('socket failed', error, { requestId: peer.requestId });
            socket.close(CloseCode.InternalServerError, 'Internal server error');
          });
        });
      },
    },
    peer,
  );
  return async (code, reason) => {
    clearInterval(heartbeat);
    await closed(code, reason);
  };
}

// Waiting for the write keeps at most one frame per subscription in memory; what piles up behind
// it is bounded by the subscription's own queue, and a socket that stands still is cut.
function send(peer: Peer, data: string, log: Log): Promise<void> {
  const { socket } = peer;
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve();
    socket.send(data, () => resolve());
    if (socket.bufferedAmount > socketLimits.bufferedBytes) {
      log.warning('slow reader cut off', { requestId: peer.requestId });
      socket.terminate();
    }
    return undefined;
  });
}

function protocolServer(options: SocketOptions) {
  const { gate, log, metrics } = options;
  const format = (peer: Peer) => (error: unknown) =>
    formatError(error, faultRecorder(log, peer.requestId));
  return makeServer<Record<string, unknown> | undefined, Peer>({
    connectionInitWaitTimeout: socketLimits.initWithinMs,
    onConnect: async (context) => {
      const { authorization } = context.connectionParams ?? {};
      const peer = context.extra;
      peer.admission = await gate.admit(
        typeof authorization === 'string' ? authorization : undefined,
      );
      if (peer.admission === null) return false;
      const left = peer.admission.expiresAt.getTime() - gate.now().getTime();
      peer.expiry = setTimeout(() => leave(peer, 'The access token has expired'), left);
      return true;
    },
    onSubscribe: (context, _, payload) => prepare(context, payload, options),
    subscribe: async (args) => {
      const result = await subscribeAfresh(args);
      metrics.subscriptions.inc();
      return result;
    },
    onComplete: () => metrics.subscriptions.dec(),
    onNext: (context, _id, _payload, _args, result) => {
      const errors = result.errors?.map(format(context.extra));
      return errors ? ({ ...result, errors } as FormattedExecutionResult) : undefined;
    },
    onError: (context, _id, _payload, errors) => errors.map(format(context.extra)),
  });
}

/** The arguments of a subscription, or why there is none. */
function prepare(
  context: SocketContext,
  payload: SubscribePayload,
  options: SocketOptions,
): ExecutionArgs | readonly GraphQLError[] {
  const peer = context.extra;
  const viewer = peer.admission?.viewer;
  if (viewer === undefined) return [coded('UNAUTHENTICATED', 'The socket is not signed in.')];
  if (Object.keys(context.subscriptions).length > socketLimits.subscriptions) {
    const most = socketLimits.subscriptions;
    return [coded('TOO_MANY_SUBSCRIPTIONS', `A socket carries at most ${most} subscriptions.`)];
  }
  const { schema, settings, gate } = options;
  const { operationName, variables, query } = payload;
  const caller = { authorization: undefined, requestId: peer.requestId, address: peer.address };
  try {
    const document = parse(query, { maxTokens: settings.maxTokens });
    const operation = getOperationAST(document, operationName);
    if (operation && operation.operation !== 'subscription') {
      return [coded('SUBSCRIPTIONS_ONLY', 'A WebSocket carries subscriptions only.')];
    }
    const rules = [...specifiedRules, ...armourRules(settings, settings.introspection)];
    const faults = validate(schema, document, rules, { maxErrors: 20 });
    if (faults.length > 0) return faults.map((fault) => documentFault(fault));
    refuseCostly(schema, settings, { document, operationName, variables });
    return {
      schema,
      document,
      operationName: operationName ?? null,
      variableValues: variables ?? {},
      contextValue: () => gate.openFor(viewer, caller),
    };
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    return [typeof error.extensions.code === 'string' ? error : parseFault(error)];
  }
}

function documentFault(fault: GraphQLError): GraphQLError {
  if (typeof fault.extensions.refusal === 'string') return fault;
  const { nodes, message } = fault;
  const extensions = { code: 'GRAPHQL_VALIDATION_FAILED' };
  return new GraphQLError(message, { ...(nodes ? { nodes } : {}), extensions });
}

function parseFault(fault: GraphQLError): GraphQLError {
  return new GraphQLError(fault.message, { extensions: { code: 'GRAPHQL_PARSE_FAILED' } });
}

/** A client that is closed with 4403 connects again with a new token; 4401 would be final. */
function leave(peer: Peer, reason: string): void {
  peer.socket.close(CloseCode.Forbidden, reason);
}

function recheckEvery(
  ms: number,
  peers: ReadonlySet<Peer>,
  options: SocketOptions,
): NodeJS.Timeout {
  let running = false;
  const timer = setInterval(() => {
    const admitted = [...peers].filter((peer) => peer.admission !== null);
    if (running || admitted.length === 0) return;
    running = true;
    const viewers = admitted.map((peer) => (peer.admission as Admission).viewer);
    options.gate
      .withdrawn(viewers)
      .then((withdrawn) => {
        for (const peer of admitted) {
          const viewer = peer.admission?.viewer;
          if (viewer && withdrawn.has(viewer)) leave(peer, 'The session has changed or ended');
        }
      })
      .catch((error) => options.log.failure('session check failed', error))
      .finally(() => {
        running = false;
      });
  }, ms);
  timer.unref();
  return timer;
}
