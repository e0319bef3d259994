import { raiseAlarm } from '../alarm/thread.js';
import { formatAmount } from '../kernel/index.js';
import type { PriceLevel } from '../partner/index.js';
import { levelPermission } from '../partner/thread.js';
import { type BatchTicket, rowsOf, type SqlClient } from '../platform/thread.js';
import type { SoldBelowCost } from './below-cost.js';

/** Tells the sellers of records that brought less than they cost; one open alarm a contract. */
export async function alarmBelowCost(
  tx: SqlClient,
  ticket: BatchTicket,
  sold: readonly SoldBelowCost[],
): Promise<void> {
  // In one order, so that two batches never wait for each other.
  const ordered = [...sold].sort((a, b) => a.contractId - b.contractId);
  const levels = await levelsOf(tx, ordered);
  for (const { contractId, sellerPartnerId, records, losses } of ordered) {
    const lost = [...losses].map(([currency, sum]) => ({ amount: formatAmount(sum), currency }));
    await raiseAlarm(tx, {
      partnerId: sellerPartnerId,
      severity: 'WARNING',
      probableCause: 'NEGATIVE_MARGIN',
      subjectType: 'Contract',
      subjectId: contractId,
      naturalKey: `margin of records of contract ${contractId}`,
      text:
        `Records were sold below cost: ${records} in one batch, ` +
        `at a loss of ${lost.map((one) => `${one.amount} ${one.currency}`).join(' and ')}.`,
      details: { records, losses: lost, runId: ticket.runId, batchId: ticket.id },
      shownWith: (levels.get(contractId) ?? []).map((level) => levelPermission[level]),
    });
  }
}

/** What a contract sells at and what its seller buys at: the loss tells of both. */
async function levelsOf(
  tx: SqlClient,
  sold: readonly SoldBelowCost[],
): Promise<Map<number, PriceLevel[]>> {
  if (sold.length === 0) return new Map();
  const rows = rowsOf<{ id: number; level: PriceLevel; depth: number }>(
    await tx.query(
      `SELECT c.id, c.level, p.depth
       FROM contract AS c JOIN partner AS p ON p.id = c.seller_partner_id
       WHERE c.id = ANY ($1::int[])`,
      [sold.map(({ contractId }) => contractId)],
    ),
  );
  return new Map(
    rows.map(({ id, level, depth }) => [id, [depth === 0 ? 'COST' : 'WHOLESALE', level]]),
  );
}
