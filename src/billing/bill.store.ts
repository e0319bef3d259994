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

// Terms in force at the end of a period: of the versions that count today, the last to begin.
const TERMS = `SELECT v.id AS "versionId", v.currency, v.time_zone AS "timeZone",
    v.tax_code AS "taxCode", v.tax_percent AS "taxPercent",
    v.payment_terms_days AS "paymentTermsDays", v.rounding_decimals AS decimals,
    v.rounding_mode AS rounding
  FROM contract_version v WHERE v.superseded_at IS NULL
    AND v.valid_from < $2::date::timestamp AT TIME ZONE v.time_zone`;

// A contract is a candidate when it has no invoice of the month yet and something to put on one.
// Zones move the edges of the month, so instants are compared in the contract's own.
const CANDIDATES = `
  SELECT c.id AS "contractId", terms.time_zone AS "timeZone"
  FROM contract c CROSS JOIN LATERAL (
    SELECT v.time_zone, $2::date::timestamp AT TIME ZONE v.time_zone AS opens,
      $3::date::timestamp AT TIME ZONE v.time_zone AS closes
    FROM contract_version v WHERE v.contract_id = c.id AND v.superseded_at IS NULL
      AND v.valid_from < $3::date::timestamp AT TIME ZONE v.time_zone
    ORDER BY v.valid_from DESC LIMIT 1) AS terms
  WHERE c.seller_partner_id = $1 AND c.level IN ('RETAIL', 'WHOLESALE')
    AND NOT EXISTS (SELECT FROM invoice i WHERE i.contract_id = c.id AND i.period_on = $2::date
      AND i.kind = 'INVOICE')
    AND (EXISTS (SELECT FROM usage_summary u WHERE u.contract_id = c.id
        AND u.usage_on < $3::date AND u.invoice_id IS NULL)
      OR EXISTS (SELECT FROM subscription s JOIN plan_fee f
          ON f.service_plan_id = s.service_plan_id AND f.superseded_at IS NULL
            AND (f.amount > 0 OR f.model <> 'FLAT')
        WHERE s.contract_id = c.id AND s.starts_at < terms.closes
          AND CASE f.kind WHEN 'PERIODIC' THEN
              f.valid_from < terms.closes AND coalesce(f.valid_to, 'infinity') > terms.opens
              AND coalesce(s.ends_at, 'infinity') > terms.opens
              AND s.starts_at < coalesce(f.valid_to, 'infinity')
              AND coalesce(s.ends_at, 'infinity') > f.valid_from
            ELSE s.starts_at >= f.valid_from AND s.starts_at < coalesce(f.valid_to, 'infinity')
            END
          AND NOT EXISTS (SELECT FROM fee_charge g WHERE g.subscription_id = s.id
            AND g.kind = f.kind AND g.fee_name = f.name
            AND (g.kind = 'ONE_TIME' OR g.span_from < $3::date AND g.span_to > $2::date))))
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
  const rows: BillingTerms[] = await tx.query(
    `${TERMS} AND v.contract_id = $1
     ORDER BY (v.currency = coalesce($3, v.currency)) DESC, v.valid_from DESC LIMIT 1`,
    [contractId, periodToOn, currency],
  );
  const [row] = rows;
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

/**
 * Marks the contract's unbilled usage of one currency before the end of the period as this
 * invoice's, and adds up exactly the rows it marked. Usage that is loaded meanwhile stays
 * unmarked and goes to the next invoice.
 */
export async function takeUsage(
  tx: Tx,
  invoice: { id: number; contractId: number; currency: string },
  period: ClosedDaySpan,
): Promise<UsageSum[]> {
  const answer = await tx.query(
    `WITH taken AS (
       UPDATE usage_summary u SET invoice_id = $1 FROM contract_version v
       WHERE u.contract_id = $2 AND v.id = u.contract_version_id AND v.currency = $3
         AND u.usage_on < $5::date AND u.invoice_id IS NULL
       RETURNING u.usage_on < $4::date AS earlier, u.service, u.destination_id, v.tax_code,
         v.tax_percent, u.records, u.quantity, u.billed_quantity, u.amount)
     SELECT earlier, service, d.id AS "destinationId", d.name AS destination,
       tax_code AS "taxCode", tax_percent AS "taxPercent", sum(records) AS records,
       sum(quantity) AS quantity, sum(billed_quantity) AS "billedQuantity", sum(amount) AS amount
     FROM taken LEFT JOIN destination d ON d.id = taken.destination_id
     GROUP BY earlier, service, d.id, d.name, tax_code, tax_percent`,
    [invoice.id, invoice.contractId, invoice.currency, period.fromOn, period.toOn],
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
