import { adjustRate, type EffectiveRate, type RateRow, type Span } from '../catalog/index.js';
import type { RoundingMode } from '../kernel/index.js';
import type { Service } from '../mediation/index.js';
import type { BookFacts } from './book.js';
import { type Charge, chargeOf, type QuantityStep, quantitySteps } from './explain-charge.js';
import { type CivilTime, civilTime } from './explain-clock.js';
import { type FoundPrice, findPrice, type SkippedPrefix } from './explain-price.js';

/** What a price depends on, of one record. */
export interface PricedRecord {
  readonly service: Service;
  readonly startedMs: number;
  /** E.164 digits, empty when there is no called number. */
  readonly number: string;
  readonly quantity: bigint;
}

/** One level as it was stored; 0 stands for no contract and no rate. */
export interface StoredLevel {
  readonly contractVersionId: number;
  readonly rateId: number;
  /** Scale 8. */
  readonly amount: bigint;
}

/** What keeps a level from being computed again, or differs from what was stored. */
export type Difference = 'NO_TERMS' | 'NO_PRICE_LIST' | 'NO_RATE' | 'TERMS' | 'RATE' | 'AMOUNT';

/** One row that made a price, with the price behind it. Prices have scale 8. */
export interface PathStep {
  readonly row: RateRow;
  readonly listId: number;
  readonly price: bigint;
  readonly connectionFee: bigint;
}

/** How a level's amount came about, from terms as they were known when it was rated. */
export interface LevelDerivation {
  readonly version: BookFacts['versions'][number] | null;
  readonly clock: CivilTime | null;
  /** Lists from the root of inheritance to the contract's own; empty when none was needed. */
  readonly listIds: readonly number[];
  readonly bandId: number;
  readonly skipped: readonly SkippedPrefix[];
  readonly prefix: string | null;
  /** Band of the price that was found; 0 is the price of all bands. */
  readonly priceBandId: number;
  readonly validity: Span<EffectiveRate> | null;
  readonly path: readonly PathStep[];
  readonly quantitySteps: readonly QuantityStep[];
  readonly billed: bigint;
  readonly charge: Charge | null;
  /** Null when the level cannot be computed. */
  readonly amount: bigint | null;
  readonly differences: readonly Difference[];
}

const NOTHING: LevelDerivation = {
  version: null,
  clock: null,
  listIds: [],
  bandId: 0,
  skipped: [],
  prefix: null,
  priceBandId: 0,
  validity: null,
  path: [],
  quantitySteps: [],
  billed: 0n,
  charge: null,
  amount: null,
  differences: [],
};

/**
 * Computes one level again, from strings and big integers and without anything of the compiled
 * book, and compares it with what was stored. `contractId` is null where nothing was bought.
 */
export function deriveLevel(
  facts: BookFacts,
  contractId: number | null,
  record: PricedRecord,
  stored: StoredLevel,
): LevelDerivation {
  if (contractId === null) return compared({ ...NOTHING, amount: 0n }, stored);
  const version = versionAt(facts, contractId, record.startedMs);
  if (version === null) return { ...NOTHING, differences: ['NO_TERMS'] };
  const clock = civilTime(version.timeZone, record.startedMs);
  const begun = { ...NOTHING, version, clock };
  if (record.quantity === 0n) {
    const steps = quantitySteps(0n, FREE);
    return compared({ ...begun, quantitySteps: steps, amount: 0n }, stored);
  }
  const listId = listFor(version, record.service);
  if (listId === null) return { ...begun, differences: ['NO_PRICE_LIST'] };
  const found = findPrice(facts, listId, record.number, record.startedMs, clock);
  const { listIds, bandId, skipped } = found;
  if (found.price === null) {
    return { ...begun, listIds, bandId, skipped, differences: ['NO_RATE'] };
  }
  return compared(
    charged({ ...begun, listIds, bandId, skipped }, facts, found.price, record),
    stored,
  );
}

const FREE = {
  price: 0n,
  connectionFee: 0n,
  rateUnit: 1,
  firstIncrement: 0,
  nextIncrement: 1,
  minimum: 0,
  grace: 0,
};

function charged(
  begun: LevelDerivation & { readonly version: BookFacts['versions'][number] },
  facts: BookFacts,
  { prefix, bandId, span }: FoundPrice,
  record: PricedRecord,
): LevelDerivation {
  const { roundingDecimals, roundingMode } = begun.version as {
    roundingDecimals: number;
    roundingMode: RoundingMode;
  };
  const steps = quantitySteps(record.quantity, span.value);
  const billed = steps.at(-1)?.result ?? 0n;
  const charge = chargeOf(billed, span.value, roundingDecimals, roundingMode);
  return {
    ...begun,
    prefix,
    priceBandId: bandId,
    validity: span,
    path: pathOf(facts, span.value),
    quantitySteps: steps,
    billed,
    charge,
    amount: charge.amount,
  };
}

function compared(derived: LevelDerivation, stored: StoredLevel): LevelDerivation {
  const differences: Difference[] = [];
  if ((derived.version?.id ?? 0) !== stored.contractVersionId) differences.push('TERMS');
  if ((derived.validity?.value.path[0] ?? 0) !== stored.rateId) differences.push('RATE');
  if (derived.amount !== stored.amount) differences.push('AMOUNT');
  return { ...derived, differences };
}

function versionAt(
  facts: BookFacts,
  contractId: number,
  atMs: number,
): BookFacts['versions'][number] | null {
  const found = facts.versions.filter((version) => {
    const { validFrom, validTo } = version;
    return version.contractId === contractId && atMs >= validFrom && atMs < (validTo ?? Infinity);
  });
  return found[0] ?? null;
}

function listFor(version: BookFacts['versions'][number], service: Service): number | null {
  const own = version.lists.find((list) => list.service === service);
  const other = version.lists.find((list) => list.service === '*');
  return (own ?? other)?.priceListId ?? null;
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
    const { price, connectionFee } = found.row;
    at = at === null ? { ...rate, price, connectionFee, path: [id] } : adjustRate(at, found.row);
    steps.push({ ...found, price: at.price, connectionFee: at.connectionFee });
  }
  return steps;
}
