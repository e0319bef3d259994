import 'reflect-metadata';
import { Arg, Authorized, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { Contract, pricePermissions } from '../partner/index.js';
import { type RequestContext, rowLoader, ShownWith } from '../platform/index.js';
import { Quote, QuoteLevel } from './quote.entity.js';
import { QuoteInput } from './quote.input.js';
import type { QuoteService } from './quote.service.js';

@Resolver(() => Quote)
export class QuoteResolver {
  readonly #quotes: QuoteService;

  constructor(quotes: QuoteService) {
    this.#quotes = quotes;
  }

  @Authorized('quote.read')
  @ShownWith(...pricePermissions)
  @Query(() => Quote, {
    description:
      'What a record would cost at every level that the caller may see; nothing is stored. ' +
      'Refused with QUOTE_INVALID, QUOTE_NOT_GUIDED, QUOTE_NOT_ACTIVE, QUOTE_NOT_SOLD, ' +
      'INVALID_MONEY or NOT_FOUND.',
  })
  async quote(
    @Arg('input', () => QuoteInput, { description: 'The record.' }) input: QuoteInput,
    @Ctx() context: RequestContext,
  ): Promise<Quote> {
    return this.#quotes.quote(context, input);
  }
}

@Resolver(() => QuoteLevel)
export class QuoteLevelResolver {
  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'Contract that prices it.' })
  async contract(
    @Root() level: QuoteLevel,
    @Ctx() context: RequestContext,
  ): Promise<Contract | null> {
    return level.contractId === null ? null : rowLoader(context, Contract).load(level.contractId);
  }
}
