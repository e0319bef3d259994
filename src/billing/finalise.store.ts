import { createHash } from 'node:crypto';
import { addDays, civilDate, invariant } from '../kernel/index.js';
import { rowsOf, type Tx } from '../platform/index.js';
import type { DocumentFrame } from './document.js';
import { loadDocument } from './invoice.store.js';
import { renderInvoicePdf } from './invoice-pdf.service.js';

/** `INV-2026` and 1 give `INV-2026-000001`; numbers past a million grow a digit. */
function invoiceNumber(series: string, place: number): string {
  return `${series}-${String(place).padStart(6, '0')}`;
}

/**
 * Gives a draft its number, dates and PDF. An invoice that is finalised already stays as it is;
 * false when there is no such invoice to see.
 *
 * The number comes from the seller's counter row, which stays locked until the commit: numbers
 * follow each other without gap, in the order of issue, and an invoice that fails to commit gives
 * its number back. `now` never counts back within a series.
 */
export async function finaliseOnce(tx: Tx, invoiceId: number, now: Date): Promise<boolean> {
  const rows: { state: string; sellerId: number; frame: DocumentFrame }[] = await tx.query(
    `SELECT state, seller_partner_id AS "sellerId", document AS frame
     FROM invoice WHERE id = $1 FOR UPDATE`,
    [invoiceId],
  );
  const [invoice] = rows;
  if (invoice === undefined) return false;
  if (invoice.state === 'FINALISED') return true;
  const { timeZone, paymentTermsDays } = invoice.frame;
  const today = civilDate(timeZone, now.getTime());
  const series = `INV-${today.slice(0, 4)}`;
  const taken = await nextNumber(tx, invoice.sellerId, series, today, now);
  const number = invoiceNumber(series, taken.place);
  const dueOn = addDays(taken.issuedOn, paymentTermsDays);
  const draft = await loadDocument(tx, invoiceId);
  invariant(draft !== null, 'a locked invoice is still there');
  const pdf = await renderInvoicePdf({
    ...draft,
    state: 'FINALISED',
    number,
    issuedOn: taken.issuedOn,
    dueOn,
  });
  await tx.query(
    `UPDATE invoice SET state = 'FINALISED', number = $2, issued_on = $3, due_on = $4,
       finalised_at = $5, pdf = $6, pdf_sha256 = $7 WHERE id = $1`,
    [invoiceId, number, taken.issuedOn, dueOn, taken.issuedAt, pdf, sha256(pdf)],
  );
  return true;
}

/** SHA-256, hexadecimal. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function nextNumber(
  tx: Tx,
  sellerId: number,
  series: string,
  today: string,
  now: Date,
): Promise<{ place: number; issuedOn: string; issuedAt: Date }> {
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
      [sellerId, series, today, now],
    ),
  );
  const [row] = rows;
  invariant(row !== undefined, 'a counter row answers its number');
  return row;
}
