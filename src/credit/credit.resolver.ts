import { Arg, Authorized, Ctx, ID, Mutation, Query, Resolver } from 'type-graphql';
import {
  DateScalar,
  idempotencyKeyOption,
  type RequestContext,
  requireViewer,
} from '../platform/index.js';
import { BlockInput, CreditLimitInput } from './credit.input.js';
import type { CreditService } from './credit.service.js';
import { CreditBalance } from './credit-balance.entity.js';

@Resolver(() => CreditBalance)
export class CreditResolver {
  readonly #credit: CreditService;

  constructor(credit: CreditService) {
    this.#credit = credit;
  }

  @Authorized('subscription.read')
  @Query(() => CreditBalance, {
    description:
      'What a subscription has used in a month of what it may use. Refused with NOT_FOUND.',
  })
  async creditBalance(
    @Arg('subscriptionId', () => ID, { description: 'Identifier of the subscription.' }) id: string,
    @Arg('month', () => DateScalar, {
      nullable: true,
      description: 'Any day of the month; the present month of the contract when absent.',
    })
    month: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CreditBalance> {
    const viewer = requireViewer(context);
    return this.#credit.balance(await context.read(), viewer, id, month ?? null, context.now());
  }

  @Authorized('subscription.manage')
  @Mutation(() => CreditBalance, {
    description:
      'Sets or removes the credit limit. Alarms of months that lie below it now are cleared, ' +
      'and the present month is held against it at once. Refused with CREDIT_LIMIT_REFUSED, ' +
      'NOT_SELLER or NOT_FOUND.',
  })
  async setCreditLimit(
    @Arg('input', () => CreditLimitInput, { description: 'The new terms.' })
    { subscriptionId, limit, warningPercent }: CreditLimitInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CreditBalance> {
    const viewer = requireViewer(context);
    const input = { globalId: subscriptionId, limit: limit ?? null, warningPercent };
    return context.write((tx) => this.#credit.setLimit(tx, viewer, input, key, context.now()));
  }

  @Authorized('subscription.manage')
  @Mutation(() => CreditBalance, {
    description:
      'Blocks an active subscription. Refused with SUBSCRIPTION_NOT_ACTIVE, NOT_SELLER or ' +
      'NOT_FOUND.',
  })
  async blockSubscription(
    @Arg('input', () => BlockInput, { description: 'Which one, and why.' })
    { subscriptionId, reason }: BlockInput,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CreditBalance> {
    const viewer = requireViewer(context);
    const input = { globalId: subscriptionId, reason };
    return context.write((tx) => this.#credit.block(tx, viewer, input, key, context.now()));
  }

  @Authorized('subscription.manage')
  @Mutation(() => CreditBalance, {
    description:
      'Makes a blocked subscription active again and clears its credit alarms. Use blocks it ' +
      'again in the same month only after the limit was set anew. Refused with ' +
      'SUBSCRIPTION_NOT_BLOCKED, NOT_SELLER or NOT_FOUND.',
  })
  async releaseSubscription(
    @Arg('subscriptionId', () => ID, { description: 'Identifier of the subscription.' }) id: string,
    @Arg('idempotencyKey', () => String, idempotencyKeyOption) key: string | null,
    @Ctx() context: RequestContext,
  ): Promise<CreditBalance> {
    const viewer = requireViewer(context);
    return context.write((tx) => this.#credit.release(tx, viewer, id, key, context.now()));
  }
}
