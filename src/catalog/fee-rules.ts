import { DomainError, parseAmount } from '../kernel/index.js';

/** What a fee of a plan is charged for; see the description of the enum on the API. */
export type FeeModelName =
  | 'FLAT'
  | 'PER_UNIT'
  | 'PACKAGE'
  | 'GRADUATED'
  | 'VOLUME'
  | 'PERCENT_OF_CHARGE';

/** What can be wrong with a fee by itself. */
export interface FeeFacts {
  readonly name: string;
  readonly kind: 'ONE_TIME' | 'PERIODIC';
  readonly model: FeeModelName;
  readonly amount: string;
  readonly rateUnit: number;
  readonly counts?: 'SUBSCRIPTIONS' | 'RECORDS' | 'UNITS' | null | undefined;
  readonly ofServices?: readonly string[] | null | undefined;
  readonly ofFees?: readonly string[] | null | undefined;
  readonly tierScheduleId?: string | null | undefined;
  readonly minCharge: string;
  readonly maxCharge?: string | null | undefined;
  readonly validFrom: Date;
  readonly validTo?: Date | null | undefined;
}

/** A fee of a plan as far as others of the plan have to do with it. */
export type PlanPart = Pick<FeeFacts, 'name' | 'model' | 'ofFees' | 'validFrom' | 'validTo'>;

const UNIT_LIMIT = 1_073_741_824;
const MONEY = /^\d{1,10}(\.\d{1,8})?$/;

/** Refuses with FEE_REFUSED, naming the field. */
export function assertFee(fee: FeeFacts): void {
  if (!MONEY.test(fee.amount)) {
    throw refused('amount', 'A fee is not below zero and has at most 8 decimals.');
  }
  if (fee.validTo && fee.validTo <= fee.validFrom) {
    throw refused('validTo', 'A fee ends after it begins.');
  }
  if (fee.model !== 'FLAT' && fee.kind !== 'PERIODIC') {
    throw refused('kind', 'A fee that is charged once is FLAT.');
  }
  assertCounting(fee);
  assertLimits(fee);
}

function assertCounting(fee: FeeFacts): void {
  const { model, counts } = fee;
  const tiered = model === 'GRADUATED' || model === 'VOLUME';
  const counting = tiered || model === 'PER_UNIT' || model === 'PACKAGE';
  if (counting !== Boolean(counts)) {
    throw refused(
      'counts',
      'What is counted is told for the models that count, and only for them.',
    );
  }
  if (tiered !== Boolean(fee.tierScheduleId)) {
    throw refused('tierScheduleId', 'Tiers are given for GRADUATED and VOLUME, and only for them.');
  }
  if (tiered && parseAmount(fee.amount) !== 0n) {
    throw refused('amount', 'The amount of a fee by tiers is 0: the tiers have the prices.');
  }
  const { rateUnit } = fee;
  const priced = model === 'PER_UNIT' || model === 'PACKAGE';
  if (!(Number.isInteger(rateUnit) && rateUnit >= 1 && rateUnit <= (priced ? UNIT_LIMIT : 1))) {
    throw refused(
      'rateUnit',
      `The units that a price is for are 1 to ${UNIT_LIMIT}; others have 1.`,
    );
  }
  assertSubject(fee);
}

function assertSubject({ model, counts, ofServices, ofFees, name }: FeeFacts): void {
  const services = ofServices?.length ?? 0;
  const fees = ofFees?.length ?? 0;
  const ofUsage = counts === 'RECORDS' || counts === 'UNITS';
  if (model === 'PERCENT_OF_CHARGE' && services + fees === 0) {
    throw refused('ofServices', 'A percentage is of the usage of services, of fees, or of both.');
  }
  if (ofUsage ? services === 0 : model !== 'PERCENT_OF_CHARGE' && services > 0) {
    throw refused('ofServices', 'Services are named where their usage is counted or charged by.');
  }
  if (counts === 'UNITS' && (services !== 1 || ofServices?.[0] === '*')) {
    throw refused('ofServices', 'Units of different services cannot be added up: name one.');
  }
  if (fees > 0 && model !== 'PERCENT_OF_CHARGE') {
    throw refused('ofFees', 'Only a percentage is of other fees.');
  }
  if (ofFees?.includes(name)) throw refused('ofFees', 'A fee is no percentage of itself.');
}

function assertLimits({ model, minCharge, maxCharge }: FeeFacts): void {
  if (!MONEY.test(minCharge)) throw refused('minCharge', 'The least charge is an amount.');
  const least = parseAmount(minCharge);
  if (maxCharge && !(MONEY.test(maxCharge) && parseAmount(maxCharge) >= least)) {
    throw refused('maxCharge', 'The most charge is an amount not below the least.');
  }
  if (model === 'FLAT' && (least > 0n || maxCharge)) {
    throw refused('minCharge', 'A flat fee has no limits: it is always the same.');
  }
}

/**
 * Refuses with FEE_REFUSED a fee beside others of its plan: a second one of its name at some
 * instant; a percentage of a fee that the plan does not have, or of a fee that is a percentage
 * itself, so that percentages never go in a circle.
 */
export function assertBeside(fee: PlanPart, others: readonly PlanPart[]): void {
  if (others.some((other) => other.name === fee.name && overlaps(other, fee))) {
    throw refused('validFrom', `The plan has a fee "${fee.name}" in this time: end it first.`);
  }
  for (const name of fee.ofFees ?? []) {
    const named = others.filter((other) => other.name === name);
    if (named.length === 0) throw refused('ofFees', `The plan has no fee "${name}".`);
    if (named.some(({ model }) => model === 'PERCENT_OF_CHARGE')) {
      throw refused('ofFees', `The fee "${name}" is a percentage itself.`);
    }
  }
  if (fee.model !== 'PERCENT_OF_CHARGE') return;
  if (others.some(({ ofFees }) => ofFees?.includes(fee.name))) {
    throw refused('model', 'Another fee is a percentage of this one.');
  }
}

function overlaps(one: PlanPart, other: PlanPart): boolean {
  const isBefore = (a: PlanPart, b: PlanPart) => a.validTo != null && a.validTo <= b.validFrom;
  return !isBefore(one, other) && !isBefore(other, one);
}

function refused(field: string, message: string): DomainError {
  return new DomainError('FEE_REFUSED', message, { field });
}
