import 'reflect-metadata';
import { Arg, Authorized, Ctx, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import { Contract, pricePermissions } from '../partner/index.js';
import { type RequestContext, rowLoader, ShownWith } from '../platform/index.js';
import { XdrExplanation, XdrReading } from './explain.entity.js';
import type { ExplainService } from './explain.service.js';
import { XdrLevelExplanation } from './explain-level.entity.js';
import type { LineReader } from './explain-line.service.js';

@Resolver(() => XdrExplanation)
export class XdrExplanationResolver {
  readonly #explanations: ExplainService;
  readonly #lines: LineReader;

  constructor(explanations: ExplainService, lines: LineReader) {
    this.#explanations = explanations;
    this.#lines = lines;
  }

  @Authorized('usage.read')
  @ShownWith(...pricePermissions)
  @Query(() => XdrExplanation, {
    description:
      'How the amounts of a record came about, at the levels that the caller may see; no one ' +
      'sees what is above his own purchase. Refused with XDR_NOT_FOUND.',
  })
  async explainXdr(
    @Arg('id', () => ID, { description: 'The record.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<XdrExplanation> {
    return this.#explanations.explain(context, id);
  }

  @FieldResolver(() => XdrReading, {
    description: 'How the record was read from its line, which is looked up in the stored file.',
  })
  async reading(
    @Root() explanation: XdrExplanation,
    @Ctx() context: RequestContext,
  ): Promise<XdrReading> {
    return this.#lines.read(context, explanation.xdr);
  }
}

@Resolver(() => XdrLevelExplanation)
export class XdrLevelExplanationResolver {
  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'Contract that priced it.' })
  async contract(
    @Root() level: XdrLevelExplanation,
    @Ctx() context: RequestContext,
  ): Promise<Contract | null> {
    return level.contractId === null ? null : rowLoader(context, Contract).load(level.contractId);
  }
}
