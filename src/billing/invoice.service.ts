import { DomainError, epochDayFromIso, formatAmount } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageById,
  pageOf,
  pageStart,
  rowByGlobalId,
  rowNumber,
  rowOrNull,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import type { InvoiceDocument } from './document.js';
import { finaliseHeld } from './finalise.store.js';
import { Invoice, InvoiceFeeCharge, InvoiceLine } from './invoice.entity.js';
import type { InvoiceFilter } from './invoice.input.js';
import { loadDocument } from './invoice.store.js';
import { renderInvoicePdf } from './invoice-pdf.service.js';
import type { NumberService } from './number.service.js';
import type { InvoiceLineDay } from './usage-report.entity.js';

/** Reads invoices and finalises single ones. */
export class InvoiceService {
  readonly #numbers: NumberService;

  constructor(numbers: NumberService) {
    this.#numbers = numbers;
  }

  /**
   * Finalises one draft: number, dates, PDF. An invoice that is finalised already is answered as
   * it is. Refuses with NOT_FOUND, also when the seller is not in the viewer's subtree, with
   * NUMBERS_NOT_RECONCILED or with NUMBER_NOT_KEPT.
   */
  async finalise(tx: Tx, viewer: Viewer, id: string, key: string | null): Promise<Invoice> {
    const { invoiceId } = await once(tx, viewer, key, 'finaliseInvoice', { id }, async () => {
      const invoice = await rowByGlobalId(tx, Invoice, 'Invoice', id);
      const sellers: unknown[] = await tx.query('SELECT 1 FROM partner WHERE id = $1', [
        invoice.sellerId,
      ]);
      if (sellers.length === 0) throw notFound('Invoice', id);
      await this.#numbers.hold(invoice.id);
      await finaliseHeld(tx, invoice.id);
      return { invoiceId: invoice.id };
    });
    return tx.findOneByOrFail(Invoice, { id: invoiceId });
  }

  /** An invoice, or null when there is none to see. */
  async find(tx: Tx, id: string): Promise<Invoice | null> {
    return rowOrNull(tx, Invoice, 'Invoice', id);
  }

  /** Invoices in the order in which they were made. */
  async list(tx: Tx, filter: InvoiceFilter, page: Page): Promise<Connection<Invoice>> {
    const query = tx.createQueryBuilder(Invoice, 'row');
    if (filter.partnerId) {
      const partnerId = rowNumber('Partner', filter.partnerId);
      query.andWhere('row.partnerId = :partnerId', { partnerId });
    }
    if (filter.sellerPartnerId) {
      const sellerId = rowNumber('Partner', filter.sellerPartnerId);
      query.andWhere('row.sellerId = :sellerId', { sellerId });
    }
    if (filter.state) query.andWhere('row.state = :state', { state: filter.state });
    if (filter.period) {
      query.andWhere('row.periodOn = :periodOn', { periodOn: `${filter.period}-01` });
    }
    return pageById(query, page);
  }

  /** Invoices that a run made or finalised. */
  async ofRun(tx: Tx, runId: number, page: Page): Promise<Connection<Invoice>> {
    const query = tx.createQueryBuilder(Invoice, 'row').where(
      `row.id IN (SELECT jsonb_array_elements_text(b.result -> 'invoiceIds')::int
         FROM run_batch b WHERE b.run_id = :runId AND b.state = 'DONE')`,
      { runId },
    );
    return pageById(query, page);
  }

  /** The whole invoice as data. Refuses with NOT_FOUND. */
  async document(tx: Tx, id: string): Promise<InvoiceDocument> {
    const document = await loadDocument(tx, rowNumber('Invoice', id));
    if (document === null) throw notFound('Invoice', id);
    return document;
  }

  /**
   * The PDF: of a finalised invoice the very bytes that were stored, of a draft a preview that is
   * marked as one. Refuses with NOT_FOUND.
   */
  async pdf(tx: Tx, id: string): Promise<{ bytes: Buffer; name: string }> {
    const invoiceId = rowNumber('Invoice', id);
    const rows: { pdf: Buffer | null; number: string | null }[] = await tx.query(
      'SELECT pdf, number FROM invoice WHERE id = $1',
      [invoiceId],
    );
    const [row] = rows;
    if (row === undefined) throw notFound('Invoice', id);
    if (row.pdf !== null) return { bytes: row.pdf, name: `${row.number}.pdf` };
    const bytes = await renderInvoicePdf(await this.document(tx, id));
    return { bytes, name: `draft-${invoiceId}.pdf` };
  }

  /** A line of a visible invoice. Refuses with NOT_FOUND. */
  async #line(tx: Tx, lineId: string): Promise<InvoiceLine> {
    const line = await rowByGlobalId(tx, InvoiceLine, 'InvoiceLine', lineId);
    const invoice = await tx.findOneBy(Invoice, { id: line.invoiceId });
    if (invoice === null) throw notFound('InvoiceLine', lineId);
    return line;
  }

  /** The usage that a line adds up, by day; the amounts sum to the line's basis. */
  async lineDays(tx: Tx, lineId: string, page: Page): Promise<Connection<InvoiceLineDay>> {
    const line = await this.#line(tx, lineId);
    const after = startDay(page);
    const rows: (Omit<InvoiceLineDay, 'amount'> & { amount: string })[] = await tx.query(
      `SELECT u.usage_on::text AS "usageOn", sum(u.records)::text AS records,
         sum(u.quantity)::text AS quantity, sum(u.billed_quantity)::text AS "billedQuantity",
         sum(u.amount)::text AS amount
       FROM usage_summary u JOIN contract_version v ON v.id = u.contract_version_id
       JOIN invoice i ON i.id = u.invoice_id
       WHERE u.invoice_id = $1 AND u.contract_id = i.contract_id
         AND u.service = array_position(ARRAY['VOICE','SMS','DATA','EVENT'], $2)
         AND coalesce((SELECT d.id FROM destination d WHERE d.id = u.destination_id), 0)
           = coalesce($3, 0)
         AND v.tax_code = $4 AND v.tax_percent = $5 AND (u.usage_on < i.period_on) = $6
         AND u.usage_on > coalesce($7::date, '-infinity')
       GROUP BY u.usage_on ORDER BY u.usage_on LIMIT $8`,
      [
        line.invoiceId,
        line.service,
        line.destinationId,
        line.taxCode,
        line.taxPercent,
        line.earlier,
        after,
        page.first + 1,
      ],
    );
    const days = rows.map((row) => ({ ...row, amount: formatAmount(BigInt(row.amount)) }));
    return pageOf(days, page, (day) => [day.usageOn]);
  }

  /** The fees that a line adds up; the amounts sum to the line's basis. */
  async lineCharges(tx: Tx, lineId: string, page: Page): Promise<Connection<InvoiceFeeCharge>> {
    const line = await this.#line(tx, lineId);
    const query = tx
      .createQueryBuilder(InvoiceFeeCharge, 'row')
      .where('row.invoiceId = :invoiceId AND row.lineOrdinal = :ordinal', {
        invoiceId: line.invoiceId,
        ordinal: line.ordinal,
      });
    return pageById(query, page);
  }
}

/** The day after which a page begins, or null. */
function startDay(page: Page): string | null {
  const [day = null] = pageStart(page, 1) ?? [];
  if (day === null) return null;
  if (typeof day !== 'string') {
    throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
  }
  epochDayFromIso(day);
  return day;
}
