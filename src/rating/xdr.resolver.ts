import 'reflect-metadata';
import { Arg, Args, Authorized, Ctx, FieldResolver, Query, Resolver, Root } from 'type-graphql';
import { UsageFile } from '../mediation/index.js';
import { Account, Contract, Partner, pricePermissions } from '../partner/index.js';
import {
  type Connection,
  connectionOf,
  PageArgs,
  type RequestContext,
  requireViewer,
  rowLoader,
  Searches,
  ShownWith,
} from '../platform/index.js';
import { adjustments } from './allowance-query.store.js';
import { type LegTerms, shownPrices, Xdr, XdrMargin, XdrPrice } from './xdr.entity.js';
import { XdrFilter } from './xdr.input.js';
import { destinationName, fileOfXdr, legTerms, listXdrs, trunkName } from './xdr-query.store.js';
import { margin, type PricedLevel } from './xdr-row.js';

const XdrConnection = connectionOf(Xdr, 'Xdr');

@Resolver(() => Xdr)
export class XdrResolver {
  @Authorized('usage.read')
  @Searches()
  @Query(() => XdrConnection, {
    description: 'Rated records of a span of time, oldest first. Refused with INVALID_PERIOD.',
  })
  async xdrs(
    @Arg('filter', () => XdrFilter, { description: 'Which to list.' }) filter: XdrFilter,
    @Args(() => PageArgs) page: PageArgs,
    @Ctx() context: RequestContext,
  ): Promise<Connection<Xdr>> {
    return listXdrs(await context.read(), filter, page);
  }

  @ShownWith(...pricePermissions)
  @FieldResolver(() => [XdrPrice], {
    description: 'Its prices from what the viewer pays downwards, as far as the viewer may see.',
  })
  async prices(@Root() xdr: Xdr, @Ctx() context: RequestContext): Promise<XdrPrice[]> {
    const prices = await pricesOf(xdr, context);
    return prices.filter((price) => price !== null);
  }

  @ShownWith(...pricePermissions)
  @FieldResolver(() => XdrMargin, {
    nullable: true,
    description:
      'What the viewer sells it for less what the viewer pays; null when one of the two prices ' +
      'is missing, may not be seen, or is in another currency.',
  })
  async margin(@Root() xdr: Xdr, @Ctx() context: RequestContext): Promise<XdrMargin | null> {
    const [buy, sell] = await pricesOf(xdr, context);
    return margin(levelOf(buy), levelOf(sell));
  }

  @FieldResolver(() => Partner, { nullable: true, description: 'Whose subscription it is.' })
  async partner(@Root() xdr: Xdr, @Ctx() context: RequestContext): Promise<Partner | null> {
    return rowLoader(context, Partner).load(xdr.partnerId);
  }

  @FieldResolver(() => Account, { nullable: true, description: 'Account that is charged.' })
  async account(@Root() xdr: Xdr, @Ctx() context: RequestContext): Promise<Account | null> {
    return rowLoader(context, Account).load(xdr.accountId);
  }

  @FieldResolver(() => UsageFile, { nullable: true, description: 'File it came in.' })
  async file(@Root() xdr: Xdr, @Ctx() context: RequestContext): Promise<UsageFile | null> {
    const id = await fileOfXdr(context, xdr);
    return id === null ? null : rowLoader(context, UsageFile).load(id);
  }

  @FieldResolver(() => String, { nullable: true, description: 'Where the called number lies.' })
  async destination(@Root() xdr: Xdr, @Ctx() context: RequestContext): Promise<string | null> {
    return destinationName(context, xdr.destinationId);
  }

  @FieldResolver(() => String, { nullable: true, description: 'Trunk it entered by.' })
  async inTrunk(@Root() xdr: Xdr, @Ctx() context: RequestContext): Promise<string | null> {
    return trunkName(context, xdr.inTrunkId);
  }

  @FieldResolver(() => String, { nullable: true, description: 'Trunk it left by.' })
  async outTrunk(@Root() xdr: Xdr, @Ctx() context: RequestContext): Promise<string | null> {
    return trunkName(context, xdr.outTrunkId);
  }
}

@Resolver(() => XdrPrice)
export class XdrPriceResolver {
  @Authorized('contract.read')
  @FieldResolver(() => Contract, { nullable: true, description: 'Contract that priced it.' })
  async contract(
    @Root() price: XdrPrice,
    @Ctx() context: RequestContext,
  ): Promise<Contract | null> {
    return price.contractId === null ? null : rowLoader(context, Contract).load(price.contractId);
  }
}

// One entry for each level below the cut, null where the viewer may not see it.
async function pricesOf(xdr: Xdr, context: RequestContext): Promise<(XdrPrice | null)[]> {
  const { permissions } = requireViewer(context);
  const terms = await legTerms(context).loadMany(xdr.legs.map((leg) => leg.contractVersionId));
  const { id: xdrId, startedMicros } = xdr;
  const adjusted = await Promise.all(
    terms.map((found) => {
      if (found instanceof Error) throw found;
      if (!found) return null;
      const { contractId } = found;
      return adjustments(context).load({ contractId, xdrId, startedMicros });
    }),
  );
  return shownPrices(xdr, terms as (LegTerms | null)[], adjusted, { permissions });
}

function levelOf(price: XdrPrice | null | undefined): PricedLevel | undefined {
  return price ? { amount: price.exactAmount, currency: price.currency } : undefined;
}
