import { type EntryList, FLAG, NUMBER, WORD } from './allowance-entry.js';
import { ExactSum, storable } from './exact-sum.js';
import type { FoldedMonth, FoldedRecords, Points } from './fold-month.js';
import { encodePot, type StoredPot } from './pots.js';

/** What a record takes among those of a chunk. */
export const RECORD_BYTES = 48;
const NUMBERS = RECORD_BYTES / 8;
const WORDS = RECORD_BYTES / 4;
/** Added to the level of what the subscriber pays. */
export const LAST_LEVEL = 256;

/**
 * How one record differs from its stored amount; see `allowance_result`. Records that do not and
 * that no bucket covered are not kept.
 */
export interface AdjustedRecord {
  readonly xdrId: number;
  readonly level: number;
  /** Scale 8. */
  readonly adjustment: number;
  readonly covered: number;
  readonly versionId: number;
  readonly day: number;
  readonly destinationId: number;
  readonly service: number;
  readonly subscriptionId: number;
  /** Whether it is what the subscriber pays. */
  readonly isLastLevel: boolean;
}

export interface StoredPots {
  readonly pots: readonly StoredPot[];
  readonly points: readonly Points[];
}

export function encodePots(month: Pick<FoldedMonth, 'pots' | 'points'>): Buffer {
  return Buffer.from(JSON.stringify({ pots: month.pots.map(encodePot), points: month.points }));
}

export function decodePots(bytes: Buffer): StoredPots {
  return bytes.length === 0 ? { pots: [], points: [] } : JSON.parse(bytes.toString());
}

/** The records at some places of an order as bytes of `allowance_result`. */
export function encodeRecords(
  list: EntryList,
  order: Int32Array,
  month: FoldedRecords,
  places: Int32Array,
): Buffer {
  const count = places.length;
  const bytes = Buffer.alloc(count * RECORD_BYTES);
  const numbers = new Float64Array(bytes.buffer, bytes.byteOffset, count * NUMBERS);
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, count * WORDS);
  for (let n = 0; n < count; n += 1) {
    const place = places[n]!;
    const entry = order[place]!;
    const at = n * NUMBERS;
    numbers[at] = list.number(entry, NUMBER.XDR_ID);
    numbers[at + 1] = month.adjustments[place]!;
    numbers[at + 2] = month.covered[place]!;
    const wordAt = n * WORDS + 6;
    words[wordAt] = list.word(entry, WORD.VERSION);
    words[wordAt + 1] = list.word(entry, WORD.DAY);
    words[wordAt + 2] = list.word(entry, WORD.DESTINATION);
    words[wordAt + 3] = list.service(entry);
    words[wordAt + 4] = list.level(entry) + (list.has(entry, FLAG.LAST_LEVEL) ? LAST_LEVEL : 0);
    words[wordAt + 5] = list.word(entry, WORD.SUBSCRIPTION);
  }
  return bytes;
}

export function decodeRecords(bytes: Buffer): AdjustedRecord[] {
  const count = bytes.length / RECORD_BYTES;
  return Array.from({ length: count }, (_, place) => {
    const at = place * RECORD_BYTES;
    return {
      xdrId: bytes.readDoubleLE(at),
      adjustment: bytes.readDoubleLE(at + 8),
      covered: bytes.readDoubleLE(at + 16),
      versionId: bytes.readInt32LE(at + 24),
      day: bytes.readInt32LE(at + 28),
      destinationId: bytes.readInt32LE(at + 32),
      service: bytes.readInt32LE(at + 36),
      level: bytes.readInt32LE(at + 40) % LAST_LEVEL,
      isLastLevel: bytes.readInt32LE(at + 40) >= LAST_LEVEL,
      subscriptionId: bytes.readInt32LE(at + 44),
    };
  });
}

/** What one contract version's day, service and destination differ by. */
export interface AdjustmentSum {
  readonly versionId: number;
  readonly day: number;
  readonly service: number;
  readonly destinationId: number;
  /** Scale 8. */
  readonly amount: bigint;
}

/** Sums of adjustments by version, day, service and destination, for `usage_summary`. */
export class AdjustmentSums {
  readonly #sums = new Map<number, Map<number, ExactSum>>();

  add(
    versionId: number,
    day: number,
    service: number,
    destinationId: number,
    adjustment: number,
  ): void {
    if (adjustment === 0) return;
    const outer = versionId * 65_536 + day;
    let inner = this.#sums.get(outer);
    if (inner === undefined) {
      inner = new Map();
      this.#sums.set(outer, inner);
    }
    const key = destinationId * 16 + service;
    let sum = inner.get(key);
    if (sum === undefined) {
      sum = new ExactSum();
      inner.set(key, sum);
    }
    sum.add(adjustment);
  }

  /** Sums that are not zero; one that is too large for a row comes in several. */
  rows(): AdjustmentSum[] {
    return [...this.#sums].flatMap(([outer, inner]) =>
      [...inner].flatMap(([key, { total }]) => {
        if (total === 0n) return [];
        const [versionId, day] = [Math.floor(outer / 65_536), outer % 65_536];
        const [destinationId, service] = [Math.floor(key / 16), key % 16];
        return storable(total).map((amount) => {
          return { versionId, day, service, destinationId, amount };
        });
      }),
    );
  }
}
