import type { ErrorCatalogue } from '../kernel/index.js';

export const alarmErrors = {
  ALARM_CLEARED: 'The alarm is over; it cannot be acknowledged any more.',
} as const satisfies ErrorCatalogue;
