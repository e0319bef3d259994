import type { ServicePlan } from '../catalog/index.js';
import { DomainError, toGlobalId } from '../kernel/index.js';
import type { Contract, CurrencyChange } from '../partner/index.js';
import type { Tx } from '../platform/index.js';

/** Plans that a refusal names. */
const MOST_NAMED = 20;

// What already goes on in both currencies, from before this was asked, may go on.
const PLANS_IN_THE_WAY = `
  SELECT p.id, p.name, p.currency, count(*)::int AS subscriptions
  FROM subscription s JOIN service_plan p ON p.id = s.service_plan_id
  WHERE s.contract_id = $1 AND p.currency <> $2
    AND s.starts_at < coalesce($4, 'infinity'::timestamptz)
    AND coalesce(s.ends_at, 'infinity') > $3
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
  await tx.query('SELECT id FROM contract WHERE id = $1 FOR KEY SHARE', [contract.id]);
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
