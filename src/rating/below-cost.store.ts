import { raiseAlarm } from '../alarm/index.js';
import { formatAmount } from '../kernel/index.js';
import type { BatchTicket, SqlClient } from '../platform/index.js';
import type { SoldBelowCost } from './below-cost.js';

/** Tells the sellers of records that brought less than they cost; one open alarm a contract. */
export async function alarmBelowCost(
  tx: SqlClient,
  ticket: BatchTicket,
  sold: readonly SoldBelowCost[],
): Promise<void> {
  // In one order, so that two batches never wait for each other.
  const ordered = [...sold].sort((a, b) => a.contractId - b.contractId);
  for (const { contractId, sellerPartnerId, records, loss } of ordered) {
    await raiseAlarm(tx, {
      partnerId: sellerPartnerId,
      severity: 'WARNING',
      probableCause: 'NEGATIVE_MARGIN',
      subjectType: 'Contract',
      subjectId: contractId,
      naturalKey: `margin of records of contract ${contractId}`,
      text:
        `Records were sold below cost: ${records} in one batch, ` +
        `at a loss of ${formatAmount(loss)}.`,
      details: { records, loss: formatAmount(loss), runId: ticket.runId, batchId: ticket.id },
    });
  }
}
