import type { SelectQueryBuilder } from 'typeorm';
import { DomainError } from '../kernel/index.js';
import { assertTermsSide, Contract, type PricedService } from '../partner/index.js';
import { rowByGlobalId, rowNumber, type Tx } from '../platform/index.js';
import type { BonusRule, Bucket, Sharing } from './bucket.entity.js';
import type { AllowanceFilter, AllowanceTargetInput } from './bucket.input.js';
import { existingDestinations } from './destination.store.js';
import { assertKept } from './keeper.store.js';
import { type Moment, narrowToMoment } from './moment.store.js';
import { ServicePlan } from './service-plan.entity.js';

/** What a bucket or bonus rule belongs to, and the seller whose it is. */
export interface AllowanceTarget {
  readonly partnerId: number;
  readonly servicePlanId: number | null;
  readonly contractId: number | null;
}

/**
 * The plan or contract that is named. Refuses with ALLOWANCE_TARGET_REFUSED unless it is one of
 * the two, NOT_SELLER, PRICE_LIST_READ_ONLY or NOT_FOUND.
 */
export async function allowanceTarget(
  tx: Tx,
  { servicePlanId, contractId }: AllowanceTargetInput,
): Promise<AllowanceTarget> {
  if (servicePlanId && !contractId) {
    const plan = await rowByGlobalId(tx, ServicePlan, 'ServicePlan', servicePlanId);
    await assertKept(tx, plan.partnerId);
    return { partnerId: plan.partnerId, servicePlanId: plan.id, contractId: null };
  }
  if (contractId && !servicePlanId) {
    const contract = await rowByGlobalId(tx, Contract, 'Contract', contractId);
    await assertTermsSide(tx, contract);
    return { partnerId: contract.sellerId, servicePlanId: null, contractId: contract.id };
  }
  throw new DomainError(
    'ALLOWANCE_TARGET_REFUSED',
    'It belongs either to a service plan or to a contract.',
  );
}

/** What buckets and bonus rules are asked for alike. */
interface Asked {
  readonly name: string;
  readonly services?: readonly PricedService[] | null;
  readonly destinationIds?: readonly string[] | null;
  readonly sharing: Sharing;
  readonly validFrom: Date;
  readonly validTo?: Date | null;
}

/** The columns that buckets and bonus rules share. Refuses with INVALID_PERIOD or NOT_FOUND. */
export async function allowanceScope(
  tx: Tx,
  { partnerId, servicePlanId, contractId }: AllowanceTarget,
  asked: Asked,
) {
  const { validFrom, validTo, services, destinationIds } = asked;
  if (validTo && validTo <= validFrom) {
    throw new DomainError('INVALID_PERIOD', 'It does not end after it begins.');
  }
  const named = services?.includes('*') ? null : (services ?? null);
  return {
    partnerId,
    servicePlanId,
    contractId,
    name: asked.name.trim(),
    services: named && [...new Set(named)],
    destinationIds: destinationIds ? await existingDestinations(tx, destinationIds) : null,
    sharing: asked.sharing,
    validFrom,
    validTo: validTo ?? null,
  };
}

/** Narrows a query of buckets or bonus rules, aliased `row`. */
export function narrowAllowances<T extends Bucket | BonusRule>(
  query: SelectQueryBuilder<T>,
  { partnerId, servicePlanId, contractId }: AllowanceFilter,
  moment: Moment,
): SelectQueryBuilder<T> {
  if (partnerId) {
    query.andWhere('row.partnerId = :seller', { seller: rowNumber('Partner', partnerId) });
  }
  if (servicePlanId) {
    query.andWhere('row.servicePlanId = :plan', { plan: rowNumber('ServicePlan', servicePlanId) });
  }
  if (contractId) {
    query.andWhere('row.contractId = :contract', { contract: rowNumber('Contract', contractId) });
  }
  return narrowToMoment(query, moment);
}
