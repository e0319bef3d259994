import {
  type EffectiveRate,
  type EffectiveTable,
  mergeList,
  type Span,
  type TableEntry,
} from '../catalog/index.js';
import { epochDayFromIso, invariant } from '../kernel/index.js';
import type { BookFacts } from './book.js';
import type { CivilTime } from './explain-clock.js';

/** A longer prefix of the list that gave way, and why. */
export interface SkippedPrefix {
  readonly prefix: string;
  readonly reason: 'NO_VALID_PRICE' | 'OTHER_BAND' | 'OTHER_ORIGIN';
  /** Lists that have rows for it; who sees none of them is not told of the prefix. */
  readonly listIds: readonly number[];
}

export interface FoundPrice {
  readonly prefix: string;
  /** 0 is the price of all bands. */
  readonly bandId: number;
  /** 0 is the price for all calling numbers. */
  readonly originSetId: number;
  /** The longest prefix of the set that begins the calling number; null for no set. */
  readonly originPrefix: string | null;
  readonly span: Span<EffectiveRate>;
}

/** Sets of origins that hold a calling number, the one that counts most first. */
export interface HeldOrigin {
  readonly setId: number;
  readonly prefix: string;
}

/** The prices of one list that the beginnings of a number have, by way of inheritance. */
export class PriceSearch {
  /** From the root of inheritance to the list itself. */
  readonly listIds: readonly number[];
  readonly #table: EffectiveTable;
  readonly #facts: BookFacts;
  readonly #origins: readonly HeldOrigin[];
  readonly #number: string;
  readonly #atMs: number;

  constructor(
    facts: BookFacts,
    listId: number,
    record: { readonly number: string; readonly aNumber: string; readonly startedMs: number },
  ) {
    this.listIds = chainOf(facts, listId);
    this.#facts = facts;
    this.#table = tableOf(facts, this.listIds);
    this.#origins = heldOrigins(facts, record.aNumber);
    this.#number = record.number;
    this.#atMs = record.startedMs;
  }

  /** The price in a band by trying the beginnings of the number, the longest first. */
  find(bandId: number): { skipped: SkippedPrefix[]; price: FoundPrice | null } {
    const skipped: SkippedPrefix[] = [];
    for (let length = this.#number.length; length >= 0; length -= 1) {
      const prefix = this.#number.slice(0, length);
      const entries = [...this.#table.values()].filter((entry) => entry.prefix === prefix);
      const price = this.#best(entries, bandId);
      if (price !== null) return { skipped, price };
      if (entries.length > 0) skipped.push(this.#skip(prefix, entries, bandId));
    }
    return { skipped, price: null };
  }

  #best(entries: readonly TableEntry[], bandId: number): FoundPrice | null {
    const atMs = this.#atMs;
    for (const origin of [...this.#origins, NO_ORIGIN]) {
      for (const band of bandId === 0 ? [0] : [bandId, 0]) {
        const entry = entries.find(
          (one) => one.originSetId === origin.setId && one.bandId === band,
        );
        const span = entry?.versions.find(
          ({ from, to }) => atMs >= from && (to === null || atMs < to),
        );
        if (entry === undefined || span === undefined) continue;
        const originPrefix = origin === NO_ORIGIN ? null : origin.prefix;
        const { prefix } = entry;
        return { prefix, bandId: band, originSetId: origin.setId, originPrefix, span };
      }
    }
    return null;
  }

  #skip(prefix: string, entries: readonly TableEntry[], bandId: number): SkippedPrefix {
    const held = new Set([0, ...this.#origins.map(({ setId }) => setId)]);
    const ofOrigin = entries.filter(({ originSetId }) => held.has(originSetId));
    const ofBoth = ofOrigin.filter((entry) => entry.bandId === 0 || entry.bandId === bandId);
    const otherwise = ofOrigin.length > 0 ? 'OTHER_BAND' : 'OTHER_ORIGIN';
    const rows = new Set(
      entries.flatMap(({ versions }) => versions.flatMap(({ value }) => value.path[0] ?? [])),
    );
    return {
      prefix,
      reason: ofBoth.length > 0 ? 'NO_VALID_PRICE' : otherwise,
      listIds: this.#facts.lists
        .filter((list) => list.rows.some(({ id }) => rows.has(id)))
        .map(({ id }) => id),
    };
  }
}

const NO_ORIGIN: HeldOrigin = { setId: 0, prefix: '' };

/** The sets that hold a calling number, the one with its longest beginning first. */
function heldOrigins(facts: BookFacts, aNumber: string): HeldOrigin[] {
  return facts.originSets
    .flatMap(({ id, prefixes }) => {
      const [longest] = prefixes
        .filter((prefix) => aNumber.startsWith(prefix))
        .sort((a, b) => b.length - a.length);
      return longest === undefined ? [] : [{ setId: id, prefix: longest }];
    })
    .sort((a, b) => b.prefix.length - a.prefix.length || a.setId - b.setId);
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

/** The band that a list has at a time of its zone, and whether a holiday's rules decided. */
export function bandAt(
  facts: BookFacts,
  listId: number,
  clock: CivilTime,
): { readonly bandId: number; readonly holiday: boolean } {
  const { timeProfileId } = facts.lists.find((one) => one.id === listId) ?? {};
  const profile = facts.profiles.find(({ id }) => id === timeProfileId);
  if (profile === undefined) return { bandId: 0, holiday: false };
  const holiday =
    profile.holidays.includes(epochDayFromIso(clock.day)) &&
    profile.rules.some(({ weekdays }) => hasDay(weekdays, HOLIDAY));
  const day = holiday ? HOLIDAY : clock.weekday;
  const rule = profile.rules.findLast(
    ({ weekdays, fromMinute, toMinute }) =>
      hasDay(weekdays, day) && clock.minuteOfDay >= fromMinute && clock.minuteOfDay < toMinute,
  );
  return { bandId: rule?.bandId ?? 0, holiday };
}

/** Bit of a rule's days that stands for holidays. */
const HOLIDAY = 7;

function hasDay(weekdays: number, day: number): boolean {
  return Math.floor(weekdays / 2 ** day) % 2 === 1;
}
