import { DomainError, minorUnits } from '../kernel/index.js';
import { activePartner } from '../partner/index.js';
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
import type { CreateServicePlanInput, PlanFeeInput } from './reference.input.js';
import { PlanFee, ServicePlan } from './service-plan.entity.js';

/** Service plans and their fees. */
export class ServicePlanService {
  /** Creates a plan. Refuses with NOT_FOUND, INVALID_CURRENCY, FEE_REFUSED or a taken name. */
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

  /** Adds a fee to a plan. Refuses with NOT_FOUND or FEE_REFUSED. */
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
      await insertFee(tx, plan.id, plan.partnerId, fee);
      return { id: plan.id };
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
    amount: fee.amount,
    validFrom: fee.validFrom,
    validTo: fee.validTo ?? null,
  });
}

function assertFee(fee: PlanFeeInput): void {
  if (!/^\d{1,10}(\.\d{1,8})?$/.test(fee.amount)) {
    throw new DomainError('FEE_REFUSED', 'A fee is not below zero and has at most 8 decimals.', {
      field: 'amount',
    });
  }
  if (fee.validTo && fee.validTo <= fee.validFrom) {
    throw new DomainError('FEE_REFUSED', 'A fee ends after it begins.', { field: 'validTo' });
  }
}
