import 'reflect-metadata';
import { Matches } from 'class-validator';
import {
  Args,
  ArgsType,
  Authorized,
  Ctx,
  Field,
  FieldResolver,
  Resolver,
  Root,
} from 'type-graphql';
import { Account, Contract } from '../partner/index.js';
import type { RequestContext } from '../platform/index.js';
import { Subscription } from '../subscription/index.js';
import { BucketBalances } from './bucket-balance.entity.js';
import {
  accountBalances,
  balancesOfContract,
  subscriptionBalances,
} from './bucket-balance.service.js';

@ArgsType()
class BalanceArgs {
  @Field(() => String, { description: "The month, YYYY-MM, in the contract's zone." })
  @Matches(/^(?!0000)\d{4}-(0[1-9]|1[0-2])$/, { message: 'A month is written YYYY-MM.' })
  month!: string;
}

@Resolver(() => Subscription)
export class SubscriptionBalancesResolver {
  @Authorized('usage.read')
  @FieldResolver(() => BucketBalances, {
    nullable: true,
    description:
      'Buckets that the subscription uses, alone or with others, and its bonus points; null when ' +
      'prices of its contract may not be seen.',
  })
  async bucketBalances(
    @Root() subscription: Subscription,
    @Args(() => BalanceArgs) { month }: BalanceArgs,
    @Ctx() context: RequestContext,
  ): Promise<BucketBalances | null> {
    return subscriptionBalances(context, subscription, month);
  }
}

@Resolver(() => Contract)
export class ContractBalancesResolver {
  @Authorized('usage.read')
  @FieldResolver(() => BucketBalances, {
    nullable: true,
    description:
      'All buckets of the contract, and of its subscriptions and accounts as far as these are ' +
      'visible; null when prices of its level may not be seen.',
  })
  async bucketBalances(
    @Root() contract: Contract,
    @Args(() => BalanceArgs) { month }: BalanceArgs,
    @Ctx() context: RequestContext,
  ): Promise<BucketBalances | null> {
    return balancesOfContract(context, contract, month);
  }
}

@Resolver(() => Account)
export class AccountBalancesResolver {
  @Authorized('usage.read')
  @FieldResolver(() => BucketBalances, {
    description: 'Buckets that all subscriptions of its account tree share.',
  })
  async bucketBalances(
    @Root() account: Account,
    @Args(() => BalanceArgs) { month }: BalanceArgs,
    @Ctx() context: RequestContext,
  ): Promise<BucketBalances> {
    return accountBalances(context, account, month);
  }
}
