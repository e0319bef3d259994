import { createHash, type Hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { raiseAlarm } from '../alarm/index.js';
import { DomainError } from '../kernel/index.js';
import { pricePermissions } from '../partner/index.js';
import type { Tx } from '../platform/index.js';
import { rulesOf } from './band.store.js';
import { publishedRate, type RateFacts, rateFraction } from './convert.js';
import { effectiveTable } from './inherit.js';
import type { MarginPair } from './margin.entity.js';
import {
  comparedRows,
  dropFindings,
  type GuardedPair,
  heirsOf,
  type ListUse,
  listUses,
  prefixesOfDestinations,
  ratesBetween,
  sheetChanges,
  storeFindings,
  visibleHub,
} from './margin.store.js';
import {
  type BandClock,
  type GuardedList,
  MARGIN_POLICIES,
  type MarginFinding,
  type MarginPolicyName,
  marginFindings,
  type Worth,
} from './margin-guard.js';
import { PriceLines } from './price-line.js';
import type { SheetKey } from './rate-sheet.store.js';
import { rowsAfterSheet, type SheetChange } from './sheet-effect.js';
import { holidayTable, weekTable } from './week.js';

/** Findings of one pair of lists and of one sheet that are kept; beyond, they are counted. */
const MAX_KEPT_OF_PAIR = 10_000;
const MAX_KEPT = 100_000;
/** Up to so many changed prefixes, only what lies near them is read of the lists. */
const FEW_PREFIXES = 5_000;

/** What the prices of a sheet do to the hub's margin. */
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

/**
 * Compares what a compared sheet makes of its list, and of all that inherit from it, with the
 * lists of the other side: the hub's customers if it is bought by, suppliers if it is sold by.
 * With `keep` findings are kept for the API; without, lists under the policy NONE are left out.
 */
export async function guardSheet(
  tx: Tx,
  sheet: SheetKey,
  from: Date | null,
  keep: boolean,
): Promise<MarginReport> {
  const sum = new Sum();
  if (keep) await dropFindings(tx, sheet.id);
  const hubId = from === null ? null : await visibleHub(tx);
  if (from === null || hubId === null) return sum.report();
  const changed = await heirsOf(tx, sheet.priceListId);
  const uses = await listUses(tx, hubId, from);
  const pairs = pairsOf(uses, changed).filter(({ sell }) => keep || sell.policy !== 'NONE');
  if (pairs.length === 0) return sum.report();
  const guard = new Guard(tx, sheet, from, await sheetChanges(tx, sheet));
  for (const pair of pairs) {
    const findings = await guard.compare(pair, changed, sum);
    if (keep) await storeFindings(tx, sheet.id, hubId, pair, sum.kept(findings));
    // A pair of large lists takes a tenth of a second, in which nobody else is served.
    await nextTurn();
  }
  return sum.report();
}

/** Pairs that the sheet changes and that have a service in common, by the list not changed. */
function pairsOf(uses: readonly ListUse[], changed: ReadonlySet<number>): GuardedPair[] {
  const costs = uses.filter((use) => use.isCost);
  const sells = uses.filter((use) => !use.isCost);
  const pairs = costs.flatMap((cost) =>
    sells
      .filter((sell) => changed.has(cost.listId) || changed.has(sell.listId))
      .filter((sell) => sell.services.some((service) => cost.services.includes(service)))
      .map((sell) => ({ cost, sell })),
  );
  const other = ({ cost, sell }: GuardedPair) =>
    changed.has(cost.listId) ? sell.listId : cost.listId;
  return pairs.sort((a, b) => other(a) - other(b));
}

/** Loads lists as they are needed, and keeps only those that are needed again. */
class Guard {
  readonly #tx: Tx;
  readonly #sheet: SheetKey;
  readonly #from: Date;
  readonly #changes: readonly SheetChange[];
  readonly #changed = new Map<number, GuardedList>();
  #prefixes: ReadonlySet<string> | null = null;
  /** The list of the other side that was loaded last. */
  #other: { readonly id: number; readonly list: GuardedList } | null = null;
  readonly #clocks = new Map<number, BandClock>();
  readonly #rates = new Map<string, readonly RateFacts[]>();

  constructor(tx: Tx, sheet: SheetKey, from: Date, changes: readonly SheetChange[]) {
    this.#tx = tx;
    this.#sheet = sheet;
    this.#from = from;
    this.#changes = changes;
  }

  async compare(
    pair: GuardedPair,
    changed: ReadonlySet<number>,
    sum: Sum,
  ): Promise<readonly MarginFinding[]> {
    const from = this.#from.getTime();
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
      if (!publishedRate(cost.currency, sell.currency, this.#from, rates)) {
        sum.gap(cost.currency, sell.currency, sell.policy);
        return [];
      }
    }
    const findings = marginFindings({
      cost: await this.#list(cost, changed),
      sell: await this.#list(sell, changed),
      from,
      changed: await this.#changedPrefixes(),
      worthAt,
    });
    sum.add(pair, findings);
    return findings;
  }

  async #list(use: ListUse, changed: ReadonlySet<number>): Promise<GuardedList> {
    if (changed.has(use.listId)) {
      const known = this.#changed.get(use.listId) ?? (await this.#load(use));
      this.#changed.set(use.listId, known);
      return known;
    }
    if (this.#other?.id !== use.listId) {
      this.#other = { id: use.listId, list: await this.#load(use) };
    }
    return this.#other.list;
  }

  async #load(use: ListUse): Promise<GuardedList> {
    const from = this.#from.getTime();
    const { lists, destinationPrefixes } = await comparedRows(
      this.#tx,
      use.listId,
      this.#from,
      await this.#near(),
    );
    const before = new PriceLines(effectiveTable(lists, destinationPrefixes), from);
    const clock = await this.#clock(use.profileId);
    if (!lists.some(({ listId }) => listId === this.#sheet.priceListId)) {
      return { before, after: before, clock };
    }
    const after = lists.map(({ listId, rows }) =>
      listId === this.#sheet.priceListId
        ? { listId, rows: rowsAfterSheet(rows, this.#changes) }
        : { listId, rows },
    );
    const prefixes = new Map([...destinationPrefixes, ...(await this.#destinations())]);
    return { before, after: new PriceLines(effectiveTable(after, prefixes), from), clock };
  }

  async #clock(profileId: number | null): Promise<BandClock> {
    const known = this.#clocks.get(profileId ?? 0);
    if (known !== undefined) return known;
    const rules = profileId === null ? [] : await rulesOf(this.#tx, profileId);
    const clock = { week: weekTable(rules), holiday: holidayTable(rules) };
    this.#clocks.set(profileId ?? 0, clock);
    return clock;
  }

  async #ratesOf(from: string, to: string): Promise<readonly RateFacts[]> {
    if (from === to) return [];
    const name = `${from}/${to}`;
    const known = this.#rates.get(name) ?? (await ratesBetween(this.#tx, from, to));
    this.#rates.set(name, known);
    return known;
  }

  #destinations(): Promise<Map<number, string[]>> {
    const ids = this.#changes.flatMap(({ row }) => row.destinationId ?? []);
    return prefixesOfDestinations(this.#tx, [...new Set(ids)]);
  }

  /** Few changed prefixes, which a part of each list is enough for; null for many. */
  async #near(): Promise<ReadonlySet<string> | null> {
    const changed = await this.#changedPrefixes();
    return changed.size > FEW_PREFIXES ? null : changed;
  }

  async #changedPrefixes(): Promise<ReadonlySet<string>> {
    if (this.#prefixes !== null) return this.#prefixes;
    const destinations = await this.#destinations();
    const found = new Set<string>();
    for (const { row, status } of this.#changes) {
      if (status === 'UNCHANGED' || status === 'OVERTAKEN') continue;
      if (row.prefix !== null) found.add(row.prefix);
      for (const prefix of destinations.get(row.destinationId ?? 0) ?? []) found.add(prefix);
    }
    this.#prefixes = found;
    return found;
  }
}

/** Counts findings, names those under HOLD, and says which may still be kept. */
class Sum {
  readonly #byPolicy = { NONE: 0, WARN: 0, HOLD: 0, REFUSE: 0 };
  readonly #pairs: MarginPair[] = [];
  readonly #gaps = new Map<string, MarginPolicyName>();
  readonly #hash: Hash = createHash('sha256');
  #keeping = MAX_KEPT;

  add({ cost, sell }: GuardedPair, findings: readonly MarginFinding[]): void {
    if (findings.length === 0) return;
    this.#byPolicy[sell.policy] += findings.length;
    this.#pairs.push({
      supplierPartnerId: cost.ownerId,
      costListId: cost.listId,
      sellListId: sell.listId,
      policy: sell.policy,
      findingCount: findings.length,
    });
    if (sell.policy !== 'HOLD') return;
    for (const finding of findings) {
      const { prefix, from, costBandId, sellBandId, costPrice, costRateUnit } = finding;
      const where = [cost.listId, sell.listId, prefix, costBandId, sellBandId, from];
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
    const kept = findings.slice(0, Math.min(this.#keeping, MAX_KEPT_OF_PAIR));
    this.#keeping -= kept.length;
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

/** The strictest policy that a finding meets; null without findings. */
export function policyOf(report: MarginReport): MarginPolicyName | null {
  const met = MARGIN_POLICIES.filter((policy) => report.byPolicy[policy] > 0);
  return met.length === 0 ? null : strictest(met);
}

/**
 * Refuses with MARGIN_REFUSED, with MARGIN_HELD unless the caller confirms just these findings,
 * or with EXCHANGE_RATE_MISSING where a strict policy cannot be followed.
 */
export function assertMargin(report: MarginReport, confirmed: string | null): void {
  const { byPolicy, hash } = report;
  if (byPolicy.REFUSE > 0) {
    throw new DomainError('MARGIN_REFUSED', 'The sheet would have us sell below cost.', {
      findings: byPolicy.REFUSE,
    });
  }
  for (const [pair, policy] of report.gaps) {
    if (policy !== 'HOLD' && policy !== 'REFUSE') continue;
    throw new DomainError('EXCHANGE_RATE_MISSING', 'Margins cannot be compared.', { pair });
  }
  if (hash === null || hash === confirmed) return;
  throw new DomainError(
    'MARGIN_HELD',
    confirmed === null
      ? 'The sheet would have us sell below cost; confirm it with the hash of the findings.'
      : 'The findings are not those that were confirmed.',
    { hash, findings: byPolicy.HOLD },
  );
}

/** Raises an alarm for prices below cost that were activated none the less. */
export async function alarmMargin(
  tx: Tx,
  sheet: SheetKey & { readonly name: string },
  report: MarginReport,
): Promise<void> {
  const findings = report.byPolicy.WARN + report.byPolicy.HOLD;
  if (findings === 0) return;
  const hubId = await visibleHub(tx);
  if (hubId === null) return;
  await raiseAlarm(tx, {
    partnerId: hubId,
    severity: 'WARNING',
    probableCause: 'NEGATIVE_MARGIN',
    subjectType: 'RateSheet',
    subjectId: sheet.id,
    naturalKey: `margin of rate sheet ${sheet.id}`,
    text: `The rate sheet "${sheet.name}" has us sell below cost.`,
    details: { findings },
    shownWith: pricePermissions,
  });
}
