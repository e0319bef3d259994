import 'reflect-metadata';
import { Authorized, Ctx, FieldResolver, Resolver, Root } from 'type-graphql';
import { type RequestContext, rowLoader } from '../platform/index.js';
import { RerateDifference } from '../rating/index.js';
import { Invoice } from './invoice.entity.js';

/** What billing adds to the differences of a change set. */
@Resolver(() => RerateDifference)
export class RerateInvoiceResolver {
  @Authorized('invoice.read')
  @FieldResolver(() => Invoice, {
    nullable: true,
    description:
      'The invoice that the records were put on, when asked for; null where they are on none. A ' +
      'finalised one stays as it is, and the difference goes to the next.',
  })
  async invoice(
    @Root() { invoiceId }: RerateDifference,
    @Ctx() context: RequestContext,
  ): Promise<Invoice | null> {
    return invoiceId === 0 ? null : rowLoader(context, Invoice).load(invoiceId);
  }
}
