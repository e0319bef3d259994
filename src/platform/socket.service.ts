import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import proxyAddr from '@fastify/proxy-addr';
import { CloseCode, handleProtocols, type Server as ProtocolServer } from 'graphql-ws';
import { type WebSocket, WebSocketServer } from 'ws';
import { carriesSecret } from './address-secret.js';
import { retryAfterSeconds } from './caller-limits.service.js';
import type { Log } from './log.service.js';
import { isAllowedOrigin } from './origin.js';
import {
  type Peer,
  type ProtocolOptions,
  type ProtocolSettings,
  protocolServer,
  recheckEvery,
} from './socket-protocol.service.js';
import { Tally } from './tally.js';
import { addressKey, TokenBuckets } from './token-buckets.js';

/** Limits of every socket. */
const socketLimits = {
  frameBytes: 64 * 1024,
  /** With what a check takes, sockets of those who were sent away end within five seconds. */
  recheckMs: 4_000,
  /** A reader with more than this waiting for him is cut off. */
  bufferedBytes: 4 * 1024 * 1024,
  pingMs: 12_000,
  messages: { perSecond: 20, burst: 200 },
} as const;

/** Closed with it, a client comes again after a while. */
const POLICY_VIOLATION = 1008;
/** The longest reason that a close frame holds. */
const REASON_BYTES = 123;

/** Whose sockets are taken, and how many. */
export interface SocketSettings extends ProtocolSettings {
  /** Origins of browsers that may call, besides our own. */
  readonly allowedOrigins: readonly string[];
  /** Addresses of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly addressSockets: number;
}

export interface SocketOptions extends ProtocolOptions {
  readonly settings: ProtocolOptions['settings'] & SocketSettings;
}

/** Why a request to become a socket is refused. */
interface RefusedUpgrade {
  readonly status: string;
  readonly headers?: string;
}

/**
 * GraphQL subscriptions over WebSocket (graphql-transport-ws), with limits of their own for each
 * socket and each address.
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
  const addresses = new Tally();
  const messages = new TokenBuckets(socketLimits.messages);
  const server = protocolServer(options);
  const addressOf = addressReader(options.settings.trustedProxies);
  http.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    const address = addressOf(request);
    const refused = refusedUpgrade(request, path, options, addresses.of(addressKey(address)));
    stream.on('error', () => undefined);
    if (refused !== null) {
      const { status, headers = '' } = refused;
      const rest = 'Connection: close\r\nContent-Length: 0\r\n\r\n';
      stream.end(`HTTP/1.1 ${status}\r\n${headers}${rest}`);
      return;
    }
    const takes = options.limits.takeRequest(address);
    if (takes > 0) {
      const wait = `Retry-After: ${retryAfterSeconds(takes)}\r\n`;
      stream.end(`HTTP/1.1 429 Too Many Requests\r\n${wait}Content-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const peer = greet(socket, address);
      const book = (by: 1 | -1): void => {
        if (by === 1) peers.add(peer);
        else peers.delete(peer);
        addresses.add(addressKey(address), by);
        options.metrics.sockets.set(peers.size);
      };
      book(1);
      const closed = open(server, peer, messages, options.log);
      socket.once('close', (code, reason) => {
        book(-1);
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

/** Reads the address of a caller, believing the same proxies as for other requests. */
function addressReader(trustedProxies: readonly string[]): (request: IncomingMessage) => string {
  if (trustedProxies.length === 0) return (request) => request.socket.remoteAddress ?? '';
  const trust = proxyAddr.compile([...trustedProxies]);
  return (request) => proxyAddr(request, trust);
}

function refusedUpgrade(
  request: IncomingMessage,
  path: string,
  { settings }: SocketOptions,
  open: number,
): RefusedUpgrade | null {
  const { allowedOrigins, addressSockets } = settings;
  const url = request.url ?? '/';
  if (carriesSecret(url)) return { status: '400 Bad Request' };
  if (!URL.canParse(url, 'http://localhost')) return { status: '400 Bad Request' };
  if (new URL(url, 'http://localhost').pathname !== path) return { status: '404 Not Found' };
  const { origin, host } = request.headers;
  if (origin !== undefined && !isAllowedOrigin(origin, host, allowedOrigins)) {
    return { status: '401 Unauthorized' };
  }
  if (open < addressSockets) return null;
  return { status: '429 Too Many Requests', headers: 'Retry-After: 10\r\n' };
}

function greet(socket: WebSocket, address: string): Peer {
  return {
    socket,
    requestId: randomUUID(),
    address,
    admission: null,
    caller: null,
    expiry: undefined,
    subscriptions: 0,
  };
}

/** Joins a socket to the protocol; answers what to call when it has closed. */
function open(
  server: ProtocolServer<Peer>,
  peer: Peer,
  messages: TokenBuckets,
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
  const close = (code: number, reason: string): void => {
    socket.close(code, Buffer.from(reason).subarray(0, REASON_BYTES));
  };
  const closed = server.opened(
    {
      protocol: socket.protocol,
      send: (data) => send(peer, data, log),
      close,
      onMessage: (take) => {
        socket.on('message', (data) => {
          // What was on its way when the socket was closed is not looked at any more.
          if (socket.readyState !== socket.OPEN) return;
          if (messages.take(peer.requestId, 1, performance.now()) > 0) {
            close(POLICY_VIOLATION, 'Too many messages');
            return;
          }
          take(String(data)).catch((error) => refuseMessage(error, peer, close, log));
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

function refuseMessage(
  error: unknown,
  peer: Peer,
  close: (code: number, reason: string) => void,
  log: Log,
): void {
  // The library throws at messages that only a server may send.
  if (error instanceof Error && error.message.startsWith('Unexpected message of type')) {
    close(CloseCode.BadRequest, 'Invalid message received');
    return;
  }
  log.failure('socket failed', error, { requestId: peer.requestId });
  close(CloseCode.InternalServerError, 'Internal server error');
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
