import DataLoader from 'dataloader';
import { type RequestContext, rowsOf, type Tx } from '../platform/index.js';

const LINES_BEFORE = Symbol('lines of a file before a batch');

/** Line of a record in its whole file, from 1; null while lines before it are not counted. */
export async function lineOf(
  context: RequestContext,
  record: { readonly batchId: number; readonly batchLine: number },
): Promise<string | null> {
  const loader = context.loader<number, number | null>(LINES_BEFORE, (read) => {
    return new DataLoader(async (batchIds) => {
      const lines = await linesBefore(await read(), batchIds);
      return batchIds.map((id) => lines.get(id) ?? null);
    });
  });
  const before = await loader.load(record.batchId);
  return before === null ? null : String(before + record.batchLine);
}

/**
 * Lines of the file before the part that each batch reads; null while an earlier part is not
 * done, because its lines are not counted yet.
 */
async function linesBefore(
  tx: Tx,
  batchIds: readonly number[],
): Promise<Map<number, number | null>> {
  const rows = rowsOf<{ id: number; lines: number | null }>(
    await tx.query(
      `SELECT b.id, CASE WHEN counted.open = 0 THEN counted.lines END AS lines
       FROM run_batch b CROSS JOIN LATERAL (
         SELECT coalesce(sum((e.result ->> 'lines')::bigint), 0)::float8 AS lines,
           count(*) FILTER (WHERE e.result ->> 'lines' IS NULL) AS open
         FROM run_batch e WHERE e.run_id = b.run_id AND e.ordinal < b.ordinal) AS counted
       WHERE b.id = ANY ($1::int[])`,
      [[...batchIds]],
    ),
  );
  return new Map(rows.map((row) => [row.id, row.lines]));
}
