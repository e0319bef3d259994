import { parseAmount } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import type { ChargedBefore, FeeMonth, FlatSum, ServiceDay } from './contract-fees.js';
import { CapLedger, type FeeRule } from './fee-rules.js';
import { monthSpan } from './prorate.js';

/** Which usage a fee of a contract may count. */
export interface UsageScope {
  readonly contractId: number;
  readonly currency: string;
  /** First day after the billed month: usage from then on waits. */
  readonly untilOn: string;
  /** Whether what no invoice has taken yet is about to be taken. */
  readonly withUnbilled: boolean;
}

const SUM = `usage_summary u JOIN contract_version v ON v.id = u.contract_version_id
  WHERE u.contract_id = $1 AND v.currency = $2 AND u.usage_on < $3::date`;

// What is billed is found by the contract's own invoices, what is not by the contract: each has an
// index, and the days keep to the partitions of the months.
const COUNTED = `SELECT u.* FROM ${SUM} AND u.usage_on >= $5::date AND u.usage_on < $6::date
    AND u.invoice_id IN (SELECT id FROM invoice WHERE contract_id = $1)
  UNION ALL SELECT u.* FROM ${SUM} AND u.usage_on >= $5::date AND u.usage_on < $6::date
    AND u.invoice_id IS NULL AND $4`;

/** Billed usage of months, by day and service. */
export async function usageDays(
  tx: Tx,
  scope: UsageScope,
  months: readonly string[],
): Promise<ServiceDay[]> {
  const { contractId, currency, untilOn, withUnbilled } = scope;
  const spans = [...months].sort().map(monthSpan);
  const rows: (Record<'records' | 'units' | 'amount', string> & { on: string; service: string })[] =
    await tx.query(
      `SELECT u.usage_on::text AS on, (ARRAY['VOICE','SMS','DATA','EVENT'])[u.service] AS service,
         sum(u.records)::text AS records, sum(u.billed_quantity)::text AS units,
         sum(u.amount)::text AS amount
       FROM (${COUNTED}) AS u WHERE to_char(u.usage_on, 'YYYY-MM') = ANY ($7::text[])
       GROUP BY 1, 2 ORDER BY 1, 2`,
      [
        ...[contractId, currency, untilOn, withUnbilled],
        ...[spans[0]?.fromOn, spans.at(-1)?.toOn],
        [...months],
      ],
    );
  return rows.map(({ on, service, records, units, amount }) => ({
    ...{ on, service },
    records: BigInt(records),
    units: BigInt(units),
    amount: BigInt(amount),
  }));
}

/** Months with usage that an invoice has taken, or without one that none has. */
export async function usageMonths(
  tx: Tx,
  { contractId, currency, untilOn }: UsageScope,
  invoiceId: number | null,
): Promise<string[]> {
  const isTaken = invoiceId === null ? 'u.invoice_id IS NULL' : 'u.invoice_id = $4';
  const rows: { month: string }[] = await tx.query(
    `SELECT DISTINCT to_char(u.usage_on, 'YYYY-MM') AS month FROM ${SUM} AND ${isTaken}`,
    [contractId, currency, untilOn, ...(invoiceId === null ? [] : [invoiceId])],
  );
  return rows.map(({ month }) => month);
}

/** Months with the moment of their first invoice; what this transaction makes does not count. */
export async function feeMonths(
  tx: Tx,
  contractId: number,
  months: readonly string[],
): Promise<FeeMonth[]> {
  return tx.query(
    `SELECT m.month, (SELECT (extract(epoch FROM min(i.created_at)) * 1000)::float8 FROM invoice i
         WHERE i.contract_id = $1 AND i.kind = 'INVOICE' AND i.period_on = (m.month || '-01')::date
           AND i.created_at < now()) AS "invoicedAt"
     FROM unnest($2::text[]) AS m (month) ORDER BY m.month`,
    [contractId, [...new Set(months)]],
  );
}

/** What flat fees of the contract's subscriptions were charged in months, by fee and first day. */
export async function flatSums(
  tx: Tx,
  contractId: number,
  months: readonly string[],
): Promise<FlatSum[]> {
  const rows: (Omit<FlatSum, 'amount'> & { amount: string })[] = await tx.query(
    `SELECT f.service_plan_id AS "planId", c.fee_name AS name, c.span_from::text AS "fromOn",
       sum(c.amount)::text AS amount
     FROM invoice i JOIN fee_charge c ON c.invoice_id = i.id
     JOIN plan_fee f ON f.id = c.plan_fee_id
     WHERE i.contract_id = $1 AND c.subscription_id IS NOT NULL
       AND to_char(c.span_from, 'YYYY-MM') = ANY ($2::text[])
     GROUP BY 1, 2, 3`,
    [contractId, [...months]],
  );
  return rows.map((row) => ({ ...row, amount: parseAmount(row.amount) }));
}

/** What fees of the whole contract were charged for months. */
export async function chargedBefore(
  tx: Tx,
  contractId: number,
  months: readonly string[],
): Promise<ChargedBefore[]> {
  const rows: (Omit<ChargedBefore, 'amount'> & { amount: string })[] = await tx.query(
    `SELECT f.service_plan_id AS "planId", c.fee_name AS name, c.span_from::text AS "fromOn",
       max(c.span_to)::text AS "toOn", sum(c.amount)::text AS amount
     FROM invoice i JOIN fee_charge c ON c.invoice_id = i.id
     JOIN plan_fee f ON f.id = c.plan_fee_id
     WHERE i.contract_id = $1 AND c.subscription_id IS NULL
       AND to_char(c.span_from, 'YYYY-MM') = ANY ($2::text[])
     GROUP BY 1, 2, 3`,
    [contractId, [...months]],
  );
  return rows.map((row) => ({ ...row, amount: parseAmount(row.amount) }));
}

/**
 * What rules with a cap have taken of flat fees of the contract from a day on. What they take of
 * fees of the whole contract is worked out anew with these.
 */
export async function givenCaps(
  tx: Tx,
  contractId: number,
  rules: readonly FeeRule[],
  fromOn: string,
): Promise<CapLedger> {
  const caps = new CapLedger();
  if (rules.every(({ cap }) => cap === null)) return caps;
  const rows: CapRow[] = await tx.query(
    `SELECT c.subscription_id AS "subscriptionId", to_char(c.span_from, 'YYYY-MM') AS month,
       i.currency, (r.rule ->> 'lineageId')::int AS "lineageId", r.rule ->> 'holder' AS holder,
       r.rule ->> 'taken' AS taken
     FROM invoice i JOIN fee_charge c ON c.invoice_id = i.id
     CROSS JOIN LATERAL jsonb_array_elements(c.workings -> 'rules') AS r (rule)
     WHERE i.contract_id = $1 AND c.subscription_id IS NOT NULL AND c.span_from >= $2::date
       AND r.rule ->> 'taken' IS NOT NULL`,
    [contractId, fromOn],
  );
  for (const row of rows) caps.enter(row, row, BigInt(row.taken));
  return caps;
}

interface CapRow {
  readonly subscriptionId: number;
  readonly month: string;
  readonly currency: string;
  readonly lineageId: number;
  readonly holder: 'SUBSCRIPTION' | 'CONTRACT';
  readonly taken: string;
}
