import { mulDiv } from '../kernel/index.js';
import { isLasting, type PriceLines } from './price-line.js';
import type { EffectiveRate } from './rate-row.js';
import { boundaries, TimelineReader, valueAt } from './timeline.js';

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
  /** By how many minutes the clock of the selling list may be ahead of that of the cost. */
  readonly leads: readonly number[];
  /** Asked at instants; the exchange rate exists. */
  readonly worthAt: (at: number) => Worth;
  /** Instants after `from` at which another exchange rate begins. */
  readonly turns: readonly number[];
}

/** A question with the highest exchange rate that is known from its beginning on. */
interface Asked extends GuardQuestion {
  readonly dearest: Worth;
}

/** A price below its cost from an instant on. Amounts have scale 8. */
export interface MarginFinding {
  readonly prefix: string;
  /** 0: the price without band. */
  readonly costBandId: number;
  readonly sellBandId: number;
  readonly from: number;
  to: number | null;
  readonly costPrice: bigint;
  readonly costRateUnit: number;
  readonly sellPrice: bigint;
  readonly sellRateUnit: number;
  /** The cost in the currency and per the rate unit of the selling list, rounded up. */
  readonly costAmount: bigint;
  /** Below zero. */
  readonly margin: bigint;
  /** Of the selling price, scale 4; null when that is zero or next to it. */
  readonly marginPercent: bigint | null;
}

/** Prefixes that a search looks at in one go, which takes some milliseconds. */
const PREFIXES_A_GO = 1_000;

/**
 * Where a selling list goes below the cost of another through a change of either: for each prefix
 * of the two lists that begins with a changed one, and each pair of bands that the clock can show
 * at once, the prices per unit are compared over time, also where only the exchange rate turns.
 * What was below cost before, by as much or more, is left out. Fees, increments and minima are not
 * weighed, and prices that are not per unit (percentages, shares, tiers) are not compared; the
 * check of each record does both. It yields now and then, so that others may be served.
 */
export function* searchMargins(given: GuardQuestion): Generator<void, MarginFinding[]> {
  const question = { ...given, dearest: dearestOf(given) };
  const pairs = bandPairs(question);
  const [costBand, sellBand] = pairs[0] ?? [0, 0];
  const findings: MarginFinding[] = [];
  let looked = 0;
  for (const prefix of prefixesIn(question)) {
    if (pairs.length > 1) meetInBands(question, prefix, pairs, findings);
    else meet(question, { prefix, costBand, sellBand }, findings);
    looked += 1;
    if (looked % PREFIXES_A_GO === 0) yield;
  }
  return findings.sort(byPlace);
}

function dearestOf({ from, turns, worthAt }: GuardQuestion): Worth {
  return turns
    .map(worthAt)
    .reduce((most, one) => (one.num * most.den > most.num * one.den ? one : most), worthAt(from));
}

/** Bands that the clocks show, for numbers that begin with a prefix. */
interface Place {
  readonly prefix: string;
  readonly costBand: number;
  readonly sellBand: number;
}

/** Bands that meet the same two prices are one finding. */
function meetInBands(
  question: Asked,
  prefix: string,
  pairs: readonly (readonly [number, number])[],
  findings: MarginFinding[],
): void {
  const told = new Set<string>();
  for (const [costBand, sellBand] of pairs) {
    const found: MarginFinding[] = [];
    meet(question, { prefix, costBand, sellBand }, found);
    const [first] = found;
    if (first === undefined) continue;
    const name = `${first.costBandId} ${first.sellBandId}`;
    if (!told.has(name)) findings.push(...found);
    told.add(name);
  }
}

function meet(question: Asked, place: Place, findings: MarginFinding[]): void {
  const { cost, sell, from, turns } = question;
  const { prefix, costBand, sellBand } = place;
  const costLine = cost.after.lineOf(prefix, costBand);
  const sellLine = sell.after.lineOf(prefix, sellBand);
  const lastCost = costLine.at(-1);
  const lastSell = sellLine.at(-1);
  if (lastCost === undefined || lastSell === undefined) return;
  // Most prices never change again, and most are no loss.
  if (isLasting(costLine, from) && isLasting(sellLine, from)) {
    if (belowCost(lastCost.value, lastSell.value, question.dearest) === null) return;
  }
  const before = [cost.before.lineOf(prefix, costBand), sell.before.lineOf(prefix, sellBand)];
  const turning = turns.map((at) => ({ from: at, to: null, value: null }));
  const later = boundaries([costLine, sellLine, ...before, turning]).filter(
    (at) => at > from && at !== Number.POSITIVE_INFINITY,
  );
  const costs = new TimelineReader(costLine);
  const sells = new TimelineReader(sellLine);
  const edges = [from, ...later];
  let last: MarginFinding | null = null;
  edges.forEach((at, i) => {
    const costThen = costs.at(at);
    const sellThen = sells.at(at);
    if (costThen === undefined || sellThen === undefined) return;
    const found = belowCost(costThen, sellThen, question.worthAt(at));
    if (found === null || wasSo(question, place, at, costThen, sellThen)) return;
    const to = edges[i + 1] ?? null;
    if (last !== null && goesOn(last, at, found)) {
      last.to = to;
      return;
    }
    const costBandId = shownBand(cost.after, prefix, costBand);
    const sellBandId = shownBand(sell.after, prefix, sellBand);
    // Not a spread, which would take many times as long.
    last = Object.assign({ prefix, costBandId, sellBandId, from: at, to }, found);
    findings.push(last);
  });
}

/** Whether a loss is the one before, which an edge of other prices has cut. */
function goesOn(last: MarginFinding, at: number, loss: Loss): boolean {
  return (
    last.to === at &&
    last.costPrice === loss.costPrice &&
    last.costRateUnit === loss.costRateUnit &&
    last.costAmount === loss.costAmount &&
    last.sellPrice === loss.sellPrice &&
    last.sellRateUnit === loss.sellRateUnit
  );
}

/** 0 where the band has no price of its own. */
function shownBand(lines: PriceLines, prefix: string, bandId: number): number {
  return bandId === 0 || lines.lineOf(prefix, bandId) === lines.lineOf(prefix, 0) ? 0 : bandId;
}

/** What two prices per unit come to, where the selling one is below the cost. */
type Loss = Omit<MarginFinding, 'prefix' | 'costBandId' | 'sellBandId' | 'from' | 'to'>;

/** Amounts of a price below its cost; null when it is not, or when the two cannot be compared. */
function belowCost(cost: EffectiveRate, sell: EffectiveRate, worth: Worth): Loss | null {
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
    marginPercent: percentOf(margin, sell.price),
  };
}

/** Percentages of scale 4 are kept below this. */
const PERCENT_LIMIT = 10n ** 18n;

function percentOf(margin: bigint, price: bigint): bigint | null {
  if (price === 0n) return null;
  const percent = mulDiv(margin, 1_000_000n, price, 'HALF_EVEN');
  return percent > -PERCENT_LIMIT ? percent : null;
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

/** Whether the two prices met as a loss before the change that was no smaller. */
function wasSo(
  { cost, sell }: GuardQuestion,
  { prefix, costBand, sellBand }: Place,
  at: number,
  costNow: EffectiveRate,
  sellNow: EffectiveRate,
): boolean {
  return (
    isAtLeast(valueAt(cost.before.lineOf(prefix, costBand), at), costNow) &&
    isAtLeast(sellNow, valueAt(sell.before.lineOf(prefix, sellBand), at))
  );
}

/** Whether one price is as much as another or more; not so where they cannot be compared. */
function isAtLeast(one: EffectiveRate | undefined, other: EffectiveRate | undefined): boolean {
  if (one === undefined || other === undefined || isOnce(one) !== isOnce(other)) return false;
  const [unit, otherUnit] = [unitOf(one), unitOf(other)];
  if (unit === null || otherUnit === null) return false;
  return one.price * BigInt(otherUnit) >= other.price * BigInt(unit);
}

/** The changed prefixes, and all longer ones of the lists that begin with one of them. */
function* prefixesIn({ cost, sell, changed }: GuardQuestion): Generator<string> {
  yield* changed;
  const ofCost = cost.after.longerThan(changed);
  yield* ofCost;
  for (const prefix of sell.after.longerThan(changed)) if (!ofCost.has(prefix)) yield prefix;
}

/** The pairs of bands that the clocks of two lists show at the same minute of some day. */
function bandPairs({ cost, sell, leads }: GuardQuestion): (readonly [number, number])[] {
  if (!hasBands(cost) && !hasBands(sell)) return [[0, 0]];
  const pairs = new Map<string, readonly [number, number]>();
  const { length } = cost.clock.week;
  for (const lead of leads) {
    for (let minute = 0; minute < length; minute += 1) {
      for (const costBand of bandsAt(cost.clock, minute)) {
        for (const sellBand of bandsAt(sell.clock, (minute + lead + length) % length)) {
          pairs.set(`${costBand} ${sellBand}`, [costBand, sellBand]);
        }
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
