import { assertPlanCurrencies } from './plan-currency.store.js';
import { Subscription, SubscriptionIdentity, Trunk } from './subscription.entity.js';
import {
  ContractPriceListTrunkResolver,
  ContractSubscriptionsResolver,
  SubscriptionIdentityResolver,
  SubscriptionResolver,
  TrunkResolver,
} from './subscription.resolver.js';
import { lookUpTrunks } from './trunk.service.js';

export { creditLimit } from './credit-limit.js';
export { subscriptionErrors } from './errors.js';
export { Subscription, Trunk } from './subscription.entity.js';
export { SubscriptionService } from './subscription.service.js';
export { TerminationService } from './termination.service.js';
export {
  type HeldStatus,
  isOver,
  type SubscriptionStatus,
  type SubscriptionVerb,
  statusAt,
  transition,
} from './transition.js';
export { TrunkService } from './trunk.service.js';
export {
  ContractPriceListTrunkResolver,
  ContractSubscriptionsResolver,
  SubscriptionIdentityResolver,
  SubscriptionResolver,
  TrunkResolver,
};

/** What contracts, which stand above, ask of this folder. */
export const subscriptionLookups = { trunks: lookUpTrunks, assertPlans: assertPlanCurrencies };

/** Tables of this folder. */
export const subscriptionEntities = [Subscription, SubscriptionIdentity, Trunk];

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const subscriptionResolvers = [
  SubscriptionResolver,
  SubscriptionIdentityResolver,
  TrunkResolver,
  ContractSubscriptionsResolver,
  ContractPriceListTrunkResolver,
] as const;
