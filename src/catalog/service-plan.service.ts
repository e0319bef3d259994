import { IsNull } from 'typeorm';
import { DomainError, minorUnits } from '../kernel/index.js';
import { activePartner, type PricedService } from '../partner/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { assertBeside, assertFee } from './fee-rules.js';
import { assertOfOwner } from './keeper.store.js';
import type { CreateServicePlanInput, PlanFeeInput } from './reference.input.js';
import { PlanFee, ServicePlan } from './service-plan.entity.js';
import { TierSchedule } from './tier-schedule.entity.js';

/** Service plans and their fees. */
export class ServicePlanService {
  /**
   * Creates a plan. Refuses with NOT_FOUND, INVALID_CURRENCY, FEE_REFUSED, NOT_OF_OWNER or
   * SERVICE_PLAN_NAME_TAKEN.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateServicePlanInput,
    key: string | null,
  ): Promise<ServicePlan> {
    const made = await once(tx, viewer, key, 'createServicePlan', input, async () => ({
      id: await this.#create(tx, input),
    }));
    return rowOf(tx, ServicePlan, 'ServicePlan', made.id);
  }

  async #create(tx: Tx, input: CreateServicePlanInput): Promise<number> {
    const seller = await activePartner(tx, input.partnerId);
    minorUnits(input.currency);
    input.fees.forEach(assertFee);
    const fees = input.fees.map((fee) => ({ ...fee, name: fee.name.trim() }));
    fees.forEach((fee, place) => {
      assertBeside(fee, fees.toSpliced(place, 1));
    });
    const made = await tx.query<{ id: number }[]>(
      `INSERT INTO service_plan (partner_id, name, currency) VALUES ($1, $2, $3)
       ON CONFLICT (partner_id, name) DO NOTHING RETURNING id`,
      [seller.id, input.name.trim(), input.currency],
    );
    const id = made[0]?.id;
    if (id === undefined) {
      throw new DomainError(
        'SERVICE_PLAN_NAME_TAKEN',
        'The partner has a service plan of this name.',
        { name: input.name },
      );
    }
    for (const fee of input.fees) await insertFee(tx, id, seller.id, fee);
    return id;
  }

  /** Adds a fee to a plan. Refuses with NOT_FOUND, NOT_OF_OWNER or FEE_REFUSED. */
  async addFee(
    tx: Tx,
    viewer: Viewer,
    planId: string,
    fee: PlanFeeInput,
    key: string | null,
  ): Promise<ServicePlan> {
    const request = { planId, fee };
    const made = await once(tx, viewer, key, 'addPlanFee', request, async () => {
      const plan = await rowByGlobalId(tx, ServicePlan, 'ServicePlan', planId);
      assertFee(fee);
      const others = await lockedFees(tx, plan.id);
      assertBeside({ ...fee, name: fee.name.trim() }, others);
      await insertFee(tx, plan.id, plan.partnerId, fee);
      return { id: plan.id };
    });
    return rowOf(tx, ServicePlan, 'ServicePlan', made.id);
  }

  /**
   * Ends a fee at an instant: what was known of it is superseded. At or before its beginning it is
   * withdrawn. What was charged stays. Refuses with VERSION_NOT_CLOSABLE or NOT_FOUND.
   */
  async closeFee(
    tx: Tx,
    viewer: Viewer,
    feeId: string,
    at: Date,
    key: string | null,
  ): Promise<ServicePlan> {
    const made = await once(tx, viewer, key, 'closePlanFee', { feeId, at }, async () => {
      const { id, servicePlanId } = await rowByGlobalId(tx, PlanFee, 'PlanFee', feeId);
      const fee = (await lockedFees(tx, servicePlanId)).find((one) => one.id === id);
      if (fee === undefined || (fee.validTo !== null && fee.validTo <= at)) {
        throw new DomainError('VERSION_NOT_CLOSABLE', 'The fee has ended before the instant.');
      }
      await tx.query('UPDATE plan_fee SET superseded_at = now() WHERE id = $1', [fee.id]);
      if (at > fee.validFrom) {
        const { id: _, recordedAt: __, supersededAt: ___, ...terms } = fee;
        await tx.insert(PlanFee, { ...terms, validTo: at });
      }
      return { id: servicePlanId };
    });
    return rowOf(tx, ServicePlan, 'ServicePlan', made.id);
  }

  /** Visible plans by rising id, of one seller if given. */
  async list(tx: Tx, partnerId: string | null, page: Page): Promise<Connection<ServicePlan>> {
    const query = tx.createQueryBuilder(ServicePlan, 'row');
    if (partnerId) {
      query.andWhere('row.partnerId = :seller', { seller: rowNumber('Partner', partnerId) });
    }
    return pageById(query, page);
  }
}

// The fees of a plan that count; under a lock, since fees of a plan have to do with each other.
async function lockedFees(tx: Tx, servicePlanId: number): Promise<PlanFee[]> {
  await tx.query('SELECT id FROM service_plan WHERE id = $1 FOR UPDATE', [servicePlanId]);
  return tx.find(PlanFee, { where: { servicePlanId, supersededAt: IsNull() } });
}

async function insertFee(
  tx: Tx,
  servicePlanId: number,
  partnerId: number,
  fee: PlanFeeInput,
): Promise<void> {
  await tx.insert(PlanFee, {
    servicePlanId,
    partnerId,
    name: fee.name.trim(),
    kind: fee.kind,
    model: fee.model,
    amount: fee.amount,
    rateUnit: fee.rateUnit,
    counts: fee.counts ?? null,
    tierScheduleId: fee.tierScheduleId ? await tiersOf(tx, partnerId, fee.tierScheduleId) : null,
    ofServices: fee.ofServices ? servicesOf(fee.ofServices) : null,
    ofFees: fee.ofFees ? [...new Set(fee.ofFees)] : null,
    minCharge: fee.minCharge,
    maxCharge: fee.maxCharge ?? null,
    validFrom: fee.validFrom,
    validTo: fee.validTo ?? null,
  });
}

// What a fee counts is the contract's and begins again every month, and so the tiers must say.
async function tiersOf(tx: Tx, partnerId: number, globalId: string): Promise<number> {
  const tiers = await rowByGlobalId(tx, TierSchedule, 'TierSchedule', globalId);
  assertOfOwner('TierSchedule', tiers, partnerId);
  if (tiers.scope === 'CONTRACT' && tiers.period === 'MONTH') return tiers.id;
  throw new DomainError('FEE_REFUSED', 'The tiers of a fee count for CONTRACT and MONTH.', {
    field: 'tierScheduleId',
  });
}

function servicesOf(services: readonly PricedService[]): PricedService[] {
  const all: PricedService[] = ['VOICE', 'SMS', 'DATA', 'EVENT'];
  return services.includes('*') ? all : all.filter((service) => services.includes(service));
}
