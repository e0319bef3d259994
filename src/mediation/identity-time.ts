import type { FormatDefinition, TimeType } from './format.js';

/** How far apart records of one identity can begin, where the identity tells when they began. */
export interface IdentityTime {
  /** How it tells it: identities of another key may say the same and mean another time. */
  readonly key: string;
  readonly reachHours: number;
}

/**
 * Zones lie up to 26 hours apart, so that one clock time of two sources is two instants. ISO times
 * carry their offset and counted ones need none: equal texts are one instant.
 */
const REACH_HOURS: Readonly<Record<TimeType, number>> = {
  ISO: 0,
  LOCAL: 26,
  COMPACT: 26,
  EPOCH_SECONDS: 0,
  EPOCH_MILLISECONDS: 0,
};

/**
 * Null where records of one identity may begin at any time: the identity does not hold every column
 * that `startedAt` is read from.
 */
export function identityTime({ identity, startedAt }: FormatDefinition): IdentityTime | null {
  const { column, orElse, type } = startedAt;
  const columns = orElse === undefined ? [column] : [column, orElse];
  const places = columns.map((name) => identity.indexOf(name));
  if (places.includes(-1)) return null;
  return { key: [type, ...places].join(' '), reachHours: REACH_HOURS[type] };
}
