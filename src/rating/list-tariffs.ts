import {
  adjustRate,
  type EffectiveRate,
  type PricingTerms,
  type RateRow,
  type Timeline,
} from '../catalog/index.js';
import type { PriceBook } from './book.js';
import { TariffTable, tariffAt } from './tariff-table.js';

const NOTHING = new Int32Array(0);

/** A time in which the adjustments of a list, and of those above it, do not change. */
interface Piece {
  readonly from: number;
  readonly to: number;
  /** From the list itself upwards: the adjusting list, and what it does. */
  readonly steps: readonly { readonly list: number; readonly by: RateRow | undefined }[];
  /** One plus the tariff that becomes of each tariff of the book; 0 where nobody has asked. */
  readonly becomes: Int32Array;
}

/**
 * The tariffs of a book with those that its lists make of inherited ones. The latter are worked
 * out when a record first needs them, in every thread for itself, and kept.
 */
export class ListTariffs {
  readonly #book: PriceBook;
  readonly #table: TariffTable | null;
  readonly #adjuster: Int32Array;
  readonly #pieces: (readonly Piece[] | undefined)[] = [];
  /** The piece that each adjusting list was asked for last; apart, since every record asks. */
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  readonly #becomes: Int32Array[];

  constructor(book: PriceBook) {
    this.#book = book;
    const { adjuster, wide } = book.adjustments;
    this.#adjuster = adjuster;
    this.#from = new Float64Array(adjuster.length).fill(Number.POSITIVE_INFINITY);
    this.#to = new Float64Array(adjuster.length);
    this.#becomes = Array.from(adjuster, () => NOTHING);
    this.#table = adjuster.some((list) => list >= 0)
      ? TariffTable.behind(book.tariffs, book.terms, wide)
      : null;
  }

  /** Eight numbers a tariff; looking for tariffs may replace the array by a longer one. */
  get numbers(): Float64Array {
    return this.#table === null ? this.#book.tariffs : this.#table.numbers;
  }

  get terms(): readonly PricingTerms[] {
    return this.#table === null ? this.#book.terms : this.#table.terms;
  }

  /** The tariff that the list at `place` has at an instant where a slot says `tariff`. */
  of(place: number, tariff: number, atMs: number): number {
    const list = this.#adjuster[place]!;
    if (list < 0) return tariff;
    if (atMs >= this.#from[list]! && atMs < this.#to[list]!) {
      const known = this.#becomes[list]![tariff]!;
      if (known !== 0) return known - 1;
    }
    return this.#ask(list, tariff, atMs);
  }

  #ask(list: number, tariff: number, atMs: number): number {
    const piece = this.#pieceAt(list, atMs);
    this.#from[list] = piece.from;
    this.#to[list] = piece.to;
    this.#becomes[list] = piece.becomes;
    const known = piece.becomes[tariff]!;
    return known === 0 ? this.#derive(piece, tariff) : known - 1;
  }

  #pieceAt(list: number, atMs: number): Piece {
    let pieces = this.#pieces[list];
    if (pieces === undefined) {
      pieces = this.#cut(list);
      this.#pieces[list] = pieces;
    }
    return pieces.find(({ from, to }) => atMs >= from && atMs < to)!;
  }

  #cut(list: number): Piece[] {
    const { above, timelines } = this.#book.adjustments;
    const chain: number[] = [];
    for (let at = list; at >= 0; at = above[at]!) chain.push(at);
    const edges = new Set([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    for (const one of chain) {
      for (const { from, to } of timelines[one]!)
        edges.add(from).add(to ?? Number.POSITIVE_INFINITY);
    }
    const cuts = [...edges].sort((a, b) => a - b);
    return cuts.slice(1).map((to, n) => {
      const from = cuts[n]!;
      const steps = chain.map((one) => {
        return { list: one, by: valueAt(timelines[one]!, from) };
      });
      // Zeros that nobody writes to take no memory.
      const becomes = new Int32Array(this.#book.adjustments.tariffOwner.length);
      return { from, to, steps, becomes };
    });
  }

  #derive(piece: Piece, tariff: number): number {
    const { tariffs, terms, adjustments } = this.#book;
    const owner = adjustments.tariffOwner[tariff]!;
    const own = piece.steps.findIndex(({ list }) => list === owner);
    const acting = (own < 0 ? piece.steps : piece.steps.slice(0, own)).filter(({ by }) => by);
    let rate: EffectiveRate = {
      ...tariffAt(tariffs, tariff, terms, adjustments.wide),
      path: [],
      clamped: false,
    };
    for (const { by } of acting.reverse()) rate = adjustRate(rate, by!);
    const place = acting.length === 0 ? tariff : this.#table!.placeOf(rate);
    piece.becomes[tariff] = place + 1;
    return place;
  }
}

function valueAt<T>(timeline: Timeline<T>, at: number): T | undefined {
  return timeline.find(({ from, to }) => at >= from && (to === null || at < to))?.value;
}
