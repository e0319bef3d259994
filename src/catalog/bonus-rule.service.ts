import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import {
  type AllowanceTarget,
  allowanceScope,
  allowanceTarget,
  narrowAllowances,
} from './allowance.store.js';
import { assertBonus, assertCountsAlike } from './allowance-rules.js';
import { BonusRule } from './bucket.entity.js';
import type { AllowanceFilter, AllowanceTargetInput, BonusRuleInput } from './bucket.input.js';
import { BUCKET } from './bucket.service.js';
import { assertOfOwner } from './keeper.store.js';
import {
  changeVersioned,
  closeVersioned,
  type Lineage,
  lockLineage,
  versionOrNull,
} from './lineage.store.js';
import type { Moment } from './moment.store.js';

const BONUS: Lineage<BonusRule> = {
  entity: BonusRule,
  table: 'bonus_rule',
  type: 'BonusRule',
  columns: `partner_id, name, service_plan_id, contract_id, services, destination_ids, measure,
    threshold, repeats, sharing, grants, amount, bucket_lineage_id`,
};

/** Bonus rules, kept in versions by the seller. */
export class BonusRuleService {
  /**
   * Creates a bonus rule of a plan or contract. Refuses with BONUS_RULE_REFUSED,
   * ALLOWANCE_TARGET_REFUSED, NOT_OF_OWNER, NOT_SELLER, INVALID_PERIOD, PRICE_LIST_READ_ONLY or
   * NOT_FOUND.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    target: AllowanceTargetInput,
    rule: BonusRuleInput,
    key: string | null,
  ): Promise<BonusRule> {
    const made = await once(tx, viewer, key, 'createBonusRule', { target, rule }, async () => ({
      id: await insertBonus(tx, await allowanceTarget(tx, target), null, rule),
    }));
    return rowOf(tx, BonusRule, 'BonusRule', made.id);
  }

  /**
   * Makes a rule be as given from the input's validFrom on; what was known of it from then on is
   * superseded. What it counts, and for whom, does not change. Refuses as {@link create}.
   */
  async change(
    tx: Tx,
    viewer: Viewer,
    id: string,
    rule: BonusRuleInput,
    key: string | null,
  ): Promise<BonusRule> {
    return changeVersioned(
      tx,
      BONUS,
      { viewer, id, input: rule, key },
      (first) => assertCountsAlike('BONUS_RULE_REFUSED', ['measure', 'sharing'], first, rule),
      (first) => insertBonus(tx, first, first.id, rule),
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
  ): Promise<BonusRule> {
    return closeVersioned(tx, BONUS, { viewer, id, input: at, key });
  }

  /** The version of a rule at a moment, null when there is none or it is not visible. */
  async find(tx: Tx, id: string, moment: Moment): Promise<BonusRule | null> {
    return versionOrNull(tx, BONUS, id, moment);
  }

  /** Visible versions of bonus rules at a moment, by rising id of the version. */
  async list(
    tx: Tx,
    filter: AllowanceFilter,
    moment: Moment,
    page: Page,
  ): Promise<Connection<BonusRule>> {
    const query = tx.createQueryBuilder(BonusRule, 'row');
    return pageById(narrowAllowances(query, filter, moment), page);
  }
}

async function insertBonus(
  tx: Tx,
  target: AllowanceTarget,
  lineageId: number | null,
  rule: BonusRuleInput,
): Promise<number> {
  assertBonus(rule);
  const inserted = await tx.insert(BonusRule, {
    ...(lineageId === null ? {} : { lineageId }),
    ...(await allowanceScope(tx, target, rule)),
    measure: rule.measure,
    threshold: rule.threshold,
    repeats: rule.repeats,
    grants: rule.grants,
    amount: rule.amount,
    bucketLineageId: rule.bucketId ? await bucketOf(tx, target, rule) : null,
  });
  return (inserted.identifiers[0] as { id: number }).id;
}

// Who earns a bonus has the bucket, too: a bucket of another plan or contract gives him nothing.
async function bucketOf(tx: Tx, target: AllowanceTarget, rule: BonusRuleInput): Promise<number> {
  const bucket = await lockLineage(tx, BUCKET, rule.bucketId as string);
  assertOfOwner('Bucket', bucket, target.partnerId);
  if (bucket.kind !== rule.grants) {
    throw refusedBucket('The bucket holds something else than is given.');
  }
  const { servicePlanId, contractId } = bucket;
  if (servicePlanId !== target.servicePlanId || contractId !== target.contractId) {
    throw refusedBucket('The bucket is of another plan or contract than the rule.');
  }
  return bucket.lineageId;
}

function refusedBucket(text: string): DomainError {
  return new DomainError('BONUS_RULE_REFUSED', text, { field: 'bucketId' });
}
