import { rowsOf, type SqlClient } from '../platform/index.js';

/** By what the lines of a file are read: what its import froze. */
export interface LineTerms {
  readonly formatId: number;
  readonly definition: object;
  readonly timeZone: string;
  readonly defaultInTrunkId: number;
}

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
  readonly storedAs: string;
  /** Null for a file that was not imported. */
  readonly terms: LineTerms | null;
}

/** Where the bytes of files lie, those that are still kept. */
export async function storedFiles(
  tx: SqlClient,
  fileIds: readonly number[],
): Promise<StoredFile[]> {
  return rowsOf<StoredFile>(
    await tx.query(
      `SELECT DISTINCT ON (f.stored_as) f.stored_as AS "storedAs", t.terms
       FROM usage_file f LEFT JOIN LATERAL (${TERMS}) AS t ON true
       WHERE f.id = ANY ($1::int[]) AND f.purged_at IS NULL`,
      [[...fileIds]],
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
