import type { OutboxRow, Tx } from '../platform/index.js';
import { raiseAlarm } from './alarm.store.js';

interface Tampering {
  readonly fault: string;
  readonly firstBad: number;
  readonly firstBadAtLatest: number;
}

/** Raises the alarm for a chain of audit entries that does not hold; a row of the outbox tells. */
export async function raiseTamperAlarm(tx: Tx, row: OutboxRow): Promise<void> {
  const { fault, firstBad, firstBadAtLatest } = row.payload as Tampering;
  const where = firstBad === firstBadAtLatest ? firstBad : `${firstBad} to ${firstBadAtLatest}`;
  await raiseAlarm(tx, {
    partnerId: row.partnerId,
    severity: 'CRITICAL',
    probableCause: 'AUDIT_TAMPERED',
    subjectType: 'Partner',
    subjectId: row.partnerId,
    naturalKey: `audit:${fault}:${firstBad}`,
    text: `The audit was tampered with at entry ${where}.`,
    details: { fault, firstBad, firstBadAtLatest },
  });
}
