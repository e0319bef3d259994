import { DomainError, formatAmount, parseAmount } from '../kernel/index.js';
import type { TierStep } from './rate-row.js';

/** A step as it is stored in `tier_schedule.steps`; amounts are decimal text. */
export interface StoredTierStep {
  readonly upTo: number | null;
  readonly price: string;
  readonly rateUnit: number;
  readonly flatFee: string;
  readonly block: boolean;
}

/** A step as it is asked for. Numbers of units are decimal text, since they pass 32 bits. */
export interface TierStepDraft {
  /** First unit counted from 0; where the step before ends, when absent. */
  readonly from?: string | null | undefined;
  /** Exclusive upper end; open when absent. */
  readonly upTo?: string | null | undefined;
  readonly price: string;
  readonly rateUnit: number;
  readonly flatFee: string;
  readonly block: boolean;
}

const MOST_UNITS = BigInt(Number.MAX_SAFE_INTEGER);
const UNIT_LIMIT = 1_073_741_824;

/** Stored steps as rating takes them. */
export function tierSteps(stored: readonly StoredTierStep[]): TierStep[] {
  return stored.map((step) => ({
    upTo: step.upTo,
    price: parseAmount(step.price),
    rateUnit: step.rateUnit,
    flatFee: parseAmount(step.flatFee),
    block: step.block,
  }));
}

/** Steps as they are stored and shown, from those that rating takes. */
export function storedSteps(steps: readonly TierStep[]): StoredTierStep[] {
  return steps.map((step) => ({
    ...step,
    price: formatAmount(step.price),
    flatFee: formatAmount(step.flatFee),
  }));
}

/**
 * Steps ready to be stored: every quantity from 0 on falls into exactly one. Refuses with TIER_GAP
 * units between two steps or before the first, TIER_ORDER steps that overlap, are empty or follow
 * an open one, TIER_OVERFLOW a last step that ends, so that what goes beyond it has no price, and
 * TIER_REFUSED a number that breaks its rule. Details name the step, counted from 1.
 */
export function checkedSteps(drafts: readonly TierStepDraft[]): StoredTierStep[] {
  let start: bigint | null = 0n;
  const steps = drafts.map((draft, i): StoredTierStep => {
    const at = { step: i + 1 };
    if (start === null) {
      throw new DomainError('TIER_ORDER', 'A step follows one that has no end.', at);
    }
    const from: bigint = draft.from ? units(draft.from, 'from', at) : start;
    if (from > start) {
      throw new DomainError('TIER_GAP', `Units from ${start} on have no price.`, at);
    }
    const end = draft.upTo ? units(draft.upTo, 'upTo', at) : null;
    if (from < start || (end !== null && end <= start)) {
      throw new DomainError('TIER_ORDER', 'Steps follow each other and none is empty.', at);
    }
    start = end;
    return storedStep(draft, end, at);
  });
  if (start !== null) {
    throw new DomainError('TIER_OVERFLOW', `Units from ${start} on have no price.`, {
      step: steps.length,
    });
  }
  return steps;
}

function storedStep(
  draft: TierStepDraft,
  end: bigint | null,
  at: { readonly step: number },
): StoredTierStep {
  for (const field of ['price', 'flatFee'] as const) {
    if (!/^\d{1,10}(\.\d{1,8})?$/.test(draft[field])) {
      throw refused(field, 'is not below zero, with at most 10 digits and 8 decimals', at);
    }
  }
  const { rateUnit } = draft;
  if (!(Number.isInteger(rateUnit) && rateUnit >= 1 && rateUnit <= UNIT_LIMIT)) {
    throw refused('rateUnit', `is a whole number from 1 to ${UNIT_LIMIT}`, at);
  }
  return {
    upTo: end === null ? null : Number(end),
    price: draft.price,
    rateUnit,
    flatFee: draft.flatFee,
    block: draft.block,
  };
}

function units(text: string, field: string, at: { readonly step: number }): bigint {
  const value = /^\d{1,19}$/.test(text) ? BigInt(text) : -1n;
  if (value < 0n || value > MOST_UNITS) {
    throw refused(field, `is a number of units up to ${MOST_UNITS}`, at);
  }
  return value;
}

function refused(field: string, rule: string, at: { readonly step: number }): DomainError {
  return new DomainError('TIER_REFUSED', `The field ${field} ${rule}.`, { field, ...at });
}
