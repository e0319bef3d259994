import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of subscriptions, their identities and trunks. */
export const subscriptionErrors = {
  SUBSCRIPTION_CONTRACT_REFUSED: 'Subscriptions are held under WHOLESALE and RETAIL contracts.',
  CONTRACT_NOT_IN_FORCE: 'The contract has no terms in force when the subscription starts.',
  PLAN_NOT_OF_SELLER: "The service plan is not one of the contract's seller.",
  PLAN_CURRENCY: 'The service plan is kept in another currency than the contract.',
  CREDIT_LIMIT_REFUSED:
    'A credit limit is above zero and below ten thousand million, with at most 8 decimals.',
  NUMBER_TAKEN: 'A number belongs to a subscription at that time already.',
  TRUNK_TAKEN: 'The trunk identifies a subscription at that time already.',
  TRUNK_NAME_TAKEN: 'A trunk of this name exists.',
  TRUNK_CONTRACT_REFUSED: "A trunk is bought under a COST contract of the trunk's partner.",
  TRUNK_OF_OTHER_PARTNER: "The trunk is not one of the subscription's partner.",
  IDENTITY_REFUSED: 'An identity is a number, a range of numbers or a trunk.',
  IDENTITY_NOT_ENDABLE: 'The identity has ended before the instant or began after it.',
  SUBSCRIPTION_TRANSITION_REFUSED: 'The subscription is not in a state for this.',
  TERMINATION_REFUSED: 'A subscription ends after it started.',
  CANCELLATION_REFUSED: 'A subscription is cancelled before it begins.',
  TERMINATION_NOT_PLANNED: 'The subscription has no end that is still to come.',
} as const satisfies ErrorCatalogue;
