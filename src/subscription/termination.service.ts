import { DomainError } from '../kernel/index.js';
import { once, rowByGlobalId, rowOf, type Tx, type Viewer } from '../platform/index.js';
import { subscriptionErrors } from './errors.js';
import { endIdentitiesAt, freeIdentities } from './identity.store.js';
import { assertPlanGoesOn, keepTerms } from './plan-currency.store.js';
import { Subscription } from './subscription.entity.js';
import { lockedSubscription } from './subscription.service.js';
import { isOver, statusAt, transition } from './transition.js';

/** Ends of subscriptions: those made at once, those planned, and those before they began. */
export class TerminationService {
  /**
   * Ends a subscription and its identities with it, for good once the instant has come; until then
   * the end can be moved by asking again, or withdrawn. Refuses with TERMINATION_REFUSED an instant
   * before its beginning, with SUBSCRIPTION_TRANSITION_REFUSED one that has ended, and as
   * {@link withdraw} a later end than the one that was planned.
   */
  async terminate(
    tx: Tx,
    viewer: Viewer,
    id: string,
    at: Date | null,
    key: string | null,
    now: Date,
  ): Promise<Subscription> {
    const request = { id, at };
    const made = await once(tx, viewer, key, 'terminateSubscription', request, async () => {
      const subscription = await withTerms(tx, id);
      transition(statusAt(subscription.heldStatus, subscription, now), 'terminate');
      const endsAt = at ?? now;
      if (endsAt <= subscription.startsAt) {
        throw new DomainError('TERMINATION_REFUSED', 'A subscription ends after it started.');
      }
      await moveEnd(tx, subscription, endsAt, now);
      return { id: subscription.id };
    });
    return rowOf(tx, Subscription, 'Subscription', made.id);
  }

  /**
   * Takes back an end that is still to come; its identities go on as they would have without it.
   * Refuses with TERMINATION_NOT_PLANNED; with NUMBER_TAKEN or TRUNK_TAKEN when an identity belongs
   * to somebody from then on; with PLAN_CURRENCY when its contract goes on in another currency than
   * its plan; with NOT_SELLER or NOT_FOUND.
   */
  async withdraw(
    tx: Tx,
    viewer: Viewer,
    id: string,
    key: string | null,
    now: Date,
  ): Promise<Subscription> {
    const made = await once(tx, viewer, key, 'withdrawTermination', { id }, async () => {
      const subscription = await withTerms(tx, id);
      const { heldStatus, endsAt } = subscription;
      if (endsAt === null || isOver(statusAt(heldStatus, subscription, now))) {
        throw new DomainError(
          'TERMINATION_NOT_PLANNED',
          'The subscription has no end that is still to come.',
        );
      }
      await moveEnd(tx, subscription, null, now);
      return { id: subscription.id };
    });
    return rowOf(tx, Subscription, 'Subscription', made.id);
  }

  /**
   * Takes a subscription back before it begins, for good: it and its identities have no time, as
   * if they had never been. Refuses with CANCELLATION_REFUSED one that has begun, with
   * SUBSCRIPTION_TRANSITION_REFUSED one that is over, with NOT_SELLER or NOT_FOUND.
   */
  async cancel(
    tx: Tx,
    viewer: Viewer,
    id: string,
    key: string | null,
    clock: () => Date,
  ): Promise<Subscription> {
    const made = await once(tx, viewer, key, 'cancelSubscription', { id }, async () => {
      const subscription = await withTerms(tx, id);
      // It may have begun while a bill was waited for.
      const now = clock();
      transition(statusAt(subscription.heldStatus, subscription, now), 'cancel');
      if (subscription.startsAt <= now) {
        throw new DomainError('CANCELLATION_REFUSED', subscriptionErrors.CANCELLATION_REFUSED, {
          startsAt: subscription.startsAt.toISOString(),
        });
      }
      // The database keeps instants finer than they are here.
      await tx.query('UPDATE subscription SET ends_at = starts_at WHERE id = $1', [
        subscription.id,
      ]);
      await freeIdentities(tx, subscription.id);
      return { id: subscription.id };
    });
    return rowOf(tx, Subscription, 'Subscription', made.id);
  }
}

/** As {@link lockedSubscription}, with the terms and the bills of its contract standing still. */
async function withTerms(tx: Tx, globalId: string): Promise<Subscription> {
  const { contractId } = await rowByGlobalId(tx, Subscription, 'Subscription', globalId);
  // Before the subscription, as who bills the contract does.
  await keepTerms(tx, contractId);
  return lockedSubscription(tx, globalId);
}

/** Gives a subscription that is not terminated another end, or none. */
async function moveEnd(
  tx: Tx,
  { id, endsAt: before }: Subscription,
  endsAt: Date | null,
  now: Date,
): Promise<void> {
  if (before !== null && (endsAt === null || endsAt > before)) {
    await assertPlanGoesOn(tx, id, { from: before, to: endsAt });
  }
  await tx.update(Subscription, { id }, { endsAt });
  // What a past end takes away nobody can ask back.
  if (endsAt !== null && endsAt <= now) {
    await tx.query(
      'DELETE FROM subscription_identity WHERE subscription_id = $1 AND valid_from >= $2',
      [id, endsAt],
    );
  }
  await endIdentitiesAt(tx, id, endsAt);
}
