import type { ServicePlan } from '../catalog/index.js';
import { DomainError, toGlobalId } from '../kernel/index.js';
import type { Contract, CurrencyChange } from '../partner/index.js';
import type { Tx } from '../platform/index.js';
import { subscriptionErrors } from './errors.js';

/** Plans that a refusal names. */
const MOST_NAMED = 20;

// What already goes on in both currencies, from before this was asked, may go on.
const PLANS_IN_THE_WAY = `
  SELECT p.id, p.name, p.currency, count(*)::int AS subscriptions
  FROM subscription s JOIN service_plan p ON p.id = s.service_plan_id
  WHERE s.contract_id = $1 AND p.currency <> $2
    AND s.starts_at < coalesce($4, 'infinity'::timestamptz)
    AND coalesce(s.ends_at, 'infinity') > $3 AND s.ends_at IS DISTINCT FROM s.starts_at
    AND NOT EXISTS (SELECT FROM contract_version v
      WHERE v.contract_id = $1 AND v.superseded_at IS NULL AND v.currency = $2
        AND v.valid_from < least(coalesce($4, 'infinity'::timestamptz), s.ends_at)
        AND coalesce(v.valid_to, 'infinity') > greatest($3, s.starts_at))
  GROUP BY p.id ORDER BY p.id LIMIT ${MOST_NAMED}`;

/**
 * Refuses with PLAN_CURRENCY terms of a locked contract under which subscriptions would go on with
 * service plans in another currency: their fees would be billed apart, in the plan's.
 */
export async function assertPlanCurrencies(
  tx: Tx,
  { contractId, currency, period }: CurrencyChange,
): Promise<void> {
  const [from, to] = [new Date(period.from), period.to === null ? null : new Date(period.to)];
  const plans = await tx.query<
    { id: number; name: string; currency: string; subscriptions: number }[]
  >(PLANS_IN_THE_WAY, [contractId, currency, from, to]);
  if (plans.length === 0) return;
  throw new DomainError(
    'PLAN_CURRENCY',
    'Subscriptions of the contract have service plans in another currency; end them first.',
    {
      contract: currency,
      servicePlans: plans.map(({ id, ...plan }) => ({
        id: toGlobalId('ServicePlan', id),
        ...plan,
      })),
    },
  );
}

/**
 * Refuses with CONTRACT_NOT_IN_FORCE a contract without terms at an instant, and with PLAN_CURRENCY
 * a plan in another currency than that of its terms from then on. They stay so until the
 * transaction ends.
 */
export async function assertContractTerms(
  tx: Tx,
  contract: Contract,
  at: Date,
  plan: ServicePlan | null,
): Promise<void> {
  await keepTerms(tx, contract.id);
  const terms = await tx.query<{ currency: string; from: Date }[]>(
    `SELECT currency, valid_from AS from FROM contract_version
     WHERE contract_id = $1 AND superseded_at IS NULL AND (valid_to IS NULL OR valid_to > $2)
     ORDER BY valid_from`,
    [contract.id, at],
  );
  if (terms[0] === undefined || terms[0].from > at) {
    throw new DomainError(
      'CONTRACT_NOT_IN_FORCE',
      'The contract has no terms in force when the subscription starts.',
    );
  }
  const other = plan && terms.find(({ currency }) => currency !== plan.currency);
  if (!other) return;
  throw new DomainError(
    'PLAN_CURRENCY',
    'The service plan is kept in another currency than the contract.',
    { contract: other.currency, servicePlan: plan.currency, from: other.from.toISOString() },
  );
}

/** Until the transaction ends nobody changes the terms of a contract, or bills it. */
export async function keepTerms(tx: Tx, contractId: number): Promise<void> {
  await tx.query('SELECT id FROM contract WHERE id = $1 FOR KEY SHARE', [contractId]);
}

// What it has been held through in both currencies, it may be held through again.
const OTHER_TERMS = `
  SELECT v.currency AS contract, p.currency AS "servicePlan", greatest(v.valid_from, $2) AS from
  FROM subscription s JOIN service_plan p ON p.id = s.service_plan_id
  JOIN contract_version v ON v.contract_id = s.contract_id AND v.superseded_at IS NULL
    AND v.currency <> p.currency AND v.valid_from < coalesce($3, 'infinity'::timestamptz)
    AND coalesce(v.valid_to, 'infinity') > $2
  WHERE s.id = $1 AND NOT EXISTS (SELECT FROM contract_version o
    WHERE o.contract_id = v.contract_id AND o.superseded_at IS NULL AND o.currency = v.currency
      AND o.valid_from < $2 AND coalesce(o.valid_to, 'infinity') > s.starts_at)
  ORDER BY v.valid_from LIMIT 1`;

/**
 * Refuses with PLAN_CURRENCY when a subscription would go on over a time in which the terms of its
 * contract are in another currency than its service plan. {@link keepTerms} is to come before.
 */
export async function assertPlanGoesOn(
  tx: Tx,
  subscriptionId: number,
  time: { readonly from: Date; readonly to: Date | null },
): Promise<void> {
  const [other] = await tx.query<{ contract: string; servicePlan: string; from: Date }[]>(
    OTHER_TERMS,
    [subscriptionId, time.from, time.to],
  );
  if (other === undefined) return;
  throw new DomainError('PLAN_CURRENCY', subscriptionErrors.PLAN_CURRENCY, {
    ...other,
    from: other.from.toISOString(),
  });
}
