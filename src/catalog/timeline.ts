/** A value that holds over a half-open span `[from, to)` of epoch milliseconds; null = no end. */
export interface Span<T> {
  readonly from: number;
  readonly to: number | null;
  readonly value: T;
}

/** Spans in order of time that do not overlap; time that no span covers has no value. */
export type Timeline<T> = readonly Span<T>[];

/** The value in force at an instant, or undefined when there is none. */
export function valueAt<T>(timeline: Timeline<T>, at: number): T | undefined {
  let low = 0;
  let high = timeline.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const span = timeline[middle] as Span<T>;
    if (at < span.from) high = middle - 1;
    else if (span.to !== null && at >= span.to) low = middle + 1;
    else return span.value;
  }
  return undefined;
}

/**
 * The boundaries of several timelines, ascending and each once; the last may be Infinity. Between
 * two neighbours none of the timelines changes.
 */
export function boundaries(timelines: readonly Timeline<unknown>[]): number[] {
  const all: number[] = [];
  for (const timeline of timelines) {
    for (const span of timeline) all.push(span.from, span.to ?? Number.POSITIVE_INFINITY);
  }
  all.sort((a, b) => a - b);
  return all.filter((at, i) => i === 0 || at !== all[i - 1]);
}

/**
 * Reads a timeline at instants that only rise, so that walking through n boundaries costs n steps
 * and not n searches.
 */
export class TimelineReader<T> {
  readonly #timeline: Timeline<T>;
  #next = 0;

  constructor(timeline: Timeline<T>) {
    this.#timeline = timeline;
  }

  at(instant: number): T | undefined {
    for (;;) {
      const span = this.#timeline[this.#next];
      if (span === undefined || instant < span.from) return undefined;
      if (span.to === null || instant < span.to) return span.value;
      this.#next += 1;
    }
  }
}

/**
 * Several layers laid over each other: at every instant the first layer that holds a value there
 * shows. Neighbouring spans of the same value become one.
 */
export function overlay<T>(layers: readonly Timeline<T>[]): Timeline<T> {
  const filled = layers.filter((layer) => layer.length > 0);
  if (filled.length <= 1) return filled[0] ?? [];
  const readers = filled.map((layer) => new TimelineReader(layer));
  return pieces(boundaries(filled), (at) => {
    for (const reader of readers) {
      const value = reader.at(at);
      if (value !== undefined) return value;
    }
    return undefined;
  });
}

/**
 * The timeline that `valueFrom` describes at each boundary; undefined leaves a hole. It is asked
 * in order of time. Neighbouring spans of the same value (by identity) become one.
 */
export function pieces<T>(
  edges: readonly number[],
  valueFrom: (at: number) => T | undefined,
): Timeline<T> {
  const spans: { from: number; to: number | null; value: T }[] = [];
  for (let i = 0; i + 1 < edges.length; i += 1) {
    const from = edges[i] as number;
    const end = edges[i + 1] as number;
    const value = valueFrom(from);
    if (value === undefined) continue;
    const to = end === Number.POSITIVE_INFINITY ? null : end;
    const last = spans[spans.length - 1];
    if (last !== undefined && last.to === from && last.value === value) last.to = to;
    else spans.push({ from, to, value });
  }
  return spans;
}
