export type AlarmState = 'RAISED' | 'ACKNOWLEDGED' | 'CLEARED';

/** ITU-T X.733, without "cleared", which is a state here. */
export type AlarmSeverity = 'CRITICAL' | 'MAJOR' | 'MINOR' | 'WARNING' | 'INDETERMINATE';

export type ProbableCause =
  | 'CREDIT_THRESHOLD'
  | 'CREDIT_EXHAUSTED'
  | 'FILE_ERROR'
  | 'NEGATIVE_MARGIN'
  | 'AUDIT_TAMPERED'
  | 'FIGURES_DIFFER'
  | 'WEBHOOK_FAILING'
  | 'MONTH_NOT_FOLDED'
  | 'PURGE_HELD_UP';

/** State of an alarm from what happened to it. */
export function alarmState(alarm: {
  readonly acknowledgedAt: Date | null;
  readonly clearedAt: Date | null;
}): AlarmState {
  if (alarm.clearedAt !== null) return 'CLEARED';
  return alarm.acknowledgedAt === null ? 'RAISED' : 'ACKNOWLEDGED';
}
