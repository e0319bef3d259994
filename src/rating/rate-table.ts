import type { RateKind, RateRow } from '../catalog/index.js';
import type { BookFacts } from './book.js';
import { PrefixTreeBuilder } from './prefix-tree.js';
import { TariffTable } from './tariff-table.js';

/** Kinds of rates by their number in a table. */
export const RATE_KINDS = ['ABSOLUTE', 'PERCENT', 'DIFFERENCE'] as const satisfies RateKind[];

/** The row names a destination and no prefix. */
export const NO_NODE = -1;

/**
 * Rows of all price lists, a column of numbers for each of their fields: a book has more rows than
 * the heap should hold objects.
 */
export class RateTable {
  readonly prefixes = new PrefixTreeBuilder();
  readonly tariffs = new TariffTable();
  count = 0;
  /** Place of the list. */
  list: Int32Array;
  id: Int32Array;
  /** Node of the prefix, or {@link NO_NODE}. */
  node: Int32Array;
  /** Ids; 0 for none. */
  destination: Int32Array;
  band: Int32Array;
  origin: Int32Array;
  /** Place in {@link RATE_KINDS}. */
  kind: Uint8Array;
  tariff: Int32Array;
  from: Float64Array;
  /** Infinity for rows without end. */
  to: Float64Array;

  /** `expected` rows fit without growing. */
  constructor(expected: number) {
    const room = Math.max(1024, expected);
    this.list = new Int32Array(room);
    this.id = new Int32Array(room);
    this.node = new Int32Array(room);
    this.destination = new Int32Array(room);
    this.band = new Int32Array(room);
    this.origin = new Int32Array(room);
    this.kind = new Uint8Array(room);
    this.tariff = new Int32Array(room);
    this.from = new Float64Array(room);
    this.to = new Float64Array(room);
  }

  /** The place of a new row, to be filled column by column. */
  next(): number {
    const row = this.count;
    this.count += 1;
    if (this.count > this.id.length) this.#grow(this.id.length * 2);
    return row;
  }

  add(list: number, rate: RateRow): void {
    const row = this.next();
    this.list[row] = list;
    this.id[row] = rate.id;
    this.node[row] = rate.prefix === null ? NO_NODE : this.prefixes.add(rate.prefix);
    this.destination[row] = rate.prefix === null ? (rate.destinationId ?? 0) : 0;
    this.band[row] = rate.bandId ?? 0;
    this.origin[row] = rate.originSetId ?? 0;
    this.kind[row] = RATE_KINDS.indexOf(rate.kind);
    this.tariff[row] = this.tariffs.placeOf(rate);
    this.from[row] = rate.validFrom;
    this.to[row] = rate.validTo ?? Number.POSITIVE_INFINITY;
  }

  /** A row as its list has it; `prefix` is what its node stands for. */
  rateAt(row: number, prefix: string): RateRow {
    const to = this.to[row]!;
    return {
      id: this.id[row]!,
      destinationId: this.node[row] === NO_NODE ? this.destination[row]! : null,
      prefix: this.node[row] === NO_NODE ? null : prefix,
      bandId: this.band[row]! === 0 ? null : this.band[row]!,
      originSetId: this.origin[row]! === 0 ? null : this.origin[row]!,
      kind: RATE_KINDS[this.kind[row]!]!,
      ...this.tariffs.at(this.tariff[row]!),
      validFrom: this.from[row]!,
      validTo: to === Number.POSITIVE_INFINITY ? null : to,
    };
  }

  #grow(length: number): void {
    const ints = (old: Int32Array) => {
      const larger = new Int32Array(length);
      larger.set(old);
      return larger;
    };
    const floats = (old: Float64Array) => {
      const larger = new Float64Array(length);
      larger.set(old);
      return larger;
    };
    const kind = new Uint8Array(length);
    kind.set(this.kind);
    this.kind = kind;
    this.list = ints(this.list);
    this.id = ints(this.id);
    this.node = ints(this.node);
    this.destination = ints(this.destination);
    this.band = ints(this.band);
    this.origin = ints(this.origin);
    this.tariff = ints(this.tariff);
    this.from = floats(this.from);
    this.to = floats(this.to);
  }
}

/** The rows of the lists as facts have them. */
export function rateTableOf({ lists }: Pick<BookFacts, 'lists'>): RateTable {
  const table = new RateTable(lists.reduce((sum, { rows }) => sum + rows.length, 0));
  lists.forEach(({ rows }, list) => {
    for (const row of rows) table.add(list, row);
  });
  return table;
}
