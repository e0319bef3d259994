import 'reflect-metadata';
import { Args, Authorized, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { Partner } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  nestedPage,
  PageArgs,
  type RequestContext,
} from '../platform/index.js';
import { Invoice } from './invoice.entity.js';

const InvoiceConnection = connectionOf(Invoice, 'Invoice');

/** What billing adds to a partner. */
@Resolver(() => Partner)
export class PartnerInvoicesResolver {
  @Authorized('invoice.read')
  @FieldResolver(() => InvoiceConnection, {
    nullable: true,
    description: 'Invoices to the partner, in the order of their making.',
  })
  async invoices(
    @Root() partner: Partner,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Invoice>> {
    return nestedPage(context, Invoice, 'partnerId', partner.id, page);
  }
}
