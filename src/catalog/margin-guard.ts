import { mulDiv } from '../kernel/index.js';
import type { PriceLines } from './price-line.js';
import type { EffectiveRate } from './rate-row.js';
import { boundaries, type Timeline, TimelineReader, valueAt } from './timeline.js';

/** What contracts say about prices below cost, the mildest first. */
export const MARGIN_POLICIES = ['NONE', 'WARN', 'HOLD', 'REFUSE'] as const;
export type MarginPolicyName = (typeof MARGIN_POLICIES)[number];

/** The band of each minute of a week, and of a holiday when its rules differ. */
export interface BandClock {
  readonly week: Int32Array;
  readonly holiday: Int32Array | null;
}

/** A list of one side, as it will be and as it is without the sheet. */
export interface GuardedList {
  readonly after: PriceLines;
  readonly before: PriceLines;
  readonly clock: BandClock;
}

/** What one unit of the cost's currency is worth in that of the selling list: num / den. */
export interface Worth {
  readonly num: bigint;
  readonly den: bigint;
}

/** What is compared: two lists, from when on, where, and at what exchange rates. */
export interface GuardQuestion {
  readonly cost: GuardedList;
  readonly sell: GuardedList;
  /** Epoch milliseconds. */
  readonly from: number;
  /** Prefixes whose prices the sheet changes; numbers that begin otherwise are not compared. */
  readonly changed: ReadonlySet<string>;
  /** Asked at instants; the exchange rate exists. */
  readonly worthAt: (at: number) => Worth;
}

/** A price below its cost from an instant on. Amounts have scale 8. */
export interface MarginFinding {
  readonly prefix: string;
  /** 0: the price without band. */
  readonly costBandId: number;
  readonly sellBandId: number;
  readonly from: number;
  readonly to: number | null;
  readonly costPrice: bigint;
  readonly costRateUnit: number;
  readonly sellPrice: bigint;
  readonly sellRateUnit: number;
  /** The cost in the currency and per the rate unit of the selling list, rounded up. */
  readonly costAmount: bigint;
  /** Below zero. */
  readonly margin: bigint;
  /** Of the selling price, scale 4; null when that is zero. */
  readonly marginPercent: bigint | null;
}

/**
 * Where a selling list goes below the cost of another through a change of either: for each prefix
 * of the two lists that begins with a changed one, and each pair of bands that the clock can show
 * at once, the prices per unit are compared over time. What was below cost before, by the same
 * prices, is left out. Fees, increments and minima are not weighed, and prices that are not per
 * unit (percentages, shares, tiers) are not compared; the check of each record does both.
 */
export function marginFindings(question: GuardQuestion): MarginFinding[] {
  const { cost, sell } = question;
  const pairs = bandPairs(cost, sell);
  const findings: MarginFinding[] = [];
  for (const prefix of prefixesIn(question)) {
    const told = new Set<string>();
    for (const [costBand, sellBand] of pairs) {
      const costLine = cost.after.lineOf(prefix, costBand);
      const sellLine = sell.after.lineOf(prefix, sellBand);
      if (costLine.length === 0 || sellLine.length === 0) continue;
      const place = {
        prefix,
        costBandId: costLine === cost.after.lineOf(prefix, 0) ? 0 : costBand,
        sellBandId: sellLine === sell.after.lineOf(prefix, 0) ? 0 : sellBand,
      };
      // Bands that meet the same two prices are one finding.
      const name = `${place.costBandId} ${place.sellBandId}`;
      if (told.has(name)) continue;
      const before = findings.length;
      collect(question, { ...place, costBand, sellBand }, costLine, sellLine, findings);
      if (findings.length > before) told.add(name);
    }
  }
  return findings.sort(byPlace);
}

/** Where prices meet: the bands that made them, and those that the clocks show. */
interface Place {
  readonly prefix: string;
  readonly costBandId: number;
  readonly sellBandId: number;
  readonly costBand: number;
  readonly sellBand: number;
}

function collect(
  question: GuardQuestion,
  place: Place,
  costLine: Timeline<EffectiveRate>,
  sellLine: Timeline<EffectiveRate>,
  findings: MarginFinding[],
): void {
  const costs = new TimelineReader(costLine);
  const sells = new TimelineReader(sellLine);
  const edges = [
    question.from,
    ...boundaries([costLine, sellLine]).filter(
      (at) => at > question.from && at !== Number.POSITIVE_INFINITY,
    ),
  ];
  edges.forEach((from, i) => {
    const cost = costs.at(from);
    const sell = sells.at(from);
    if (cost === undefined || sell === undefined) return;
    const found = belowCost(cost, sell, question.worthAt(from));
    if (found === null || wasSo(question, place, from, cost, sell)) return;
    const { prefix, costBandId, sellBandId } = place;
    const to = edges[i + 1] ?? null;
    findings.push({ prefix, costBandId, sellBandId, from, to, ...found });
  });
}

/** Amounts of a price below its cost; null when it is not, or when the two cannot be compared. */
function belowCost(
  cost: EffectiveRate,
  sell: EffectiveRate,
  worth: Worth,
): Omit<MarginFinding, keyof Place | 'from' | 'to'> | null {
  const costUnit = unitOf(cost);
  const sellUnit = unitOf(sell);
  if (costUnit === null || sellUnit === null || isOnce(cost) !== isOnce(sell)) return null;
  const factor = worth.num * BigInt(sellUnit);
  const divisor = worth.den * BigInt(costUnit);
  if (sell.price * divisor >= cost.price * factor) return null;
  const costAmount = mulDiv(cost.price, factor, divisor, 'CEILING');
  const margin = sell.price - costAmount;
  return {
    costPrice: cost.price,
    costRateUnit: costUnit,
    sellPrice: sell.price,
    sellRateUnit: sellUnit,
    costAmount,
    margin,
    marginPercent: sell.price === 0n ? null : mulDiv(margin, 1_000_000n, sell.price, 'HALF_EVEN'),
  };
}

/** Units that the price is for; null for a price that is not per unit or event. */
function unitOf(rate: EffectiveRate): number | null {
  switch (rate.terms?.model ?? 'PER_UNIT') {
    case 'PER_UNIT':
    case 'PACKAGE':
      return rate.rateUnit;
    case 'PER_EVENT':
      return 1;
    default:
      return null;
  }
}

function isOnce(rate: EffectiveRate): boolean {
  return rate.terms?.model === 'PER_EVENT';
}

/** Whether the same two prices met before the change. */
function wasSo(
  { cost, sell }: GuardQuestion,
  { prefix, costBand, sellBand }: Place,
  at: number,
  costNow: EffectiveRate,
  sellNow: EffectiveRate,
): boolean {
  return (
    samePrice(valueAt(cost.before.lineOf(prefix, costBand), at), costNow) &&
    samePrice(valueAt(sell.before.lineOf(prefix, sellBand), at), sellNow)
  );
}

function samePrice(before: EffectiveRate | undefined, now: EffectiveRate): boolean {
  if (before === undefined || isOnce(before) !== isOnce(now)) return false;
  return before.price * BigInt(now.rateUnit) === now.price * BigInt(before.rateUnit);
}

/** The changed prefixes, and all longer ones of the lists that begin with one of them. */
function prefixesIn({ cost, sell, changed }: GuardQuestion): Set<string> {
  const found = new Set(changed);
  for (const { table } of [cost.after, sell.after]) {
    for (const { prefix } of table.values()) {
      if (!found.has(prefix) && beginsIn(prefix, changed)) found.add(prefix);
    }
  }
  return found;
}

function beginsIn(prefix: string, changed: ReadonlySet<string>): boolean {
  for (let length = prefix.length - 1; length >= 0; length -= 1) {
    if (changed.has(prefix.slice(0, length))) return true;
  }
  return false;
}

/** The pairs of bands that the clocks of two lists show at the same minute of some day. */
function bandPairs(cost: GuardedList, sell: GuardedList): (readonly [number, number])[] {
  if (!hasBands(cost) && !hasBands(sell)) return [[0, 0]];
  const pairs = new Map<string, readonly [number, number]>();
  const { week } = cost.clock;
  for (let minute = 0; minute < week.length; minute += 1) {
    for (const costBand of bandsAt(cost.clock, minute)) {
      for (const sellBand of bandsAt(sell.clock, minute)) {
        pairs.set(`${costBand} ${sellBand}`, [costBand, sellBand]);
      }
    }
  }
  return [...pairs.values()].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

const DAY_MINUTES = 1_440;

function bandsAt({ week, holiday }: BandClock, minute: number): number[] {
  const usual = week[minute] ?? 0;
  return holiday === null ? [usual] : [usual, holiday[minute % DAY_MINUTES] ?? 0];
}

function hasBands({ after }: GuardedList): boolean {
  for (const entry of after.table.values()) if (entry.bandId !== 0) return true;
  return false;
}

function byPlace(a: MarginFinding, b: MarginFinding): number {
  if (a.prefix !== b.prefix) return a.prefix < b.prefix ? -1 : 1;
  return a.costBandId - b.costBandId || a.sellBandId - b.sellBandId || a.from - b.from;
}
