import { invariant } from '../kernel/index.js';
import { appendEvent, rowsOf, type SqlClient } from '../platform/thread.js';
import type { AlarmSeverity, ProbableCause } from './alarm-state.js';

/** Topic of the event that every new alarm writes. */
export const ALARM_RAISED_TOPIC = 'alarm.raised';

export interface NewAlarm {
  readonly partnerId: number;
  readonly severity: AlarmSeverity;
  readonly probableCause: ProbableCause;
  /** GraphQL type name of what the alarm is about. */
  readonly subjectType: string;
  readonly subjectId: number;
  /** Names the condition: while an alarm with this key is open, no other is raised. */
  readonly naturalKey: string;
  readonly text: string;
  readonly details: object;
  /** Further details, for who acts at the partner alone; none when absent. */
  readonly ownDetails?: object;
  /** Permissions that it takes to see text and details; none when absent. */
  readonly shownWith?: readonly string[];
}

/**
 * Raises an alarm in the transaction that holds its cause, with the event for subscribers, or
 * finds the open alarm that the condition has already.
 */
export async function raiseAlarm(
  tx: SqlClient,
  alarm: NewAlarm,
): Promise<{ alarmId: number; created: boolean }> {
  const inserted = rowsOf<{ id: number }>(
    await tx.query(
      `INSERT INTO alarm (partner_id, severity, probable_cause, subject_type, subject_id,
         natural_key, text, details, own_details, shown_with)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9::jsonb, $10)
       ON CONFLICT (natural_key) WHERE cleared_at IS NULL DO NOTHING RETURNING id`,
      [
        alarm.partnerId,
        alarm.severity,
        alarm.probableCause,
        alarm.subjectType,
        alarm.subjectId,
        alarm.naturalKey,
        alarm.text,
        JSON.stringify(alarm.details),
        JSON.stringify(alarm.ownDetails ?? {}),
        alarm.shownWith ?? [],
      ],
    ),
  )[0];
  if (inserted === undefined) return { alarmId: await openAlarm(tx, alarm), created: false };
  await appendEvent(tx, {
    topic: ALARM_RAISED_TOPIC,
    partnerId: alarm.partnerId,
    key: `${alarm.subjectType}:${alarm.subjectId}`,
    payload: { alarmId: inserted.id },
  });
  return { alarmId: inserted.id, created: true };
}

async function openAlarm(tx: SqlClient, alarm: NewAlarm): Promise<number> {
  const rows = rowsOf<{ id: number }>(
    await tx.query('SELECT id FROM alarm WHERE natural_key = $1 AND cleared_at IS NULL', [
      alarm.naturalKey,
    ]),
  );
  invariant(rows[0] !== undefined, 'a natural key belongs to one partner');
  return rows[0].id;
}

/** Clears the open alarms of a subject that have one of the causes; answers how many. */
export async function clearAlarmsOf(
  tx: SqlClient,
  subject: { readonly subjectType: string; readonly subjectId: number },
  causes: readonly ProbableCause[],
): Promise<number> {
  const cleared = rowsOf(
    await tx.query(
      `UPDATE alarm SET cleared_at = clock_timestamp()
       WHERE subject_type = $1 AND subject_id = $2 AND probable_cause = ANY ($3::text[])
         AND cleared_at IS NULL RETURNING id`,
      [subject.subjectType, subject.subjectId, [...causes]],
    ),
  );
  return cleared.length;
}

/** Subjects of a type that have an open alarm with one of the causes. */
export async function alarmedSubjects(
  tx: SqlClient,
  subjectType: string,
  causes: readonly ProbableCause[],
): Promise<number[]> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `SELECT DISTINCT subject_id AS id FROM alarm
       WHERE subject_type = $1 AND probable_cause = ANY ($2::text[]) AND cleared_at IS NULL`,
      [subjectType, [...causes]],
    ),
  );
  return rows.map(({ id }) => id);
}

/** Clears the open alarm of a condition that is over, if there is one. */
export async function clearCondition(tx: SqlClient, naturalKey: string): Promise<void> {
  await tx.query(
    `UPDATE alarm SET cleared_at = clock_timestamp()
     WHERE natural_key = $1 AND cleared_at IS NULL`,
    [naturalKey],
  );
}
