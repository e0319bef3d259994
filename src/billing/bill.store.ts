import { formatAmount, parseAmount, type RoundingMode } from '../kernel/index.js';
import { rowsOf, type Tx } from '../platform/index.js';
import type { UsageSum } from './invoice-lines.js';
import type { ClosedDaySpan } from './prorate.js';

const SERVICES: Readonly<Record<number, string>> = { 1: 'VOICE', 2: 'SMS', 3: 'DATA', 4: 'EVENT' };

/** A contract with the terms by which it is billed, the latest that began before the end. */
export interface BilledContract {
  readonly contractId: number;
  readonly partnerId: number;
  readonly sellerId: number;
  readonly accountId: number;
  readonly number: string;
  readonly name: string;
  readonly accountNumber: string;
  readonly accountName: string;
}

/** Terms of a contract, as far as an invoice needs them. */
export interface BillingTerms {
  readonly versionId: number;
  readonly currency: string;
  readonly timeZone: string;
  readonly taxCode: string;
  /** Canonical decimal text. */
  readonly taxPercent: string;
  readonly paymentTermsDays: number;
  readonly decimals: number;
  readonly rounding: RoundingMode;
}

const TERMS = `SELECT v.id AS "versionId", v.currency, v.time_zone AS "timeZone",
    v.tax_code AS "taxCode", v.tax_percent AS "taxPercent",
    v.payment_terms_days AS "paymentTermsDays", v.rounding_decimals AS decimals,
    v.rounding_mode AS rounding
  FROM contract_version v`;

// The billed month, and those before it that were billed when a subscription was not yet recorded.
const MONTHS = `
  SELECT $2::date AS from_on, $3::date AS to_on, '-infinity'::timestamptz AS since
  UNION ALL SELECT i.period_on, (i.period_on + interval '1 month')::date, min(i.created_at)
  FROM invoice i WHERE i.contract_id = c.id AND i.kind = 'INVOICE' AND i.period_on < $2::date
  GROUP BY i.period_on`;

// A contract is a candidate when it has no invoice of the month yet and something to put on one.
// Fees go by days of the contract's zone. Whether terms begin before the end of the month is asked
// of its clock: an end that is made an instant is an hour late where midnight comes twice.
const CANDIDATES = `
  SELECT c.id AS "contractId", terms.time_zone AS "timeZone"
  FROM contract c CROSS JOIN LATERAL (
    SELECT v.time_zone FROM contract_version v
    WHERE v.contract_id = c.id AND v.superseded_at IS NULL
      AND v.valid_from AT TIME ZONE v.time_zone < $3::date
    ORDER BY v.valid_from DESC LIMIT 1) AS terms
  WHERE c.seller_partner_id = $1 AND c.level IN ('RETAIL', 'WHOLESALE')
    AND NOT EXISTS (SELECT FROM invoice i WHERE i.contract_id = c.id AND i.period_on = $2::date
      AND i.kind = 'INVOICE')
    AND (EXISTS (SELECT FROM usage_summary u WHERE u.contract_id = c.id
        AND u.usage_on < $3::date AND u.invoice_id IS NULL)
      OR EXISTS (SELECT FROM (${MONTHS}) AS m
        JOIN subscription s ON s.contract_id = c.id AND s.created_at > m.since
          AND s.ends_at IS DISTINCT FROM s.starts_at
        JOIN plan_fee f ON f.service_plan_id = s.service_plan_id AND f.superseded_at IS NULL
          AND (f.amount > 0 OR f.model <> 'FLAT')
        CROSS JOIN LATERAL (
          SELECT (s.starts_at AT TIME ZONE time_zone)::date AS from_on,
            coalesce((s.ends_at - interval '1 millisecond') AT TIME ZONE time_zone,
              'infinity')::date AS last_on,
            (f.valid_from AT TIME ZONE time_zone)::date AS fee_from_on,
            coalesce(f.valid_to AT TIME ZONE time_zone, 'infinity')::date AS fee_to_on) AS d
        WHERE CASE f.kind WHEN 'PERIODIC' THEN greatest(m.from_on, d.from_on, d.fee_from_on)
              < least(m.to_on, d.fee_to_on, d.last_on + 1)
            ELSE m.from_on = $2::date AND d.from_on < m.to_on AND d.from_on >= d.fee_from_on
              AND d.from_on < d.fee_to_on END
          AND NOT EXISTS (SELECT FROM fee_charge g WHERE g.subscription_id = s.id
            AND g.kind = f.kind AND g.fee_name = f.name
            AND (g.kind = 'ONE_TIME' OR g.span_from < m.to_on AND g.span_to > m.from_on))
          AND (f.model = 'FLAT' OR m.from_on = $2::date OR NOT EXISTS (SELECT FROM invoice n
            WHERE n.contract_id = c.id AND n.kind = 'INVOICE' AND n.created_at > s.created_at))))
  ORDER BY c.id`;

/** Contracts of a seller that have something to bill in the month, with their zones. */
export async function billCandidates(
  tx: Tx,
  sellerId: number,
  month: ClosedDaySpan,
): Promise<{ contractId: number; timeZone: string }[]> {
  return tx.query(CANDIDATES, [sellerId, month.fromOn, month.toOn]);
}

/**
 * Locks a contract for billing. While the lock holds nobody else bills the contract and no
 * subscription can be added to it, so what is read afterwards stays complete.
 */
export async function lockContract(tx: Tx, contractId: number): Promise<BilledContract | null> {
  await tx.query('SELECT id FROM contract WHERE id = $1 FOR UPDATE', [contractId]);
  const rows: BilledContract[] = await tx.query(
    `SELECT c.id AS "contractId", c.partner_id AS "partnerId", c.seller_partner_id AS "sellerId",
       c.account_id AS "accountId", c.number, c.name, a.number AS "accountNumber",
       a.name AS "accountName"
     FROM contract c JOIN account a ON a.id = c.account_id WHERE c.id = $1`,
    [contractId],
  );
  return rows[0] ?? null;
}

/** Whether the contract already has an invoice of the month. */
export async function isBilled(tx: Tx, contractId: number, periodOn: string): Promise<boolean> {
  const rows: unknown[] = await tx.query(
    `SELECT 1 FROM invoice WHERE contract_id = $1 AND period_on = $2 AND kind = 'INVOICE' LIMIT 1`,
    [contractId, periodOn],
  );
  return rows.length > 0;
}

/**
 * The terms to bill by: those in force at the end of the period, of the given currency when the
 * contract ever had such terms, or null when the contract has none at all.
 */
export async function billingTerms(
  tx: Tx,
  contractId: number,
  periodToOn: string,
  currency: string | null,
): Promise<BillingTerms | null> {
  // Of the versions that count today, the last to begin.
  const rows: BillingTerms[] = await tx.query(
    `${TERMS} WHERE v.contract_id = $1 AND v.superseded_at IS NULL
       AND v.valid_from AT TIME ZONE v.time_zone < $2::date
     ORDER BY (v.currency = coalesce($3, v.currency)) DESC, v.valid_from DESC LIMIT 1`,
    [contractId, periodToOn, currency],
  );
  return termsOf(rows);
}

/** The terms by which a month was billed, those of a currency first; null when it was not. */
export async function termsOfInvoice(
  tx: Tx,
  contractId: number,
  periodOn: string,
  currency: string | null,
): Promise<BillingTerms | null> {
  const rows: BillingTerms[] = await tx.query(
    `${TERMS} JOIN invoice i ON i.contract_version_id = v.id
     WHERE i.contract_id = $1 AND i.period_on = $2 AND i.kind = 'INVOICE'
     ORDER BY (i.currency = coalesce($3, i.currency)) DESC, v.valid_from DESC LIMIT 1`,
    [contractId, periodOn, currency],
  );
  return termsOf(rows);
}

function termsOf([row]: readonly BillingTerms[]): BillingTerms | null {
  return row === undefined ? null : { ...row, taxPercent: canonicalPercent(row.taxPercent) };
}

/** Currencies of the contract's usage that no invoice has taken. */
export async function unbilledCurrencies(
  tx: Tx,
  contractId: number,
  periodToOn: string,
): Promise<string[]> {
  const rows: { currency: string }[] = await tx.query(
    `SELECT DISTINCT v.currency
     FROM usage_summary u JOIN contract_version v ON v.id = u.contract_version_id
     WHERE u.contract_id = $1 AND u.usage_on < $2::date AND u.invoice_id IS NULL`,
    [contractId, periodToOn],
  );
  return rows.map(({ currency }) => currency);
}

interface UsageRow {
  earlier: boolean;
  service: number;
  destinationId: number | null;
  destination: string | null;
  taxCode: string;
  taxPercent: string;
  records: string;
  quantity: string;
  billedQuantity: string;
  amount: string;
}

const UNBILLED = `u.contract_id = $1 AND v.id = u.contract_version_id AND v.currency = $2
  AND u.usage_on < $4::date AND u.invoice_id IS NULL`;
const USAGE = `u.usage_on < $3::date AS earlier, u.service, u.destination_id, v.tax_code,
  v.tax_percent, u.records, u.quantity, u.billed_quantity, u.amount`;

/**
 * Marks the contract's unbilled usage of one currency before the end of the period as this
 * invoice's, and adds up exactly the rows it marked. Usage that is loaded meanwhile stays
 * unmarked and goes to the next invoice. What adds up to nothing at all is not for a bill.
 */
export function takeUsage(
  tx: Tx,
  { id, ...scope }: UnbilledScope & { readonly id: number },
  period: ClosedDaySpan,
): Promise<UsageSum[]> {
  const taken = `UPDATE usage_summary u SET invoice_id = $5 FROM contract_version v
    WHERE ${UNBILLED} RETURNING ${USAGE}`;
  return usageSums(tx, taken, scope, period, [id]);
}

/** What {@link takeUsage} would take now; nothing is marked. */
export function unbilledUsage(
  tx: Tx,
  scope: UnbilledScope,
  period: ClosedDaySpan,
): Promise<UsageSum[]> {
  const seen = `SELECT ${USAGE} FROM usage_summary u, contract_version v WHERE ${UNBILLED}`;
  return usageSums(tx, seen, scope, period, []);
}

/** Whose usage of which currency. */
interface UnbilledScope {
  readonly contractId: number;
  readonly currency: string;
}

async function usageSums(
  tx: Tx,
  rows: string,
  { contractId, currency }: UnbilledScope,
  period: ClosedDaySpan,
  more: readonly number[],
): Promise<UsageSum[]> {
  const answer = await tx.query(
    `WITH found AS (${rows})
     SELECT earlier, service, d.id AS "destinationId", d.name AS destination,
       tax_code AS "taxCode", tax_percent AS "taxPercent", sum(records) AS records,
       sum(quantity) AS quantity, sum(billed_quantity) AS "billedQuantity", sum(amount) AS amount
     FROM found LEFT JOIN destination d ON d.id = found.destination_id
     GROUP BY earlier, service, d.id, d.name, tax_code, tax_percent
     HAVING (sum(records), sum(quantity), sum(billed_quantity), sum(amount)) <> (0, 0, 0, 0)`,
    [contractId, currency, period.fromOn, period.toOn, ...more],
  );
  return rowsOf<UsageRow>(answer).map((row) => ({
    earlier: row.earlier,
    service: SERVICES[row.service] ?? 'EVENT',
    destinationId: row.destinationId,
    destination: row.destination,
    taxCode: row.taxCode,
    taxPercent: canonicalPercent(row.taxPercent),
    records: BigInt(row.records),
    quantity: BigInt(row.quantity),
    billedQuantity: BigInt(row.billedQuantity),
    amount: BigInt(row.amount),
  }));
}

/** Records of the seller's subtree that wait in suspense since the period began, by state. */
export async function openRecords(
  tx: Tx,
  sellerId: number,
  since: Date,
): Promise<{ state: string; code: string; records: string }[]> {
  return tx.query(
    `SELECT s.state, s.code, count(*) AS records FROM suspense_record s
     JOIN partner p ON p.id = s.partner_id
     WHERE s.state <> 'RECYCLED' AND s.created_at >= $2 AND p.path @> ARRAY[$1::int]
     GROUP BY s.state, s.code ORDER BY s.state, s.code`,
    [sellerId, since],
  );
}

function canonicalPercent(text: string): string {
  return formatAmount(parseAmount(text), 0);
}
