import { Temporal } from 'temporal-polyfill';
import { civilDate, epochDayFromIso, type IsoDate, startOfDay } from './calendar.js';
import { DomainError, invariant } from './errors.js';

/**
 * A repeating billing cycle: `count` units long, with one cycle starting on the anchor date and
 * the others before and after it without end. Months are counted from the anchor, so an anchor
 * on the 31st starts on the last day of shorter months and on the 31st again after them.
 */
export type BillingCycle = {
  readonly unit: 'DAY' | 'WEEK' | 'MONTH';
  readonly count: number;
  readonly anchorOn: IsoDate;
};

/** One cycle: its instants, its civil dates (`toOn` is the first day after it) and its place. */
export type CyclePeriod = {
  readonly from: number;
  readonly to: number;
  readonly fromOn: IsoDate;
  readonly toOn: IsoDate;
  /** Counted from the anchor: 0 starts there, -1 is the one before. */
  readonly number: number;
};

const keys = { DAY: 'days', WEEK: 'weeks', MONTH: 'months' } as const;

/** The n-th cycle from the anchor. Refuses with INVALID_CYCLE what is not a cycle. */
export function cycleNumber(zone: string, cycle: BillingCycle, number: number): CyclePeriod {
  assertCycle(cycle);
  invariant(Number.isInteger(number), 'cycles are counted in whole numbers');
  const fromOn = boundary(cycle, number);
  const toOn = boundary(cycle, number + 1);
  const from = startOfDay(zone, fromOn);
  return { from, to: startOfDay(zone, toOn), fromOn, toOn, number };
}

/** The one cycle of a zone that contains an instant (epoch milliseconds). */
export function cycleContaining(zone: string, cycle: BillingCycle, epochMs: number): CyclePeriod {
  assertCycle(cycle);
  const key = keys[cycle.unit];
  const elapsed = Temporal.PlainDate.from(cycle.anchorOn).until(civilDate(zone, epochMs), {
    largestUnit: key,
  })[key];
  let found = cycleNumber(zone, cycle, Math.floor(elapsed / cycle.count));
  // The guess is by date and may be one off: a clock set back over midnight repeats a date.
  while (epochMs < found.from) found = cycleNumber(zone, cycle, found.number - 1);
  while (epochMs >= found.to) found = cycleNumber(zone, cycle, found.number + 1);
  return found;
}

/** Every cycle that shares an instant with `[fromMs, toMs)`, in order and without a hole. */
export function cyclesOverlapping(
  zone: string,
  cycle: BillingCycle,
  fromMs: number,
  toMs: number,
): CyclePeriod[] {
  const found: CyclePeriod[] = [];
  if (fromMs >= toMs) return found;
  let next = cycleContaining(zone, cycle, fromMs);
  while (next.from < toMs) {
    // A zone that skipped a whole date (Samoa in 2011) has an empty day, which is no cycle.
    if (next.to > next.from) found.push(next);
    next = cycleNumber(zone, cycle, next.number + 1);
  }
  return found;
}

/** Refuses with INVALID_CYCLE or INVALID_DATE what is not a billing cycle. */
function assertCycle(cycle: BillingCycle): void {
  epochDayFromIso(cycle.anchorOn);
  const longest = 10_000;
  if (!Number.isInteger(cycle.count) || cycle.count < 1 || cycle.count > longest) {
    throw new DomainError('INVALID_CYCLE', 'A cycle is a whole count of units long.', {
      count: cycle.count,
    });
  }
}

function boundary(cycle: BillingCycle, number: number): IsoDate {
  const anchor = Temporal.PlainDate.from(cycle.anchorOn);
  return anchor.add({ [keys[cycle.unit]]: number * cycle.count }).toString();
}
