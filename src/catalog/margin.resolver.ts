import 'reflect-metadata';
import { Arg, Args, Authorized, Ctx, FieldResolver, ID, Query, Resolver, Root } from 'type-graphql';
import { Contract, Partner } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  ShownWith,
} from '../platform/index.js';
import {
  MarginFindingFilter,
  MarginFindingRow,
  MarginPair,
  RateSheetMargin,
} from './margin.entity.js';
import type { MarginService } from './margin.service.js';
import { PriceList } from './price-list.entity.js';
import { RateSheet } from './rate-sheet.entity.js';
import { TimeBand } from './time-profile.entity.js';

const FindingConnection = connectionOf(MarginFindingRow, 'MarginFinding');
const MarginConnection = connectionOf(RateSheetMargin);

/** What every seller's margin takes to be seen. */
const BOTH_SIDES = ['price.wholesale.read', 'price.retail.read'];
/** What the hub's takes besides: nobody else buys at the level COST. */
const COST_SIDE = 'price.cost.read';

@Resolver(() => RateSheet)
export class SheetMarginResolver {
  readonly #margins: MarginService;

  constructor(margins: MarginService) {
    this.#margins = margins;
  }

  @Authorized(...BOTH_SIDES)
  @ShownWith(COST_SIDE)
  @FieldResolver(() => RateSheetMargin, {
    nullable: true,
    description: 'What it does to the margin of the partner acted at; null when nothing.',
  })
  async margin(
    @Root() sheet: RateSheet,
    @Ctx() context: RequestContext,
  ): Promise<RateSheetMargin | null> {
    return this.#margins.ofSheet(context, sheet.id);
  }
}

@Resolver(() => RateSheetMargin)
export class RateSheetMarginResolver {
  readonly #margins: MarginService;

  constructor(margins: MarginService) {
    this.#margins = margins;
  }

  @Authorized('catalog.read', ...BOTH_SIDES)
  @ShownWith(COST_SIDE)
  @Query(() => RateSheetMargin, {
    nullable: true,
    description:
      'What a sheet does to the margin of the partner acted at; null when it is that of another.',
  })
  async rateSheetMargin(
    @Arg('id', () => ID, { description: 'The margin; alarms name it.' }) id: string,
    @Ctx() context: RequestContext,
  ): Promise<RateSheetMargin | null> {
    return this.#margins.find(await context.read(), requireViewer(context), id);
  }

  @Authorized('catalog.read', ...BOTH_SIDES)
  @ShownWith(COST_SIDE)
  @Query(() => MarginConnection, {
    description:
      'What sheets do to the margin of the partner acted at, the newest first: its own, and of ' +
      'partners above or below those that are active and bring its prices below cost.',
  })
  async rateSheetMargins(
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<RateSheetMargin>> {
    return this.#margins.list(await context.read(), requireViewer(context), page);
  }

  @FieldResolver(() => RateSheet, {
    nullable: true,
    description: 'The sheet; null when it is one of a partner above.',
  })
  async rateSheet(@Root() margin: RateSheetMargin, @Ctx() context: RequestContext) {
    return rowLoader(context, RateSheet).load(margin.rateSheetId);
  }

  @FieldResolver(() => FindingConnection, {
    description: 'Prices that fall below cost, one pair of lists after the other, by prefix.',
  })
  async findings(
    @Root() margin: RateSheetMargin,
    @Arg('filter', () => MarginFindingFilter, { defaultValue: {}, description: 'Which to list.' })
    filter: MarginFindingFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<MarginFindingRow>> {
    return this.#margins.findings(await context.read(), margin, filter, page);
  }
}

@Resolver(() => MarginPair)
export class MarginPairResolver {
  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'Who charges the cost; null when hidden.',
  })
  async supplier(@Root() pair: MarginPair, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(pair.supplierPartnerId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, {
    nullable: true,
    description: 'A contract under which the seller buys so; it stands for a list that is hidden.',
  })
  async costContract(@Root() pair: MarginPair, @Ctx() context: RequestContext) {
    const id = pair.costContractId ?? null;
    return id === null ? null : rowLoader(context, Contract).load(id);
  }

  @FieldResolver(() => PriceList, {
    nullable: true,
    description: 'The list by which the seller buys; null when it is hidden.',
  })
  async costList(@Root() pair: MarginPair, @Ctx() context: RequestContext) {
    return rowLoader(context, PriceList).load(pair.costListId);
  }

  @FieldResolver(() => PriceList, { nullable: true, description: "The customer's list." })
  async sellList(@Root() pair: MarginPair, @Ctx() context: RequestContext) {
    return rowLoader(context, PriceList).load(pair.sellListId);
  }
}

@Resolver(() => MarginFindingRow)
export class MarginFindingResolver {
  @FieldResolver(() => Partner, {
    nullable: true,
    description: 'Who charges the cost; null when hidden.',
  })
  async supplier(@Root() finding: MarginFindingRow, @Ctx() context: RequestContext) {
    return rowLoader(context, Partner).load(finding.supplierPartnerId);
  }

  @Authorized('contract.read')
  @FieldResolver(() => Contract, {
    nullable: true,
    description: 'A contract under which the seller buys so; it stands for a list that is hidden.',
  })
  async costContract(@Root() finding: MarginFindingRow, @Ctx() context: RequestContext) {
    const id = finding.costContractId ?? null;
    return id === null ? null : rowLoader(context, Contract).load(id);
  }

  @FieldResolver(() => PriceList, {
    nullable: true,
    description: 'The list by which the seller buys; null when it is hidden.',
  })
  async costList(@Root() finding: MarginFindingRow, @Ctx() context: RequestContext) {
    return rowLoader(context, PriceList).load(finding.costListId);
  }

  @FieldResolver(() => PriceList, { nullable: true, description: "The customer's list." })
  async sellList(@Root() finding: MarginFindingRow, @Ctx() context: RequestContext) {
    return rowLoader(context, PriceList).load(finding.sellListId);
  }

  @FieldResolver(() => TimeBand, {
    nullable: true,
    description: 'Band of the cost, if it has one.',
  })
  async costBand(@Root() finding: MarginFindingRow, @Ctx() context: RequestContext) {
    return bandOrNull(context, finding.costBandId);
  }

  @FieldResolver(() => TimeBand, { nullable: true, description: 'Band of the selling price.' })
  async sellBand(@Root() finding: MarginFindingRow, @Ctx() context: RequestContext) {
    return bandOrNull(context, finding.sellBandId);
  }
}

async function bandOrNull(context: RequestContext, id: number | null): Promise<TimeBand | null> {
  return id === null ? null : rowLoader(context, TimeBand).load(id);
}
