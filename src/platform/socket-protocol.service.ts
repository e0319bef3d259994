import {
  type ExecutionArgs,
  type FormattedExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  specifiedRules,
  validate,
} from 'graphql';
import {
  CloseCode,
  type Context,
  makeServer,
  type Server as ProtocolServer,
  type SubscribePayload,
} from 'graphql-ws';
import type { WebSocket } from 'ws';
import { DomainError } from '../kernel/index.js';
import {
  coded,
  type DocumentGuard,
  type DocumentLimits,
  priceOperation,
  refuseIntrospection,
} from './armour.js';
import { type CallerLimits, callerOf } from './caller-limits.service.js';
import { formatError } from './error-format.js';
import { demandsOf, refuseUnpermitted } from './field-access.service.js';
import type { Admission, Gate } from './gate.service.js';
import { faultRecorder } from './graphql.service.js';
import type { Log } from './log.service.js';
import type { Metrics } from './metrics.service.js';
import type { OperationList } from './operation-list.service.js';
import { authorise, type Viewer } from './request.service.js';
import { subscribeAfresh } from './subscribe.service.js';
import { Tally } from './tally.js';

/** The longest delay of a timer; a socket whose token lives longer signs in again before. */
const LONGEST_TIMER_MS = 2_147_483_647;
const INIT_WITHIN_MS = 3_000;
/** Tells a client to come again later; it waits longer each time. */
const TRY_AGAIN_LATER = 1013;

/** How many sockets and subscriptions there may be. */
export interface ProtocolSettings {
  readonly userSockets: number;
  readonly userSubscriptions: number;
  readonly socketSubscriptions: number;
}

export interface ProtocolOptions {
  readonly schema: GraphQLSchema;
  readonly settings: DocumentLimits & ProtocolSettings & { readonly introspection: boolean };
  readonly gate: Gate;
  readonly guard: DocumentGuard;
  readonly limits: CallerLimits;
  readonly operations: OperationList;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** What is known of one socket. */
export interface Peer {
  readonly socket: WebSocket;
  readonly requestId: string;
  readonly address: string;
  /** Who signed in on it. */
  admission: Admission | null;
  /** Whose budget it uses; set with the admission. */
  caller: string | null;
  expiry: NodeJS.Timeout | undefined;
  /** Subscriptions that run or are about to, also those whose end is still to be worked out. */
  subscriptions: number;
}

type SocketContext = Context<Record<string, unknown> | undefined, Peer>;

/** What a subscription runs with: its arguments, and the socket that it runs for. */
interface PeerArgs extends ExecutionArgs {
  readonly peer: Peer;
}

/** How many sockets and subscriptions each caller has. */
interface Books {
  readonly sockets: Tally;
  readonly subscriptions: Tally;
}

/**
 * The protocol graphql-transport-ws for subscriptions and nothing else, with every limit that
 * HTTP has: the library itself parses and validates without any.
 */
export function protocolServer(options: ProtocolOptions): ProtocolServer<Peer> {
  const { log } = options;
  const books = { sockets: new Tally(), subscriptions: new Tally() };
  const format = (peer: Peer) => (error: unknown) =>
    formatError(error, faultRecorder(log, peer.requestId));
  return makeServer<Record<string, unknown> | undefined, Peer>({
    connectionInitWaitTimeout: INIT_WITHIN_MS,
    onConnect: (context) => admit(context, options, books),
    onSubscribe: (context, _, payload) => prepare(context, payload, options, books),
    subscribe: (args) => run(args as PeerArgs, options, books),
    onNext: (context, _id, _payload, _args, result) => {
      const errors = result.errors?.map(format(context.extra));
      return errors ? ({ ...result, errors } as FormattedExecutionResult) : undefined;
    },
    onError: (context, _id, _payload, errors) => errors.map(format(context.extra)),
    onClose: ({ extra: peer }) => {
      if (peer.caller !== null) books.sockets.add(peer.caller, -1);
      peer.caller = null;
    },
  });
}

/** Whether the socket may go on; a socket over the user's number is closed to come again. */
async function admit(
  context: SocketContext,
  { gate, settings }: ProtocolOptions,
  { sockets }: Books,
): Promise<boolean> {
  const peer = context.extra;
  const admission = await admissionOf(context, gate);
  if (admission === null) return false;
  if (peer.socket.readyState !== peer.socket.OPEN) return false;
  const caller = callerOf(admission.viewer, peer.address);
  if (sockets.of(caller) >= settings.userSockets) {
    peer.socket.close(TRY_AGAIN_LATER, 'Too many sockets of this user');
    return false;
  }
  sockets.add(caller, 1);
  peer.caller = caller;
  peer.admission = admission;
  const left = admission.expiresAt.getTime() - gate.now().getTime();
  const wait = Math.min(left, LONGEST_TIMER_MS);
  peer.expiry = setTimeout(() => leave(peer, 'The access token has expired'), wait);
  return true;
}

/** Who comes in with a connection_init; a partner out of reach is refused like a wrong token. */
async function admissionOf(context: SocketContext, gate: Gate): Promise<Admission | null> {
  const { authorization, partner } = context.connectionParams ?? {};
  if (typeof authorization !== 'string') return null;
  if (partner !== undefined && typeof partner !== 'string') return null;
  try {
    return await gate.admit({ authorization, partner, address: context.extra.address });
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}

/** The arguments of a subscription, or why there is none. */
function prepare(
  context: SocketContext,
  payload: SubscribePayload,
  options: ProtocolOptions,
  books: Books,
): PeerArgs | readonly GraphQLError[] {
  const peer = context.extra;
  const viewer = peer.admission?.viewer;
  if (viewer === undefined) return [coded('UNAUTHENTICATED', 'The socket is not signed in.')];
  try {
    refuseTooMany(peer, options, books);
    return argsOf(peer, viewer, payload, options);
  } catch (error) {
    if (error instanceof GraphQLError) return [error];
    if (error instanceof Refusals) return error.faults;
    throw error;
  }
}

function argsOf(
  peer: Peer,
  viewer: Viewer,
  payload: SubscribePayload,
  options: ProtocolOptions,
): PeerArgs {
  const { schema, settings, gate, guard, limits, operations } = options;
  const { operationName, variables } = payload;
  const text = operations.textOf(payload) ?? '';
  operations.refuseUnlisted(text, viewer.kind === 'API_KEY');
  const admitted = guard.admit(text);
  const document = guard.parse(text);
  const operation = getOperationAST(document, operationName);
  if (operation && operation.operation !== 'subscription') {
    throw coded('SUBSCRIPTIONS_ONLY', 'A WebSocket carries subscriptions only.');
  }
  if (!operation) throw coded('OPERATION_RESOLUTION_FAILURE', 'There is no such operation.');
  refuseIntrospection(admitted, settings.introspection, viewer.permissions);
  const faults = validate(schema, document, specifiedRules, { maxErrors: 20 });
  if (faults.length > 0) throw new Refusals(faults.map(documentFault));
  const asked = { document, operationName, variables };
  const cost = priceOperation(schema, settings, asked);
  refuseUnpermitted(demandsOf(schema, asked), (demands) =>
    authorise({ viewer, now: () => gate.now() }, demands),
  );
  limits.takeOperation(callerOf(viewer, peer.address), cost);
  const { requestId, address } = peer;
  const caller = { authorization: undefined, partner: undefined, requestId, address };
  return {
    peer,
    schema,
    document,
    operationName: operationName ?? null,
    variableValues: variables ?? {},
    contextValue: () => gate.openFor(viewer, caller),
  };
}

/** Several refusals of one document. */
class Refusals extends Error {
  constructor(readonly faults: readonly GraphQLError[]) {
    super('the document is refused');
  }
}

/**
 * Begins a subscription and counts it until its source has ended. Counted here and not by what
 * the client believes to be open: one that is completed at once still reads while it begins.
 */
async function run(
  args: PeerArgs,
  options: ProtocolOptions,
  books: Books,
): ReturnType<typeof subscribeAfresh> {
  const { peer } = args;
  const { caller } = peer;
  if (caller === null || peer.socket.readyState !== peer.socket.OPEN) {
    return { errors: [coded('OPERATION_ENDED', 'The socket is closed.')] };
  }
  // Others may have begun since the document was looked at.
  try {
    refuseTooMany(peer, options, books);
  } catch (error) {
    return { errors: [error as GraphQLError] };
  }
  const count = (by: 1 | -1): void => {
    peer.subscriptions += by;
    books.subscriptions.add(caller, by);
    options.metrics.subscriptions.inc(by);
  };
  count(1);
  let counted = true;
  const ended = (): void => {
    if (counted) count(-1);
    counted = false;
  };
  try {
    const viewer = peer.admission?.viewer;
    const result = await subscribeAfresh(args, {
      turn: () => options.limits.enterEvent(caller),
      mayGoOn: async () => viewer !== undefined && options.gate.isPresent(viewer),
      ended,
    });
    if (!(Symbol.asyncIterator in result)) ended();
    return result;
  } catch (error) {
    ended();
    throw error;
  }
}

function refuseTooMany(peer: Peer, { settings }: ProtocolOptions, books: Books): void {
  const { socketSubscriptions, userSubscriptions } = settings;
  const refuse = (message: string): never => {
    throw coded('TOO_MANY_SUBSCRIPTIONS', message);
  };
  if (peer.subscriptions >= socketSubscriptions) {
    refuse(`A socket carries at most ${socketSubscriptions} subscriptions.`);
  }
  if (books.subscriptions.of(peer.caller ?? '') >= userSubscriptions) {
    refuse(`A user has at most ${userSubscriptions} subscriptions.`);
  }
}

function documentFault(fault: GraphQLError): GraphQLError {
  const { nodes, message } = fault;
  const extensions = { code: 'GRAPHQL_VALIDATION_FAILED' };
  return new GraphQLError(message, { ...(nodes ? { nodes } : {}), extensions });
}

/** A client that is closed with 4403 connects again with a new token; 4401 would be final. */
function leave(peer: Peer, reason: string): void {
  peer.socket.close(CloseCode.Forbidden, reason);
}

/** Closes the sockets of those who may no longer do what they could when they signed in. */
export function recheckEvery(
  ms: number,
  peers: ReadonlySet<Peer>,
  { gate, log }: Pick<ProtocolOptions, 'gate' | 'log'>,
): NodeJS.Timeout {
  let running = false;
  const timer = setInterval(() => {
    const admitted = [...peers].filter((peer) => peer.admission !== null);
    if (running || admitted.length === 0) return;
    running = true;
    const viewers = admitted.map((peer) => (peer.admission as Admission).viewer);
    gate
      .withdrawn(viewers)
      .then((withdrawn) => {
        for (const peer of admitted) {
          const viewer = peer.admission?.viewer;
          if (viewer && withdrawn.has(viewer)) leave(peer, 'The session has changed or ended');
        }
      })
      .catch((error) => log.failure('session check failed', error))
      .finally(() => {
        running = false;
      });
  }, ms);
  timer.unref();
  return timer;
}
