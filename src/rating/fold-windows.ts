/** Entries of a month that were stored together: how many bytes, and when their records began. */
export interface EntrySpan {
  readonly bytes: number;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Records that began in `[fromMs, toMs)`. */
export interface FoldWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A span is read for each window that it has records in; all together no more often than this. */
const MOST_READS = 4;

/**
 * Cuts a month, from an instant on, into windows of about so many bytes of entries. What was
 * stored in order of time so is read once, whatever its size, and never all of it is held; where
 * spans lie across each other, windows are made larger rather than that all is read many times.
 */
export function windowsOf(
  spans: readonly EntrySpan[],
  fromMs: number,
  windowBytes: number,
): FoldWindow[] {
  const total = spans.reduce((sum, { bytes }) => sum + bytes, 0);
  for (let bytes = windowBytes; ; bytes *= 2) {
    const windows = evenWindows(spans, fromMs, bytes);
    if (windows.length === 1 || bytesRead(spans, windows) <= MOST_READS * total) return windows;
  }
}

function bytesRead(spans: readonly EntrySpan[], windows: readonly FoldWindow[]): number {
  let read = 0;
  for (const window of windows) {
    for (const span of spans) {
      if (span.fromMs < window.toMs && span.toMs >= window.fromMs) read += span.bytes;
    }
  }
  return read;
}

// As if the records of each span were spread evenly over it.
function evenWindows(
  spans: readonly EntrySpan[],
  fromMs: number,
  windowBytes: number,
): FoldWindow[] {
  const edges = spans
    .filter(({ toMs }) => toMs >= fromMs)
    .flatMap((span) => {
      const perMs = span.bytes / (span.toMs - span.fromMs + 1);
      return [
        { atMs: Math.max(span.fromMs, fromMs), perMs },
        { atMs: span.toMs + 1, perMs: -perMs },
      ];
    })
    .sort((one, other) => one.atMs - other.atMs);
  const windows: FoldWindow[] = [];
  let [begins, at, perMs, bytes] = [fromMs, edges[0]?.atMs ?? 0, 0, 0];
  let least = at + 1;
  for (const edge of edges) {
    while (bytes + perMs * (edge.atMs - at) > windowBytes) {
      // At least a millisecond, in which there may be any number of records; what has been passed
      // is in the window already, also where sums of fractions are a little more than its share.
      const room = Math.floor(Math.max(0, windowBytes - bytes) / perMs);
      const cut = Math.max(least, at + (room > 0 ? room : 0));
      if (cut >= edge.atMs) break;
      windows.push({ fromMs: begins, toMs: cut });
      [begins, least, at, bytes] = [cut, cut + 1, cut, 0];
    }
    bytes += perMs * (edge.atMs - at);
    at = edge.atMs;
    perMs += edge.perMs;
  }
  return [...windows, { fromMs: begins, toMs: Number.POSITIVE_INFINITY }];
}
