import { rowsOf, type SqlClient } from '../platform/thread.js';

/**
 * Narrows what is read to what one record needs: prefixes that begin its number, and the terms of
 * some contracts with the price lists that they name and those that these inherit from. With
 * contracts nothing is read of subscriptions, identities and trunks.
 */
export interface FactsFilter {
  readonly number?: string;
  readonly contracts?: readonly number[];
}

/** An instant as epoch milliseconds, with a fraction down to the microsecond. */
export const MS = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;

/** Rows of a table with recorded time that were known at the moment in $1. */
export const known = (table: string) => `${table}.recorded_at <= $1::timestamptz
  AND (${table}.superseded_at IS NULL OR ${table}.superseded_at > $1::timestamptz)`;

/** Rows of a table that are updated in place, as they were known at the moment in $1. */
export const asKnown = (table: string) => `(
  SELECT t.* FROM ${table} t WHERE t.recorded_at <= $1::timestamptz
  UNION ALL SELECT t.* FROM book_past p, jsonb_populate_record(NULL::${table}, p.said) t
  WHERE p.fact = '${table}' AND ${known('p')})`;

export async function rows<T>(tx: SqlClient, sql: string, values: unknown[] = []): Promise<T[]> {
  return rowsOf<T>(await tx.query(sql, values));
}

/** A number begins with each of its own beginnings, so those are the prefixes worth reading. */
export function beginnings(number: string): string[] {
  return Array.from({ length: number.length + 1 }, (_, length) => number.slice(0, length));
}
