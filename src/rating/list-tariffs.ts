import type { EffectiveRate, PricingTerms, RateRow, Timeline } from '../catalog/index.js';
import { adjustRate } from '../catalog/thread.js';
import type { AdjustingStep, PriceBook } from './book.js';
import type { RateNotes } from './rate-notes.js';
import { type TariffFacts, TariffTable, tariffAt } from './tariff-table.js';

const NOTHING = new Int32Array(0);

/** A time in which the adjustments of one group do not change. */
interface Piece {
  readonly from: number;
  readonly to: number;
  /** From the list itself upwards: the adjusting list, and what it does. */
  readonly steps: readonly { readonly list: number; readonly by: RateRow | undefined }[];
  /** One plus the tariff that becomes of each tariff of the book; 0 where nobody has asked. */
  readonly becomes: Int32Array;
}

/** As a piece of a group of several, which few tariffs meet. */
interface SmallPiece extends Omit<Piece, 'becomes'> {
  readonly becomes: Map<number, number>;
}

/**
 * The tariffs of a book with those that its lists make of inherited ones. The latter are worked
 * out when a record first needs them, in every thread for itself, and kept.
 */
export class ListTariffs {
  readonly #book: PriceBook;
  readonly #notes: RateNotes | null;
  readonly #table: TariffTable | null;
  readonly #adjuster: Int32Array;
  readonly #pieces: (readonly Piece[] | undefined)[] = [];
  readonly #smallPieces: (readonly SmallPiece[] | undefined)[][] = [];
  /** The piece that each list of one group was asked for last; apart, as every record asks. */
  readonly #from: Float64Array;
  readonly #to: Float64Array;
  readonly #becomes: Int32Array[];

  /** What lists make of tariffs is told to `notes` each time. */
  constructor(book: PriceBook, notes: RateNotes | null) {
    this.#book = book;
    this.#notes = notes;
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

  /** How many there are. */
  get count(): number {
    return this.#table === null ? this.#book.tariffs.length / 8 : this.#table.count;
  }

  get terms(): readonly PricingTerms[] {
    return this.#table === null ? this.#book.terms : this.#table.terms;
  }

  /** What a tariff charges as exact amounts, also where its numbers say NaN. */
  at(tariff: number): TariffFacts {
    const { wide } = this.#table ?? this.#book.adjustments;
    return tariffAt(this.numbers, tariff, this.terms, wide);
  }

  /**
   * The tariff that the list at `place` has at an instant where a slot of a class says `tariff`.
   */
  of(place: number, tariff: number, prefixClass: number, atMs: number): number {
    const list = this.#adjuster[place]!;
    if (list < 0) return tariff;
    if (atMs >= this.#from[list]! && atMs < this.#to[list]!) {
      const known = this.#becomes[list]![tariff]!;
      if (known !== 0) {
        this.#notes?.placeDerived(list, 0, tariff, known - 1, this.#from[list]!, this.#to[list]!);
        return known - 1;
      }
    }
    const groupOf = this.#book.adjustments.groupOf[list]!;
    return groupOf === null
      ? this.#ofOne(list, tariff, atMs)
      : this.#ofSeveral(list, groupOf[prefixClass]!, tariff, atMs);
  }

  #ofOne(list: number, tariff: number, atMs: number): number {
    let pieces = this.#pieces[list];
    if (pieces === undefined) {
      // Zeros that nobody writes to take no memory.
      const { length } = this.#book.adjustments.tariffOwner;
      pieces = this.#cut(list, 0).map((each) => ({ ...each, becomes: new Int32Array(length) }));
      this.#pieces[list] = pieces;
    }
    const piece = pieces.find(({ from, to }) => atMs >= from && atMs < to)!;
    this.#from[list] = piece.from;
    this.#to[list] = piece.to;
    this.#becomes[list] = piece.becomes;
    const known = piece.becomes[tariff]!;
    const made = known !== 0 ? known - 1 : this.#derive(piece.steps, tariff);
    piece.becomes[tariff] = made + 1;
    this.#notes?.placeDerived(list, 0, tariff, made, piece.from, piece.to);
    return made;
  }

  #ofSeveral(list: number, group: number, tariff: number, atMs: number): number {
    const byGroup = this.#smallPieces[list] ?? [];
    this.#smallPieces[list] = byGroup;
    let pieces = byGroup[group];
    if (pieces === undefined) {
      pieces = this.#cut(list, group).map((each) => ({ ...each, becomes: new Map() }));
      byGroup[group] = pieces;
    }
    let n = 0;
    while (atMs >= pieces[n]!.to) n += 1;
    const { becomes, steps, from, to } = pieces[n]!;
    const made = becomes.get(tariff) ?? this.#derive(steps, tariff);
    becomes.set(tariff, made);
    this.#notes?.placeDerived(list, group, tariff, made, from, to);
    return made;
  }

  #cut(list: number, group: number): Omit<Piece, 'becomes'>[] {
    const acting: readonly AdjustingStep[] = this.#book.adjustments.groups[list]![group]!;
    const edges = new Set([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    for (const { timeline } of acting) {
      for (const { from, to } of timeline) edges.add(from).add(to ?? Number.POSITIVE_INFINITY);
    }
    const cuts = [...edges].sort((a, b) => a - b);
    return cuts.slice(1).map((to, n) => {
      const from = cuts[n]!;
      const steps = acting.map((step) => ({ list: step.list, by: valueAt(step.timeline, from) }));
      return { from, to, steps };
    });
  }

  #derive(steps: Piece['steps'], tariff: number): number {
    const { tariffs, terms, adjustments } = this.#book;
    const owner = adjustments.tariffOwner[tariff]!;
    const own = steps.findIndex(({ list }) => list === owner);
    const acting = (own < 0 ? steps : steps.slice(0, own)).flatMap(({ by }) => by ?? []);
    if (acting.length === 0) return tariff;
    let rate: EffectiveRate = {
      ...tariffAt(tariffs, tariff, terms, adjustments.wide),
      path: [],
      clamped: false,
    };
    for (const by of acting.reverse()) rate = adjustRate(rate, by);
    return this.#table!.placeOf(rate);
  }
}

function valueAt<T>(timeline: Timeline<T>, at: number): T | undefined {
  return timeline.find(({ from, to }) => at >= from && (to === null || at < to))?.value;
}
