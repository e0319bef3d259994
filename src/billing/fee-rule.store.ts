import { civilEdge, invariant } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import {
  type GroupMember,
  type PriceRule,
  type RuleContract,
  rulesOfContract,
} from '../rating/index.js';
import { byZone } from './fee.store.js';
import type { FeeRule, KnownDays } from './fee-rules.js';

/** A numeric of at most eight decimals as whole units of the eighth. */
const scaled = (column: string) => `trunc(${column} * 100000000)::text`;
const instant = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;
const TIMES = `${instant('valid_from')} AS "validFrom", ${instant('valid_to')} AS "validTo",
  ${instant('recorded_at')} AS "recordedAt", ${instant('superseded_at')} AS "supersededAt"`;

const RULE_ROW = `SELECT id, lineage_id AS "lineageId", name, ${TIMES},
    partner_id AS "sellerPartnerId", type, effect, ${scaled('amount')} AS amount, stacking,
    priority, level, customer_group_id AS "customerGroupId", buyer_partner_id AS "buyerPartnerId",
    contract_id AS "contractId", subscription_id AS "subscriptionId", volume_scope AS holder,
    ${scaled('cap')} AS cap, service_plan_id AS "servicePlanId", fee_kind AS "feeKind",
    fee_name AS "feeName"
  FROM price_rule`;

type RuleRow = Omit<FeeRule, 'amount' | 'cap' | 'days' | 'memberDays'> & {
  readonly amount: string;
  readonly cap: string | null;
};

/** Of usage only, so that a rule of fees has none of it. */
const NO_FILTER = {
  service: null,
  destinationIds: null,
  weekdays: null,
  fromMinute: null,
  toMinute: null,
  measure: null,
  volumeFrom: 0n,
  volumeTo: null,
  period: 'MONTH',
} as const;

/**
 * The rules for fees of a contract in the order in which they act, with all of their history, by
 * the days of a zone.
 */
export async function feeRules(
  tx: Tx,
  contractId: number,
): Promise<(timeZone: string) => readonly FeeRule[]> {
  const [contract]: RuleContract[] = await tx.query(
    `SELECT id, level, seller_partner_id AS "sellerPartnerId",
       buyer_partner_id AS "buyerPartnerId" FROM contract WHERE id = $1`,
    [contractId],
  );
  invariant(contract !== undefined, 'fees belong to a contract');
  const rows: RuleRow[] = await tx.query(
    `${RULE_ROW} WHERE partner_id = $1 AND acts_on = 'FEES' ORDER BY id`,
    [contract.sellerPartnerId],
  );
  if (rows.length === 0) return () => [];
  const members: GroupMember[] = await tx.query(
    `SELECT group_id AS "groupId", member_partner_id AS "partnerId", ${TIMES}
     FROM customer_group_member
     WHERE seller_partner_id = $1 AND member_partner_id = $2 ORDER BY id`,
    [contract.sellerPartnerId, contract.buyerPartnerId],
  );
  return byZone((timeZone) => {
    const days = (fact: GroupMember | RuleRow) => knownDays(fact, timeZone);
    const rules = rows.map((row) => ({
      ...ruleOf(row),
      days: days(row),
      memberDays:
        row.customerGroupId === null
          ? null
          : members.filter(({ groupId }) => groupId === row.customerGroupId).map(days),
    }));
    return rulesOfContract(rules, contract, members);
  });
}

function knownDays(fact: GroupMember | RuleRow, timeZone: string): KnownDays {
  return {
    fromOn: civilEdge(timeZone, fact.validFrom),
    toOn: fact.validTo === null ? null : civilEdge(timeZone, fact.validTo),
    recordedAt: fact.recordedAt,
    supersededAt: fact.supersededAt,
  };
}

/** Versions of rules by their ids. */
export async function rulesById(tx: Tx, ids: readonly number[]): Promise<Map<number, PriceRule>> {
  const rows: RuleRow[] = await tx.query(`${RULE_ROW} WHERE id = ANY ($1::int[])`, [[...ids]]);
  return new Map(rows.map((row) => [row.id, ruleOf(row)]));
}

function ruleOf(row: RuleRow) {
  return {
    ...row,
    ...NO_FILTER,
    amount: BigInt(row.amount),
    cap: row.cap === null ? null : BigInt(row.cap),
  };
}
