import { randomUUID } from 'node:crypto';
import { ApolloServer, type ApolloServerPlugin, type GraphQLRequestListener } from '@apollo/server';
import { ApolloServerPluginCacheControlDisabled } from '@apollo/server/plugin/disabled';
import type { GraphQLSchema } from 'graphql';
import { armourRules, type DocumentLimits, MAX_SELECTIONS, refuseCostly } from './armour.js';
import { statementTally } from './database.service.js';
import { formatError } from './error-format.js';
import type { OperationContext } from './gate.service.js';
import type { Log } from './log.service.js';
import type { Metrics } from './metrics.service.js';

export interface GraphqlOptions {
  readonly schema: GraphQLSchema;
  readonly limits: DocumentLimits;
  readonly introspection: boolean;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Apollo Server with the limits of the house and nothing that answers more than was asked. */
export function buildGraphql(options: GraphqlOptions): ApolloServer<OperationContext> {
  const { schema, limits, introspection, log } = options;
  return new ApolloServer<OperationContext>({
    schema,
    introspection,
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
    validationRules: armourRules(limits, introspection),
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
}

/** Prices the operation before it runs; closes its context and tells how it went afterwards. */
function watch(options: GraphqlOptions): ApolloServerPlugin<OperationContext> {
  const { schema, limits, log, metrics } = options;
  return {
    async requestDidStart(): Promise<GraphQLRequestListener<OperationContext>> {
      const begin = performance.now();
      return {
        async didResolveOperation({ document, operationName, request }) {
          refuseCostly(schema, limits, { document, operationName, variables: request.variables });
        },
        async willSendResponse({ contextValue: context, operation, operationName, response }) {
          await context.close();
          const { body } = response;
          const errors = body.kind === 'single' ? (body.singleResult.errors ?? []) : [];
          const codes = errors.map((error) => String(error.extensions?.code));
          const type = operation?.operation ?? 'none';
          const durationMs = performance.now() - begin;
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
        },
      };
    },
    async unexpectedErrorProcessingRequest({ requestContext }) {
      await requestContext.contextValue.close();
    },
  };
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
