import { DomainError } from '../kernel/index.js';

/** What is stored of the state: what a subscription is while it is held. */
export type HeldStatus = 'ACTIVE' | 'SUSPENDED' | 'BLOCKED';

export type SubscriptionStatus = HeldStatus | 'TERMINATED' | 'CANCELLED';

/** The state that each verb leads to. Blocking and releasing belong to credit. */
interface StatusAfter {
  readonly suspend: HeldStatus;
  readonly resume: HeldStatus;
  readonly block: HeldStatus;
  readonly release: HeldStatus;
  readonly terminate: 'TERMINATED';
  readonly cancel: 'CANCELLED';
}

/** What can be done to a subscription. */
export type SubscriptionVerb = keyof StatusAfter;

const over = { terminate: 'TERMINATED', cancel: 'CANCELLED' } as const;

const transitions: Readonly<Record<SubscriptionStatus, Partial<StatusAfter>>> = {
  ACTIVE: { suspend: 'SUSPENDED', block: 'BLOCKED', ...over },
  SUSPENDED: { resume: 'ACTIVE', ...over },
  BLOCKED: { release: 'ACTIVE', suspend: 'SUSPENDED', ...over },
  TERMINATED: {},
  CANCELLED: {},
};

/** When a subscription is held, half-open; one that was cancelled ends where it would begin. */
interface HeldTime {
  readonly startsAt: Date;
  readonly endsAt: Date | null;
}

/**
 * The state at an instant: cancelled at any when there is no time in which it is held, terminated
 * from its end on, whatever it was while it was held. Nobody stores that an end has come, so
 * nothing has to happen at that moment.
 */
export function statusAt(
  held: HeldStatus,
  { startsAt, endsAt }: HeldTime,
  at: Date,
): SubscriptionStatus {
  if (endsAt === null) return held;
  if (endsAt <= startsAt) return 'CANCELLED';
  return endsAt <= at ? 'TERMINATED' : held;
}

/** Whether it is held no more, and never will be again. */
export function isOver(status: SubscriptionStatus): status is 'TERMINATED' | 'CANCELLED' {
  return status === 'TERMINATED' || status === 'CANCELLED';
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
