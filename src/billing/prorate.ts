import {
  addDays,
  addMonths,
  daysBetween,
  type IsoDate,
  invariant,
  mulDiv,
} from '../kernel/index.js';

/** Civil days `[fromOn, toOn)`; an open end is null. */
export interface DaySpan {
  readonly fromOn: IsoDate;
  readonly toOn: IsoDate | null;
}

/** Civil days `[fromOn, toOn)` with both ends known. */
export interface ClosedDaySpan {
  readonly fromOn: IsoDate;
  readonly toOn: IsoDate;
}

/** The days of a calendar month (`YYYY-MM`). */
export function monthSpan(month: string): ClosedDaySpan {
  return { fromOn: `${month}-01`, toOn: `${addMonths(month, 1)}-01` };
}

/** The days that two spans share, or null. */
export function commonDays(a: ClosedDaySpan, b: DaySpan): ClosedDaySpan | null {
  const fromOn = a.fromOn > b.fromOn ? a.fromOn : b.fromOn;
  const toOn = b.toOn === null || a.toOn < b.toOn ? a.toOn : b.toOn;
  return fromOn < toOn ? { fromOn, toOn } : null;
}

/** Whether a day lies in a span. */
export function holdsDay({ fromOn, toOn }: DaySpan, day: IsoDate): boolean {
  return fromOn <= day && (toOn === null || day < toOn);
}

/** What is left of a span without the days of the others, in order. */
export function daysWithout(span: ClosedDaySpan, others: readonly DaySpan[]): ClosedDaySpan[] {
  let left: ClosedDaySpan[] = [span];
  for (const other of others) {
    left = left.flatMap((part) => {
      const common = commonDays(part, other);
      if (common === null) return [part];
      return [
        { fromOn: part.fromOn, toOn: common.fromOn },
        { fromOn: common.toOn, toOn: part.toOn },
      ].filter((piece) => piece.fromOn < piece.toOn);
    });
  }
  return left;
}

/**
 * The share of a monthly fee (scale 8) that falls on some days of one month, by actual days.
 *
 * It is the difference of two cumulated shares, so that however a month is cut into spans, their
 * shares add up to exactly the fee.
 */
export function proratedFee(fee: bigint, month: string, days: ClosedDaySpan): bigint {
  const whole = monthSpan(month);
  invariant(
    days.fromOn >= whole.fromOn && days.toOn <= whole.toOn && days.fromOn < days.toOn,
    'a share of a month lies inside the month',
  );
  const length = daysBetween(whole.fromOn, whole.toOn);
  const upTo = (date: IsoDate) =>
    mulDiv(fee, BigInt(daysBetween(whole.fromOn, date)), BigInt(length), 'HALF_UP');
  return upTo(days.toOn) - upTo(days.fromOn);
}

/** Days in a span. */
export function dayCount(span: ClosedDaySpan): number {
  return daysBetween(span.fromOn, span.toOn);
}

/** The last day of a span, for people: spans end before `toOn`, sentences end on a day. */
export function lastDay(span: ClosedDaySpan): IsoDate {
  return addDays(span.toOn, -1);
}
