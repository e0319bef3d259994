import { createHash, type Hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tx } from '../platform/index.js';
import { rulesOf } from './band.store.js';
import { clockLeads } from './clock-lead.js';
import { publishedRate, type RateFacts, rateFraction } from './convert.js';
import { type DestinationPrefixes, effectiveTable, type ListRows } from './inherit.js';
import type { MarginPair } from './margin.entity.js';
import {
  type ChangedKey,
  type ComparedPart,
  type ComparedRows,
  chainOf,
  comparedRows,
  type GuardedPair,
  keysChangedAt,
  type ListUse,
  listUses,
  lockMargin,
  prefixesOfDestinations,
  ratesBetween,
  sheetChanges,
} from './margin.store.js';
import {
  type BandClock,
  type GuardedList,
  MARGIN_POLICIES,
  type MarginFinding,
  type MarginPolicyName,
  searchMargins,
  type Worth,
} from './margin-guard.js';
import { PriceLines } from './price-line.js';
import type { RateRow } from './rate-row.js';
import { inBulk, type SheetKey } from './rate-sheet.store.js';
import { rowsAfterSheet, type SheetChange } from './sheet-effect.js';
import { holidayTable, weekTable } from './week.js';

/** How many findings are kept; beyond, they are counted. */
export interface KeptFindings {
  readonly ofPair: number;
  readonly ofSheet: number;
}

/** What becomes of findings. */
export interface Keeping {
  readonly limits: KeptFindings;
  /** Leaves out lists under the policy NONE. */
  readonly watchedOnly?: boolean;
  readonly store: (pair: GuardedPair, findings: readonly MarginFinding[]) => Promise<void>;
}

/** Up to so many changed prefixes, only what lies near them is read of the lists. */
const FEW_PREFIXES = 5_000;

/** Of all lists at once where each prefix has so many digits; shorter ones are near to too much. */
const LONG_PREFIX = 2;

/** What the prices of a sheet do to the margin of a seller. */
export interface MarginReport {
  readonly count: number;
  /** Findings by the policy of the selling list. */
  readonly byPolicy: Readonly<Record<MarginPolicyName, number>>;
  readonly pairs: readonly MarginPair[];
  /** Names the findings under HOLD; null without any. */
  readonly hash: string | null;
  /** Pairs of currencies without an exchange rate, with the strictest policy among their lists. */
  readonly gaps: ReadonlyMap<string, MarginPolicyName>;
}

/** From when on prices are compared, and with which. */
export interface GuardedTime {
  readonly from: Date;
  /** When a sheet was activated or undone, or a price set; null while it is none of the list's. */
  readonly moment: string | null;
  /** The first moment at which an undo or a single price is known; null for a sheet's own rows. */
  readonly undone: string | null;
  /** As known before which moment lists count that are not changed; as they are now when null. */
  readonly others: string | null;
}

/** Of prices that are none of a list's yet: everything as it is known now. */
export const NOW = { moment: null, undone: null, others: null } as const;

/** A change of a list that is not recorded yet: for which numbers, and what it makes of rows. */
export interface ListChange {
  readonly keys: readonly ChangedKey[];
  readonly after: (rows: readonly RateRow[]) => readonly RateRow[];
}

/** What the rows of a sheet say: the prefixes that they change, and all of their destinations. */
interface ChangedNumbers {
  readonly keys: readonly ChangedKey[];
  readonly destinationPrefixes: ReadonlyMap<number, string[]>;
}

/**
 * Compares what a compared sheet, or taking it back, makes of its list, and of all that inherit
 * from it, with the lists of the other side of a seller: those by which it sells if it buys by a
 * changed one, those by which it buys if it sells by one. For several sellers in turn, it keeps
 * the lists by which the one before bought: resellers of one seller often buy by the same.
 */
export class SheetGuard {
  readonly #tx: Tx;
  readonly #sheet: SheetKey;
  readonly #time: GuardedTime;
  #changes: Promise<readonly SheetChange[]> | null = null;
  readonly #changed = new Map<number, GuardedList>();
  /** Rows of changed lists by which the seller buys, and of those that they inherit from. */
  readonly #rows = new Map<number, readonly RateRow[]>();
  /** The same after an undo. */
  readonly #undone = new Map<number, readonly RateRow[]>();
  #numbers: Promise<ChangedNumbers> | null = null;
  /** What was read of all lists at once. */
  #all: ComparedRows | null = null;
  readonly #change: ListChange | null;
  #prefixes: ReadonlySet<string> | null = null;
  /** The list of the other side that was loaded last. */
  #other: { readonly id: number; readonly list: GuardedList } | null = null;
  readonly #clocks = new Map<number, BandClock>();
  readonly #leads = new Map<string, readonly number[]>();
  readonly #rates = new Map<string, readonly RateFacts[]>();

  /** Of a rate sheet, or of the `change` that is told. */
  constructor(tx: Tx, sheet: SheetKey, time: GuardedTime, change: ListChange | null = null) {
    this.#tx = tx;
    this.#sheet = sheet;
    this.#time = time;
    this.#change = change;
  }

  /**
   * What the sheet does to the margin of a visible seller. With `keeping` it hands on the findings
   * to be stored; without, for an activation, lists under the policy NONE are left out, and other
   * activations wait.
   */
  async compare(sellerId: number, keeping: Keeping | null): Promise<MarginReport> {
    const sum = new Sum(keeping?.limits ?? { ofPair: 0, ofSheet: 0 });
    const pairs = await this.#pairs(sellerId, keeping === null || keeping.watchedOnly === true);
    if (keeping === null) await this.#lock(sellerId, pairs);
    if (this.#change !== null) await this.#readAtOnce(pairs);
    for (const pair of pairs) {
      const findings = await this.#meet(pair, sum);
      await keeping?.store(pair, sum.kept(findings));
      await nextTurn();
    }
    const costs = new Set(pairs.flatMap(({ cost }) => cost.chain));
    for (const kept of [this.#changed, this.#rows, this.#undone]) {
      for (const id of kept.keys()) if (!costs.has(id)) kept.delete(id);
    }
    this.#other = null;
    return sum.report();
  }

  /**
   * Makes other changes wait for the end of the transaction, as an activation does; also those
   * that the seller only counts when not `watchedOnly`. Answers whether there is anything to watch.
   */
  async lock(sellerId: number, watchedOnly: boolean): Promise<boolean> {
    const pairs = await this.#pairs(sellerId, watchedOnly);
    await this.#lock(sellerId, pairs);
    return pairs.length > 0;
  }

  async #lock(sellerId: number, pairs: readonly GuardedPair[]): Promise<void> {
    const { from } = this.#time;
    const listIds = [...new Set(pairs.flatMap(({ cost, sell }) => [cost.listId, sell.listId]))];
    await inBulk(this.#tx, () => lockMargin(this.#tx, { sellerId, from, listIds }));
  }

  async #pairs(sellerId: number, watchedOnly: boolean): Promise<GuardedPair[]> {
    const uses = await listUses(this.#tx, sellerId, this.#time.from);
    return this.#pairsOf(uses).filter(({ sell }) => !watchedOnly || sell.policy !== 'NONE');
  }

  /** Pairs that the sheet changes and that have a service in common, by the list not changed. */
  #pairsOf(uses: readonly ListUse[]): GuardedPair[] {
    const costs = uses.filter((use) => use.isCost);
    const sells = uses.filter((use) => !use.isCost);
    const pairs = costs.flatMap((cost) =>
      sells
        .filter((sell) => this.#isChanged(cost) || this.#isChanged(sell))
        .filter((sell) => sell.services.some((service) => cost.services.includes(service)))
        .map((sell) => ({ cost, sell })),
    );
    return pairs.sort((a, b) => this.#otherOf(a).listId - this.#otherOf(b).listId);
  }

  /** The list of the other side, which may inherit from the sheet's as well. */
  #otherOf({ cost, sell }: GuardedPair): ListUse {
    return this.#isChanged(cost) ? sell : cost;
  }

  /** Whether the sheet changes a list: it is the sheet's, or inherits from it. */
  #isChanged({ chain }: ListUse): boolean {
    return chain.includes(this.#sheet.priceListId);
  }

  async #meet(pair: GuardedPair, sum: Sum): Promise<readonly MarginFinding[]> {
    const { from } = this.#time;
    const { cost, sell } = pair;
    const rates = await this.#ratesOf(cost.currency, sell.currency);
    const worths = new Map<number, Worth>();
    const worthAt = (at: number): Worth => {
      const known = worths.get(at);
      if (known !== undefined) return known;
      const rate = publishedRate(cost.currency, sell.currency, new Date(at), rates);
      const worth = rateFraction(rate, cost.currency);
      worths.set(at, worth);
      return worth;
    };
    // What is later in time has a rate when the beginning has one.
    if (cost.currency !== sell.currency) {
      if (!publishedRate(cost.currency, sell.currency, from, rates)) {
        sum.gap(cost.currency, sell.currency, sell.policy);
        return [];
      }
    }
    const other = this.#otherOf(pair);
    const loaded = {
      cost: await this.#list(cost, other === cost),
      sell: await this.#list(sell, other === sell),
    };
    const search = searchMargins({
      ...loaded,
      from: from.getTime(),
      changed: await this.#changedPrefixes(),
      leads: this.#leadsOf(pair),
      worthAt,
      turns: rates.map(({ validFrom }) => validFrom.getTime()).filter((at) => at > from.getTime()),
    });
    let step = search.next();
    for (; !step.done; step = search.next()) await nextTurn();
    sum.add(pair, step.value);
    return step.value;
  }

  /** Lists of the side that the sheet changes meet many others; one of those is kept at a time. */
  async #list(use: ListUse, isOther: boolean): Promise<GuardedList> {
    if (!isOther) {
      const known = this.#changed.get(use.listId) ?? (await this.#load(use));
      this.#changed.set(use.listId, known);
      return known;
    }
    if (this.#other?.id !== use.listId) {
      this.#other = null;
      this.#other = { id: use.listId, list: await this.#load(use) };
    }
    return this.#other.list;
  }

  async #load(use: ListUse): Promise<GuardedList> {
    const { from, moment, others } = this.#time;
    const known = this.#isChanged(use) ? moment : others;
    const read = await this.#read(use, known, this.#rows);
    const { destinationPrefixes } = read;
    const lists = chainOf(use, read);
    const lines = (all: readonly ListRows[], prefixes: DestinationPrefixes) => () =>
      new PriceLines(effectiveTable(all, prefixes), from.getTime());
    const before = lines(lists, destinationPrefixes);
    const clock = await this.#clock(use.profileId);
    // Each of a large list's tables takes a tenth of a second, in which nobody else is served.
    await nextTurn();
    if (!this.#isChanged(use)) return new LoadedList(clock, before, before);
    const after = await this.#after(use, lists);
    const numbers = await this.#changedNumbers();
    const prefixes = new Map([...destinationPrefixes, ...numbers.destinationPrefixes]);
    return new LoadedList(clock, before, lines(after, prefixes));
  }

  /** Rows of a list as they were known before a moment; those of changed lists are kept. */
  async #read(
    use: ListUse,
    before: string | null,
    known: Map<number, readonly RateRow[]>,
  ): Promise<ComparedRows> {
    if (this.#all !== null) return this.#all;
    const part: ComparedPart = { from: this.#time.from, before, near: await this.#near(), known };
    const read = await comparedRows(this.#tx, [use], part);
    if (use.isCost && this.#isChanged(use)) {
      for (const { listId, rows } of chainOf(use, read)) known.set(listId, rows);
    }
    return read;
  }

  /** Reads what is near few long prefixes of all lists, as they are known now, in one statement. */
  async #readAtOnce(pairs: readonly GuardedPair[]): Promise<void> {
    const near = await this.#near();
    if (near === null || [...near].some(({ length }) => length < LONG_PREFIX)) return;
    const uses = pairs.flatMap(({ cost, sell }) => [cost, sell]);
    const part = { from: this.#time.from, before: null, near, known: new Map() };
    this.#all = await comparedRows(this.#tx, uses, part);
  }

  /** What the sheet, or taking it back, makes of the rows of a list that it changes. */
  async #after(use: ListUse, lists: readonly ListRows[]): Promise<readonly ListRows[]> {
    const { undone } = this.#time;
    if (undone !== null) return chainOf(use, await this.#read(use, undone, this.#undone));
    const after = this.#change?.after ?? (await this.#afterSheet());
    return lists.map(({ listId, rows }) =>
      listId === this.#sheet.priceListId ? { listId, rows: after(rows) } : { listId, rows },
    );
  }

  async #afterSheet(): Promise<ListChange['after']> {
    const changes = await this.#sheetChanges();
    return (rows) => rowsAfterSheet(rows, changes);
  }

  async #clock(profileId: number | null): Promise<BandClock> {
    const known = this.#clocks.get(profileId ?? 0);
    if (known !== undefined) return known;
    const rules = profileId === null ? [] : await rulesOf(this.#tx, profileId);
    const clock = { week: weekTable(rules), holiday: holidayTable(rules) };
    this.#clocks.set(profileId ?? 0, clock);
    return clock;
  }

  /** Prices without bands meet whatever the clocks show. */
  #leadsOf({ cost, sell }: GuardedPair): readonly number[] {
    if (cost.profileId === null && sell.profileId === null) return [0];
    const name = `${cost.timeZones} ${sell.timeZones}`;
    const known = this.#leads.get(name);
    if (known !== undefined) return known;
    const leads = clockLeads(cost.timeZones, sell.timeZones, this.#time.from.getTime());
    this.#leads.set(name, leads);
    return leads;
  }

  async #ratesOf(from: string, to: string): Promise<readonly RateFacts[]> {
    if (from === to) return [];
    const name = `${from}/${to}`;
    const known = this.#rates.get(name) ?? (await ratesBetween(this.#tx, from, to));
    this.#rates.set(name, known);
    return known;
  }

  #sheetChanges(): Promise<readonly SheetChange[]> {
    this.#changes ??= sheetChanges(this.#tx, this.#sheet);
    return this.#changes;
  }

  #changedNumbers(): Promise<ChangedNumbers> {
    this.#numbers ??= this.#readNumbers();
    return this.#numbers;
  }

  async #readNumbers(): Promise<ChangedNumbers> {
    const { moment, undone } = this.#time;
    if (this.#change !== null) return this.#numbersOf(this.#change.keys, this.#change.keys);
    if (moment !== null && undone !== null) {
      const keys = await keysChangedAt(this.#tx, this.#sheet, moment);
      return this.#numbersOf(keys, keys);
    }
    const changes = await this.#sheetChanges();
    const rows = changes.map(({ row }) => row);
    return this.#numbersOf(
      changes.filter(isChange).map(({ row }) => row),
      rows,
    );
  }

  async #numbersOf(
    keys: readonly ChangedKey[],
    named: readonly ChangedKey[],
  ): Promise<ChangedNumbers> {
    const ids = new Set(named.flatMap(({ destinationId }) => destinationId ?? []));
    return { keys, destinationPrefixes: await prefixesOfDestinations(this.#tx, [...ids]) };
  }

  /** Few changed prefixes, which a part of each list is enough for; null for many. */
  async #near(): Promise<ReadonlySet<string> | null> {
    const changed = await this.#changedPrefixes();
    return changed.size > FEW_PREFIXES ? null : changed;
  }

  async #changedPrefixes(): Promise<ReadonlySet<string>> {
    if (this.#prefixes !== null) return this.#prefixes;
    const { keys, destinationPrefixes } = await this.#changedNumbers();
    const found = new Set<string>();
    for (const { prefix, destinationId } of keys) {
      if (prefix !== null) found.add(prefix);
      for (const one of destinationPrefixes.get(destinationId ?? 0) ?? []) found.add(one);
    }
    this.#prefixes = found;
    return found;
  }
}

function isChange({ status }: SheetChange): boolean {
  return status !== 'UNCHANGED' && status !== 'OVERTAKEN';
}

/** Works prices out when they are asked for: those from before only where there is a loss. */
class LoadedList implements GuardedList {
  readonly clock: BandClock;
  readonly after: PriceLines;
  readonly #makeBefore: () => PriceLines;
  #before: PriceLines | null;

  constructor(clock: BandClock, before: () => PriceLines, after: () => PriceLines) {
    this.clock = clock;
    this.after = after();
    this.#makeBefore = before;
    this.#before = before === after ? this.after : null;
  }

  get before(): PriceLines {
    this.#before ??= this.#makeBefore();
    return this.#before;
  }
}

/** Counts findings, names those under HOLD, and says which may still be kept. */
class Sum {
  readonly #byPolicy = { NONE: 0, WARN: 0, HOLD: 0, REFUSE: 0 };
  readonly #pairs: MarginPair[] = [];
  readonly #gaps = new Map<string, MarginPolicyName>();
  readonly #hash: Hash = createHash('sha256');
  readonly #limits: KeptFindings;
  #room: number;

  constructor(limits: KeptFindings) {
    this.#limits = limits;
    this.#room = limits.ofSheet;
  }

  add({ cost, sell }: GuardedPair, findings: readonly MarginFinding[]): void {
    if (findings.length === 0) return;
    this.#byPolicy[sell.policy] += findings.length;
    this.#pairs.push({
      supplierPartnerId: cost.ownerId,
      costListId: cost.listId,
      sellListId: sell.listId,
      costContractId: cost.contractId,
      policy: sell.policy,
      findingCount: findings.length,
    });
    if (sell.policy !== 'HOLD') return;
    for (const finding of findings) {
      const { prefix, from, to, costBandId, sellBandId, costPrice, costRateUnit } = finding;
      const where = [cost.listId, sell.listId, prefix, costBandId, sellBandId, from, to];
      const what = [costPrice, costRateUnit, finding.sellPrice, finding.sellRateUnit];
      this.#hash.update(`${[...where, ...what, finding.costAmount].join(' ')}\n`);
    }
  }

  gap(from: string, to: string, policy: MarginPolicyName): void {
    const name = `${from}/${to}`;
    const known = this.#gaps.get(name) ?? 'NONE';
    this.#gaps.set(name, strictest([known, policy]));
  }

  kept(findings: readonly MarginFinding[]): readonly MarginFinding[] {
    const kept = findings.slice(0, Math.min(this.#room, this.#limits.ofPair));
    this.#room -= kept.length;
    return kept;
  }

  report(): MarginReport {
    const { NONE, WARN, HOLD, REFUSE } = this.#byPolicy;
    return {
      count: NONE + WARN + HOLD + REFUSE,
      byPolicy: { ...this.#byPolicy },
      pairs: this.#pairs,
      hash: HOLD === 0 ? null : this.#hash.digest('hex'),
      gaps: this.#gaps,
    };
  }
}

function strictest(policies: readonly MarginPolicyName[]): MarginPolicyName {
  return MARGIN_POLICIES[Math.max(0, ...policies.map((one) => MARGIN_POLICIES.indexOf(one)))]!;
}
