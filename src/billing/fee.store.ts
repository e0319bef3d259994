import { type StoredTierStep, tierSteps } from '../catalog/index.js';
import { addDays, civilEdge, type IsoDate, LAST_DATE, parseAmount } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import type { KnownFee } from './contract-fees.js';
import type { FeePricing } from './fee-price.js';
import type { ChargedSubscription, EarlierCharge } from './fees.js';
import type { ClosedDaySpan } from './prorate.js';

/** Everything that decides about the fees of a contract; days are those of a zone. */
export interface FeeFacts {
  /** The billed month, and those before it that subscriptions recorded late have missed. */
  readonly months: readonly string[];
  readonly subscriptions: (timeZone: string) => readonly ChargedSubscription[];
  /** Fees of the plans, what was superseded included. */
  readonly terms: (timeZone: string) => readonly KnownFee[];
  readonly earlier: readonly EarlierCharge[];
}

interface SubscriptionRow {
  id: number;
  planId: number;
  startsAt: Date;
  endsAt: Date | null;
  /** First days of months in which it ran that were billed before it was recorded. */
  missed: string[];
}

/** Loads the facts about the fees of a contract's subscriptions for one month. */
export async function feeFacts(
  tx: Tx,
  contractId: number,
  period: ClosedDaySpan,
): Promise<FeeFacts> {
  const rows = await subscriptionRows(tx, contractId, period);
  if (rows.length === 0) {
    return { months: [], subscriptions: () => [], terms: () => [], earlier: [] };
  }
  const fees = await feeRows(tx, [...new Set(rows.map((row) => row.planId))]);
  const ids = rows.map((row) => row.id);
  const months = [...new Set(rows.flatMap((row) => row.missed).concat(period.fromOn))].sort();
  return {
    months: months.map((day) => day.slice(0, 7)),
    subscriptions: byZone((zone) => rows.map((row) => chargedSubscription(row, period, zone))),
    terms: byZone((zone) => fees.map((row) => knownFee(row, zone))),
    earlier: await earlierCharges(tx, ids, { fromOn: months[0] as string, toOn: period.toOn }),
  };
}

/** Works out once for each zone what depends on it. */
export function byZone<T>(workOut: (timeZone: string) => T): (timeZone: string) => T {
  const known = new Map<string, T>();
  return (timeZone) => {
    const found = known.get(timeZone) ?? workOut(timeZone);
    known.set(timeZone, found);
    return found;
  };
}

// A day more than the period on either side: the zone decides which subscriptions belong in it,
// and it decides by civil dates afterwards. One that was cancelled has never begun, though a day
// begun would count.
async function subscriptionRows(
  tx: Tx,
  contractId: number,
  period: ClosedDaySpan,
): Promise<SubscriptionRow[]> {
  return tx.query(
    `SELECT s.id, s.service_plan_id AS "planId", s.starts_at AS "startsAt", s.ends_at AS "endsAt",
       ARRAY(SELECT to_char(i.period_on, 'YYYY-MM-DD') FROM invoice i
         WHERE i.contract_id = $1 AND i.kind = 'INVOICE' AND i.period_on < $2::date
           AND i.created_at < s.created_at
           AND s.starts_at < i.period_on + interval '1 month 1 day'
           AND coalesce(s.ends_at, 'infinity') > i.period_on - interval '1 day'
         GROUP BY i.period_on ORDER BY i.period_on) AS missed
     FROM subscription s
     WHERE s.contract_id = $1 AND s.service_plan_id IS NOT NULL
       AND s.starts_at < $3::date + interval '1 day'
       AND s.ends_at IS DISTINCT FROM s.starts_at
     ORDER BY s.id`,
    [contractId, period.fromOn, period.toOn],
  );
}

/** A started day counts whole, so a subscription that ends during a day is charged for it. */
function chargedSubscription(
  row: SubscriptionRow,
  period: ClosedDaySpan,
  timeZone: string,
): ChargedSubscription {
  const { endsAt } = row;
  return {
    subscriptionId: row.id,
    planId: row.planId,
    fromOn: civilEdge(timeZone, row.startsAt.getTime()),
    toOn: endsAt === null ? null : dayAfter(civilEdge(timeZone, endsAt.getTime() - 1)),
    months: [...row.missed, period.fromOn].map((day) => day.slice(0, 7)),
  };
}

function dayAfter(day: IsoDate): IsoDate | null {
  return day === LAST_DATE ? null : addDays(day, 1);
}

interface FeeRow {
  planFeeId: number;
  planId: number;
  planName: string;
  name: string;
  kind: 'ONE_TIME' | 'PERIODIC';
  currency: string;
  amount: string;
  validFrom: Date;
  validTo: Date | null;
  recordedAt: Date;
  supersededAt: Date | null;
  model: FeePricing['model'] | 'FLAT';
  rateUnit: number;
  counts: FeePricing['counts'];
  ofServices: string[] | null;
  ofFees: string[] | null;
  minCharge: string;
  maxCharge: string | null;
  steps: StoredTierStep[] | null;
}

const FEE_ROW = `SELECT f.id AS "planFeeId", f.service_plan_id AS "planId", p.name AS "planName",
    f.name, f.kind, f.amount, p.currency, f.valid_from AS "validFrom", f.valid_to AS "validTo",
    f.recorded_at AS "recordedAt", f.superseded_at AS "supersededAt", f.model,
    f.rate_unit AS "rateUnit", f.counts, f.of_services AS "ofServices", f.of_fees AS "ofFees",
    f.min_charge AS "minCharge", f.max_charge AS "maxCharge", t.steps
  FROM plan_fee f JOIN service_plan p ON p.id = f.service_plan_id
  LEFT JOIN tier_schedule t ON t.id = f.tier_schedule_id`;

async function feeRows(tx: Tx, planIds: number[]): Promise<FeeRow[]> {
  return tx.query(`${FEE_ROW} WHERE f.service_plan_id = ANY ($1::int[]) ORDER BY f.id`, [planIds]);
}

/** Rows of fees by their ids, whatever plan they are of; days are those of UTC. */
export async function feesById(tx: Tx, ids: readonly number[]): Promise<Map<number, KnownFee>> {
  const rows: FeeRow[] = await tx.query(`${FEE_ROW} WHERE f.id = ANY ($1::int[])`, [[...ids]]);
  return new Map(rows.map((row) => [row.planFeeId, knownFee(row, 'UTC')]));
}

/** A fee changes with the day on which the change begins in the contract's zone. */
function knownFee(row: FeeRow, timeZone: string): KnownFee {
  const { planFeeId, planId, planName, name, kind, currency, validFrom, validTo } = row;
  return {
    ...{ planFeeId, planId, planName, name, kind, currency },
    amount: parseAmount(row.amount),
    pricing: pricingOf(row),
    fromOn: civilEdge(timeZone, validFrom.getTime()),
    toOn: validTo === null ? null : civilEdge(timeZone, validTo.getTime()),
    recordedAt: row.recordedAt.getTime(),
    supersededAt: row.supersededAt?.getTime() ?? null,
  };
}

function pricingOf({ model, steps, minCharge, maxCharge, ...row }: FeeRow): FeePricing | null {
  if (model === 'FLAT') return null;
  const { rateUnit, counts, ofServices, ofFees } = row;
  return {
    ...{ model, rateUnit, counts, ofServices, ofFees },
    minCharge: parseAmount(minCharge),
    maxCharge: maxCharge === null ? null : parseAmount(maxCharge),
    steps: tierSteps(steps ?? []),
  };
}

async function earlierCharges(
  tx: Tx,
  subscriptionIds: number[],
  span: ClosedDaySpan,
): Promise<EarlierCharge[]> {
  return tx.query(
    `SELECT subscription_id AS "subscriptionId", kind, fee_name AS "feeName",
       to_char(span_from, 'YYYY-MM-DD') AS "fromOn", to_char(span_to, 'YYYY-MM-DD') AS "toOn"
     FROM fee_charge WHERE subscription_id = ANY ($1::int[])
       AND (kind = 'ONE_TIME' OR span_from < $3::date AND span_to > $2::date)`,
    [subscriptionIds, span.fromOn, span.toOn],
  );
}
