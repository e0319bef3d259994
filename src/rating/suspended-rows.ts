import type { Suspended } from './batch-findings.js';

/**
 * Suspended rows in portions of at most so many rows, each ended by the row that brings it to so
 * many bytes: lines can be long, and a portion is held in memory whole.
 */
export function* portions(
  all: readonly Suspended[],
  rows: number,
  bytes: number,
): Generator<readonly Suspended[]> {
  let from = 0;
  let held = 0;
  for (let at = 0; at < all.length; at += 1) {
    held += all[at]!.raw.length;
    if (at + 1 - from < rows && held < bytes) continue;
    yield all.slice(from, at + 1);
    from = at + 1;
    held = 0;
  }
  if (from < all.length) yield all.slice(from);
}

/** What rows are suspended for. */
export type SuspenseKind = Pick<Suspended, 'state' | 'code' | 'field' | 'message'>;

/** Each kind of some rows once, and for each row the place of its kind. */
export function kindsOf(rows: readonly Suspended[]): {
  readonly kinds: readonly SuspenseKind[];
  readonly places: readonly number[];
} {
  const kinds: SuspenseKind[] = [];
  const known = new Map<string, number>();
  const places = rows.map(({ state, code, field, message }) => {
    const key = JSON.stringify([state, code, field, message]);
    const place = known.get(key) ?? kinds.push({ state, code, field, message }) - 1;
    known.set(key, place);
    return place;
  });
  return { kinds, places };
}
