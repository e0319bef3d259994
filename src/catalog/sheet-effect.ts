import type { RateRow } from './rate-row.js';

/** What one row of a compared sheet does to its list; instants are epoch milliseconds. */
export interface SheetChange {
  readonly row: RateRow;
  readonly status:
    | 'NEW'
    | 'INCREASED'
    | 'DECREASED'
    | 'CHANGED'
    | 'UNCHANGED'
    | 'CLOSED'
    | 'OVERTAKEN';
}

/**
 * The rows of a list as they would be after the activation of a sheet: from the first change of a
 * key on, the sheet's rows are all that the key has. The same as the statements of an activation,
 * for prices that are only looked at.
 */
export function rowsAfterSheet(
  rows: readonly RateRow[],
  changes: readonly SheetChange[],
): RateRow[] {
  const cuts = new Map<string, number>();
  for (const { row, status } of changes) {
    if (status === 'UNCHANGED' || status === 'OVERTAKEN') continue;
    const key = keyOf(row);
    cuts.set(key, Math.min(cuts.get(key) ?? row.validFrom, row.validFrom));
  }
  const after: RateRow[] = [];
  for (const row of rows) {
    const cut = row.originSetId === null ? cuts.get(keyOf(row)) : undefined;
    if (cut === undefined || (row.validTo !== null && row.validTo <= cut)) after.push(row);
    else if (row.validFrom < cut) after.push({ ...row, validTo: cut });
  }
  for (const { row, status } of changes) {
    const cut = cuts.get(keyOf(row));
    if (status === 'CLOSED' || status === 'OVERTAKEN') continue;
    if (cut !== undefined && row.validFrom >= cut) after.push(row);
  }
  return after;
}

function keyOf(row: RateRow): string {
  return `${row.prefix ?? '-'} ${row.destinationId ?? 0} ${row.bandId ?? 0}`;
}
