import { mulDiv } from '../kernel/index.js';
import {
  boundaries,
  overlay,
  pieces,
  type Span,
  type Timeline,
  TimelineReader,
  valueAt,
} from './timeline.js';

/**
 * What a row of a price list does. ABSOLUTE is a price of its own; PERCENT (`price` is the
 * percentage) and DIFFERENCE (`price` is added per rate unit) adjust what the list inherits.
 */
export type RateKind = 'ABSOLUTE' | 'PERCENT' | 'DIFFERENCE';

/**
 * How a charge comes about: PER_UNIT price per rate unit of the billed quantity; PER_EVENT price
 * once a record; PERCENTAGE `price` percent of the value that the record carries; REVENUE_SHARE
 * `price` percent of what the subscriber's level charges for the same record; PACKAGE price per
 * started rate unit of the record; GRADUATED every unit at the price of the tier it falls in;
 * VOLUME all units of the period at the price of the tier that holds their total.
 */
export type PricingModel =
  | 'PER_UNIT'
  | 'PER_EVENT'
  | 'PERCENTAGE'
  | 'REVENUE_SHARE'
  | 'PACKAGE'
  | 'GRADUATED'
  | 'VOLUME';

/** One step of a tier schedule; it begins where the one before ends. Prices have scale 8. */
export interface TierStep {
  /** Exclusive upper end in units of the service; null for the last step. */
  readonly upTo: number | null;
  readonly price: bigint;
  readonly rateUnit: number;
  /** Charged once a period, when the first unit falls into the step. */
  readonly flatFee: bigint;
  /** Whether units are priced by started blocks of `rateUnit`, counted from the step's start. */
  readonly block: boolean;
}

/** Tiers and what is counted to find them: one counter for each holder and period. */
export interface TierSchedule {
  readonly id: number;
  readonly scope: 'SUBSCRIPTION' | 'CONTRACT';
  readonly period: 'DAY' | 'MONTH';
  readonly steps: readonly TierStep[];
}

/** What a rate says beyond price, fee and increments. Amounts have scale 8. */
export interface PricingTerms {
  readonly model: PricingModel;
  /** Least charge of a record that is charged at all; 0 for none. */
  readonly minCharge: bigint;
  readonly maxCharge: bigint | null;
  /** Given for GRADUATED and VOLUME, and for them only. */
  readonly schedule: TierSchedule | null;
}

/** One row of a price list. Prices have scale 8, instants are epoch milliseconds. */
export interface RateRow {
  readonly id: number;
  /** Exactly one of `destinationId` and `prefix` is given; prefix '' stands for every number. */
  readonly destinationId: number | null;
  readonly prefix: string | null;
  /** Null: the row holds in every band that has no row of its own. */
  readonly bandId: number | null;
  /** Null: the row holds for every calling number that no row with a set of origins is for. */
  readonly originSetId: number | null;
  readonly kind: RateKind;
  readonly price: bigint;
  readonly connectionFee: bigint;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
  /** Null for a plain price per unit without limits of the charge. */
  readonly terms: PricingTerms | null;
  readonly validFrom: number;
  readonly validTo: number | null;
}

/** The rows of one price list, in any order. */
export interface ListRows {
  readonly listId: number;
  readonly rows: readonly RateRow[];
}

/** Each destination's prefixes. */
export type DestinationPrefixes = ReadonlyMap<number, readonly string[]>;

/** A price as it comes out of inheritance. Prices have scale 8 and are never below zero. */
export interface EffectiveRate {
  readonly price: bigint;
  readonly connectionFee: bigint;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
  readonly terms: PricingTerms | null;
  /** Ids of the rows that made it: the absolute row, then each adjustment down the lists. */
  readonly path: readonly number[];
  /** Whether an adjustment went below zero and the price was held at zero. */
  readonly clamped: boolean;
}

/** The versions of the price for one prefix in one band; band 0 is the price without band. */
export interface TableEntry {
  readonly prefix: string;
  readonly bandId: number;
  readonly versions: Timeline<EffectiveRate>;
}

/** Entries by {@link tableKey}. */
export type EffectiveTable = ReadonlyMap<string, TableEntry>;

/** The key of an entry: the prefix, and the band's id when it is not 0. */
export function tableKey(prefix: string, bandId: number): string {
  return bandId === 0 ? prefix : `${prefix}#${bandId}`;
}

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
 * replaces the parent's price for the same prefix and band; otherwise the valid adjustment with
 * the longest prefix that begins the price's prefix acts on it (one of the band before one
 * without band). Entries that nothing touches are shared with the parent's table.
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
      const layers = adjustments.over(entry.prefix, entry.bandId);
      if (layers.length > 0) table.set(key, adjustEntry(entry, overlay(layers)));
    }
  }
  for (const [key, slot] of absolute.slots) {
    const inherited = table.get(key);
    const own = mapped(slotTimeline(slot), plainRate);
    const versions = inherited === undefined ? own : overlay([own, inherited.versions]);
    table.set(key, { prefix: slot.prefix, bandId: slot.bandId, versions });
  }
  return table;
}

/**
 * The price of a number in a band (0 or null: no band) at an instant: longest prefix first, at
 * each length the band's own price before the price without band, and a prefix that has no price
 * valid at the instant gives way to the next shorter one. Undefined when there is none.
 */
export function findRate(
  table: EffectiveTable,
  number: string,
  bandId: number | null,
  at: number,
): { readonly entry: TableEntry; readonly rate: EffectiveRate } | undefined {
  for (let length = number.length; length >= 0; length -= 1) {
    const prefix = number.slice(0, length);
    for (const band of bandId ? [bandId, 0] : [0]) {
      const entry = table.get(tableKey(prefix, band));
      const rate = entry && valueAt(entry.versions, at);
      if (entry && rate) return { entry, rate };
    }
  }
  return undefined;
}

const HUNDRED_PERCENT = 10_000_000_000n;

/**
 * A rate after one adjustment: PERCENT multiplies price and connection fee by (1 + p/100), each
 * rounded HALF_EVEN to 8 decimals; DIFFERENCE adds to the price alone. Below zero becomes zero
 * and is marked.
 */
export function adjustRate(rate: EffectiveRate, by: RateRow): EffectiveRate {
  let { price, connectionFee } = rate;
  if (by.kind === 'PERCENT') {
    const factor = HUNDRED_PERCENT + by.price;
    price = mulDiv(price, factor, HUNDRED_PERCENT, 'HALF_EVEN');
    connectionFee = mulDiv(connectionFee, factor, HUNDRED_PERCENT, 'HALF_EVEN');
  } else {
    price += by.price;
  }
  const below = price < 0n || connectionFee < 0n;
  return {
    ...rate,
    price: price < 0n ? 0n : price,
    connectionFee: connectionFee < 0n ? 0n : connectionFee,
    path: [...rate.path, by.id],
    clamped: rate.clamped || below,
  };
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
  return { prefix: entry.prefix, bandId: entry.bandId, versions };
}

/** A list's own rows for one prefix and band, those by prefix apart from those by destination. */
interface Slot {
  readonly prefix: string;
  readonly bandId: number;
  byPrefix: RateRow[] | undefined;
  byDestination: RateRow[] | undefined;
}

class OwnRows {
  readonly slots = new Map<string, Slot>();

  add(row: RateRow, destinationPrefixes: DestinationPrefixes): void {
    if (row.prefix !== null) {
      const slot = this.#slot(row.prefix, row.bandId ?? 0);
      if (slot.byPrefix === undefined) slot.byPrefix = [row];
      else slot.byPrefix.push(row);
      return;
    }
    for (const prefix of destinationPrefixes.get(row.destinationId ?? 0) ?? []) {
      const slot = this.#slot(prefix, row.bandId ?? 0);
      if (slot.byDestination === undefined) slot.byDestination = [row];
      else slot.byDestination.push(row);
    }
  }

  #slot(prefix: string, bandId: number): Slot {
    const key = tableKey(prefix, bandId);
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = { prefix, bandId, byPrefix: undefined, byDestination: undefined };
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

  /** The adjustments that can act on a price, the strongest first. */
  over(prefix: string, bandId: number): Timeline<RateRow>[] {
    const found: Timeline<RateRow>[] = [];
    for (const length of this.#lengths) {
      if (length > prefix.length) continue;
      const head = prefix.slice(0, length);
      const ofBand = bandId === 0 ? undefined : this.#byKey.get(tableKey(head, bandId));
      if (ofBand !== undefined) found.push(ofBand);
      const ofAll = this.#byKey.get(head);
      if (ofAll !== undefined) found.push(ofAll);
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
