import {
  type EffectiveRate,
  type EffectiveTable,
  mergeList,
  type Span,
  tableKey,
} from '../catalog/index.js';
import { invariant } from '../kernel/index.js';
import type { BookFacts } from './book.js';
import type { CivilTime } from './explain-clock.js';

/** A longer prefix of the list that gave way, and why. */
export interface SkippedPrefix {
  readonly prefix: string;
  readonly reason: 'NO_VALID_PRICE' | 'OTHER_BAND';
}

export interface FoundPrice {
  readonly prefix: string;
  /** 0 is the price of all bands. */
  readonly bandId: number;
  readonly span: Span<EffectiveRate>;
}

export interface PriceSearch {
  /** From the root of inheritance to the list itself. */
  readonly listIds: readonly number[];
  /** Band of the record, 0 for none. */
  readonly bandId: number;
  readonly skipped: readonly SkippedPrefix[];
  readonly price: FoundPrice | null;
}

/** Looks for the price of a number by trying its beginnings, the longest first. */
export function findPrice(
  facts: BookFacts,
  listId: number,
  number: string,
  atMs: number,
  clock: CivilTime,
): PriceSearch {
  const listIds = chainOf(facts, listId);
  const table = tableOf(facts, listIds);
  const bandId = bandAt(facts, listId, clock);
  const bands = new Set([...table.values()].map((entry) => entry.bandId));
  const skipped: SkippedPrefix[] = [];
  for (let length = number.length; length >= 0; length -= 1) {
    const prefix = number.slice(0, length);
    for (const band of bandId === 0 ? [0] : [bandId, 0]) {
      const span = table
        .get(tableKey(prefix, band))
        ?.versions.find(({ from, to }) => atMs >= from && (to === null || atMs < to));
      if (span) return { listIds, bandId, skipped, price: { prefix, bandId: band, span } };
    }
    const reason = whySkipped(table, prefix, bandId, bands);
    if (reason !== null) skipped.push({ prefix, reason });
  }
  return { listIds, bandId, skipped, price: null };
}

function whySkipped(
  table: EffectiveTable,
  prefix: string,
  bandId: number,
  bands: ReadonlySet<number>,
): SkippedPrefix['reason'] | null {
  const known = (band: number) => table.has(tableKey(prefix, band));
  if (known(0) || known(bandId)) return 'NO_VALID_PRICE';
  return [...bands].some(known) ? 'OTHER_BAND' : null;
}

function chainOf(facts: BookFacts, listId: number): number[] {
  const chain: number[] = [];
  for (let id: number | null = listId; id !== null; ) {
    invariant(!chain.includes(id), 'price lists inherit in a circle');
    chain.unshift(id);
    const list: BookFacts['lists'][number] | undefined = facts.lists.find((one) => one.id === id);
    invariant(list !== undefined, 'the parent of every price list is known');
    id = list.parentId;
  }
  return chain;
}

function tableOf(facts: BookFacts, listIds: readonly number[]): EffectiveTable {
  const prefixes = new Map<number, string[]>();
  for (const { id, prefix } of facts.destinations) {
    prefixes.set(id, [...(prefixes.get(id) ?? []), prefix]);
  }
  let table: EffectiveTable = new Map();
  for (const id of listIds) {
    const list = facts.lists.find((one) => one.id === id);
    table = mergeList(table, list?.rows ?? [], prefixes);
  }
  return table;
}

function bandAt(facts: BookFacts, listId: number, clock: CivilTime): number {
  const { timeProfileId } = facts.lists.find((one) => one.id === listId) ?? {};
  const profile = facts.profiles.find(({ id }) => id === timeProfileId);
  const rule = profile?.rules.findLast(
    ({ weekdays, fromMinute, toMinute }) =>
      Math.floor(weekdays / 2 ** clock.weekday) % 2 === 1 &&
      clock.minuteOfDay >= fromMinute &&
      clock.minuteOfDay < toMinute,
  );
  return rule?.bandId ?? 0;
}
