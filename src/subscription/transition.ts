import { DomainError } from '../kernel/index.js';

/** What is stored of the state: what a subscription is while it is held. */
export type HeldStatus = 'ACTIVE' | 'SUSPENDED' | 'BLOCKED';

export type SubscriptionStatus = HeldStatus | 'TERMINATED';

/** The state that each verb leads to. Blocking and releasing belong to credit. */
interface StatusAfter {
  readonly suspend: HeldStatus;
  readonly resume: HeldStatus;
  readonly block: HeldStatus;
  readonly release: HeldStatus;
  readonly terminate: 'TERMINATED';
}

/** What can be done to a subscription. */
export type SubscriptionVerb = keyof StatusAfter;

const transitions: Readonly<Record<SubscriptionStatus, Partial<StatusAfter>>> = {
  ACTIVE: { suspend: 'SUSPENDED', block: 'BLOCKED', terminate: 'TERMINATED' },
  SUSPENDED: { resume: 'ACTIVE', terminate: 'TERMINATED' },
  BLOCKED: { release: 'ACTIVE', suspend: 'SUSPENDED', terminate: 'TERMINATED' },
  TERMINATED: {},
};

/**
 * The state at an instant: terminated from its end on, whatever it was while it was held. Nobody
 * stores that an end has come, so nothing has to happen at that moment.
 */
export function statusAt(held: HeldStatus, endsAt: Date | null, at: Date): SubscriptionStatus {
  return endsAt !== null && endsAt <= at ? 'TERMINATED' : held;
}

/** The state after a verb. Refuses with SUBSCRIPTION_TRANSITION_REFUSED what has no meaning. */
export function transition<V extends SubscriptionVerb>(
  status: SubscriptionStatus,
  verb: V,
): StatusAfter[V] {
  const next = transitions[status][verb];
  if (next !== undefined) return next;
  throw new DomainError(
    'SUBSCRIPTION_TRANSITION_REFUSED',
    `To ${verb} a subscription that is ${status} has no meaning.`,
    { status, verb },
  );
}
