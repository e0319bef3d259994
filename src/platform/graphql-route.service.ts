import { fastifyApolloHandler } from '@as-integrations/fastify';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { GraphQLError, type GraphQLSchema } from 'graphql';
import { coded, type DocumentGuard, type DocumentLimits } from './armour.js';
import type { CallerLimits } from './caller-limits.service.js';
import { credentialsOf } from './credentials.service.js';
import { statementTally } from './database.service.js';
import { formatError } from './error-format.js';
import type { Gate } from './gate.service.js';
import { buildGraphql, faultRecorder, type RequestTally } from './graphql.service.js';
import type { Log } from './log.service.js';
import type { Metrics } from './metrics.service.js';
import type { OperationList } from './operation-list.service.js';
import { reasonOf } from './request-reason.js';

/** Within this time a body has to be there; who sends it byte by byte is cut off. */
const BODY_WITHIN_MS = 15_000;
const RESPONSE_TYPE = 'application/graphql-response+json';

export interface GraphqlRouteOptions {
  readonly schema: GraphQLSchema;
  readonly settings: DocumentLimits & { readonly introspection: boolean };
  readonly gate: Gate;
  readonly guard: DocumentGuard;
  readonly limits: CallerLimits;
  readonly operations: OperationList;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** One operation as it is handed on: nothing of a request that nobody reads. */
interface Operation {
  readonly query: string;
  readonly operationName?: unknown;
  readonly variables?: unknown;
}

/**
 * GraphQL over POST. A document is measured before anybody asks who sent it, so that what is
 * refused by its size costs no connection to the database.
 */
export async function addGraphql(
  fastify: FastifyInstance,
  path: string,
  options: GraphqlRouteOptions,
): Promise<void> {
  const { settings, gate } = options;
  const { introspection } = settings;
  const apollo = buildGraphql({
    ...options,
    limits: settings,
    introspection,
    callers: options.limits,
  });
  await apollo.start();
  const answer = fastifyApolloHandler(apollo, {
    context: async (request, reply) => {
      const context = await gate.open({
        ...credentialsOf(request),
        requestId: request.id,
        reason: reasonOf(request),
      });
      // The caller may leave, or may have left by now; then nothing more is read for him.
      reply.raw.once('close', () => void context.close());
      if (reply.raw.closed) await context.close();
      return context;
    },
  });
  const route: FastifyPluginAsync = async (scope) => {
    scope.removeContentTypeParser('text/plain');
    hurryBodies(scope);
    scope.post(path, function (request, reply) {
      reply.header('cache-control', 'no-store');
      try {
        request.body = operationOf(request, options);
      } catch (error) {
        return refuse(error, request, reply, options);
      }
      const tally: RequestTally = { count: 0, requestId: request.id };
      return statementTally.run(tally, () => answer.call(this, request, reply));
    });
  };
  await fastify.register(route);
  fastify.addHook('onClose', async () => apollo.stop());
}

/** The operation of a request, within the limits of documents and on the list if it must be. */
function operationOf(request: FastifyRequest, options: GraphqlRouteOptions): Operation {
  const { guard, operations } = options;
  const body = recordOf(request.body, 'The body');
  if (body === null) throw coded('BAD_REQUEST', 'The body is one operation as a JSON object.');
  recordOf(body.variables, '`variables`');
  recordOf(body.extensions, '`extensions`');
  const { operationName = null, query = null, variables } = body;
  if (operationName !== null && typeof operationName !== 'string') {
    throw coded('BAD_REQUEST', '`operationName` is a string.');
  }
  if (query !== null && typeof query !== 'string') {
    throw coded('BAD_REQUEST', '`query` is a string.');
  }
  const text = operations.textOf(body);
  if (text === undefined) throw coded('BAD_REQUEST', 'The body names no document.');
  operations.refuseUnlisted(text, looksLikeApiKey(request.headers.authorization));
  guard.admit(text);
  return {
    query: text,
    ...(operationName === null ? {} : { operationName }),
    ...(variables ? { variables } : {}),
  };
}

// Who really holds an API key is known later, and asked again then.
function looksLikeApiKey(authorization: string | undefined): boolean {
  return /^Bearer +ktr_/i.test(authorization ?? '');
}

function recordOf(value: unknown, what: string): Record<string, unknown> | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>;
  throw coded('BAD_REQUEST', `${what} is a JSON object.`);
}

/** Answers what is refused before anything runs, in the form of all other answers. */
function refuse(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  { log, metrics }: GraphqlRouteOptions,
): FastifyReply {
  const formatted = formatError(error, faultRecorder(log, request.id));
  const code = String(formatted.extensions?.code);
  const { status = 500 } = httpOf(error);
  metrics.operations.inc({ type: 'none', outcome: 'refused' });
  log.event('operation answered', {
    requestId: request.id,
    operationType: 'none',
    statements: 0,
    codes: [code],
  });
  const wanted = request.headers.accept ?? '';
  const type = wanted.includes(RESPONSE_TYPE) ? RESPONSE_TYPE : 'application/json';
  return reply
    .code(status)
    .type(`${type}; charset=utf-8`)
    .send(JSON.stringify({ errors: [formatted] }));
}

function httpOf(error: unknown): { status?: number } {
  if (!(error instanceof GraphQLError)) return {};
  return (error.extensions.http as { status?: number } | undefined) ?? {};
}

function hurryBodies(scope: FastifyInstance): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  scope.addHook('onRequest', async (request) => {
    const timer = setTimeout(() => request.raw.destroy(), BODY_WITHIN_MS);
    timers.set(request, timer);
    request.raw.once('close', () => clearTimeout(timer));
  });
  scope.addHook('preValidation', async (request) => clearTimeout(timers.get(request)));
}
