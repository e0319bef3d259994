import type { SqlClient } from '../platform/thread.js';
import { clearCondition, raiseAlarm } from './alarm.store.js';

/** A day of records that is past its time and cannot be purged, since whoever reads holds it. */
export interface HeldPurge {
  readonly hubId: number;
  readonly day: string;
  readonly since: Date;
}

/** Tells the hub of such a day; one open alarm a day of records. */
export async function raiseHeldPurge(
  tx: SqlClient,
  { hubId, day, since }: HeldPurge,
): Promise<void> {
  await raiseAlarm(tx, {
    partnerId: hubId,
    severity: 'MINOR',
    probableCause: 'PURGE_HELD_UP',
    subjectType: 'Partner',
    subjectId: hubId,
    naturalKey: conditionOf(day),
    text: `Records of ${day} are past their time, and whenever they are to go somebody reads.`,
    details: { day, since: since.toISOString() },
  });
}

/** Clears the alarm of a day of records, if there is one. */
export function clearHeldPurge(tx: SqlClient, day: string): Promise<void> {
  return clearCondition(tx, conditionOf(day));
}

function conditionOf(day: string): string {
  return `purge of ${day} held up`;
}
