import { formatAmount, parseAmount } from '../kernel/index.js';
import { cursorRows, notFound, rowNumber, rowsOf, type Tx } from '../platform/index.js';
import type { InvoiceFilter } from './invoice.input.js';

/** An invoice as a row of a file; amounts are exact decimal text. */
export interface ExportedInvoice {
  readonly id: number;
  readonly number: string | null;
  readonly kind: string;
  readonly state: string;
  readonly periodOn: string;
  readonly periodFrom: Date;
  readonly periodTo: Date;
  readonly seller: string;
  readonly buyer: string;
  readonly account: string;
  readonly contract: string;
  readonly currency: string;
  readonly basis: string;
  readonly net: string;
  readonly tax: string;
  readonly gross: string;
  readonly issuedOn: string | null;
  readonly dueOn: string | null;
  readonly finalisedAt: Date | null;
}

/** A line of an invoice as a row of a file. */
export interface ExportedInvoiceLine {
  readonly ordinal: number;
  readonly kind: string;
  readonly earlier: boolean;
  readonly description: string;
  readonly service: string | null;
  readonly records: string;
  readonly quantity: string;
  readonly billedQuantity: string;
  readonly basis: string;
  readonly net: string;
  readonly currency: string;
  readonly taxCode: string;
  readonly taxPercent: string;
}

const INVOICE = `i.id, i.number, i.kind, i.state, i.period_on::text AS "periodOn",
  i.period_from AS "periodFrom", i.period_to AS "periodTo",
  i.document #>> '{seller,name}' AS seller, i.document #>> '{buyer,name}' AS buyer,
  i.document #>> '{account,number}' AS account, i.document #>> '{contract,number}' AS contract,
  i.currency, i.basis::text, i.net::text, i.tax::text, i.gross::text,
  i.issued_on::text AS "issuedOn", i.due_on::text AS "dueOn", i.finalised_at AS "finalisedAt"`;

/** All visible invoices that fit, in the order of their making, in portions. */
export async function* exportInvoices(
  tx: Tx,
  filter: InvoiceFilter,
): AsyncGenerator<readonly ExportedInvoice[]> {
  const texts = ['true'];
  const values: unknown[] = [];
  const add = (column: string, value: unknown): void => {
    values.push(value);
    texts.push(`i.${column} = $${values.length}`);
  };
  if (filter.partnerId) add('partner_id', rowNumber('Partner', filter.partnerId));
  if (filter.sellerPartnerId)
    add('seller_partner_id', rowNumber('Partner', filter.sellerPartnerId));
  if (filter.state) add('state', filter.state);
  if (filter.period) add('period_on', `${filter.period}-01`);
  const sql = `SELECT ${INVOICE} FROM invoice i WHERE ${texts.join(' AND ')} ORDER BY i.id`;
  for await (const rows of cursorRows<ExportedInvoice>(tx, sql, values)) {
    yield rows.map((row) => ({
      ...row,
      basis: plain(row.basis),
      net: plain(row.net),
      tax: plain(row.tax),
      gross: plain(row.gross),
    }));
  }
}

/** What a file of an invoice's lines is named by. Refuses with NOT_FOUND. */
export async function exportedHead(
  tx: Tx,
  id: string,
): Promise<{ readonly id: number; readonly number: string | null }> {
  const [head] = rowsOf<{ id: number; number: string | null }>(
    await tx.query('SELECT id, number FROM invoice WHERE id = $1', [rowNumber('Invoice', id)]),
  );
  if (head === undefined) throw notFound('Invoice', id);
  return head;
}

/** All lines of a visible invoice as printed, in portions. */
export async function* exportInvoiceLines(
  tx: Tx,
  invoiceId: number,
): AsyncGenerator<readonly ExportedInvoiceLine[]> {
  const sql = `SELECT l.ordinal, l.kind, l.earlier, l.description, l.service,
      l.records::text, l.quantity::text, l.billed_quantity::text AS "billedQuantity",
      l.basis::text, l.net::text, i.currency, l.tax_code AS "taxCode",
      l.tax_percent::text AS "taxPercent"
    FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id
    WHERE l.invoice_id = $1 ORDER BY l.ordinal`;
  for await (const rows of cursorRows<ExportedInvoiceLine>(tx, sql, [invoiceId])) {
    yield rows.map((row) => ({
      ...row,
      basis: plain(row.basis),
      net: plain(row.net),
      taxPercent: formatAmount(parseAmount(row.taxPercent), 0),
    }));
  }
}

// The database pads numbers with zeros; files show them as the API does.
function plain(text: string): string {
  return formatAmount(parseAmount(text));
}
