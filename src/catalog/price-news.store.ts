import { invariant } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import type { PriceTask } from './price-guard.service.js';

/** Makes other news of the prices of a list wait, so that the later one has the last word. */
export async function lockNewsOf(tx: Tx, listId: number): Promise<void> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtext('news of prices'), $1)", [listId]);
}

/** The partner whose list it is. */
export async function listOwner(tx: Tx, listId: number): Promise<number> {
  const [list] = await tx.query<{ partnerId: number }[]>(
    'SELECT partner_id AS "partnerId" FROM price_list WHERE id = $1',
    [listId],
  );
  invariant(list !== undefined, 'lists are never deleted');
  return list.partnerId;
}

/** Whether at its instant a key of a list is priced as a change left it, whatever came later. */
export async function standsAsRecorded(
  tx: Tx,
  { listId, target, from, after }: PriceTask,
): Promise<boolean> {
  const { prefix, destinationId, bandId } = target;
  const [found] = await tx.query<{ stands: boolean }[]>(
    `SELECT array_agg(said ORDER BY said) FILTER (WHERE superseded_at IS NULL)
       IS NOT DISTINCT FROM array_agg(said ORDER BY said) FILTER (WHERE recorded_at < $6
         AND (superseded_at IS NULL OR superseded_at >= $6)) AS stands
     FROM (SELECT recorded_at, superseded_at,
         concat_ws(' ', kind, model, price, rate_unit, valid_from) AS said
       FROM rate WHERE price_list_id = $1 AND origin_set_id IS NULL
         AND prefix IS NOT DISTINCT FROM $2 AND destination_id IS NOT DISTINCT FROM $3
         AND time_band_id IS NOT DISTINCT FROM $4
         AND valid_from <= $5 AND (valid_to IS NULL OR valid_to > $5)) priced`,
    [listId, prefix, destinationId, bandId, from, after],
  );
  return found?.stands === true;
}
