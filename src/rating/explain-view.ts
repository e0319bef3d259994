import { shownSteps, storedSteps } from '../catalog/index.js';
import { formatAmount, type RoundingMode, toGlobalId } from '../kernel/index.js';
import type { PriceLevel } from '../partner/index.js';
import type { LevelDerivation, PathStep, PricedSlice } from './explain.js';
import type { XdrConversion, XdrRuleOutcome, XdrSlice } from './explain-charge.entity.js';
import { decimal, exactText } from './explain-charge.js';
import { civilTime } from './explain-clock.js';
import type { UsedExchange } from './explain-exchange.js';
import type {
  XdrLevelSteps,
  XdrPriceListStep,
  XdrRateStep,
  XdrTariff,
  XdrTerms,
} from './explain-level.entity.js';
import type { MonthDerivation } from './explain-month.js';
import { monthView } from './explain-month-view.js';
import { type RuleOutcome, shownRule } from './explain-rules.js';

/** Terms behind a level, and whose they are. */
export interface SeenTerms {
  readonly id: number;
  readonly contractId: number;
  readonly level: PriceLevel;
  readonly validFrom: Date;
  readonly validTo: Date | null;
  readonly recordedAt: Date;
  readonly currency: string;
  readonly timeZone: string;
  readonly roundingDecimals: number;
  readonly roundingMode: RoundingMode;
}

/** What the viewer sees of the things that a derivation names. */
export interface SeenNames {
  readonly lists: ReadonlyMap<number, string>;
  readonly bands: ReadonlyMap<number, string>;
  readonly trunks: ReadonlyMap<number, string>;
  readonly originSets: ReadonlyMap<number, string>;
  /** Rules by the id of their version. */
  readonly rules: ReadonlyMap<number, string>;
  /** Source of a used exchange rate. */
  readonly sourceOf: (exchange: UsedExchange) => string | null;
}

/** A level with what is shown of it. */
export interface ShownLevel {
  readonly level: PriceLevel;
  readonly position: number;
  readonly terms: SeenTerms | null;
  readonly derived: LevelDerivation;
  readonly month: MonthDerivation | null;
  /** Names of buckets by their lineage. */
  readonly buckets: ReadonlyMap<number, string>;
  /** Whether the viewer sees what the subscriber is charged, of which levels may have a share. */
  readonly seesShared: boolean;
}

/**
 * One level for the API. Lists that the viewer does not see leave neither name, row nor price;
 * rules that he does not see have no name and are not mentioned when they did not act.
 */
export function levelSteps(shown: ShownLevel, seen: SeenNames): XdrLevelSteps {
  const { level, position, terms, derived, month } = shown;
  const { clock, charge, bands, trunkId, price, tariff } = derived;
  const isShare = tariff?.terms?.model === 'REVENUE_SHARE';
  const isCovered = isShare && !shown.seesShared;
  const carries = isShare || tariff?.terms?.model === 'PERCENTAGE';
  const originSetId = price?.originSetId ?? 0;
  const originSet = seen.originSets.get(originSetId) ?? null;
  return {
    level,
    position,
    contractId: terms?.contractId ?? null,
    terms: terms === null ? null : termsView(terms),
    day: clock?.day ?? null,
    localTime: clock?.time ?? null,
    utcOffset: clock?.offset ?? null,
    holiday: bands?.holiday ?? false,
    priceLists: listSteps(derived.listIds, seen),
    byTrunk: trunkId !== null,
    trunk: trunkId === null ? null : (seen.trunks.get(trunkId) ?? null),
    band: seen.bands.get(bands?.bandId ?? 0) ?? null,
    bandPolicy: bands?.policy ?? 'START',
    slices: sliceViews(derived, seen),
    skippedPrefixes: derived.skipped
      .filter(({ listIds }) => listIds.some((id) => seen.lists.has(id)))
      .map(({ prefix, reason }) => ({ prefix, reason })),
    byOrigin: originSetId !== 0,
    originSet,
    originPrefix: originSet === null ? null : (price?.originPrefix ?? null),
    tariff: tariffView(derived, seen),
    path: rateSteps(derived.path, seen),
    quantitySteps: derived.quantitySteps.map(({ rule, text, result }) => {
      return { rule, text, result: result.toString() };
    }),
    billedQuantity: derived.billed.toString(),
    carriedValue: carries && !isCovered ? decimal(derived.carried) : null,
    conversion: conversionView(derived.exchange, seen),
    shareConversion: conversionView(derived.shareExchange, seen),
    formula: isCovered ? null : (charge?.formula ?? null),
    unrounded: isCovered ? null : (charge?.unrounded ?? null),
    rules: ruleViews(derived.rules, seen),
    chargeSteps: isCovered ? [] : [...(charge?.steps ?? [])],
    month:
      month === null || clock === null
        ? null
        : monthView(clock.day.slice(0, 7), month, shown.buckets, isCovered, (rules) =>
            ruleViews(rules, seen),
          ),
  };
}

function termsView(terms: SeenTerms): XdrTerms {
  const { validFrom, validTo, recordedAt, currency, timeZone } = terms;
  const { roundingDecimals, roundingMode } = terms;
  const id = toGlobalId('ContractVersion', terms.id);
  const shown = { id, validFrom, validTo, recordedAt, currency, timeZone };
  return { ...shown, roundingDecimals, roundingMode };
}

// Neighbouring lists that may not be seen become one step, which does not tell how many they are.
function listSteps(listIds: readonly number[], seen: SeenNames): XdrPriceListStep[] {
  const steps: XdrPriceListStep[] = [];
  for (const id of listIds) {
    const name = seen.lists.get(id);
    if (name !== undefined) steps.push({ id: toGlobalId('PriceList', id), name });
    else if (steps.at(-1)?.id !== null) steps.push({ id: null, name: null });
  }
  return steps;
}

function sliceViews({ slices, bands, version }: LevelDerivation, seen: SeenNames): XdrSlice[] {
  const priced = new Map<number, PricedSlice>(slices.map((slice) => [slice.fromMs, slice]));
  return (bands?.runs ?? []).map(({ fromMs, seconds, bandId }) => {
    const { day, time } = civilTime(version?.timeZone ?? 'UTC', fromMs);
    const slice = priced.get(fromMs);
    const rate = slice?.price.span.value;
    return {
      from: new Date(fromMs),
      localTime: `${day} ${time}`,
      seconds: String(seconds),
      band: seen.bands.get(bandId) ?? null,
      billedQuantity: slice === undefined ? null : String(slice.billed),
      price: rate === undefined ? null : decimal(rate.price),
      rateUnit: rate?.rateUnit ?? null,
    };
  });
}

function tariffView(derived: LevelDerivation, seen: SeenNames): XdrTariff | null {
  if (derived.price === null) return null;
  const { prefix, bandId, span } = derived.price;
  const { price, connectionFee, rateUnit, firstIncrement, nextIncrement } = span.value;
  const { minimum, grace, clamped, terms } = span.value;
  const schedule = terms?.schedule ?? null;
  const maxCharge = terms?.maxCharge ?? null;
  return {
    prefix,
    band: seen.bands.get(bandId) ?? null,
    validFrom: new Date(span.from),
    validTo: span.to === null ? null : new Date(span.to),
    model: terms?.model ?? 'PER_UNIT',
    price: decimal(price),
    connectionFee: decimal(connectionFee),
    rateUnit,
    firstIncrement,
    nextIncrement,
    minimum,
    grace,
    minCharge: decimal(terms?.minCharge ?? 0n),
    maxCharge: maxCharge === null ? null : decimal(maxCharge),
    tiers: schedule === null ? [] : shownSteps(storedSteps(schedule.steps)),
    tierScope: schedule?.scope ?? null,
    tierPeriod: schedule?.period ?? null,
    heldAtZero: clamped,
  };
}

function conversionView(exchange: UsedExchange | null, seen: SeenNames): XdrConversion | null {
  if (exchange === null) return null;
  const { from, to, base, quote, rate, validFrom } = exchange;
  return {
    from,
    to,
    base,
    quote,
    // Rates have two decimals more than amounts.
    rate: exactText({ numerator: rate, denominator: 100n }),
    validFrom: new Date(validFrom),
    source: seen.sourceOf(exchange),
  };
}

function ruleViews(rules: readonly RuleOutcome[], seen: SeenNames): XdrRuleOutcome[] {
  return rules.flatMap((outcome) => {
    const { refusal, volume } = outcome;
    const shown = shownRule(outcome, seen.rules);
    if (shown === null) return [];
    const volumeBefore = shown.name === null || volume === null ? null : decimal(volume);
    return { ...shown, refusal, volumeBefore };
  });
}

const INHERITED: XdrRateStep = {
  kind: 'INHERITED',
  rateId: null,
  priceList: null,
  prefix: null,
  destinationId: null,
  value: null,
  price: null,
  connectionFee: null,
  validFrom: null,
  validTo: null,
};

function rateSteps(path: readonly PathStep[], seen: SeenNames): XdrRateStep[] {
  const steps: XdrRateStep[] = [];
  for (const { row, listId, price, connectionFee } of path) {
    const priceList = seen.lists.get(listId);
    if (priceList === undefined) {
      if (steps.at(-1)?.kind !== 'INHERITED') steps.push(INHERITED);
      continue;
    }
    steps.push({
      kind: row.kind,
      rateId: toGlobalId('Rate', row.id),
      priceList,
      prefix: row.prefix,
      destinationId:
        row.destinationId === null ? null : toGlobalId('Destination', row.destinationId),
      value: formatAmount(row.price, 0),
      price: formatAmount(price, 0),
      connectionFee: formatAmount(connectionFee, 0),
      validFrom: new Date(row.validFrom),
      validTo: row.validTo === null ? null : new Date(row.validTo),
    });
  }
  return steps;
}
