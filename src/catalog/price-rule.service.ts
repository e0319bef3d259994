import type { SelectQueryBuilder } from 'typeorm';
import { DomainError, toGlobalId } from '../kernel/index.js';
import { Contract, Partner, readableLevels } from '../partner/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { assertCountsAlike, assertPriceRule, assertRuleScope } from './allowance-rules.js';
import { CustomerGroup } from './customer-group.entity.js';
import { existingDestinations } from './destination.store.js';
import { assertOfOwner, keptPartner } from './keeper.store.js';
import { changeVersioned, closeVersioned, type Lineage, versionOrNull } from './lineage.store.js';
import { type Moment, narrowToMoment } from './moment.store.js';
import { PriceRule } from './price-rule.entity.js';
import type { PriceRuleFilter, PriceRuleInput } from './price-rule.input.js';
import { ServicePlan } from './service-plan.entity.js';
import { minuteOf, weekdayMask } from './week.js';

const RULE: Lineage<PriceRule> = {
  entity: PriceRule,
  table: 'price_rule',
  type: 'PriceRule',
  columns: `partner_id, name, type, effect, amount, stacking, priority, level, customer_group_id,
    buyer_partner_id, contract_id, subscription_id, service, destination_ids, weekdays,
    from_minute, to_minute, measure, volume_from, volume_to, volume_scope, period, cap, acts_on,
    service_plan_id, fee_kind, fee_name`,
};

const COUNTER = ['actsOn', 'type', 'measure', 'volumeScope', 'period'] as const;

/** Discounts and surcharges, kept in versions by the seller. */
export class PriceRuleService {
  /**
   * Creates a rule of a seller. Refuses with PRICE_RULE_REFUSED, NOT_OF_OWNER, INVALID_PERIOD,
   * TIME_BANDS_REFUSED (a time that is none), PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    partnerId: string,
    rule: PriceRuleInput,
    key: string | null,
  ): Promise<PriceRule> {
    const request = { partnerId, rule };
    const made = await once(tx, viewer, key, 'createPriceRule', request, async () => {
      const seller = await keptPartner(tx, partnerId);
      return { id: await insertRule(tx, seller.id, null, rule) };
    });
    return rowOf(tx, PriceRule, 'PriceRule', made.id);
  }

  /**
   * Makes a rule be as given from the input's validFrom on; what was known of it from then on is
   * superseded. What it counts, for whom and how long, does not change. Refuses as {@link create}.
   */
  async change(
    tx: Tx,
    viewer: Viewer,
    id: string,
    rule: PriceRuleInput,
    key: string | null,
  ): Promise<PriceRule> {
    return changeVersioned(
      tx,
      RULE,
      { viewer, id, input: rule, key },
      (first) => assertCountsAlike('PRICE_RULE_REFUSED', COUNTER, first, rule),
      (first) => insertRule(tx, first.partnerId, first.id, rule),
    );
  }

  /**
   * Ends a rule at an instant; at or before its beginning it is withdrawn. Refuses with
   * VERSION_NOT_CLOSABLE, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async close(
    tx: Tx,
    viewer: Viewer,
    id: string,
    at: Date,
    key: string | null,
  ): Promise<PriceRule> {
    return closeVersioned(tx, RULE, { viewer, id, input: at, key });
  }

  /**
   * The version of a rule at a moment, null when there is none, it is not visible, or it is about
   * prices of a level that the viewer may not see.
   */
  async find(tx: Tx, viewer: Viewer, id: string, moment: Moment): Promise<PriceRule | null> {
    const rule = await versionOrNull(tx, RULE, id, moment);
    if (rule === null) return null;
    return readable(tx.createQueryBuilder(PriceRule, 'row'), viewer)
      .andWhere('row.id = :id', { id: rule.id })
      .getOne();
  }

  /** Visible versions of rules at a moment, by rising id of the version. */
  async list(
    tx: Tx,
    viewer: Viewer,
    filter: PriceRuleFilter,
    moment: Moment,
    page: Page,
  ): Promise<Connection<PriceRule>> {
    const all = narrowToMoment(tx.createQueryBuilder(PriceRule, 'row'), moment);
    const query = readable(all, viewer);
    const { partnerId, contractId, customerGroupId: groupId, type } = filter;
    if (partnerId) {
      query.andWhere('row.partnerId = :seller', { seller: rowNumber('Partner', partnerId) });
    }
    if (contractId) {
      query.andWhere('row.contractId = :contract', {
        contract: rowNumber('Contract', contractId),
      });
    }
    if (groupId) {
      query.andWhere('row.customerGroupId = :group', {
        group: rowNumber('CustomerGroup', groupId),
      });
    }
    if (type) query.andWhere('row.type = :type', { type });
    if (filter.actsOn) query.andWhere('row.actsOn = :target', { target: filter.actsOn });
    return pageById(query, page);
  }
}

// A rule of a level, or of a contract, tells of its prices.
function readable(
  query: SelectQueryBuilder<PriceRule>,
  viewer: Viewer,
): SelectQueryBuilder<PriceRule> {
  return query
    .andWhere('(row.level IS NULL OR row.level = ANY (:levels))')
    .andWhere(
      `(row.contractId IS NULL OR EXISTS (SELECT 1 FROM contract AS c
        WHERE c.id = row.contractId AND c.level = ANY (:levels)))`,
    )
    .setParameter('levels', readableLevels(viewer));
}

async function insertRule(
  tx: Tx,
  sellerId: number,
  lineageId: number | null,
  rule: PriceRuleInput,
): Promise<number> {
  assertPriceRule(rule);
  assertRuleScope(rule);
  if (rule.validTo && rule.validTo <= rule.validFrom) {
    throw new DomainError('INVALID_PERIOD', 'The rule does not end after it begins.');
  }
  const inserted = await tx.insert(PriceRule, {
    ...(lineageId === null ? {} : { lineageId }),
    ...(await subjectOf(tx, sellerId, rule)),
    ...minutesOf(rule),
    partnerId: sellerId,
    name: rule.name.trim(),
    type: rule.type,
    effect: rule.effect,
    amount: rule.amount,
    stacking: rule.stacking,
    priority: rule.priority,
    actsOn: rule.actsOn,
    feeKind: rule.feeKind ?? null,
    feeName: rule.feeName?.trim() ?? null,
    level: rule.level ?? null,
    service: rule.service === '*' ? null : rule.service,
    weekdayMask: rule.weekdays ? weekdayMask(rule.weekdays) : null,
    measure: rule.measure ?? null,
    volumeFrom: rule.volumeFrom,
    volumeTo: rule.volumeTo ?? null,
    volumeScope: rule.volumeScope,
    period: rule.period,
    cap: rule.cap ?? null,
    validFrom: rule.validFrom,
    validTo: rule.validTo ?? null,
  });
  return (inserted.identifiers[0] as { id: number }).id;
}

function minutesOf(rule: PriceRuleInput): { fromMinute: number | null; toMinute: number | null } {
  const { from = null, to = null } = rule;
  if (from === null || to === null) return { fromMinute: null, toMinute: null };
  return { fromMinute: minuteOf(from), toMinute: minuteOf(to) };
}

/** Whom and what a rule is for, each proven to be the seller's or visible. */
async function subjectOf(tx: Tx, sellerId: number, rule: PriceRuleInput) {
  const { customerGroupId, buyerId, contractId, subscriptionId, destinationIds } = rule;
  const group = customerGroupId
    ? await rowByGlobalId(tx, CustomerGroup, 'CustomerGroup', customerGroupId)
    : null;
  assertOfOwner('CustomerGroup', group, sellerId);
  const buyer = buyerId ? await rowByGlobalId(tx, Partner, 'Partner', buyerId) : null;
  const contract = contractId ? await rowByGlobalId(tx, Contract, 'Contract', contractId) : null;
  assertOfSeller('Contract', contract, sellerId);
  const { servicePlanId } = rule;
  const plan = servicePlanId
    ? await rowByGlobalId(tx, ServicePlan, 'ServicePlan', servicePlanId)
    : null;
  assertOfOwner('ServicePlan', plan, sellerId);
  return {
    servicePlanId: plan?.id ?? null,
    customerGroupId: group?.id ?? null,
    buyerId: buyer?.id ?? null,
    contractId: contract?.id ?? null,
    subscriptionId: subscriptionId ? await subscriptionOf(tx, sellerId, subscriptionId) : null,
    destinationIds: destinationIds ? await existingDestinations(tx, destinationIds) : null,
  };
}

function assertOfSeller(type: string, contract: Contract | null, sellerId: number): void {
  assertOfOwner(type, contract && { partnerId: contract.sellerId }, sellerId);
}

// Subscriptions stand below the catalogue; of one only its contract matters here.
async function subscriptionOf(tx: Tx, sellerId: number, globalId: string): Promise<number> {
  const id = rowNumber('Subscription', globalId);
  const rows = await tx.query<{ contract_id: number }[]>(
    'SELECT contract_id FROM subscription WHERE id = $1',
    [id],
  );
  if (rows[0] === undefined) throw notFound('Subscription', toGlobalId('Subscription', id));
  const contract = await rowOf(tx, Contract, 'Contract', rows[0].contract_id);
  assertOfSeller('Subscription', contract, sellerId);
  return id;
}
