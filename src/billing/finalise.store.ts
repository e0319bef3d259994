import { createHash } from 'node:crypto';
import { addDays, civilDate, invariant } from '../kernel/index.js';
import { appendEvent, rowsOf, type Tx } from '../platform/index.js';
import type { DocumentFrame, InvoiceDocument } from './document.js';
import { loadDocument } from './invoice.store.js';
import { renderInvoicePdf } from './invoice-pdf.service.js';
import { invoiceNumber, type NumberRecord } from './number-record.js';

/** Topic of the event that an invoice writes when it is issued. */
export const INVOICE_FINALISED_TOPIC = 'invoice.finalised';

/** A number that was taken from the counter of a series, with its dates. */
export interface TakenNumber {
  readonly seller: number;
  readonly series: string;
  readonly place: number;
  readonly issuedOn: string;
  readonly issuedAt: Date;
}

/** SHA-256, hexadecimal. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Takes a number for a draft, with the dates and the PDF that the invoice will have, unless it
 * holds one already; null when there is no such draft. `check` may refuse the number.
 *
 * The number comes from the seller's counter row, which stays locked until the commit: numbers
 * follow each other without gap, in the order of issue, and what fails to commit gives its number
 * back. `now` never counts back within a series. Nobody is shown the number before
 * {@link finaliseHeld}.
 */
export async function holdNumber(
  tx: Tx,
  invoiceId: number,
  now: Date,
  check: (taken: TakenNumber) => void,
): Promise<NumberRecord | null> {
  const rows: { state: string; sellerId: number; frame: DocumentFrame }[] = await tx.query(
    `SELECT state, seller_partner_id AS "sellerId", document AS frame
     FROM invoice WHERE id = $1 FOR UPDATE`,
    [invoiceId],
  );
  const [invoice] = rows;
  if (invoice?.state !== 'DRAFT') return null;
  const [held] = await numberRecords(tx, 'n.invoice_id = $1', [invoiceId]);
  if (held !== undefined) return held;
  const { timeZone, paymentTermsDays } = invoice.frame;
  const today = civilDate(timeZone, now.getTime());
  const series = `INV-${today.slice(0, 4)}`;
  const taken = await nextNumber(tx, invoice.sellerId, series, today, now);
  check(taken);
  const draft = await loadDocument(tx, invoiceId);
  invariant(draft !== null, 'a locked invoice is still there');
  const dueOn = addDays(taken.issuedOn, paymentTermsDays);
  const pdf = await renderIssued(draft, { ...taken, dueOn });
  await insertHeld(tx, invoiceId, { ...taken, dueOn }, pdf);
  const [record] = await numberRecords(tx, 'n.invoice_id = $1', [invoiceId]);
  return record ?? null;
}

/** The PDF of a draft as it will be with its number. */
export function renderIssued(
  draft: InvoiceDocument,
  given: Pick<TakenNumber, 'series' | 'place' | 'issuedOn'> & { readonly dueOn: string },
): Promise<Buffer> {
  const { series, place, issuedOn, dueOn } = given;
  const number = invoiceNumber(series, place);
  return renderInvoicePdf({ ...draft, state: 'FINALISED', number, issuedOn, dueOn });
}

/** Enters a number that a draft holds. */
export async function insertHeld(
  tx: Tx,
  invoiceId: number,
  taken: TakenNumber & { readonly dueOn: string },
  pdf: Buffer,
): Promise<void> {
  const { seller, series, place, issuedOn, dueOn, issuedAt } = taken;
  const number = invoiceNumber(series, place);
  await tx.query(
    `INSERT INTO invoice_number (partner_id, series, place, number, state, invoice_id, issued_on,
       due_on, issued_at, pdf_sha256, pdf)
     VALUES ($1, $2, $3, $4, 'HELD', $5, $6, $7, $8, $9, $10)`,
    [seller, series, place, number, invoiceId, issuedOn, dueOn, issuedAt, sha256(pdf), pdf],
  );
}

/**
 * Gives a draft the number that it holds. An invoice that is finalised already stays as it is;
 * false when there is no such invoice to see.
 */
export async function finaliseHeld(tx: Tx, invoiceId: number): Promise<boolean> {
  const rows: { state: string; partnerId: number }[] = await tx.query(
    'SELECT state, partner_id AS "partnerId" FROM invoice WHERE id = $1 FOR UPDATE',
    [invoiceId],
  );
  const [invoice] = rows;
  if (invoice?.state !== 'DRAFT') return invoice !== undefined;
  await tx.query(
    `UPDATE invoice i SET state = 'FINALISED', number = n.number, issued_on = n.issued_on,
       due_on = n.due_on, finalised_at = n.issued_at, pdf = n.pdf, pdf_sha256 = n.pdf_sha256
     FROM invoice_number n WHERE n.invoice_id = i.id AND n.state = 'HELD' AND i.id = $1`,
    [invoiceId],
  );
  const issued = rowsOf(
    await tx.query(
      `UPDATE invoice_number SET state = 'ISSUED', pdf = NULL
       WHERE invoice_id = $1 AND state = 'HELD' RETURNING place`,
      [invoiceId],
    ),
  );
  invariant(issued.length === 1, 'a number was taken for the draft');
  await appendEvent(tx, {
    topic: INVOICE_FINALISED_TOPIC,
    partnerId: invoice.partnerId,
    key: String(invoiceId),
    payload: { invoiceId },
  });
  return true;
}

/** Numbers of the register, with what is written down of each, by place. */
export async function numberRecords(
  tx: Tx,
  condition: string,
  values: readonly unknown[],
): Promise<NumberRecord[]> {
  const rows: (Omit<NumberRecord, 'issuedAt'> & { issuedAt: Date })[] = await tx.query(
    `SELECT n.partner_id AS seller, n.series, n.place, n.number, n.invoice_id AS invoice,
       i.partner_id AS buyer, i.currency, i.gross::text AS gross, n.pdf_sha256 AS sha256,
       n.issued_on::text AS "issuedOn", n.due_on::text AS "dueOn", n.issued_at AS "issuedAt"
     FROM invoice_number n JOIN invoice i ON i.id = n.invoice_id
     WHERE ${condition} ORDER BY n.partner_id, n.series, n.place`,
    [...values],
  );
  return rows.map((row) => ({ ...row, issuedAt: row.issuedAt.toISOString() }));
}

async function nextNumber(
  tx: Tx,
  seller: number,
  series: string,
  today: string,
  now: Date,
): Promise<TakenNumber> {
  const rows = rowsOf<{ place: number; issuedOn: string; issuedAt: Date }>(
    await tx.query(
      `INSERT INTO invoice_number_series AS s (partner_id, series, last_number, last_issued_on,
         last_issued_at)
       VALUES ($1, $2, 1, $3, $4)
       ON CONFLICT (partner_id, series) DO UPDATE SET last_number = s.last_number + 1,
         last_issued_on = greatest(s.last_issued_on, excluded.last_issued_on),
         last_issued_at = greatest(s.last_issued_at, excluded.last_issued_at)
       RETURNING last_number AS place, last_issued_on::text AS "issuedOn",
         last_issued_at AS "issuedAt"`,
      [seller, series, today, now],
    ),
  );
  const [row] = rows;
  invariant(row !== undefined, 'a counter row answers its number');
  return { seller, series, ...row };
}
