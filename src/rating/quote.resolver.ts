import 'reflect-metadata';
import { Arg, Authorized, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { Contract } from '../partner/index.js';
import { type RequestContext, rowLoader } from '../platform/index.js';
import { Quote, QuoteLevel } from './quote.entity.js';
import { QuoteInput } from './quote.input.js';
import type { QuoteService } from './quote.service.js';

@Resolver(() => Quote)
export class QuoteResolver {
  readonly #quotes: QuoteService;

  constructor(quotes: QuoteService) {
    this.#quotes = quotes;
  }

  @Authorized('usage.read')
  @Query(() => Quote, {
    description:
      'What a record would cost at every level that the viewer may see; nothing is stored. Cost ' +
      'needs `price.cost.read`, wholesale prices need `price.wholesale.read`. Refused with ' +
      'NOT_FOUND, QUOTE_INVALID, QUOTE_NOT_GUIDED, QUOTE_NOT_ACTIVE, QUOTE_NOT_SOLD.',
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
