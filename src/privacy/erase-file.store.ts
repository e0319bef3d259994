import { rowsOf, type SqlClient } from '../platform/index.js';
import type { LineTerms } from './erase-line.js';

// Of file f. An import that was cancelled says nothing of the next one.
const TERMS = `SELECT jsonb_build_object('formatId', d.id, 'definition', d.definition,
    'timeZone', coalesce(r.params ->> 'timeZone', s.time_zone),
    'defaultInTrunkId', coalesce(CASE WHEN r.params ? 'formatId'
      THEN (r.params ->> 'defaultInTrunkId')::int ELSE s.default_in_trunk_id END, 0)) AS terms
  FROM usage_file u JOIN usage_source s ON s.id = u.usage_source_id
  JOIN run r ON r.id = u.run_id AND r.state <> 'CANCELLED'
  JOIN usage_format d ON d.id = coalesce((r.params ->> 'formatId')::int, s.usage_format_id)
  WHERE u.stored_as = f.stored_as ORDER BY u.id LIMIT 1`;

/** A file whose bytes are kept, once for all rows that have the same. */
export interface StoredFile {
  readonly id: number;
  readonly storedAs: string;
  /** Null for a file that was not imported. */
  readonly terms: LineTerms | null;
}

/** Files whose bytes are kept, whoever delivered them and whatever came of them, some at a time. */
export async function storedFiles(
  tx: SqlClient,
  after: number,
  limit: number,
): Promise<StoredFile[]> {
  return rowsOf<StoredFile>(
    await tx.query(
      `SELECT f.id, f.stored_as AS "storedAs", t.terms
       FROM usage_file f LEFT JOIN LATERAL (${TERMS}) AS t ON true
       WHERE f.id > $1 AND f.purged_at IS NULL AND NOT EXISTS (SELECT 1 FROM usage_file o
         WHERE o.stored_as = f.stored_as AND o.id > f.id AND o.purged_at IS NULL)
       ORDER BY f.id LIMIT $2`,
      [after, limit],
    ),
  );
}

/** By what the lines of a delivery that was put aside are read: as those of the file it equals. */
export async function termsOfKept(tx: SqlClient, keptAs: string): Promise<LineTerms | null> {
  const rows = rowsOf<{ terms: LineTerms }>(
    await tx.query(
      `SELECT t.terms FROM duplicate_file k JOIN usage_file f ON f.id = k.usage_file_id
       CROSS JOIN LATERAL (${TERMS}) AS t WHERE k.kept_as = $1 LIMIT 1`,
      [keptAs],
    ),
  );
  return rows[0]?.terms ?? null;
}

/** By what lines may be read of which nobody has said yet where they come from. */
export async function possibleTerms(tx: SqlClient): Promise<LineTerms[]> {
  return rowsOf<LineTerms>(
    await tx.query(
      `SELECT DISTINCT ON (d.id, s.time_zone) d.id AS "formatId", d.definition,
         s.time_zone AS "timeZone", 0 AS "defaultInTrunkId"
       FROM usage_source s JOIN usage_format d ON d.id = s.usage_format_id
       ORDER BY d.id, s.time_zone`,
    ),
  );
}

/** By what the lines of files are read, of those that were imported. */
export async function termsOf(
  tx: SqlClient,
  fileIds: readonly number[],
): Promise<Map<number, LineTerms>> {
  const rows = rowsOf<{ id: number; terms: LineTerms }>(
    await tx.query(
      `SELECT f.id, t.terms FROM usage_file f CROSS JOIN LATERAL (${TERMS}) AS t
       WHERE f.id = ANY ($1::int[])`,
      [[...new Set(fileIds)]],
    ),
  );
  return new Map(rows.map(({ id, terms }) => [id, terms]));
}

/** All trunks by name: what a line names may be one of them. */
export async function trunkIds(tx: SqlClient): Promise<Map<string, number>> {
  const rows = rowsOf<{ id: number; name: string }>(await tx.query('SELECT id, name FROM trunk'));
  return new Map(rows.map(({ id, name }) => [Buffer.from(name).toString('latin1'), id]));
}

/** Has files read other bytes from now on. */
export async function moveFiles(tx: SqlClient, from: string, to: string): Promise<void> {
  await tx.query('UPDATE usage_file SET stored_as = $2 WHERE stored_as = $1', [from, to]);
}
