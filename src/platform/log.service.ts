import { type DestinationStream, pino } from 'pino';
import { sqlState } from './sql-state.js';

/**
 * The fields that a log line may have. Nothing else is ever written, so a secret cannot slip in
 * with an object that happens to hold one; numbers of subscribers never belong here.
 */
const FIELDS = [
  'requestId',
  'correlationId',
  'operation',
  'operationType',
  'route',
  'method',
  'status',
  'codes',
  'durationMs',
  'statements',
  'userId',
  'partnerId',
  'runId',
  'batchId',
  'kind',
  'count',
  'port',
  'url',
  'reason',
  'signal',
  'version',
] as const;

export type LogFields = {
  readonly [Field in (typeof FIELDS)[number]]?: string | number | string[];
};

/** Structured log: events in the past tense with allow-listed fields, one JSON object a line. */
export interface Log {
  event(event: string, fields?: LogFields): void;
  warning(event: string, fields?: LogFields): void;
  /** A fault of our own, with the frames of its stack. */
  failure(event: string, error: unknown, fields?: LogFields): void;
}

export interface LogOptions {
  readonly level: string;
  /** Where lines go; standard output when absent. */
  readonly destination?: DestinationStream;
}

export function createLog(options: LogOptions): Log {
  const settings = { level: options.level, base: { pid: process.pid }, messageKey: 'event' };
  const logger = options.destination ? pino(settings, options.destination) : pino(settings);
  return {
    event: (event, fields = {}) => logger.info(allowed(fields), event),
    warning: (event, fields = {}) => logger.warn(allowed(fields), event),
    failure: (event, error, fields = {}) =>
      logger.error({ ...allowed(fields), fault: describe(error) }, event),
  };
}

function allowed(fields: LogFields): Record<string, unknown> {
  const kept: Record<string, unknown> = {};
  for (const field of FIELDS) if (fields[field] !== undefined) kept[field] = fields[field];
  return kept;
}

/**
 * What is told of an error. The text of database and parser errors quotes the values they were
 * given, so of those only the kind, the code and the names in the schema are kept.
 */
function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { name: typeof error };
  const inner = (error as { originalError?: unknown }).originalError;
  if (inner instanceof Error) return describe(inner);
  const state = sqlState(error);
  const frames = (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 20)
    .map((line) => line.trim());
  if (state !== undefined) return { name: error.name, state, ...schemaNames(error), frames };
  const quotes = error instanceof SyntaxError || error.name === 'GraphQLError';
  return { name: error.name, ...(quotes ? {} : { message: error.message }), frames };
}

function schemaNames(error: Error): Record<string, unknown> {
  const source = (error as { driverError?: object }).driverError ?? error;
  const { table, column, constraint, routine } = source as Record<string, unknown>;
  return { table, column, constraint, routine };
}
