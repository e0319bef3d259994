import { isDeepStrictEqual } from 'node:util';
import { minorUnits, parseAmount, roundAmount } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import type { InvoiceDocument } from './document.js';
import { sha256 } from './finalise.store.js';
import { loadDocument } from './invoice.store.js';
import { renderInvoicePdf } from './invoice-pdf.service.js';
import { taxRows } from './tax.js';

/** A billing invariant that does not hold, with what shows it. */
export interface InvariantFinding {
  /** Number of the invariant, such as `I4`. */
  readonly invariant: string;
  readonly message: string;
  readonly details: Readonly<Record<string, unknown>>;
}

interface Check {
  readonly invariant: string;
  readonly message: string;
  /** Answers a row for each violation. */
  readonly sql: string;
}

const CHECKS: readonly Check[] = [
  {
    invariant: 'I4',
    message: 'Usage marked with an invoice is not the basis of its usage lines.',
    sql: `
      SELECT coalesce(u.invoice_id, l.invoice_id) AS "invoiceId", u.service, u.earlier,
        u.amount AS usage, l.basis, u.records AS "usageRecords", l.records
      FROM (SELECT u.invoice_id, (ARRAY['VOICE','SMS','DATA','EVENT'])[u.service] AS service,
          coalesce(d.id, 0) AS destination_id, u.usage_on < i.period_on AS earlier, v.tax_code,
          v.tax_percent, sum(u.amount) / 100000000 AS amount, sum(u.records) AS records,
          sum(u.quantity) AS quantity, sum(u.billed_quantity) AS billed_quantity
        FROM usage_summary u LEFT JOIN invoice i ON i.id = u.invoice_id
          AND i.contract_id = u.contract_id AND u.usage_on < i.period_on + interval '1 month'
        JOIN contract_version v ON v.id = u.contract_version_id
        LEFT JOIN destination d ON d.id = u.destination_id
        WHERE u.invoice_id IS NOT NULL GROUP BY 1, 2, 3, 4, 5, 6
        HAVING (sum(u.records), sum(u.quantity), sum(u.billed_quantity), sum(u.amount))
          <> (0, 0, 0, 0)) AS u
      FULL JOIN (SELECT * FROM invoice_line WHERE kind = 'USAGE') AS l
        ON l.invoice_id = u.invoice_id AND l.service = u.service AND l.earlier = u.earlier
        AND coalesce(l.destination_id, 0) = u.destination_id AND l.tax_code = u.tax_code
        AND l.tax_percent = u.tax_percent
      WHERE u.amount IS DISTINCT FROM l.basis OR u.records IS DISTINCT FROM l.records
        OR u.quantity IS DISTINCT FROM l.quantity
        OR u.billed_quantity IS DISTINCT FROM l.billed_quantity`,
  },
  {
    invariant: 'I4',
    message: 'Fee charges are not the basis of their line.',
    sql: `
      SELECT l.invoice_id AS "invoiceId", l.ordinal, l.basis, sum(c.amount) AS charged
      FROM invoice_line l LEFT JOIN fee_charge c
        ON c.invoice_id = l.invoice_id AND c.line_ordinal = l.ordinal
      WHERE l.kind <> 'USAGE' GROUP BY l.id
      HAVING l.basis IS DISTINCT FROM sum(c.amount) OR l.records <> count(c.id)`,
  },
  {
    // A fee that is closed goes on in a row of its own, with the same beginning.
    invariant: 'I4',
    message: 'Charges of a fee of a contract for a month are not what was owed of it last.',
    sql: `
      SELECT contract_id AS "contractId", plan_fee_id AS "planFeeId", month, charged, owed
      FROM (SELECT c.contract_id, f.service_plan_id, c.fee_name, f.valid_from,
          max(c.plan_fee_id) AS plan_fee_id, date_trunc('month', c.span_from)::date AS month,
          sum(c.amount) AS charged,
          (array_agg(c.workings ->> 'owed' ORDER BY c.id DESC))[1]::numeric / 100000000 AS owed
        FROM fee_charge c JOIN plan_fee f ON f.id = c.plan_fee_id
        WHERE c.contract_id IS NOT NULL GROUP BY 1, 2, 3, 4, 6) AS f
      WHERE charged <> owed`,
  },
  {
    invariant: 'I10',
    message: 'A contract has several invoices of one month and currency.',
    sql: `
      SELECT contract_id AS "contractId", period_on::text AS period, currency, count(*) AS invoices
      FROM invoice GROUP BY contract_id, period_on, kind, currency HAVING count(*) > 1`,
  },
  {
    invariant: 'I11',
    message: 'An invoice is not the sum of its lines and taxes.',
    sql: `
      SELECT i.id AS "invoiceId", i.net, l.net AS lines, i.tax, t.tax AS taxes, i.gross
      FROM invoice i
      LEFT JOIN LATERAL (SELECT sum(net) AS net, sum(basis) AS basis FROM invoice_line
        WHERE invoice_id = i.id) AS l ON true
      LEFT JOIN LATERAL (SELECT sum(tax) AS tax, sum(basis) AS basis FROM invoice_tax
        WHERE invoice_id = i.id) AS t ON true
      WHERE i.net IS DISTINCT FROM l.net OR i.basis IS DISTINCT FROM l.basis
        OR i.tax IS DISTINCT FROM t.tax OR i.net IS DISTINCT FROM t.basis
        OR i.gross <> i.net + i.tax`,
  },
  {
    invariant: 'I13',
    message: 'A number series has a gap, or its counter is not its last number.',
    sql: `
      SELECT s.partner_id AS "sellerId", s.series, s.last_number AS "lastNumber",
        count(n.place) AS numbers, max(n.place) AS highest
      FROM invoice_number_series s LEFT JOIN invoice_number n
        ON n.partner_id = s.partner_id AND n.series = s.series
      GROUP BY s.partner_id, s.series, s.last_number
      HAVING count(n.place) <> s.last_number OR max(n.place) IS DISTINCT FROM s.last_number`,
  },
  {
    invariant: 'I13',
    message: 'A number of the register and its invoice do not tell the same.',
    sql: `
      SELECT coalesce(n.number, i.number) AS number, n.state AS registered, i.id AS "invoiceId",
        i.state
      FROM invoice_number n FULL JOIN invoice i ON i.id = n.invoice_id
      WHERE CASE n.state WHEN 'LOST' THEN EXISTS (SELECT 1 FROM invoice j
            WHERE j.seller_partner_id = n.partner_id AND j.number = n.number)
          WHEN 'HELD' THEN i.state <> 'DRAFT'
          WHEN 'ISSUED' THEN (n.partner_id, n.number, n.issued_on, n.issued_at, n.pdf_sha256)
            IS DISTINCT FROM (i.seller_partner_id, i.number, i.issued_on, i.finalised_at,
              i.pdf_sha256)
          ELSE i.state = 'FINALISED' END`,
  },
  {
    invariant: 'I13',
    message: 'A draft holds a number for long; it has to be finalised.',
    sql: `
      SELECT partner_id AS "sellerId", number, invoice_id AS "invoiceId" FROM invoice_number
      WHERE state = 'HELD' AND entered_at < now() - interval '1 day'`,
  },
  {
    invariant: 'I13',
    message: 'An invoice was issued before one with a lower number.',
    sql: `
      SELECT * FROM (SELECT seller_partner_id AS "sellerId", number, issued_on::text AS "issuedOn",
          finalised_at < lag(finalised_at) OVER series
            OR issued_on < lag(issued_on) OVER series AS "isEarlier"
        FROM invoice WHERE state = 'FINALISED'
        WINDOW series AS (PARTITION BY seller_partner_id, left(number, 8)
          ORDER BY right(number, -9)::int)) AS numbered
      WHERE "isEarlier"`,
  },
];

/**
 * Checks the billing invariants I4, I10, I11, I12, I13 and I14 on everything that the transaction
 * sees; an empty answer means that they hold. Meant for the system's scope.
 */
export async function checkBillingInvariants(tx: Tx): Promise<InvariantFinding[]> {
  const found: InvariantFinding[] = [];
  for (const { invariant, message, sql } of CHECKS) {
    const rows: Record<string, unknown>[] = await tx.query(sql);
    for (const details of rows) found.push({ invariant, message, details });
  }
  const invoices: { id: number }[] = await tx.query('SELECT id FROM invoice ORDER BY id');
  for (const { id } of invoices) found.push(...(await checkDocument(tx, id)));
  return found;
}

/** Roundings and taxes by the rule, and the stored bytes against their hash and a new rendering. */
async function checkDocument(tx: Tx, invoiceId: number): Promise<InvariantFinding[]> {
  const details = { invoiceId };
  const document = await loadDocument(tx, invoiceId);
  if (document === null) return [];
  const { currency } = document;
  const found: InvariantFinding[] = [];
  const lines = document.lines.map((line) => ({
    ...line,
    basis: parseAmount(line.basis),
    net: parseAmount(line.net),
  }));
  if (lines.some((line) => line.net !== roundAmount(line.basis, minorUnits(currency), 'HALF_UP'))) {
    found.push({ invariant: 'I11', message: 'A line is not its rounded basis.', details });
  }
  const stored = document.taxes.map((row) => ({
    ...row,
    basis: parseAmount(row.basis),
    tax: parseAmount(row.tax),
  }));
  if (!isDeepStrictEqual(taxRows(lines, currency), stored)) {
    const message = 'The tax of a code and rate is not its basis times the rate.';
    found.push({ invariant: 'I12', message, details });
  }
  if (!(await isDocumentIntact(tx, invoiceId, document))) {
    const message = 'The stored document is not the one that was issued.';
    found.push({ invariant: 'I14', message, details });
  }
  return found;
}

async function isDocumentIntact(
  tx: Tx,
  invoiceId: number,
  document: InvoiceDocument,
): Promise<boolean> {
  const rows: { hash: string | null; pdf: Buffer | null }[] = await tx.query(
    'SELECT pdf_sha256 AS hash, pdf FROM invoice WHERE id = $1',
    [invoiceId],
  );
  const { hash, pdf } = rows[0] ?? { hash: null, pdf: null };
  if (pdf === null) return hash === null;
  return sha256(pdf) === hash && (await renderInvoicePdf(document)).equals(pdf);
}
