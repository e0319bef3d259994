import { DomainError } from '../kernel/index.js';

export type SubscriptionStatus = 'ACTIVE' | 'SUSPENDED' | 'BLOCKED' | 'TERMINATED';

/** What can be done to a subscription. Blocking and releasing belong to credit. */
export type SubscriptionVerb = 'suspend' | 'resume' | 'terminate' | 'block' | 'release';

const transitions: Readonly<
  Record<SubscriptionStatus, Readonly<Partial<Record<SubscriptionVerb, SubscriptionStatus>>>>
> = {
  ACTIVE: { suspend: 'SUSPENDED', block: 'BLOCKED', terminate: 'TERMINATED' },
  SUSPENDED: { resume: 'ACTIVE', terminate: 'TERMINATED' },
  BLOCKED: { release: 'ACTIVE', suspend: 'SUSPENDED', terminate: 'TERMINATED' },
  TERMINATED: {},
};

/** The state after a verb. Refuses with SUBSCRIPTION_TRANSITION_REFUSED what has no meaning. */
export function transition(status: SubscriptionStatus, verb: SubscriptionVerb): SubscriptionStatus {
  const next = transitions[status][verb];
  if (next !== undefined) return next;
  throw new DomainError(
    'SUBSCRIPTION_TRANSITION_REFUSED',
    `To ${verb} a subscription that is ${status} has no meaning.`,
    { status, verb },
  );
}
