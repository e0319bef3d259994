import 'reflect-metadata';
import {
  Arg,
  Args,
  Authorized,
  Ctx,
  FieldResolver,
  ID,
  Mutation,
  Query,
  Resolver,
  Root,
} from 'type-graphql';
import { parseAmount, toGlobalId } from '../kernel/index.js';
import { Account, Contract, Partner, pricePermissions } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  DecimalScalar,
  groupLoader,
  idempotencyKeyOption,
  JsonScalar,
  nestedPage,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  ShownWith,
  STEP_UP,
} from '../platform/index.js';
import { amountText, type InvoiceDocument } from './document.js';
import { FeeExplanation } from './fee-explanation.entity.js';
import { feeExplanation } from './fee-explanation.service.js';
import { Invoice, InvoiceFeeCharge, InvoiceLine, InvoiceTax } from './invoice.entity.js';
import { InvoiceFilter } from './invoice.input.js';
import type { InvoiceService } from './invoice.service.js';
import { InvoiceLineDay } from './usage-report.entity.js';

const InvoiceConnection = connectionOf(Invoice, 'Invoice');
const InvoiceLineConnection = connectionOf(InvoiceLine, 'InvoiceLine');
const InvoiceLineDayConnection = connectionOf(InvoiceLineDay, 'InvoiceLineDay');
const InvoiceFeeChargeConnection = connectionOf(InvoiceFeeCharge, 'InvoiceFeeCharge');

@Resolver(() => Invoice)
export class InvoiceResolver {
  readonly #invoices: InvoiceService;

  constructor(invoices: InvoiceService) {
    this.#invoices = invoices;
  }

  @Authorized('invoice.read')
  @Query(() => Invoice, { nullable: true, description: 'One invoice; null when not visible.' })
  async invoice(
    @Arg('id', () => ID, { description: 'The invoice.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<Invoice | null> {
    return this.#invoices.find(await context.read(), id);
  }

  @Authorized('invoice.read')
  @Query(() => InvoiceConnection, { description: 'Visible invoices in the order of their making.' })
  async invoices(
    @Arg('filter', () => InvoiceFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: InvoiceFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Invoice>> {
    return this.#invoices.list(await context.read(), filter, page);
  }

  @Authorized('invoice.read')
  @Query(() => JsonScalar, {
    description:
      'The whole invoice as data: seller, buyer, number, dates, period, lines, taxes and totals; ' +
      'all amounts are decimal strings. Refused with NOT_FOUND.',
  })
  async invoiceDocument(
    @Arg('id', () => ID, { description: 'The invoice.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<InvoiceDocument> {
    return this.#invoices.document(await context.read(), id);
  }

  @Authorized('invoice.read')
  @Query(() => InvoiceLineDayConnection, {
    description:
      'The usage that a line adds up, day by day; the amounts sum to the basis of the line. ' +
      'Empty for a fee. Refused with NOT_FOUND.',
  })
  async invoiceLineSummary(
    @Arg('lineId', () => ID, { description: 'The line.' }) lineId: string,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<InvoiceLineDay>> {
    return this.#invoices.lineDays(await context.read(), lineId, page);
  }

  @Authorized('invoice.read')
  @Query(() => InvoiceFeeChargeConnection, {
    description:
      'The fees that a line adds up, one for each subscription and span; the amounts sum to the ' +
      'basis of the line. Empty for usage. Refused with NOT_FOUND.',
  })
  async invoiceLineCharges(
    @Arg('lineId', () => ID, { description: 'The line.' }) lineId: string,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<InvoiceFeeCharge>> {
    return this.#invoices.lineCharges(await context.read(), lineId, page);
  }

  @Authorized('invoice.finalise', STEP_UP)
  @Mutation(() => Invoice, {
    description:
      'Gives a draft its legal number, dates and PDF, and freezes it. A finalised invoice is ' +
      'answered as it is. Refused with NUMBERS_NOT_RECONCILED, NUMBER_NOT_KEPT or NOT_FOUND. ' +
      'Needs a step-up.',
  })
  async finaliseInvoice(
    @Arg('id', () => ID, { description: 'The invoice.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<Invoice> {
    return context.write((tx) => this.#invoices.finalise(tx, requireViewer(context), id, key));
  }

  @FieldResolver(() => DecimalScalar, {
    description: 'What rounding the lines to minor units added: net less basis.',
  })
  rounding(@Root() invoice: Invoice): string {
    return amountText(parseAmount(invoice.net) - parseAmount(invoice.basis), invoice.currency);
  }

  @FieldResolver(() => String, { description: 'Name of the seller, as the document shows it.' })
  sellerName(@Root() invoice: Invoice): string {
    return invoice.document.seller.name;
  }

  @FieldResolver(() => String, { description: 'Name of the buyer, as the document shows it.' })
  buyerName(@Root() invoice: Invoice): string {
    return invoice.document.buyer.name;
  }

  @FieldResolver(() => String, {
    description: 'Where the PDF is: GET it from this server with the access token of the API.',
  })
  pdfPath(@Root() invoice: Invoice): string {
    return `/documents/invoices/${invoice.globalId}.pdf`;
  }

  @FieldResolver(() => InvoiceLineConnection, { description: 'Its lines, as printed.' })
  async lines(
    @Root() invoice: Invoice,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<InvoiceLine>> {
    return nestedPage(context, InvoiceLine, 'invoiceId', invoice.id, page);
  }

  @FieldResolver(() => [InvoiceTax], { description: 'Its taxes, one for each code and rate.' })
  async taxes(@Root() invoice: Invoice, @Ctx() context: RequestContext): Promise<InvoiceTax[]> {
    return groupLoader(context, InvoiceTax, 'invoiceId').load(invoice.id);
  }

  @Authorized('partner.read')
  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'Who bills; null for a buyer, who does not see the partner above.',
  })
  async seller(@Root() invoice: Invoice, @Ctx() context: RequestContext): Promise<Partner | null> {
    return rowLoader(context, Partner).load(invoice.sellerId);
  }

  @Authorized('partner.read')
  @FieldResolver(() => Partner, { nullable: true, description: 'Who is billed.' })
  async buyer(@Root() invoice: Invoice, @Ctx() context: RequestContext): Promise<Partner | null> {
    return rowLoader(context, Partner).load(invoice.partnerId);
  }

  @Authorized('partner.read')
  @FieldResolver(() => Account, { nullable: true, description: 'The billed account.' })
  async account(@Root() invoice: Invoice, @Ctx() context: RequestContext): Promise<Account | null> {
    return rowLoader(context, Account).load(invoice.accountId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'The billed contract.' })
  async contract(
    @Root() invoice: Invoice,
    @Ctx() context: RequestContext,
  ): Promise<Contract | null> {
    return rowLoader(context, Contract).load(invoice.contractId);
  }
}

@Resolver(() => InvoiceFeeCharge)
export class InvoiceFeeChargeResolver {
  @FieldResolver(() => ID, {
    nullable: true,
    description: 'The subscription that is charged; null when it is all of the contract.',
  })
  subscriptionId(@Root() charge: InvoiceFeeCharge): string | null {
    if (charge.subscriptionId === null) return null;
    return toGlobalId('Subscription', charge.subscriptionId);
  }

  @ShownWith(...pricePermissions)
  @FieldResolver(() => FeeExplanation, {
    nullable: true,
    description:
      'How the amount came about, worked out again; null without the permission to see prices ' +
      "of the contract's level.",
  })
  async explanation(
    @Root() charge: InvoiceFeeCharge,
    @Ctx() context: RequestContext,
  ): Promise<FeeExplanation | null> {
    return feeExplanation(context, charge);
  }
}
