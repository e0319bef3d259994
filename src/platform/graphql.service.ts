import { randomUUID } from 'node:crypto';
import {
  ApolloServer,
  type ApolloServerPlugin,
  type GraphQLRequestContextDidResolveOperation,
  type GraphQLRequestContextWillSendResponse,
  type GraphQLRequestListener,
} from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import type { GraphQLSchema } from 'graphql';
import {
  coded,
  type DocumentGuard,
  type DocumentLimits,
  MAX_SELECTIONS,
  priceOperation,
  refuseIntrospection,
} from './armour.js';
import { type CallerLimits, callerOf, partyOf } from './caller-limits.service.js';
import { statementTally } from './database.service.js';
import { formatError } from './error-format.js';
import { demandsOf, refuseUnpermitted } from './field-access.service.js';
import type { OperationContext } from './gate.service.js';
import type { Log } from './log.service.js';
import type { Metrics } from './metrics.service.js';
import type { OperationList } from './operation-list.service.js';
import { authorise } from './request.service.js';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  readonly limits: DocumentLimits;
  readonly introspection: boolean;
  readonly guard: DocumentGuard;
  readonly callers: CallerLimits;
  readonly operations: OperationList;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Apollo Server with the limits of the house and nothing that answers more than was asked. */
export function buildGraphql(options: GraphqlOptions): ApolloServer<OperationContext> {
  const { schema, limits, log } = options;
  return new ApolloServer<OperationContext>({
    schema,
    // Who may introspect is asked for each operation, when it is known who sends it.
    introspection: true,
    // NODE_ENV decides nothing here: every default that it would change is set.
    nodeEnv: 'production',
    includeStacktraceInErrorResponses: false,
    stopOnTerminationSignals: false,
    csrfPrevention: true,
    allowBatchedHttpRequests: false,
    persistedQueries: false,
    hideSchemaDetailsFromClientErrors: true,
    parseOptions: { maxTokens: limits.maxTokens },
    maxRecursiveSelections: MAX_SELECTIONS,
    formatError: (_, error) => formatError(error, faultRecorder(log)),
    logger: quietLogger(log),
    plugins: [ApolloServerPluginCacheControlDisabled(), watch(options)],
  });
}

/** Logs a fault under an id of its own and answers the id. */
export function faultRecorder(log: Log, requestId?: string): (error: unknown) => string {
  return (error) => {
    const correlationId = randomUUID();
    const request = requestId ?? currentRequestId();
    log.failure('operation failed', error, {
      correlationId,
      ...(request === undefined ? {} : { requestId: request }),
    });
    return correlationId;
  };
}

function currentRequestId(): string | undefined {
  const tally = statementTally.getStore() as RequestTally | undefined;
  return tally?.requestId;
}

/** The tally of a request's statements, which also tells the log whose they are. */
export interface RequestTally {
  count: number;
  requestId: string;
  /** Gives back the place among the operations that the caller runs at once. */
  leave?: () => void;
}

/** Prices the operation before it runs; closes its context and tells how it went afterwards. */
function watch(options: GraphqlOptions): ApolloServerPlugin<OperationContext> {
  return {
    async requestDidStart(): Promise<GraphQLRequestListener<OperationContext>> {
      const begin = performance.now();
      return {
        async didResolveOperation(asked) {
          await enter(asked, options);
        },
        async willSendResponse(answered) {
          await answered.contextValue.close().finally(leave);
          tell(answered, options, performance.now() - begin);
        },
      };
    },
    async unexpectedErrorProcessingRequest({ requestContext }) {
      await requestContext.contextValue.close().finally(leave);
    },
  };
}

/** Refuses what this caller may not ask, and waits until he may run one more operation. */
async function enter(
  asked: GraphQLRequestContextDidResolveOperation<OperationContext>,
  options: GraphqlOptions,
): Promise<void> {
  const { schema, limits, introspection, guard, callers, operations } = options;
  const { contextValue: context, document, operationName, request, source } = asked;
  if (asked.operation?.operation === 'subscription') {
    throw coded('SOCKET_REQUIRED', 'Send subscriptions over a WebSocket.');
  }
  const { viewer } = context;
  operations.refuseUnlisted(source, viewer?.kind === 'API_KEY');
  refuseIntrospection(guard.admit(source), introspection, viewer?.permissions);
  const { variables } = request;
  const cost = priceOperation(schema, limits, { document, operationName, variables });
  refuseUnpermitted(demandsOf(schema, { document, operationName, variables }), (demands) =>
    authorise(context, demands),
  );
  const caller = callerOf(viewer, context.address);
  callers.takeOperation(caller, cost);
  const party = partyOf(viewer, context.address);
  const left = await callers.enter({ caller, party, cost }, context.rest);
  const tally = statementTally.getStore() as RequestTally | undefined;
  if (tally === undefined) left();
  else tally.leave = left;
}

function leave(): void {
  const tally = statementTally.getStore() as RequestTally | undefined;
  tally?.leave?.();
}

function tell(
  answered: GraphQLRequestContextWillSendResponse<OperationContext>,
  { log, metrics }: GraphqlOptions,
  durationMs: number,
): void {
  const { contextValue: context, operation, operationName, response } = answered;
  const { body } = response;
  const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
  const codes = errors.map((error) => String(error.extensions?.code));
  const type = operation?.operation ?? 'none';
  metrics.operations.inc({ type, outcome: outcomeOf(codes) });
  metrics.seconds.observe({ type }, durationMs / 1000);
  log.event('operation answered', {
    requestId: context.requestId,
    operationType: type,
    ...(operationName ? { operation: operationName.slice(0, 64) } : {}),
    durationMs: Math.round(durationMs * 10) / 10,
    statements: statementTally.getStore()?.count ?? 0,
    ...(codes.length > 0 ? { codes: [...new Set(codes)] } : {}),
    ...(context.viewer ? { userId: context.viewer.userId } : {}),
  });
}

function outcomeOf(codes: readonly string[]): 'ok' | 'refused' | 'failed' {
  if (codes.length === 0) return 'ok';
  return codes.includes('INTERNAL_SERVER_ERROR') ? 'failed' : 'refused';
}

// The server's own messages may quote what a caller sent, so only that there was one is kept.
function quietLogger(log: Log) {
  const said = (level: string) => () => log.warning('graphql server warned', { kind: level });
  return { debug() {}, info() {}, warn: said('warn'), error: said('error') };
}
