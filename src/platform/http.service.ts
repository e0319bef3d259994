import { randomUUID } from 'node:crypto';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyPluginAsync,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify';
import type { GraphQLSchema } from 'graphql';
import { DomainError } from '../kernel/index.js';
import { carriesSecret } from './address-secret.js';
import { DocumentGuard, type DocumentLimits } from './armour.js';
import {
  CallerLimits,
  type CallerSettings,
  callerOf,
  retryAfterSeconds,
} from './caller-limits.service.js';
import { credentialsOf } from './credentials.service.js';
import { refusalIn } from './error-format.js';
import type { Gate, OperationContext } from './gate.service.js';
import { faultRecorder } from './graphql.service.js';
import { addGraphql } from './graphql-route.service.js';
import { lingerAfterRefusals } from './lingering-refusal.service.js';
import type { Log } from './log.service.js';
import type { Metrics } from './metrics.service.js';
import { mayReadMetrics } from './metrics-access.service.js';
import { type ListedOnly, readOperationLists } from './operation-list.service.js';
import { isAllowedOrigin } from './origin.js';
import type { Viewer } from './request.service.js';
import { reasonOf } from './request-reason.js';
import { type SocketSettings, serveSockets } from './socket.service.js';

const GRAPHQL_PATH = '/graphql';
const DRAIN_MS = 10_000;

export interface HttpSettings extends DocumentLimits, CallerSettings, SocketSettings {
  readonly bodyLimitBytes: number;
  readonly metricsToken: string | undefined;
  readonly introspection: boolean;
  /** Files that list operations by their ids, and who may send nothing else. */
  readonly operationFiles: readonly string[];
  readonly listedOnly: ListedOnly;
}

/** What a route beside GraphQL may use. */
export interface RouteDeps {
  /** The user whose access token came with the request, or null. */
  authenticate(request: FastifyRequest): Promise<Viewer | null>;
  /**
   * The context of a request, as an operation of GraphQL has it, counted in the caller's budgets
   * with its cost; close it when the request is answered. Refuses with RATE_LIMITED.
   */
  open(request: FastifyRequest, cost: number): Promise<OperationContext>;
  /** Whether a viewer may still do all that he could when he was let in. */
  isPresent(viewer: Viewer): Promise<boolean>;
  readonly log: Log;
}

/**
 * Adds routes to the server, in an encapsulated scope of their own: content type parsers and
 * hooks added there bind these routes only. A DomainError thrown by a route becomes the same
 * coded JSON as in GraphQL.
 */
export type RouteModule = (fastify: FastifyInstance, deps: RouteDeps) => void | Promise<void>;

export interface HttpOptions {
  readonly schema: GraphQLSchema;
  readonly settings: HttpSettings;
  readonly gate: Gate;
  readonly log: Log;
  readonly routes: readonly RouteModule[];
  readonly metrics: Metrics;
  /** Resolves when requests can be served; rejects when not. */
  ready(): Promise<void>;
}

export interface HttpServer {
  readonly fastify: FastifyInstance;
  readonly metrics: Metrics;
  /** Begins to accept; answers the address, for example `http://127.0.0.1:4000`. */
  listen(port: number, host: string): Promise<string>;
  /** Stops accepting, lets requests in flight finish for ten seconds at most, then ends. */
  close(): Promise<void>;
}

/** The HTTP server: GraphQL, sockets, health, metrics, and the routes of the capabilities. */
export async function buildHttp(options: HttpOptions): Promise<HttpServer> {
  const { settings, gate, log, metrics } = options;
  const fastify = Fastify({
    logger: false,
    bodyLimit: settings.bodyLimitBytes,
    trustProxy: settings.trustedProxies.length > 0 ? [...settings.trustedProxies] : false,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: 512 },
    frameworkErrors: (_error, request, reply) =>
      refuseAddress(request as FastifyRequest, reply as FastifyReply),
  });
  const limits = new CallerLimits(settings);
  addHeaders(fastify, settings.allowedOrigins);
  addRates(fastify, limits);
  addErrors(fastify, log);
  lingerAfterRefusals(fastify);
  addHealth(fastify, options.ready);
  addMetrics(fastify, metrics, settings.metricsToken);
  const guard = new DocumentGuard(settings);
  const operations = readOperationLists(settings.operationFiles, settings.listedOnly);
  const parts = { ...options, guard, limits, operations };
  await addGraphql(fastify, GRAPHQL_PATH, parts);
  fastify.get(GRAPHQL_PATH, async (_, reply) => {
    reply.code(405).header('allow', 'POST');
    return refusalBody('BAD_REQUEST', 'Send operations with POST.');
  });
  const sockets = serveSockets(fastify.server, GRAPHQL_PATH, parts);
  const deps: RouteDeps = {
    log,
    authenticate: async (request) => (await gate.admit(credentialsOf(request)))?.viewer ?? null,
    open: (request, cost) => openRequest(gate, limits, request, cost),
    isPresent: (viewer) => gate.isPresent(viewer),
  };
  for (const route of options.routes) {
    const plugin: FastifyPluginAsync = async (scope) => {
      await route(scope, deps);
    };
    await fastify.register(plugin);
  }
  return {
    fastify,
    metrics,
    listen: (port, host) => fastify.listen({ port, host }),
    close: async () => {
      const cut = setTimeout(() => fastify.server.closeAllConnections(), DRAIN_MS);
      // A connection whose last answer has gone out would be kept alive for the next request.
      const sweep = setInterval(() => fastify.server.closeIdleConnections(), 50);
      await Promise.all([sockets.close(), fastify.close()]);
      clearTimeout(cut);
      clearInterval(sweep);
      metrics.registry.clear();
    },
  };
}

async function openRequest(
  gate: Gate,
  limits: CallerLimits,
  request: FastifyRequest,
  cost: number,
): Promise<OperationContext> {
  const reason = reasonOf(request);
  const context = await gate.open({ ...credentialsOf(request), requestId: request.id, reason });
  try {
    limits.takeOperation(callerOf(context.viewer, request.ip), cost);
    return context;
  } catch (error) {
    await context.close();
    throw error;
  }
}

function addHealth(fastify: FastifyInstance, ready: () => Promise<void>): void {
  fastify.get('/health/live', async () => ({ status: 'live' }));
  fastify.get('/health/ready', async (_, reply) => {
    try {
      await ready();
      return { status: 'ready' };
    } catch {
      reply.code(503);
      return { status: 'not ready' };
    }
  });
}

function addMetrics(fastify: FastifyInstance, metrics: Metrics, token: string | undefined): void {
  fastify.get('/metrics', async (request, reply) => {
    if (!mayReadMetrics(request, token)) return reply.callNotFound();
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
}

const HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-site',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** What pages of other origins may read of an answer. */
const EXPOSED =
  'x-request-id, retry-after, content-disposition, kontor-left-out, kontor-purged-months';

function addHeaders(fastify: FastifyInstance, allowedOrigins: readonly string[]): void {
  fastify.addHook('onRequest', async (request, reply) => {
    reply.headers({ ...HEADERS, 'x-request-id': request.id, vary: 'origin' });
    if (carriesSecret(request.url)) {
      const message = 'Send the token or key in the Authorization header, and revoke this one.';
      return reply.code(400).send(refusalBody('CREDENTIALS_IN_ADDRESS', message));
    }
    const { origin } = request.headers;
    if (origin === undefined) return undefined;
    if (!isAllowedOrigin(origin, request.headers.host, allowedOrigins)) {
      return reply.code(403).send(refusalBody('FORBIDDEN', 'This origin may not call.'));
    }
    reply.header('access-control-allow-origin', origin);
    reply.header('access-control-expose-headers', EXPOSED);
    if (request.method !== 'OPTIONS') return undefined;
    reply.headers({
      'access-control-allow-methods': 'GET, POST, PUT',
      'access-control-allow-headers':
        'authorization, content-type, kontor-partner, kontor-reason, x-request-id',
      'access-control-max-age': '600',
    });
    return reply.code(204).send();
  });
}

/** Bounds the requests of one address; whoever watches over the server is not counted. */
function addRates(fastify: FastifyInstance, limits: CallerLimits): void {
  fastify.addHook('onRequest', async (request, reply) => {
    if (request.url.startsWith('/health/')) return undefined;
    const wait = limits.takeRequest(request.ip);
    if (wait === 0) return undefined;
    reply.code(429).header('retry-after', retryAfterSeconds(wait));
    const details = { retryAfterMs: wait };
    return reply.send(
      refusalBody('RATE_LIMITED', 'Too many requests; wait and try again.', details),
    );
  });
}

function addErrors(fastify: FastifyInstance, log: Log): void {
  fastify.setNotFoundHandler(async (_, reply) => {
    reply.code(404);
    return refusalBody('NOT_FOUND', 'There is nothing at this address.');
  });
  fastify.setErrorHandler(async (error: FastifyError, request, reply) => {
    const refusal = refusalIn(error);
    if (refusal !== null) {
      reply.code(STATUS[refusal.code] ?? 400);
      const wait = refusal.details?.retryAfterMs;
      if (typeof wait === 'number') reply.header('retry-after', retryAfterSeconds(wait));
      return refusalBody(refusal.code, refusal.message, refusal.details);
    }
    const { statusCode = 500 } = error;
    if (statusCode >= 400 && statusCode < 500) {
      reply.code(statusCode);
      return refusalBody('BAD_REQUEST', CLIENT_FAULTS[statusCode] ?? 'The request is malformed.');
    }
    const correlationId = faultRecorder(log, request.id)(error);
    reply.code(500);
    return refusalBody('INTERNAL_SERVER_ERROR', 'The server failed.', { correlationId });
  });
}

// An address that cannot be decoded meets neither hooks nor the handler of errors.
function refuseAddress(request: FastifyRequest, reply: FastifyReply): void {
  void reply
    .code(400)
    .headers({ ...HEADERS, 'x-request-id': request.id })
    .send(refusalBody('BAD_REQUEST', 'The request is malformed.'));
}

const STATUS: Readonly<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  RATE_LIMITED: 429,
  ALREADY_EXISTS: 409,
  CONFLICT: 409,
  TIMED_OUT: 503,
};

const CLIENT_FAULTS: Readonly<Record<number, string>> = {
  413: 'The body is larger than allowed.',
  415: 'The content type is not one that this address takes.',
};

function refusalBody(code: string, message: string, details?: Record<string, unknown>): object {
  const known = details !== undefined && Object.keys(details).length > 0;
  return { errors: [{ message, extensions: { code, ...(known ? { details } : {}) } }] };
}

function requestIdOf(given: string | string[] | undefined): string {
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}

/** The viewer of a route's request, or the refusal UNAUTHENTICATED. */
export async function requireRouteViewer(
  request: FastifyRequest,
  deps: RouteDeps,
): Promise<Viewer> {
  const viewer = await deps.authenticate(request);
  if (viewer !== null) return viewer;
  throw new DomainError('UNAUTHENTICATED', 'Sign in and send the access token.');
}
