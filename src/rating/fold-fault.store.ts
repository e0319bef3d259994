import type pg from 'pg';
import { alarmedSubjects, clearAlarmsOf, raiseAlarm } from '../alarm/thread.js';
import { type BatchTicket, rowsOf } from '../platform/thread.js';
import { SHARDS } from './allowance-entry.js';
import { MonthTooLarge } from './fold-month.js';

/**
 * Folds in a savepoint. Where a month has a charge that cannot be stored, nothing of it is kept and
 * the fault is answered, so that one contract's prices do not keep the months of others unfolded.
 */
export async function foldApart(
  client: pg.Client,
  fold: () => Promise<void>,
): Promise<MonthTooLarge | null> {
  await client.query('SAVEPOINT fold_apart');
  try {
    await fold();
  } catch (error) {
    if (!(error instanceof MonthTooLarge)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT fold_apart; RELEASE SAVEPOINT fold_apart');
    return error;
  }
  await client.query('RELEASE SAVEPOINT fold_apart');
  return null;
}

/**
 * Tells who keeps the prices: the seller, but of a COST contract the buyer, whose rating it is and
 * not the supplier's. One open alarm a contract.
 */
export async function alarmUnfolded(
  client: pg.Client,
  ticket: BatchTicket,
  { contractId, xdrId }: MonthTooLarge,
): Promise<void> {
  const [contract] = rowsOf<{ keeper: number }>(
    await client.query(
      `SELECT CASE level WHEN 'COST' THEN buyer_partner_id ELSE seller_partner_id END AS keeper
       FROM contract WHERE id = $1`,
      [contractId],
    ),
  );
  await raiseAlarm(client, {
    partnerId: contract!.keeper,
    severity: 'MAJOR',
    probableCause: 'MONTH_NOT_FOLDED',
    subjectType: 'Contract',
    subjectId: contractId,
    naturalKey: `months of contract ${contractId} are not folded`,
    text:
      `Months of the contract cannot be billed: by tiers, rules or buckets record ${xdrId} costs ` +
      'more than can be stored. Correct the price and rate the record anew.',
    details: { contractId, xdrId, runId: ticket.runId, batchId: ticket.id },
  });
}

/** Ends the alarms of contracts in shards that are folded now. */
export async function clearUnfolded(client: pg.Client, shards: readonly number[]): Promise<void> {
  const cause = ['MONTH_NOT_FOLDED'] as const;
  for (const subjectId of await alarmedSubjects(client, 'Contract', cause)) {
    if (!shards.includes(subjectId % SHARDS)) continue;
    await clearAlarmsOf(client, { subjectType: 'Contract', subjectId }, cause);
  }
}
