import { adjustRate, type EffectiveRate, type RateRow, type Span } from '../catalog/index.js';
import type { Service } from '../mediation/index.js';
import type { BookFacts } from './book.js';
import type { ChargeSlice, ChargeTariff } from './charge.js';
import { modelOf } from './charge.js';
import { type BandFinding, type BandRun, findBands } from './explain-bands.js';
import { type Charge, type QuantityStep, quantitySteps } from './explain-charge.js';
import { type CivilTime, civilTime } from './explain-clock.js';
import { findExchange, type UsedExchange } from './explain-exchange.js';
import { type FoundPrice, PriceSearch, type SkippedPrefix } from './explain-price.js';
import { inVolume, matchingRules, type RuleOutcome, ruleOutcomes } from './explain-rules.js';
import { alone, explainCharge } from './explain-tariff.js';
import { applyRules, type RuleEffect } from './price-rules.js';

/** What a price depends on, of one record. */
export interface PricedRecord {
  readonly service: Service;
  readonly startedMs: number;
  /** E.164 digits of the called and the calling number, empty when there is none. */
  readonly number: string;
  readonly aNumber: string;
  readonly quantity: bigint;
  /** Money that it carries, at scale 8. */
  readonly value: bigint;
  /** 0 for none. */
  readonly inTrunkId: number;
  readonly outTrunkId: number;
  readonly destinationId: number;
  readonly subscriptionId: number;
}

/** What the subscriber is charged for the record, of which other levels may have a share. */
export interface SharedCharge {
  /** Scale 8; null when it could not be computed. */
  readonly amount: bigint | null;
  readonly currency: string;
}

/** One level as it was stored; 0 stands for no contract and no rate. */
export interface StoredLevel {
  readonly contractVersionId: number;
  readonly rateId: number;
  /** Scale 8. */
  readonly amount: bigint;
}

/** What keeps a level from being computed. */
export type LevelFault =
  | 'NO_TERMS'
  | 'NO_PRICE_LIST'
  | 'NO_RATE'
  | 'NO_EXCHANGE_RATE'
  | 'NO_SHARED_AMOUNT'
  | 'AMOUNT_TOO_LARGE';

/** A fault, or what differs from what was stored or is shown. */
export type Difference = LevelFault | 'TERMS' | 'RATE' | 'AMOUNT' | 'MONTH';

/** One row that made a price, with the price behind it. Prices have scale 8. */
export interface PathStep {
  readonly row: RateRow;
  readonly listId: number;
  readonly price: bigint;
  readonly connectionFee: bigint;
}

/** A part of a call that is priced by itself. */
export interface PricedSlice extends BandRun {
  /** Units that are charged, those by rounding up in the last slice. */
  readonly billed: number;
  readonly price: FoundPrice;
}

/** How a level's amount came about, from terms as they were known when it was rated. */
export interface LevelDerivation {
  readonly version: BookFacts['versions'][number] | null;
  readonly clock: CivilTime | null;
  /** Lists from the root of inheritance to the contract's own; empty when none was needed. */
  readonly listIds: readonly number[];
  /** The trunk that the contract names the list for, null for any. */
  readonly trunkId: number | null;
  readonly bands: BandFinding | null;
  readonly skipped: readonly SkippedPrefix[];
  readonly price: FoundPrice | null;
  /** Empty where one price holds for the whole record. */
  readonly slices: readonly PricedSlice[];
  readonly path: readonly PathStep[];
  readonly quantitySteps: readonly QuantityStep[];
  readonly billed: bigint;
  readonly exchange: UsedExchange | null;
  readonly shareExchange: UsedExchange | null;
  readonly tariff: ChargeTariff | null;
  /** Money that a percentage or share is taken of, at scale 8. */
  readonly carried: bigint;
  readonly currencies: readonly [list: string, contract: string];
  readonly rules: readonly RuleOutcome[];
  readonly charge: Charge | null;
  /** Before the month's tiers and allowances; null when the level cannot be computed. */
  readonly amount: bigint | null;
  readonly fault: LevelFault | null;
}

const NOTHING: LevelDerivation = {
  version: null,
  clock: null,
  listIds: [],
  trunkId: null,
  bands: null,
  skipped: [],
  price: null,
  slices: [],
  path: [],
  quantitySteps: [],
  billed: 0n,
  exchange: null,
  shareExchange: null,
  tariff: null,
  carried: 0n,
  currencies: ['', ''],
  rules: [],
  charge: null,
  amount: null,
  fault: null,
};

type Version = BookFacts['versions'][number];

const FREE = {
  price: 0n,
  connectionFee: 0n,
  rateUnit: 1,
  firstIncrement: 0,
  nextIncrement: 1,
  minimum: 0,
  grace: 0,
};

const FIRST_TOO_LARGE = 2n ** 53n;

/**
 * Computes one level from strings and big integers, without anything of the compiled book, as if
 * the record were the only one of its month. `contractId` is null where nothing was bought,
 * `shared` at the subscriber's own level.
 */
export function deriveLevel(
  facts: BookFacts,
  contractId: number | null,
  record: PricedRecord,
  shared: SharedCharge | null,
): LevelDerivation {
  if (contractId === null) return { ...NOTHING, amount: 0n };
  const version = versionAt(facts, contractId, record.startedMs);
  if (version === null) return { ...NOTHING, fault: 'NO_TERMS' };
  const clock = civilTime(version.timeZone, record.startedMs);
  const begun = { ...NOTHING, version, clock };
  if (record.quantity === 0n) {
    return { ...begun, quantitySteps: quantitySteps(0n, FREE), amount: 0n };
  }
  const named = listFor(version, record);
  const list = facts.lists.find(({ id }) => id === named?.priceListId);
  const usable = list?.currency === version.currency || version.conversion === 'RECORD';
  if (!named || !list || !usable) return { ...begun, fault: 'NO_PRICE_LIST' };
  const search = new PriceSearch(facts, list.id, record);
  const bands = findBands(facts, version, list.id, record, clock);
  const { skipped, price } = search.find(bands.bandId);
  const searched = {
    ...begun,
    listIds: search.listIds,
    trunkId: named.trunkId,
    bands,
    skipped,
    currencies: [list.currency, version.currency] as const,
  };
  if (price === null) return { ...searched, fault: 'NO_RATE' };
  const rate = price.span.value;
  const steps = quantitySteps(record.quantity, rate);
  const billed = steps.at(-1)?.result ?? 0n;
  const priced = { ...searched, price, path: pathOf(facts, rate), quantitySteps: steps, billed };
  if (billed === 0n) return { ...priced, charge: NO_CHARGE, amount: 0n };
  const slices = slicesOf(search, bands, price, record.quantity, billed);
  if (slices === null) return { ...priced, fault: 'NO_RATE' };
  return charged({ ...priced, slices }, facts, record, shared);
}

const NO_CHARGE: Charge = { formula: '0', unrounded: '0', steps: [], amount: 0n };

/** What of a stored level a second computation does not find again. */
export function differencesOf(derived: LevelDerivation, stored: StoredLevel): Difference[] {
  if (derived.fault !== null) return [derived.fault];
  const differences: Difference[] = [];
  if ((derived.version?.id ?? 0) !== stored.contractVersionId) differences.push('TERMS');
  if ((derived.price?.span.value.path[0] ?? 0) !== stored.rateId) differences.push('RATE');
  if (derived.amount !== stored.amount) differences.push('AMOUNT');
  return differences;
}

/** The units of a level by their price, as the charge is made of them. */
export function chargeSlices(derived: LevelDerivation): ChargeSlice[] {
  const { slices, price, billed } = derived;
  if (price === null || billed === 0n) return [];
  if (slices.length === 0) return [sliceOf(price.span.value, Number(billed))];
  return slices.map((slice) => sliceOf(slice.price.span.value, slice.billed));
}

function sliceOf({ price, rateUnit }: EffectiveRate, billed: number): ChargeSlice {
  return { billed, price, rateUnit };
}

function charged(
  derived: LevelDerivation,
  facts: BookFacts,
  record: PricedRecord,
  shared: SharedCharge | null,
): LevelDerivation {
  const { currencies, version, price, clock } = derived;
  const { startedMs, service, destinationId, subscriptionId } = record;
  if (version === null || price === null || clock === null) return derived;
  const [from, to] = currencies;
  const exchange = from === to ? null : findExchange(facts, from, to, startedMs);
  if (from !== to && exchange === null) return { ...derived, fault: 'NO_EXCHANGE_RATE' };
  const isShare = price.span.value.terms?.model === 'REVENUE_SHARE';
  if (isShare && shared?.amount === null) return { ...derived, fault: 'NO_SHARED_AMOUNT' };
  const isForeign = isShare && shared !== null && shared.currency !== from;
  const shareExchange = isForeign ? findExchange(facts, shared.currency, from, startedMs) : null;
  if (isForeign && shareExchange === null) return { ...derived, fault: 'NO_EXCHANGE_RATE' };
  const tariff = tariffOf(price.span, version, exchange, shareExchange);
  const carried = isShare ? (shared?.amount ?? 0n) : record.value;
  const subject = { startedMs, service, destinationId, subscriptionId };
  const counted = matchingRules(facts, version.contractId, subject, clock);
  const acting = counted.filter(inVolume).map(({ rule }) => rule);
  let effects: readonly RuleEffect[] = [];
  const charge = explainCharge(
    {
      tariff,
      slices: chargeSlices(derived),
      carried: { value: carried, position: alone(Number(derived.billed)) },
      decimals: version.roundingDecimals,
      mode: version.roundingMode,
      currencies,
    },
    acting.length === 0
      ? undefined
      : (before) => {
          const ruled = applyRules(before, acting, (rule) => rule.cap);
          effects = ruled.effects;
          return ruled;
        },
  );
  const rules = ruleOutcomes(counted, effects);
  const all = { ...derived, exchange, shareExchange, tariff, carried, rules, charge };
  if (charge.amount >= FIRST_TOO_LARGE) return { ...all, fault: 'AMOUNT_TOO_LARGE' };
  return { ...all, amount: charge.amount };
}

function tariffOf(
  { value: { price, connectionFee, rateUnit, terms } }: Span<EffectiveRate>,
  version: Version,
  exchange: UsedExchange | null,
  shareExchange: UsedExchange | null,
): ChargeTariff {
  return {
    price,
    connectionFee,
    rateUnit,
    terms,
    conversion: exchange?.factor ?? null,
    shareConversion: shareExchange?.factor ?? null,
    step: 10n ** BigInt(8 - version.roundingDecimals),
    rounding: version.roundingMode,
  };
}

// Each part of a cut call at its own price; null when a part has none. Only prices per unit are
// cut: with any other the price at the start holds for the whole call.
function slicesOf(
  search: PriceSearch,
  { policy, runs }: BandFinding,
  first: FoundPrice,
  quantity: bigint,
  billed: bigint,
): PricedSlice[] | null {
  if (policy !== 'SPLIT' || !isPerUnit(first)) return [];
  const slices: PricedSlice[] = [];
  for (const [n, run] of runs.entries()) {
    const price = n === 0 ? first : search.find(run.bandId).price;
    if (price === null) return null;
    if (!isPerUnit(price)) return [];
    const surplus = n === runs.length - 1 ? Number(billed - quantity) : 0;
    slices.push({ ...run, billed: run.seconds + surplus, price });
  }
  return slices;
}

function isPerUnit({ span }: FoundPrice): boolean {
  return modelOf(span.value) === 'PER_UNIT';
}

function versionAt(facts: BookFacts, contractId: number, atMs: number): Version | null {
  const found = facts.versions.filter((version) => {
    const { validFrom, validTo } = version;
    return version.contractId === contractId && atMs >= validFrom && atMs < (validTo ?? Infinity);
  });
  return found[0] ?? null;
}

// A list for the service goes before one for all; of both one for a trunk of the record does, that
// by which it comes in before that by which it leaves.
function listFor(version: Version, record: PricedRecord): Version['lists'][number] | null {
  const { service, inTrunkId, outTrunkId } = record;
  for (const name of [service, '*']) {
    const named = version.lists.filter((list) => list.service === name);
    const over = (asked: number | null) => named.find(({ trunkId }) => trunkId === asked);
    const found = over(inTrunkId) ?? over(outTrunkId) ?? over(null);
    if (found !== undefined) return found;
  }
  return null;
}

function pathOf(facts: BookFacts, rate: EffectiveRate): PathStep[] {
  const rows = new Map<number, { row: RateRow; listId: number }>();
  for (const list of facts.lists) {
    for (const row of list.rows) rows.set(row.id, { row, listId: list.id });
  }
  const steps: PathStep[] = [];
  let at: EffectiveRate | null = null;
  for (const id of rate.path) {
    const found = rows.get(id);
    if (found === undefined) return [];
    const { price, connectionFee, terms } = found.row;
    const own = { ...rate, price, connectionFee, terms, path: [id] };
    at = at === null ? own : adjustRate(at, found.row);
    steps.push({ ...found, price: at.price, connectionFee: at.connectionFee });
  }
  return steps;
}
