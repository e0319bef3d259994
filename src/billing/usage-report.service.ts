import type { RateFacts } from '../catalog/index.js';
import { DomainError, formatAmount, minorUnits } from '../kernel/index.js';
import { mayReadLevel, Partner, type PriceLevel } from '../partner/index.js';
import {
  type Connection,
  type Page,
  pageOf,
  pageStart,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { isCountable } from './invoice-lines.js';
import { monthSpan } from './prorate.js';
import type { DestinationUsage } from './usage-report.entity.js';
import {
  compareKeys,
  inCurrency,
  type ReportRow,
  type ReportSum,
  reportKey,
  reportRows,
} from './usage-report.js';

interface SumRow extends Omit<ReportSum, 'records' | 'quantity' | 'billedQuantity' | 'amount'> {
  records: string;
  quantity: string;
  billedQuantity: string;
  amount: string;
}

// What a partner sells stands under contracts whose seller it is, what it buys under contracts
// whose buyer it is; for the hub these are the COST contracts. Days matter only to sums that are
// to be converted. Numbers are grouped before names, because names are slow to sort. What was taken
// back, as by re-rating in another currency, is no usage any more.
const SUMS = `
  WITH sums AS MATERIALIZED (
    SELECT u.contract_id, u.contract_version_id, u.service, u.destination_id,
      CASE WHEN v.currency <> $4::text THEN u.usage_on END AS usage_on, sum(u.records) AS records,
      sum(u.quantity) AS quantity, sum(u.billed_quantity) AS billed_quantity,
      sum(u.amount) AS amount
    FROM usage_summary u JOIN contract c ON c.id = u.contract_id
    JOIN contract_version v ON v.id = u.contract_version_id
    WHERE (c.seller_partner_id = $1 OR c.buyer_partner_id = $1)
      AND u.usage_on >= $2::date AND u.usage_on < $3::date
    GROUP BY 1, 2, 3, 4, 5)
  SELECT CASE c.seller_partner_id WHEN $1 THEN 'SALE' ELSE 'PURCHASE' END AS side,
    c.level, (ARRAY['VOICE','SMS','DATA','EVENT'])[u.service] AS service, d.name AS destination,
    v.currency, u.usage_on::text AS "usageOn", sum(u.records) AS records,
    sum(u.quantity) AS quantity, sum(u.billed_quantity) AS "billedQuantity", sum(u.amount) AS amount
  FROM sums u JOIN contract c ON c.id = u.contract_id
  JOIN contract_version v ON v.id = u.contract_version_id
  LEFT JOIN destination d ON d.id = u.destination_id
  GROUP BY 1, 2, 3, 4, 5, 6
  HAVING (sum(u.records), sum(u.quantity), sum(u.billed_quantity), sum(u.amount)) <> (0, 0, 0, 0)`;

/** Reports over rated usage, billed or not. */
export class UsageReportService {
  /**
   * Traffic of a month by destination as the business of one partner: what it pays, what it is
   * paid, and the margin. Refuses with NOT_FOUND, INVALID_CURRENCY or EXCHANGE_RATE_MISSING, and
   * with VALUE_OUT_OF_RANGE where a quantity is more than the API has numbers for.
   */
  async byDestination(
    tx: Tx,
    viewer: Viewer,
    asked: { period: string; partnerId: string | null; currency: string | null },
    page: Page,
  ): Promise<Connection<DestinationUsage>> {
    const id = asked.partnerId === null ? viewer.partnerId : rowNumber('Partner', asked.partnerId);
    const partner = await rowOf(tx, Partner, 'Partner', id);
    if (asked.currency !== null) minorUnits(asked.currency);
    const month = monthSpan(asked.period);
    const found: SumRow[] = await tx.query(SUMS, [
      partner.id,
      month.fromOn,
      month.toOn,
      asked.currency,
    ]);
    const sums = found.map(reportSum);
    const rows = reportRows(
      asked.currency === null
        ? sums
        : inCurrency(sums, asked.currency, await exchangeRates(tx, asked.currency, month.toOn)),
    );
    const start = startKey(page);
    const after =
      start === null ? 0 : rows.findIndex((row) => compareKeys(reportKey(row), start) > 0);
    const shown = after < 0 ? [] : rows.slice(after, after + page.first + 1);
    return pageOf(
      shown.map((row) => shownRow(row, viewer, partner.depth === 0 ? 'COST' : 'WHOLESALE')),
      page,
      reportKey,
    );
  }
}

// Amounts are shown to those who may see every level that they are made of; that there are none
// is told to those who could see some.
function shownRow(row: ReportRow, viewer: Viewer, buysAt: PriceLevel): DestinationUsage {
  assertCountable(row);
  const may = (level: PriceLevel) => mayReadLevel(viewer, level);
  const costs = row.bought.length > 0 ? row.bought.every(may) : may(buysAt);
  const revenues = row.sold.length > 0 ? row.sold.every(may) : may('WHOLESALE') || may('RETAIL');
  return {
    service: row.service,
    destination: row.destination,
    currency: row.currency,
    records: row.records.toString(),
    quantity: row.quantity.toString(),
    billedQuantity: row.billedQuantity.toString(),
    cost: costs ? formatAmount(row.cost) : null,
    revenue: revenues ? formatAmount(row.revenue) : null,
    margin: costs && revenues ? formatAmount(row.revenue - row.cost) : null,
  };
}

function assertCountable(row: ReportRow): void {
  if (isCountable(row)) return;
  const { service, destination, currency } = row;
  const text = 'The quantities of a destination come to more than 64 bits.';
  throw new DomainError('VALUE_OUT_OF_RANGE', text, { service, destination, currency });
}

function reportSum(row: SumRow): ReportSum {
  return {
    ...row,
    records: BigInt(row.records),
    quantity: BigInt(row.quantity),
    billedQuantity: BigInt(row.billedQuantity),
    amount: BigInt(row.amount),
  };
}

function startKey(page: Page): string[] | null {
  const start = pageStart(page, 3);
  if (start === null) return null;
  if (!start.every((value) => typeof value === 'string')) {
    throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
  }
  return start as string[];
}

async function exchangeRates(tx: Tx, currency: string, untilOn: string): Promise<RateFacts[]> {
  return tx.query(
    `SELECT base_currency AS "baseCurrency", quote_currency AS "quoteCurrency", rate,
       valid_from AS "validFrom"
     FROM exchange_rate WHERE (base_currency = $1 OR quote_currency = $1)
       AND valid_from < $2::date AND superseded_at IS NULL`,
    [currency, untilOn],
  );
}
