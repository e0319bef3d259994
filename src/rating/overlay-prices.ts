/** A price of one prefix in one list, while it may hold and where it stands among others. */
export interface Candidate {
  readonly from: number;
  /** Infinity for no end. */
  readonly to: number;
  readonly band: number;
  /** Place of the set of origins, -1 for all. */
  readonly origin: number;
  readonly tariff: number;
  readonly rateId: number;
  /** Rows by prefix come before those by destination, and these before inherited prices. */
  readonly layer: number;
}

/** A candidate in a time in which it is the one that holds. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly price: Candidate;
}

/**
 * Which of several prices of one prefix holds when: of each band and set of origins the one of
 * the highest layer, in a layer that which began last, and of these that with the highest id.
 */
export function overlayPrices(candidates: readonly Candidate[]): Piece[] {
  const pieces: Piece[] = [];
  let left = candidates;
  while (left.length > 0) {
    const { band, origin } = left[0]!;
    const isOther = (each: Candidate) => each.band !== band || each.origin !== origin;
    const others = left.filter(isOther);
    const same = others.length === 0 ? left : left.filter((each) => !isOther(each));
    addPieces(same, pieces);
    left = others;
  }
  return pieces;
}

function addPieces(candidates: readonly Candidate[], pieces: Piece[]): void {
  const edges: number[] = [];
  for (const { from, to } of candidates) edges.push(from, to);
  edges.sort((a, b) => a - b);
  for (let n = 1; n < edges.length; n += 1) {
    const from = edges[n - 1]!;
    const to = edges[n]!;
    const price = from === to ? null : holding(candidates, from);
    if (price === null) continue;
    const last = pieces[pieces.length - 1];
    if (last?.price === price && last.to === from) pieces[pieces.length - 1] = { ...last, to };
    else pieces.push({ from, to, price });
  }
}

function holding(candidates: readonly Candidate[], at: number): Candidate | null {
  let best: Candidate | null = null;
  for (const each of candidates) {
    if (at < each.from || at >= each.to) continue;
    if (best === null || isBefore(each, best)) best = each;
  }
  return best;
}

function isBefore(one: Candidate, other: Candidate): boolean {
  if (one.layer !== other.layer) return one.layer > other.layer;
  return one.from !== other.from ? one.from > other.from : one.rateId > other.rateId;
}
