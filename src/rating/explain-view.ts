import { formatAmount, type RoundingMode, toGlobalId } from '../kernel/index.js';
import type { PriceLevel } from '../partner/index.js';
import type { LevelDerivation, PathStep, StoredLevel } from './explain.js';
import type {
  XdrLevelExplanation,
  XdrPriceListStep,
  XdrRateStep,
  XdrTariff,
  XdrTerms,
} from './explain-level.entity.js';

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
}

/** One level for the API. Lists that the viewer does not see leave neither name, row nor price. */
export function levelView(
  level: PriceLevel,
  position: number,
  stored: StoredLevel,
  terms: SeenTerms | null,
  derived: LevelDerivation,
  seen: SeenNames,
): XdrLevelExplanation {
  const { clock, charge, amount, differences } = derived;
  return {
    level,
    position,
    contractId: terms?.contractId ?? null,
    terms: terms === null ? null : termsView(terms),
    day: clock?.day ?? null,
    localTime: clock?.time ?? null,
    utcOffset: clock?.offset ?? null,
    priceLists: listSteps(derived.listIds, seen),
    band: seen.bands.get(derived.bandId) ?? null,
    skippedPrefixes: [...derived.skipped],
    tariff: tariffView(derived, seen),
    path: rateSteps(derived.path, seen),
    quantitySteps: derived.quantitySteps.map(({ rule, text, result }) => {
      return { rule, text, result: result.toString() };
    }),
    billedQuantity: derived.billed.toString(),
    formula: charge?.formula ?? null,
    unrounded: charge?.unrounded ?? null,
    storedAmount: formatAmount(stored.amount),
    recomputedAmount: amount === null ? null : formatAmount(amount),
    equal: differences.length === 0,
    differences: [...differences],
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

function tariffView(derived: LevelDerivation, seen: SeenNames): XdrTariff | null {
  const { validity: span, prefix } = derived;
  if (span === null || prefix === null) return null;
  const { price, connectionFee, rateUnit, firstIncrement, nextIncrement } = span.value;
  const { minimum, grace, clamped } = span.value;
  return {
    prefix,
    band: seen.bands.get(derived.priceBandId) ?? null,
    validFrom: new Date(span.from),
    validTo: span.to === null ? null : new Date(span.to),
    price: formatAmount(price, 0),
    connectionFee: formatAmount(connectionFee, 0),
    rateUnit,
    firstIncrement,
    nextIncrement,
    minimum,
    grace,
    heldAtZero: clamped,
  };
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
