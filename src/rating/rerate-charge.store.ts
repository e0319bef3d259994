import { rowsOf, type Tx } from '../platform/index.js';
import type { SharedCharge } from './explain.js';

/** What the last correction up to a batch, or else the record, says of the last level. */
const LAST_LEVEL = `
  SELECT amounts[cardinality(amounts)]::text AS amount, v.currency
  FROM (SELECT batch_id, legs, amounts FROM seen_correction
      WHERE id = $1 AND started_at = ${instant('$2')} AND batch_id <= $3
    UNION ALL SELECT 0, stored_legs, stored_amounts FROM seen_xdr
      WHERE id = $1 AND started_at = ${instant('$2')}
    ORDER BY batch_id DESC LIMIT 1) AS shown
  LEFT JOIN contract_version v ON v.id =
    ('x' || encode(substring(legs FROM length(legs) - 7 FOR 4), 'hex'))::bit(32)::int`;

function instant(micros: string): string {
  return `timestamptz 'epoch' + ${micros}::bigint * interval '1 microsecond'`;
}

/**
 * What the subscriber was shown to be charged when a batch priced other levels of a record: a
 * share that it worked out is one of that. In a transaction that sees everything.
 */
export async function shownCharge(
  aside: Tx,
  { id, startedMicros }: { readonly id: string; readonly startedMicros: string },
  batchId: number,
): Promise<SharedCharge> {
  const [shown] = rowsOf<{ amount: string; currency: string | null }>(
    await aside.query(LAST_LEVEL, [id, startedMicros, batchId]),
  );
  const amount = shown === undefined ? null : BigInt(shown.amount);
  return { amount, currency: shown?.currency ?? '' };
}
