import type { Tx } from '../platform/index.js';

/** Makes every other change of the list's rows wait for the end of the transaction. */
export async function lockPriceList(tx: Tx, listId: number): Promise<void> {
  await tx.query('SELECT id FROM price_list WHERE id = $1 FOR UPDATE', [listId]);
}

/** When a change of a locked list counts as recorded, in whole milliseconds as the API shows it. */
export async function recordingMoment(tx: Tx): Promise<string> {
  const rows = await tx.query<{ moment: string }[]>(
    "SELECT date_trunc('milliseconds', clock_timestamp())::text AS moment",
  );
  return (rows[0] as { moment: string }).moment;
}

/** When what the transaction has changed of prices was recorded, and the first moment after it. */
export async function changeMoment(tx: Tx): Promise<{ moment: string; after: string }> {
  const rows = await tx.query<{ moment: string; after: string }[]>(
    "SELECT book_time()::text AS moment, (book_time() + interval '1 microsecond')::text AS after",
  );
  return rows[0] as { moment: string; after: string };
}

/** Every column of a rate but its id and times. */
export const RATE_TERMS = `partner_id, price_list_id, rate_sheet_id, destination_id, prefix,
  time_band_id, origin_set_id, kind, price, connection_fee, rate_unit, first_increment,
  next_increment, minimum, grace, model, min_charge, max_charge, tier_schedule_id`;

/** Supersedes a row; when `validTo` is given, records it anew with that end. Answers its new id. */
export async function closeRow(
  tx: Tx,
  rateId: number,
  validTo: Date | null,
  moment: string,
): Promise<number | null> {
  await tx.query('UPDATE rate SET superseded_at = greatest(recorded_at, $2) WHERE id = $1', [
    rateId,
    moment,
  ]);
  if (validTo === null) return null;
  const rows = await tx.query<{ id: number }[]>(
    `INSERT INTO rate (${RATE_TERMS}, valid_from, valid_to, recorded_at)
     SELECT ${RATE_TERMS}, valid_from, $2, $3 FROM rate WHERE id = $1 RETURNING id`,
    [rateId, validTo, moment],
  );
  return rows[0]?.id ?? null;
}
