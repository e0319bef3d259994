import { formatAmount, parseAmount } from '../kernel/index.js';
import { rowsOf, type Tx } from '../platform/index.js';
import type { BilledContract, BillingTerms } from './bill.store.js';
import {
  amountText,
  type DocumentFrame,
  type DocumentLine,
  type DocumentTax,
  documentName,
  documentParty,
  type InvoiceDocument,
} from './document.js';
import type { FeeCharge } from './fees.js';
import type { InvoiceFigures } from './invoice-lines.js';
import { sectionOf } from './invoice-text.js';
import type { ClosedDaySpan } from './prorate.js';

/** Who an invoice is between and on what terms, as the register says now. */
export async function documentFrame(
  tx: Tx,
  contract: BilledContract,
  terms: BillingTerms,
  period: ClosedDaySpan,
): Promise<DocumentFrame> {
  const rows: (Parameters<typeof documentParty>[0] & { id: number; language: string })[] =
    await tx.query(
      `SELECT id, name, legal_name AS "legalName", address, country, tax_number AS "taxNumber",
         email, language FROM partner WHERE id IN ($1, $2)`,
      [contract.sellerId, contract.partnerId],
    );
  const party = (id: number) => rows.find((row) => row.id === id)!;
  return {
    seller: documentParty(party(contract.sellerId)),
    buyer: documentParty(party(contract.partnerId)),
    account: documentName({ number: contract.accountNumber, name: contract.accountName }),
    contract: documentName(contract),
    language: party(contract.partnerId).language,
    timeZone: terms.timeZone,
    paymentTermsDays: terms.paymentTermsDays,
    periodFromOn: period.fromOn,
    periodToOn: period.toOn,
  };
}

export interface NewInvoice {
  readonly contract: BilledContract;
  readonly terms: BillingTerms;
  readonly runId: number;
  readonly frame: DocumentFrame;
  readonly currency: string;
  readonly periodFrom: Date;
  readonly periodTo: Date;
}

/** Inserts a draft without figures; answers its id, which the figures refer to. */
export async function insertDraft(tx: Tx, invoice: NewInvoice): Promise<number> {
  const { contract, terms, frame } = invoice;
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `INSERT INTO invoice (partner_id, seller_partner_id, contract_id, contract_version_id,
         account_id, run_id, period_on, period_from, period_to, currency, document)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::jsonb) RETURNING id`,
      [
        contract.partnerId,
        contract.sellerId,
        contract.contractId,
        terms.versionId,
        contract.accountId,
        invoice.runId,
        frame.periodFromOn,
        invoice.periodFrom,
        invoice.periodTo,
        invoice.currency,
        JSON.stringify(frame),
      ],
    ),
  );
  return (rows[0] as { id: number }).id;
}

/** Writes the figures of a draft: lines, taxes, fee charges and totals. */
export async function writeFigures(
  tx: Tx,
  invoice: { id: number; partnerId: number },
  figures: InvoiceFigures,
): Promise<void> {
  const { lines, taxes } = figures;
  const column = <T>(items: readonly T[], value: (item: T) => unknown) => items.map(value);
  await tx.query(
    `INSERT INTO invoice_line (invoice_id, partner_id, ordinal, kind, earlier, description,
       service, destination_id, plan_fee_id, records, quantity, billed_quantity, basis, net,
       tax_code, tax_percent)
     SELECT $1, $2, l.ordinal, l.kind, l.earlier, l.description, l.service, l.destination_id,
       l.plan_fee_id, l.records, l.quantity, l.billed_quantity, l.basis, l.net, l.tax_code,
       l.tax_percent
     FROM unnest($3::text[], $4::boolean[], $5::text[], $6::text[], $7::int[], $8::int[],
       $9::bigint[], $10::bigint[], $11::bigint[], $12::numeric[], $13::numeric[], $14::text[],
       $15::numeric[]) WITH ORDINALITY AS l (kind, earlier, description, service,
       destination_id, plan_fee_id, records, quantity, billed_quantity, basis, net, tax_code,
       tax_percent, ordinal)`,
    [
      invoice.id,
      invoice.partnerId,
      column(lines, (line) => line.kind),
      column(lines, (line) => line.earlier),
      column(lines, (line) => line.description),
      column(lines, (line) => line.service),
      column(lines, (line) => line.destinationId),
      column(lines, (line) => line.planFeeId),
      column(lines, (line) => line.records.toString()),
      column(lines, (line) => line.quantity.toString()),
      column(lines, (line) => line.billedQuantity.toString()),
      column(lines, (line) => formatAmount(line.basis)),
      column(lines, (line) => formatAmount(line.net)),
      column(lines, (line) => line.taxCode),
      column(lines, (line) => line.taxPercent),
    ],
  );
  await tx.query(
    `INSERT INTO invoice_tax (invoice_id, partner_id, tax_code, tax_percent, basis, tax)
     SELECT $1, $2, t.* FROM unnest($3::text[], $4::numeric[], $5::numeric[], $6::numeric[]) AS t`,
    [
      invoice.id,
      invoice.partnerId,
      column(taxes, (row) => row.taxCode),
      column(taxes, (row) => row.taxPercent),
      column(taxes, (row) => formatAmount(row.basis)),
      column(taxes, (row) => formatAmount(row.tax)),
    ],
  );
  await insertCharges(tx, invoice, figures);
  await tx.query('UPDATE invoice SET basis = $2, net = $3, tax = $4, gross = $5 WHERE id = $1', [
    invoice.id,
    ...[figures.basis, figures.net, figures.tax, figures.gross].map((sum) => formatAmount(sum)),
  ]);
}

async function insertCharges(
  tx: Tx,
  invoice: { id: number; partnerId: number },
  figures: InvoiceFigures,
): Promise<void> {
  const charges = figures.lines.flatMap((line, place) =>
    line.charges.map((charge): [FeeCharge, number] => [charge, place + 1]),
  );
  if (charges.length === 0) return;
  await tx.query(
    `INSERT INTO fee_charge (invoice_id, partner_id, line_ordinal, subscription_id, plan_fee_id,
       kind, fee_name, span_from, span_to, amount, contract_id, workings)
     SELECT $1, $2, c.ordinal, c.subscription, c.fee, c.kind, c.name, c.span_from, c.span_to,
       c.amount, CASE WHEN c.subscription IS NULL THEN i.contract_id END, c.workings::jsonb
     FROM unnest($3::int[], $4::int[], $5::int[], $6::text[], $7::text[], $8::date[], $9::date[],
         $10::numeric[], $11::text[]) AS c (ordinal, subscription, fee, kind, name, span_from,
         span_to, amount, workings)
       JOIN invoice i ON i.id = $1`,
    [
      invoice.id,
      invoice.partnerId,
      charges.map(([, ordinal]) => ordinal),
      charges.map(([charge]) => charge.subscriptionId),
      charges.map(([charge]) => charge.fee.planFeeId),
      charges.map(([charge]) => charge.fee.kind),
      charges.map(([charge]) => charge.fee.name),
      charges.map(([charge]) => charge.fromOn),
      charges.map(([charge]) => charge.toOn),
      charges.map(([charge]) => formatAmount(charge.amount)),
      charges.map(([{ workings }]) => (workings === null ? null : JSON.stringify(workings))),
    ],
  );
}

interface HeadRow {
  kind: string;
  state: string;
  number: string | null;
  issuedOn: string | null;
  dueOn: string | null;
  currency: string;
  basis: string;
  net: string;
  tax: string;
  gross: string;
  frame: DocumentFrame;
}

/** The whole document of a visible invoice, or null. */
export async function loadDocument(tx: Tx, invoiceId: number): Promise<InvoiceDocument | null> {
  const heads: HeadRow[] = await tx.query(
    `SELECT kind, state, number, issued_on::text AS "issuedOn", due_on::text AS "dueOn", currency,
       basis, net, tax, gross, document AS frame FROM invoice WHERE id = $1`,
    [invoiceId],
  );
  const [head] = heads;
  if (head === undefined) return null;
  const { frame, basis, net, tax, gross, ...facts } = head;
  const text = (decimal: string) => amountText(parseAmount(decimal), head.currency);
  return {
    ...facts,
    ...frame,
    lines: await documentLines(tx, invoiceId, head.currency),
    taxes: await documentTaxes(tx, invoiceId, head.currency),
    totals: {
      basis: text(basis),
      rounding: amountText(parseAmount(net) - parseAmount(basis), head.currency),
      net: text(net),
      tax: text(tax),
      gross: text(gross),
    },
  };
}

async function documentLines(tx: Tx, invoiceId: number, currency: string): Promise<DocumentLine[]> {
  const rows: (Omit<DocumentLine, 'section'> & { earlier: boolean })[] = await tx.query(
    `SELECT ordinal, kind, earlier, description, service, records, quantity,
       billed_quantity AS "billedQuantity", basis, net, tax_code AS "taxCode",
       tax_percent AS "taxPercent"
     FROM invoice_line WHERE invoice_id = $1 ORDER BY ordinal`,
    [invoiceId],
  );
  return rows.map(({ earlier, ...row }) => ({
    ...row,
    section: sectionOf(row.kind, row.service, earlier),
    basis: amountText(parseAmount(row.basis), currency),
    net: amountText(parseAmount(row.net), currency),
    taxPercent: formatAmount(parseAmount(row.taxPercent), 0),
  }));
}

async function documentTaxes(tx: Tx, invoiceId: number, currency: string): Promise<DocumentTax[]> {
  const rows: DocumentTax[] = await tx.query(
    `SELECT tax_code AS "taxCode", tax_percent AS "taxPercent", basis, tax
     FROM invoice_tax WHERE invoice_id = $1 ORDER BY tax_code, tax_percent DESC`,
    [invoiceId],
  );
  return rows.map((row) => ({
    ...row,
    taxPercent: formatAmount(parseAmount(row.taxPercent), 0),
    basis: amountText(parseAmount(row.basis), currency),
    tax: amountText(parseAmount(row.tax), currency),
  }));
}
