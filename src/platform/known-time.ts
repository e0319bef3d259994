/**
 * What was known at an instant of the API, which has milliseconds, where stored instants have
 * microseconds: all of its millisecond, so that a row is known at its own `recordedAt`.
 */
export function knownUntil(parameter: string): string {
  return `CAST(${parameter} AS timestamptz) + interval '999 microseconds'`;
}
