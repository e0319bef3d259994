import type { ValidationError } from 'class-validator';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import { DomainError } from '../kernel/index.js';
import { platformErrors } from './errors.js';
import { sqlState } from './sql-state.js';

/** What a caller is told: a code of the catalogue, a sentence, and details without secrets. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly details?: Record<string, unknown>;
}

/** Errors of the GraphQL libraries that speak about the caller's document and nothing else. */
const DOCUMENT_CODES: ReadonlySet<string> = new Set([
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'OPERATION_RESOLUTION_FAILURE',
  'BAD_USER_INPUT',
  'BAD_REQUEST',
]);

const SQL_REFUSALS: Readonly<Record<string, keyof typeof platformErrors>> = {
  '23505': 'ALREADY_EXISTS',
  '23P01': 'ALREADY_EXISTS',
  '23503': 'STILL_REFERENCED',
  '23514': 'VALUE_OUT_OF_RANGE',
  '22003': 'VALUE_OUT_OF_RANGE',
  '22001': 'VALUE_OUT_OF_RANGE',
  // Text with a NUL in it, which PostgreSQL cannot hold, as text and inside of JSON.
  '22021': 'VALUE_OUT_OF_RANGE',
  '22P05': 'VALUE_OUT_OF_RANGE',
  '40001': 'CONFLICT',
  '40P01': 'CONFLICT',
  '57014': 'TIMED_OUT',
};

/**
 * The refusal inside an error, or null when it is a fault of our own that nobody outside may
 * read. Nothing of a database error's text is kept: it names tables and quotes values.
 */
export function refusalIn(error: unknown): Refusal | null {
  for (const layer of layersOf(error)) {
    if (layer instanceof DomainError) {
      return { code: layer.code, message: layer.message, details: layer.details };
    }
    const faults = validationErrorsOf(layer);
    if (faults !== null) return badFields(faults);
    const code = SQL_REFUSALS[sqlState(layer) ?? ''];
    if (code !== undefined) return { code, message: platformErrors[code] };
    if (!(layer instanceof GraphQLError)) return null;
  }
  return documentRefusal(error);
}

/**
 * Formats one error of an operation for the wire, the same on HTTP and WebSocket. `recordFault`
 * logs what is hidden from the caller and answers the correlation id that is shown instead.
 */
export function formatError(
  error: unknown,
  recordFault: (error: unknown) => string,
): GraphQLFormattedError {
  const refusal = refusalIn(error);
  const place = error instanceof GraphQLError ? placeOf(error) : {};
  if (refusal === null) {
    const correlationId = recordFault(error);
    return {
      message: 'The server failed.',
      ...place,
      extensions: { code: 'INTERNAL_SERVER_ERROR', details: { correlationId } },
    };
  }
  const { code, message, details } = refusal;
  const known = details !== undefined && Object.keys(details).length > 0;
  return { message, ...place, extensions: { code, ...(known ? { details } : {}) } };
}

function documentRefusal(error: unknown): Refusal | null {
  if (!(error instanceof GraphQLError)) return null;
  const { code, refusal } = error.extensions;
  // The one error about variables that comes without a code: there are too many of the others.
  if (error.message.startsWith('Too many errors processing variables')) {
    return { code: 'BAD_USER_INPUT', message: error.message };
  }
  if (typeof refusal === 'string') {
    const { details } = error.extensions as { details?: Record<string, unknown> };
    return {
      code: refusal,
      message: withoutSuggestions(error.message),
      ...(details && { details }),
    };
  }
  if (typeof code !== 'string' || !DOCUMENT_CODES.has(code)) return null;
  return { code, message: withoutSuggestions(error.message) };
}

/** Suggestions spell out the schema to those who may not read it. */
function withoutSuggestions(message: string): string {
  return message.replace(/ ?Did you mean [^?]*\??/g, '');
}

function badFields(faults: readonly ValidationError[]): Refusal {
  const fields = faults.flatMap((fault) => fieldsOf(fault, ''));
  const names = fields.map((field) => field.field).join(', ');
  return {
    code: 'BAD_USER_INPUT',
    message: `These fields break their rules: ${names}.`,
    details: { fields },
  };
}

// Only names and rules: a value may be a password.
function fieldsOf(fault: ValidationError, path: string): { field: string; rules: string[] }[] {
  const field = path === '' ? fault.property : `${path}.${fault.property}`;
  const below = (fault.children ?? []).flatMap((child) => fieldsOf(child, field));
  const rules = Object.values(fault.constraints ?? {});
  return rules.length > 0 ? [{ field, rules }, ...below] : below;
}

function validationErrorsOf(layer: unknown): readonly ValidationError[] | null {
  if (!(layer instanceof GraphQLError)) return null;
  const found = layer.extensions.validationErrors;
  return Array.isArray(found) ? (found as ValidationError[]) : null;
}

function* layersOf(error: unknown): Generator<unknown> {
  let layer = error;
  for (let depth = 0; depth < 10 && layer !== undefined && layer !== null; depth += 1) {
    yield layer;
    layer = layer instanceof GraphQLError ? layer.originalError : undefined;
  }
}

function placeOf(error: GraphQLError): Pick<GraphQLFormattedError, 'locations' | 'path'> {
  return {
    ...(error.locations ? { locations: error.locations } : {}),
    ...(error.path ? { path: error.path } : {}),
  };
}
