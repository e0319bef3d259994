import 'reflect-metadata';
import { Args, Authorized, Ctx, Query, Resolver } from 'type-graphql';
import { pricePermissions } from '../partner/index.js';
import { type RequestContext, ShownWith } from '../platform/index.js';
import { FeeQuote } from './fee-quote.entity.js';
import { quoteFees } from './fee-quote.service.js';
import { FeeQuoteArgs } from './invoice.input.js';

@Resolver()
export class FeeQuoteResolver {
  @Authorized('quote.read')
  @ShownWith(...pricePermissions)
  @Query(() => [FeeQuote], {
    description:
      'The fees that an invoice of a contract for a month would have if it were made now; ' +
      "nothing is stored. For the seller's side. Refused with CONTRACT_WITHOUT_TERMS, " +
      'FEE_COUNTS_TOO_MUCH, FORBIDDEN or NOT_FOUND.',
  })
  async quoteFees(
    @Args(() => FeeQuoteArgs) { contractId, period }: FeeQuoteArgs,
    @Ctx() context: RequestContext,
  ): Promise<FeeQuote[]> {
    return quoteFees(context, contractId, period);
  }
}
