import { Alarm } from './alarm.entity.js';
import { AlarmResolver } from './alarm.resolver.js';

export { AlarmResolver } from './alarm.resolver.js';
export { AlarmService } from './alarm.service.js';
export {
  ALARM_RAISED_TOPIC,
  clearAlarmsOf,
  clearCondition,
  type NewAlarm,
  raiseAlarm,
} from './alarm.store.js';
export type { AlarmSeverity, AlarmState, ProbableCause } from './alarm-state.js';
export { alarmErrors } from './errors.js';
export { clearHeldPurge, raiseHeldPurge } from './held-purge.store.js';
export { raiseTamperAlarm } from './tamper-alarm.store.js';

export const alarmEntities = [Alarm];
export const alarmResolvers = [AlarmResolver];
