import type { ExportedInvoice, ExportedInvoiceLine } from '../billing/index.js';
import { toGlobalId } from '../kernel/index.js';
import { type Column, instant } from './table.js';

/** Columns of a list of invoices. */
export const invoiceColumns: readonly Column<ExportedInvoice>[] = [
  { name: 'invoice_id', kind: 'TEXT', cell: ({ id }) => toGlobalId('Invoice', id) },
  { name: 'number', kind: 'TEXT', cell: ({ number }) => number },
  { name: 'kind', kind: 'TEXT', cell: ({ kind }) => kind },
  { name: 'state', kind: 'TEXT', cell: ({ state }) => state },
  { name: 'period_on', kind: 'TIME', cell: ({ periodOn }) => periodOn },
  { name: 'period_from', kind: 'TIME', cell: ({ periodFrom }) => instant(periodFrom) },
  { name: 'period_to', kind: 'TIME', cell: ({ periodTo }) => instant(periodTo) },
  { name: 'seller', kind: 'TEXT', cell: ({ seller }) => seller },
  { name: 'buyer', kind: 'TEXT', cell: ({ buyer }) => buyer },
  { name: 'account', kind: 'TEXT', cell: ({ account }) => account },
  { name: 'contract', kind: 'TEXT', cell: ({ contract }) => contract },
  { name: 'currency', kind: 'TEXT', cell: ({ currency }) => currency },
  { name: 'basis', kind: 'NUMBER', cell: ({ basis }) => basis },
  { name: 'net', kind: 'NUMBER', cell: ({ net }) => net },
  { name: 'tax', kind: 'NUMBER', cell: ({ tax }) => tax },
  { name: 'gross', kind: 'NUMBER', cell: ({ gross }) => gross },
  { name: 'issued_on', kind: 'TIME', cell: ({ issuedOn }) => issuedOn },
  { name: 'due_on', kind: 'TIME', cell: ({ dueOn }) => dueOn },
  { name: 'finalised_at', kind: 'TIME', cell: ({ finalisedAt }) => instant(finalisedAt) },
];

/** Columns of the lines of one invoice. */
export const invoiceLineColumns: readonly Column<ExportedInvoiceLine>[] = [
  { name: 'ordinal', kind: 'NUMBER', cell: ({ ordinal }) => String(ordinal) },
  { name: 'kind', kind: 'TEXT', cell: ({ kind }) => kind },
  { name: 'earlier', kind: 'TEXT', cell: ({ earlier }) => String(earlier) },
  { name: 'description', kind: 'TEXT', cell: ({ description }) => description },
  { name: 'service', kind: 'TEXT', cell: ({ service }) => service },
  { name: 'records', kind: 'NUMBER', cell: ({ records }) => records },
  { name: 'quantity', kind: 'NUMBER', cell: ({ quantity }) => quantity },
  { name: 'billed_quantity', kind: 'NUMBER', cell: ({ billedQuantity }) => billedQuantity },
  { name: 'basis', kind: 'NUMBER', cell: ({ basis }) => basis },
  { name: 'net', kind: 'NUMBER', cell: ({ net }) => net },
  { name: 'currency', kind: 'TEXT', cell: ({ currency }) => currency },
  { name: 'tax_code', kind: 'TEXT', cell: ({ taxCode }) => taxCode },
  { name: 'tax_percent', kind: 'NUMBER', cell: ({ taxPercent }) => taxPercent },
];
