import { transitionIndex, type ZoneTransitions, zoneTransitions } from '../kernel/index.js';

/** Clocks change by the same rules each year, unless these are changed. */
const SPAN_YEARS = 30;
/** What clocks showed before meets no price that is still to come. */
const FIRST_MS = Date.UTC(2000, 0, 1);

/**
 * By how many minutes the clock of one of `others` may be ahead of that of one of `zones`, from an
 * instant on: several where a zone changes its clock and another does not, or on another day.
 */
export function clockLeads(
  zones: readonly string[],
  others: readonly string[],
  fromMs: number,
): number[] {
  const leads = new Set<number>();
  for (const zone of zones) {
    for (const other of others) {
      if (zone === other) leads.add(0);
      else for (const lead of leadsBetween(zone, other, fromMs)) leads.add(lead);
    }
  }
  return [...leads].sort((a, b) => a - b);
}

function leadsBetween(zone: string, other: string, fromMs: number): number[] {
  const from = Math.max(fromMs, FIRST_MS);
  const until = new Date(from).setUTCFullYear(new Date(from).getUTCFullYear() + SPAN_YEARS);
  const tables = [zoneTransitions(zone, from, until), zoneTransitions(other, from, until)] as const;
  const [behind, ahead] = tables;
  return tables.flatMap(({ atSeconds }) =>
    [...atSeconds].map((at) => Math.round((offsetAt(ahead, at) - offsetAt(behind, at)) / 60)),
  );
}

function offsetAt(table: ZoneTransitions, second: number): number {
  return table.offsetSeconds[transitionIndex(table, second)] ?? 0;
}
