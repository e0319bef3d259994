import { adjustRate } from './adjust.js';
import type { EffectiveRate, RateRow } from './rate-row.js';
import {
  boundaries,
  overlay,
  pieces,
  type Span,
  type Timeline,
  TimelineReader,
  valueAt,
} from './timeline.js';

/** The rows of one price list, in any order. */
export interface ListRows {
  readonly listId: number;
  readonly rows: readonly RateRow[];
}

/** Each destination's prefixes. */
export type DestinationPrefixes = ReadonlyMap<number, readonly string[]>;

/**
 * The versions of the price for one prefix, in one band and for the calling numbers of one set of
 * origins; 0 is the price without band, and the one for every calling number.
 */
export interface TableEntry {
  readonly prefix: string;
  readonly bandId: number;
  readonly originSetId: number;
  readonly versions: Timeline<EffectiveRate>;
}

/** Entries by {@link tableKey}. */
export type EffectiveTable = ReadonlyMap<string, TableEntry>;

/** The key of an entry: the prefix, and the ids of band and set of origins that are not 0. */
export function tableKey(prefix: string, bandId: number, originSetId = 0): string {
  const key = bandId === 0 ? prefix : `${prefix}#${bandId}`;
  return originSetId === 0 ? key : `${key}@${originSetId}`;
}

/**
 * The sets of origins that hold a calling number, each with the length of its longest prefix that
 * begins the number, at least 1. The longest wins; of equal ones the set with the lower id.
 */
export type OriginRanks = ReadonlyMap<number, number>;

/**
 * The prices in force of a price list that stands at the end of a chain of lists, root first.
 * Longest-prefix search over the result is {@link findRate}.
 */
export function effectiveTable(
  lists: readonly ListRows[],
  destinationPrefixes: DestinationPrefixes,
): EffectiveTable {
  let table: EffectiveTable = new Map();
  for (const list of lists) table = mergeList(table, list.rows, destinationPrefixes);
  return table;
}

/**
 * The table of a list from its parent's table and its own rows. At every instant an absolute row
 * replaces the parent's price for the same prefix, band and set of origins; otherwise the valid
 * adjustment with the longest prefix that begins the price's prefix acts on it: at one prefix one
 * of the price's set of origins before one for all, then one of its band before one without band.
 * Entries that nothing touches are shared with the parent's table.
 */
export function mergeList(
  parent: EffectiveTable,
  rows: readonly RateRow[],
  destinationPrefixes: DestinationPrefixes,
): EffectiveTable {
  const absolute = new OwnRows();
  const adjusting = new OwnRows();
  for (const row of rows) {
    (row.kind === 'ABSOLUTE' ? absolute : adjusting).add(row, destinationPrefixes);
  }
  const table = new Map(parent);
  if (adjusting.slots.size > 0) {
    const adjustments = new Adjustments(adjusting);
    for (const [key, entry] of parent) {
      const layers = adjustments.over(entry);
      if (layers.length > 0) table.set(key, adjustEntry(entry, overlay(layers)));
    }
  }
  for (const [key, slot] of absolute.slots) {
    const inherited = table.get(key);
    const own = mapped(slotTimeline(slot), plainRate);
    const versions = inherited === undefined ? own : overlay([own, inherited.versions]);
    const { prefix, bandId, originSetId } = slot;
    table.set(key, { prefix, bandId, originSetId, versions });
  }
  return table;
}

/**
 * The price of a number in a band (0 or null: no band) at an instant, for a calling number that is
 * in the given sets of origins: longest prefix first; at each length the price of the best set
 * before that of the next and that for all, and of each the band's own price before the price
 * without band. A prefix that has no price valid at the instant gives way to the next shorter one.
 * Undefined when there is none.
 */
export function findRate(
  table: EffectiveTable,
  number: string,
  bandId: number | null,
  at: number,
  origins: OriginRanks = NO_ORIGINS,
): { readonly entry: TableEntry; readonly rate: EffectiveRate } | undefined {
  const sets = originsInOrder(origins);
  for (let length = number.length; length >= 0; length -= 1) {
    const prefix = number.slice(0, length);
    for (const set of sets) {
      for (const band of bandId ? [bandId, 0] : [0]) {
        const entry = table.get(tableKey(prefix, band, set));
        const rate = entry && valueAt(entry.versions, at);
        if (entry && rate) return { entry, rate };
      }
    }
  }
  return undefined;
}

const NO_ORIGINS: OriginRanks = new Map();

/** The sets in the order in which their prices are looked for; 0, for all, is the last. */
function originsInOrder(origins: OriginRanks): number[] {
  const held = [...origins].sort(([a, rankA], [b, rankB]) => rankB - rankA || a - b);
  return [...held.map(([id]) => id), 0];
}

function plainRate(row: RateRow): EffectiveRate {
  return {
    price: row.price,
    connectionFee: row.connectionFee,
    rateUnit: row.rateUnit,
    firstIncrement: row.firstIncrement,
    nextIncrement: row.nextIncrement,
    minimum: row.minimum,
    grace: row.grace,
    terms: row.terms,
    path: [row.id],
    clamped: false,
  };
}

function adjustEntry(entry: TableEntry, adjustments: Timeline<RateRow>): TableEntry {
  const rates = new TimelineReader(entry.versions);
  const rows = new TimelineReader(adjustments);
  let before: { rate: EffectiveRate; row: RateRow; result: EffectiveRate } | undefined;
  // An adjustment that begins or ends where no price holds must not cut anything, so only
  // boundaries matter and equal neighbours keep one identity.
  const versions = pieces(boundaries([entry.versions, adjustments]), (at) => {
    const rate = rates.at(at);
    if (rate === undefined) return undefined;
    const row = rows.at(at);
    if (row === undefined) return rate;
    if (before?.rate !== rate || before.row !== row) {
      before = { rate, row, result: adjustRate(rate, row) };
    }
    return before.result;
  });
  return { ...entry, versions };
}

/** A list's own rows of one key, those by prefix apart from those by destination. */
interface Slot {
  readonly prefix: string;
  readonly bandId: number;
  readonly originSetId: number;
  byPrefix: RateRow[] | undefined;
  byDestination: RateRow[] | undefined;
}

class OwnRows {
  readonly slots = new Map<string, Slot>();

  add(row: RateRow, destinationPrefixes: DestinationPrefixes): void {
    if (row.prefix !== null) {
      const slot = this.#slot(row.prefix, row);
      if (slot.byPrefix === undefined) slot.byPrefix = [row];
      else slot.byPrefix.push(row);
      return;
    }
    for (const prefix of destinationPrefixes.get(row.destinationId ?? 0) ?? []) {
      const slot = this.#slot(prefix, row);
      if (slot.byDestination === undefined) slot.byDestination = [row];
      else slot.byDestination.push(row);
    }
  }

  #slot(prefix: string, row: RateRow): Slot {
    const bandId = row.bandId ?? 0;
    const originSetId = row.originSetId ?? 0;
    const key = tableKey(prefix, bandId, originSetId);
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = { prefix, bandId, originSetId, byPrefix: undefined, byDestination: undefined };
      this.slots.set(key, slot);
    }
    return slot;
  }
}

/** Adjustment timelines by band and prefix, tried from the longest prefix length downwards. */
class Adjustments {
  readonly #byKey = new Map<string, Timeline<RateRow>>();
  readonly #lengths: number[];

  constructor(own: OwnRows) {
    const lengths = new Set<number>();
    for (const [key, slot] of own.slots) {
      this.#byKey.set(key, slotTimeline(slot));
      lengths.add(slot.prefix.length);
    }
    this.#lengths = [...lengths].sort((a, b) => b - a);
  }

  /** The adjustments that can act on the price of an entry, the strongest first. */
  over({ prefix, bandId, originSetId }: TableEntry): Timeline<RateRow>[] {
    const found: Timeline<RateRow>[] = [];
    const take = (key: string): void => {
      const timeline = this.#byKey.get(key);
      if (timeline !== undefined) found.push(timeline);
    };
    for (const length of this.#lengths) {
      if (length > prefix.length) continue;
      const head = prefix.slice(0, length);
      if (originSetId !== 0 && bandId !== 0) take(tableKey(head, bandId, originSetId));
      if (originSetId !== 0) take(tableKey(head, 0, originSetId));
      if (bandId !== 0) take(tableKey(head, bandId));
      take(head);
    }
    return found;
  }
}

function slotTimeline(slot: Slot): Timeline<RateRow> {
  return overlay([rowTimeline(slot.byPrefix ?? []), rowTimeline(slot.byDestination ?? [])]);
}

/** Rows of one slot in order of time; where two overlap the one that began later holds. */
function rowTimeline(rows: readonly RateRow[]): Timeline<RateRow> {
  const [first] = rows;
  if (first === undefined) return [];
  if (rows.length === 1) return [spanOf(first)];
  const newestFirst = [...rows].sort((a, b) => b.validFrom - a.validFrom || b.id - a.id);
  return disjoint(newestFirst) ? newestFirst.reverse().map(spanOf) : overlayRows(newestFirst);
}

function disjoint(newestFirst: readonly RateRow[]): boolean {
  return newestFirst.every((row, i) => {
    const later = newestFirst[i - 1];
    return later === undefined || (row.validTo !== null && row.validTo <= later.validFrom);
  });
}

function overlayRows(newestFirst: readonly RateRow[]): Timeline<RateRow> {
  return overlay(newestFirst.map((row) => [spanOf(row)]));
}

function spanOf(row: RateRow): Span<RateRow> {
  return { from: row.validFrom, to: row.validTo, value: row };
}

function mapped<T, U>(timeline: Timeline<T>, map: (value: T) => U): Timeline<U> {
  const results = new Map<T, U>();
  return timeline.map(({ from, to, value }) => {
    let result = results.get(value);
    if (result === undefined) {
      result = map(value);
      results.set(value, result);
    }
    return { from, to, value: result };
  });
}
