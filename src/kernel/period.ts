import { DomainError } from './errors.js';

/** A half-open span of time in epoch milliseconds; `to` null means that it has no end. */
export type Period = { readonly from: number; readonly to: number | null };

/** What keeps a list of periods from covering a whole exactly once, and where it happens. */
export type PartitionFault = {
  readonly kind: 'OVERLAP' | 'HOLE' | 'OUTSIDE';
  readonly period: Period;
};

/** A period that has begun before it ends. Refuses any other with INVALID_PERIOD. */
export function period(from: number, to: number | null): Period {
  const sound = Number.isSafeInteger(from) && (to === null || Number.isSafeInteger(to));
  if (!sound || (to !== null && to <= from)) {
    throw new DomainError('INVALID_PERIOD', 'The period does not end after it begins.', {
      from,
      to,
    });
  }
  return { from, to };
}

/**
 * Refuses with INVALID_PERIOD a span that does not end after it begins, where both ends are given:
 * nothing lies in it. Ends are instants, or days as ISO text.
 */
export function assertOrdered<T extends Date | string>(
  from: T | null | undefined,
  to: T | null | undefined,
): void {
  if (!from || !to || from < to) return;
  throw new DomainError('INVALID_PERIOD', 'The span does not end after it begins.', { from, to });
}

/** Whether an instant (epoch milliseconds) falls into the period; its end does not. */
export function contains(span: Period, at: number): boolean {
  return at >= span.from && at < endOf(span);
}

/** Whether two periods share an instant; periods that only touch do not. */
export function overlaps(a: Period, b: Period): boolean {
  return a.from < endOf(b) && b.from < endOf(a);
}

/** The time that two periods share, or null when there is none. */
export function intersect(a: Period, b: Period): Period | null {
  return between(Math.max(a.from, b.from), Math.min(endOf(a), endOf(b)));
}

/** What is left of a period, in order, once the others (in any order) are taken out. */
export function subtractPeriods(whole: Period, others: readonly Period[]): Period[] {
  const left: Period[] = [];
  let from = whole.from;
  for (const other of sorted(others)) {
    const gap = between(from, Math.min(other.from, endOf(whole)));
    if (gap) left.push(gap);
    from = Math.max(from, endOf(other));
  }
  const tail = between(from, endOf(whole));
  if (tail) left.push(tail);
  return left;
}

/**
 * The first fault, in order of time, that keeps the parts from covering the whole exactly once:
 * time covered twice, time not covered, or a part that reaches outside. Null when there is none.
 */
export function partitionFault(whole: Period, parts: readonly Period[]): PartitionFault | null {
  let covered = whole.from;
  for (const part of sorted(parts)) {
    if (part.from < whole.from) {
      return fault('OUTSIDE', part.from, Math.min(endOf(part), whole.from));
    }
    if (part.from > covered && covered < endOf(whole)) {
      return fault('HOLE', covered, Math.min(part.from, endOf(whole)));
    }
    if (part.from < covered) return fault('OVERLAP', part.from, Math.min(endOf(part), covered));
    if (endOf(part) > endOf(whole)) {
      return fault('OUTSIDE', Math.max(part.from, endOf(whole)), endOf(part));
    }
    covered = endOf(part);
  }
  return covered < endOf(whole) ? fault('HOLE', covered, endOf(whole)) : null;
}

/** Whether the parts cover the whole without overlap, hole or overhang. */
export function isPartition(whole: Period, parts: readonly Period[]): boolean {
  return partitionFault(whole, parts) === null;
}

function endOf(span: Period): number {
  return span.to ?? Number.POSITIVE_INFINITY;
}

function between(from: number, end: number): Period | null {
  if (from >= end) return null;
  return { from, to: end === Number.POSITIVE_INFINITY ? null : end };
}

function sorted(list: readonly Period[]): Period[] {
  return [...list].sort((a, b) => a.from - b.from);
}

function fault(kind: PartitionFault['kind'], from: number, end: number): PartitionFault {
  return { kind, period: { from, to: end === Number.POSITIVE_INFINITY ? null : end } };
}
