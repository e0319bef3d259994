import { DomainError, parseAmount } from '../kernel/index.js';
import type { PricingModel, RateKind, RateRow } from './rate-row.js';

/** Prices and fees are kept with ten digits before the point. */
const PRICE_LIMIT = 10n ** 18n;
const UNIT_LIMIT = 1_073_741_824;
const LEAST_UNITS = [
  ['rateUnit', 1],
  ['firstIncrement', 0],
  ['nextIncrement', 1],
  ['minimum', 0],
  ['grace', 0],
] as const;

/** At the scale of prices. */
export const HUNDRED_PERCENT = 10_000_000_000n;

/** The numbers of a rate, as decimal text and whole units. */
export interface RateNumbers {
  readonly kind: RateKind;
  readonly price: string;
  readonly connectionFee: string;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
}

/** Which field of a rate breaks which rule, or null when the rate is sound. */
export interface RateFault {
  readonly field: string;
  readonly message: string;
}

/** The first fault of a rate's numbers. */
export function rateFault(rate: RateNumbers): RateFault | null {
  const price = amountOf(rate.price);
  const fee = amountOf(rate.connectionFee);
  if (price === null) return fault('price', 'has at most 10 digits before and 8 after the point');
  if (fee === null) return fault('connectionFee', 'has at most 10 digits before and 8 after');
  if (rate.kind === 'ABSOLUTE' && price < 0n) return fault('price', 'is not below zero');
  if (rate.kind === 'PERCENT' && price <= -HUNDRED_PERCENT) {
    return fault('price', 'takes off less than 100 percent');
  }
  if (fee < 0n) return fault('connectionFee', 'is not below zero');
  if (rate.kind !== 'ABSOLUTE' && fee !== 0n) {
    return fault('connectionFee', 'belongs to absolute prices');
  }
  for (const [field, least] of LEAST_UNITS) {
    const units = rate[field];
    if (Number.isInteger(units) && units >= least && units <= UNIT_LIMIT) continue;
    return fault(field, `is a whole number from ${least} to ${UNIT_LIMIT}`);
  }
  return rate.kind === 'ABSOLUTE' ? null : quantityFault(rate);
}

// An adjustment keeps the billed quantity of what it acts on: other steps would be passed over.
function quantityFault(rate: RateNumbers): RateFault | null {
  const said = { firstIncrement: 1, nextIncrement: 1, minimum: 0, grace: 0 } as const;
  for (const [field, silent] of Object.entries(said)) {
    if (rate[field as keyof typeof said] > silent) {
      return fault(field, 'belongs to absolute prices');
    }
  }
  return null;
}

/** How a rate charges beyond its numbers. */
export interface RateCharge {
  readonly kind: RateKind;
  readonly model: PricingModel;
  readonly price: string;
  readonly minCharge: string;
  readonly maxCharge?: string | null | undefined;
  readonly tierScheduleId?: string | null | undefined;
}

/** The first fault of how a rate, whose numbers are sound, charges. */
export function chargeFault(rate: RateCharge): RateFault | null {
  const least = amountOf(rate.minCharge);
  const most = rate.maxCharge ? amountOf(rate.maxCharge) : null;
  if (least === null || least < 0n) return fault('minCharge', 'is an amount not below zero');
  if (rate.maxCharge && (most === null || most < least)) {
    return fault('maxCharge', 'is an amount not below the least charge');
  }
  if (rate.kind !== 'ABSOLUTE') return adjustmentFault(rate);
  const tiered = rate.model === 'GRADUATED' || rate.model === 'VOLUME';
  if (tiered !== Boolean(rate.tierScheduleId)) {
    return fault('tierScheduleId', 'is given for GRADUATED and VOLUME, and for them only');
  }
  const price = amountOf(rate.price);
  if (tiered && price !== 0n) return fault('price', 'is 0 where tiers price');
  if (rate.model === 'REVENUE_SHARE' && price !== null && price > HUNDRED_PERCENT) {
    return fault('price', 'shares at most 100 percent');
  }
  return null;
}

// An adjustment keeps the model and the limits of what it acts on.
function adjustmentFault(rate: RateCharge): RateFault | null {
  if (rate.model !== 'PER_UNIT') return fault('model', 'belongs to absolute prices');
  if (rate.tierScheduleId) return fault('tierScheduleId', 'belongs to absolute prices');
  if (amountOf(rate.minCharge) !== 0n) return fault('minCharge', 'belongs to absolute prices');
  return rate.maxCharge ? fault('maxCharge', 'belongs to absolute prices') : null;
}

/** Refuses with RATE_REFUSED, naming the field. */
export function assertCharge(rate: RateCharge): void {
  const found = chargeFault(rate);
  if (found !== null) throw refused(found.field, `The field ${found.field} ${found.message}.`);
}

/** Refuses with RATE_REFUSED, naming the field. */
export function assertRate(rate: RateNumbers): void {
  const found = rateFault(rate);
  if (found !== null) throw refused(found.field, `The field ${found.field} ${found.message}.`);
}

/**
 * Refuses with RATE_REFUSED unless exactly one of prefix and destination is given and the prefix
 * is none or 1 to 15 digits. Numbers are E.164 and never begin with 0, so such a prefix would
 * price nothing.
 */
export function assertTarget(prefix: string | null, destinationId: string | null): void {
  if ((prefix === null) === (destinationId === null)) {
    throw refused('prefix', 'A rate is for a prefix or for a destination.');
  }
  if (prefix !== null && !/^(?:[1-9]\d{0,14})?$/.test(prefix)) {
    throw refused('prefix', 'A prefix has up to 15 digits and begins with 1 to 9.');
  }
}

/** A row that counts now, of the key that a new row is for. */
export interface RateVersion {
  readonly id: number;
  readonly validFrom: number;
  readonly validTo: number | null;
}

/**
 * Which open rate a new one closes at its beginning, or null. Refuses with RATE_OVERLAPS when a
 * rate of the key begins later within the new one's time, or has a set end within it.
 */
export function closedBy(
  known: readonly RateVersion[],
  validFrom: number,
  validTo: number | null,
): RateVersion | null {
  let open: RateVersion | null = null;
  for (const version of known) {
    const before = version.validTo !== null && version.validTo <= validFrom;
    const after = validTo !== null && version.validFrom >= validTo;
    if (before || after) continue;
    if (version.validFrom >= validFrom || version.validTo !== null) {
      throw new DomainError('RATE_OVERLAPS', 'Another rate of the key holds in the same time.', {
        validFrom: new Date(version.validFrom).toISOString(),
        validTo: version.validTo === null ? null : new Date(version.validTo).toISOString(),
      });
    }
    open = version;
  }
  return open;
}

/** The rows of a list once one of them ends at an instant; at or before its beginning it goes. */
export function endedRows(
  rows: readonly RateRow[],
  { rateId, at }: { readonly rateId: number | null; readonly at: number },
): RateRow[] {
  return rows.flatMap((row) => {
    if (row.id !== rateId) return [row];
    return row.validFrom < at ? [{ ...row, validTo: at }] : [];
  });
}

/**
 * The lists from the root down to one of them. Refuses with PRICE_LIST_CYCLE lists that inherit
 * from each other.
 */
export function inheritanceChain(
  parents: ReadonlyMap<number, number | null>,
  listId: number,
): number[] {
  const chain = new Set<number>();
  for (let at: number | null = listId; at !== null; at = parents.get(at) ?? null) {
    if (chain.has(at)) {
      throw new DomainError('PRICE_LIST_CYCLE', 'Price lists inherit from each other in a circle.');
    }
    chain.add(at);
  }
  return [...chain].reverse();
}

function amountOf(text: string): bigint | null {
  if (!/^-?\d{1,10}(\.\d{1,8})?$/.test(text)) return null;
  const amount = parseAmount(text);
  return amount < PRICE_LIMIT && amount > -PRICE_LIMIT ? amount : null;
}

function fault(field: string, message: string): RateFault {
  return { field, message };
}

function refused(field: string, message: string): DomainError {
  return new DomainError('RATE_REFUSED', message, { field });
}
