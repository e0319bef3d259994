import { BillRunFindingResolver, BillRunResolver } from './bill-run.resolver.js';
import { FeeQuoteResolver } from './fee-quote.resolver.js';
import { Invoice, InvoiceFeeCharge, InvoiceLine, InvoiceTax } from './invoice.entity.js';
import { InvoiceFeeChargeResolver, InvoiceResolver } from './invoice.resolver.js';
import { PartnerInvoicesResolver } from './partner-invoices.resolver.js';
import { RerateInvoiceResolver } from './rerate-invoice.resolver.js';
import { UsageReportResolver } from './usage-report.resolver.js';

export { BillExecutor } from './bill-executor.service.js';
export { BillRunFindingResolver, BillRunResolver } from './bill-run.resolver.js';
export { BillRunService } from './bill-run.service.js';
export { billingErrors } from './errors.js';
export { FeeQuoteResolver } from './fee-quote.resolver.js';
export { INVOICE_FINALISED_TOPIC } from './finalise.store.js';
export { checkBillingInvariants, type InvariantFinding } from './invariants.store.js';
export { Invoice, InvoiceLine } from './invoice.entity.js';
export type { InvoiceFilter } from './invoice.input.js';
export { InvoiceFeeChargeResolver, InvoiceResolver } from './invoice.resolver.js';
export { InvoiceService } from './invoice.service.js';
export {
  type ExportedInvoice,
  type ExportedInvoiceLine,
  exportedHead,
  exportInvoiceLines,
  exportInvoices,
} from './invoice-export.store.js';
export { invoiceRoute } from './invoice-route.service.js';
export { NumberService } from './number.service.js';
export { NumberAnchor } from './number-anchor.service.js';
export { PartnerInvoicesResolver } from './partner-invoices.resolver.js';
export { ReconcileService, type Reconciliation } from './reconcile.service.js';
export { RerateInvoiceResolver } from './rerate-invoice.resolver.js';
export { UsageReportResolver } from './usage-report.resolver.js';
export { UsageReportService } from './usage-report.service.js';

/** Tables of this folder. */
export const billingEntities = [Invoice, InvoiceLine, InvoiceTax, InvoiceFeeCharge];

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const billingResolvers = [
  InvoiceResolver,
  InvoiceFeeChargeResolver,
  FeeQuoteResolver,
  BillRunResolver,
  BillRunFindingResolver,
  UsageReportResolver,
  PartnerInvoicesResolver,
  RerateInvoiceResolver,
] as const;
