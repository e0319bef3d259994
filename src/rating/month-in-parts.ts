import { type EntryList, NUMBER } from './allowance-entry.js';
import { encodePots, encodeRecords } from './allowance-result.js';
import { ExactSum } from './exact-sum.js';
import {
  type FoldedMonth,
  type FoldedRecords,
  type FoldFacts,
  foldMonth,
  MonthFold,
  pointsOf,
} from './fold-month.js';
import { decodeState, encodeState, MonthState } from './fold-state.js';

/** How results are cut; smaller in tests, so that few records make many chunks and states. */
export interface ChunkSizes {
  /** Records of a contract's month after which a chunk ends. */
  readonly chunkRecords: number;
  /** A state is kept after so many records for each of its sums: states stay the lesser part. */
  readonly recordsASum: number;
}

/** Results of some records that follow each other, as a row of `allowance_result`. */
export interface ResultChunk {
  readonly number: number;
  /** When the first and the last record began that the chunk keeps. */
  readonly startedFromMs: number;
  readonly startedToMs: number;
  /** Scale 8. */
  readonly adjustment: bigint;
  readonly records: Buffer;
  /** What stands here where a fold may begin: see {@link Resumption}. */
  readonly resumption: Omit<Resumption, 'chunk'> | null;
}

/** The state of a month after all records that began before an instant, when its chunk begins. */
export interface Resumption {
  readonly chunk: number;
  readonly atMs: number;
  readonly state: Buffer;
}

/** What is left to be stored when a month has been folded. */
export interface MonthEnd {
  readonly chunks: readonly ResultChunk[];
  /** Pots and points, which are kept with the first chunk. */
  readonly pots: Buffer;
}

/**
 * Folds one contract's month part by part, in order of time, and cuts what comes out into chunks.
 * Where chunks end depends on the records alone and not on the parts in which they come: records
 * of one instant are never cut apart.
 */
export class MonthInParts {
  /** Pots as they stand after the last part. */
  pots: FoldedMonth['pots'] = [];
  readonly #facts: FoldFacts;
  readonly #sizes: ChunkSizes;
  readonly #state: MonthState;
  #points: FoldedMonth['points'] = [];
  #first: ResultChunk | null = null;
  #done: ResultChunk[] = [];
  #open: OpenChunk;
  #sinceState = 0;

  /** `from` is where the month goes on, null for its beginning. */
  constructor(facts: FoldFacts, from: Resumption | null, sizes: ChunkSizes) {
    this.#facts = facts;
    this.#sizes = sizes;
    this.#state = from === null ? new MonthState() : decodeState(from.state);
    this.#open = new OpenChunk(from?.chunk ?? 0, from);
    this.pots = this.#state.pots;
    this.#points = pointsOf(this.#state);
  }

  /** Takes records that follow those of the parts before; no record of their last instant. */
  take(list: EntryList, order: Int32Array): FoldedRecords {
    const fold = new MonthFold(list, this.#facts, this.#state);
    const adjustments = new Float64Array(order.length);
    const covered = new Float64Array(order.length);
    for (let from = 0; from < order.length; ) {
      const to = this.#pieceEnd(list, order, from);
      const piece = order.subarray(from, to);
      const folded = fold.run(piece);
      adjustments.set(folded.adjustments, from);
      covered.set(folded.covered, from);
      this.#append(list, piece, folded, true);
      from = to;
    }
    this.pots = this.#state.pots;
    this.#points = pointsOf(this.#state);
    return { adjustments, covered };
  }

  /** Takes all records of the month, of which some may have tiers by the volume of all. */
  takeWhole(list: EntryList, order: Int32Array): FoldedRecords {
    const { pots, points, ...folded } = foldMonth(list, order, this.#facts);
    for (let from = 0; from < order.length; ) {
      const to = this.#pieceEnd(list, order, from);
      const piece = {
        adjustments: folded.adjustments.subarray(from, to),
        covered: folded.covered.subarray(from, to),
      };
      this.#append(list, order.subarray(from, to), piece, false);
      from = to;
    }
    this.pots = pots;
    this.#points = points;
    return folded;
  }

  /** Chunks that are done, but for the first, which waits for the pots. */
  takeChunks(): ResultChunk[] {
    return this.#done.splice(0);
  }

  finish(): MonthEnd {
    const first = this.#first === null ? [] : [this.#first];
    const last = this.#open.isEmpty ? [] : [this.#open.close()];
    const pots = encodePots({ pots: this.pots, points: this.#points });
    return { chunks: [...first, ...this.takeChunks(), ...last], pots };
  }

  #pieceEnd(list: EntryList, order: Int32Array, from: number): number {
    return endOfInstant(list, order, from + this.#sizes.chunkRecords - this.#open.taken);
  }

  #append(list: EntryList, order: Int32Array, folded: FoldedRecords, mayResume: boolean): void {
    this.#open.append(list, order, folded);
    if (this.#open.taken < this.#sizes.chunkRecords) return;
    const { number, taken } = this.#open;
    const chunk = this.#open.close();
    if (number === 0) this.#first = chunk;
    else this.#done.push(chunk);
    this.#sinceState += taken;
    const isDue = mayResume && this.#sinceState >= this.#sizes.recordsASum * this.#state.size;
    if (isDue) this.#sinceState = 0;
    const atMs = list.number(order.at(-1)!, NUMBER.STARTED_MS) + 1;
    const resumption = isDue ? { atMs, state: encodeState(this.#state) } : null;
    this.#open = new OpenChunk(number + 1, resumption);
  }
}

/** The end of an order, or of the records of the instant before a place of it. */
export function endOfInstant(list: EntryList, order: Int32Array, place: number): number {
  let to = Math.min(place, order.length);
  const startedMs = (at: number) => list.number(order[at]!, NUMBER.STARTED_MS);
  while (to < order.length && startedMs(to) === startedMs(to - 1)) to += 1;
  return to;
}

/** The chunk that results go to. */
class OpenChunk {
  /** Records that were folded, kept or not. */
  taken = 0;
  readonly #sum = new ExactSum();
  readonly #records: Buffer[] = [];
  #fromMs = 0;
  #toMs = 0;

  constructor(
    readonly number: number,
    readonly resumption: ResultChunk['resumption'],
  ) {}

  /** Nothing has come to it, and no fold can begin with it. */
  get isEmpty(): boolean {
    return this.taken === 0 && this.resumption === null;
  }

  append(list: EntryList, order: Int32Array, folded: FoldedRecords): void {
    this.taken += order.length;
    const places = placesToKeep(folded);
    if (places.length === 0) return;
    for (const place of places) this.#sum.add(folded.adjustments[place]!);
    const startedMs = (place: number) => list.number(order[place]!, NUMBER.STARTED_MS);
    if (this.#records.length === 0) this.#fromMs = startedMs(places[0]!);
    this.#toMs = startedMs(places.at(-1)!);
    this.#records.push(encodeRecords(list, order, folded, places));
  }

  close(): ResultChunk {
    const { number, resumption } = this;
    return {
      number,
      startedFromMs: this.#fromMs,
      startedToMs: this.#toMs,
      adjustment: this.#sum.total,
      records: Buffer.concat(this.#records),
      resumption: resumption && { atMs: resumption.atMs, state: resumption.state },
    };
  }
}

/** The records that the month has changed or a bucket has covered. */
function placesToKeep({ adjustments, covered }: FoldedRecords): Int32Array {
  const places = new Int32Array(adjustments.length);
  let count = 0;
  for (let place = 0; place < adjustments.length; place += 1) {
    places[count] = place;
    if (adjustments[place] !== 0 || covered[place] !== 0) count += 1;
  }
  return places.subarray(0, count);
}
