import { zoneTransitions } from '../kernel/index.js';
import type { Service } from '../mediation/index.js';
import { bandSlices, majorityBand } from './bands.js';
import type { BandPolicy, BookFacts } from './book.js';
import { compileBands } from './compile-bands.js';
import type { CivilTime } from './explain-clock.js';
import { bandAt } from './explain-price.js';

/** Seconds of a call in one band without a break. */
export interface BandRun {
  readonly bandId: number;
  readonly fromMs: number;
  readonly seconds: number;
}

/** Which band a record has, and how bands cut it. */
export interface BandFinding {
  /** The band that its price is looked up in, 0 for none. */
  readonly bandId: number;
  /** Whether the rules for holidays held when it began. */
  readonly holiday: boolean;
  /** What the contract made of a call through several bands; START where it is not cut. */
  readonly policy: BandPolicy;
  /** All of them where the contract looks at more than the start. */
  readonly runs: readonly BandRun[];
}

/** Longer calls are priced by the band at their start, whatever the contract says. */
const LONGEST_CUT = 31 * 86_400;

/** The band of a record in a list, by the policy of its contract. */
export function findBands(
  facts: BookFacts,
  version: BookFacts['versions'][number],
  listId: number,
  record: { readonly service: Service; readonly startedMs: number; readonly quantity: bigint },
  clock: CivilTime,
): BandFinding {
  const atStart = bandAt(facts, listId, clock);
  const { bandPolicy: policy, timeZone } = version;
  const seconds = Number(record.quantity);
  const lists = facts.lists.filter(({ id }) => id === listId);
  const [bands] = compileBands({ ...facts, lists });
  const isCut = record.service === 'VOICE' && policy !== 'START' && seconds <= LONGEST_CUT;
  if (!isCut || !bands) return { ...atStart, policy: 'START', runs: [] };
  const { startedMs } = record;
  const year = new Date(startedMs).getUTCFullYear();
  // In December no zone changes its clock, so that the table has whole spans at its ends.
  const zone = zoneTransitions(timeZone, Date.UTC(year - 1, 11, 1), Date.UTC(year + 2, 11, 1));
  let fromMs = Math.floor(startedMs / 1000) * 1000;
  const runs = bandSlices(bands, zone, startedMs, seconds).map((slice) => {
    const run = { bandId: slice.band, fromMs, seconds: slice.seconds };
    fromMs += slice.seconds * 1000;
    return run;
  });
  if (runs.length < 2) return { ...atStart, policy: 'START', runs: [] };
  if (policy === 'SPLIT') return { ...atStart, policy, runs };
  const bandId = majorityBand(runs.map((run) => ({ band: run.bandId, seconds: run.seconds })));
  return { ...atStart, bandId, policy, runs };
}
