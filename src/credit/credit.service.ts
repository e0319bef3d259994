import { clearAlarmsOf, clearCondition, raiseAlarm } from '../alarm/index.js';
import {
  civilDate,
  DomainError,
  formatAmount,
  invariant,
  parseAmount,
  toGlobalId,
} from '../kernel/index.js';
import { assertTermsSide, Contract, levelPermission, mayReadLevel } from '../partner/index.js';
import {
  notFound,
  type OutboxRow,
  once,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import {
  addUsage,
  type Balance,
  blockByHand,
  blockExhausted,
  blockedByLimit,
  type CreditFacts,
  currencyOf,
  lockFacts,
  markBalance,
  readBalances,
  readFacts,
  release,
  releasedSince,
  storeTerms,
} from './credit.store.js';
import { CreditBalance } from './credit-balance.entity.js';
import { creditErrors } from './errors.js';
import { type CreditStep, type CreditTerms, creditMarks, newSteps } from './threshold.js';
import { usageEntries } from './usage-entries.js';

const SUBJECT = 'Subscription';
const STEPS: readonly CreditStep[] = ['CREDIT_THRESHOLD', 'CREDIT_EXHAUSTED'];
const LIMIT_END = parseAmount('10000000000');

export interface CreditLimit {
  /** Decimal text; null for no limit. */
  readonly limit: string | null;
  /** Unchanged when absent. */
  readonly warningPercent?: number | null | undefined;
}

export class CreditService {
  /**
   * Adds what a batch used, and warns or blocks when a sum has reached a step. It must run in
   * the transaction that marks the message as done: then every message counts once.
   */
  async applyUsage(tx: Tx, row: OutboxRow): Promise<void> {
    const entries = usageEntries(row.payload);
    if (entries.length === 0) return;
    const facts = await lockFacts(tx, [...new Set(entries.map((entry) => entry.subscriptionId))]);
    for (const balance of await addUsage(tx, entries, facts)) {
      const subscription = facts.get(balance.subscriptionId);
      invariant(subscription !== undefined, 'usage belongs to a subscription');
      await this.#takeSteps(tx, subscription, balance);
      await this.#giveBack(tx, subscription, balance);
    }
  }

  /**
   * The balance of a month, by default the present one, without what is used when the viewer may
   * not see prices of the contract's level. Refuses with NOT_FOUND.
   */
  async balance(
    tx: Tx,
    viewer: Viewer,
    globalId: string,
    month: string | null,
    now: Date,
  ): Promise<CreditBalance> {
    const id = rowNumber(SUBJECT, globalId);
    const facts = found((await readFacts(tx, [id])).get(id), globalId);
    return this.#view(tx, viewer, facts, month, now);
  }

  /**
   * Blocks an active subscription; one that its limit has blocked stays so until a person releases
   * it. Refuses with SUBSCRIPTION_NOT_ACTIVE or NOT_SELLER.
   */
  async block(
    tx: Tx,
    viewer: Viewer,
    input: { readonly globalId: string; readonly reason: string },
    key: string | null,
    now: Date,
  ): Promise<CreditBalance> {
    const id = rowNumber(SUBJECT, input.globalId);
    await once(tx, viewer, key, 'blockSubscription', input, async () => {
      const subscription = await locked(tx, id, input.globalId);
      if (subscription.status !== 'ACTIVE' && subscription.status !== 'BLOCKED') {
        throw new DomainError('SUBSCRIPTION_NOT_ACTIVE', 'The subscription is not active.');
      }
      await blockByHand(tx, subscription, input.reason);
      return id;
    });
    return this.balance(tx, viewer, input.globalId, null, now);
  }

  /**
   * Makes a blocked subscription active and clears its credit alarms. Refuses with
   * SUBSCRIPTION_NOT_BLOCKED or NOT_SELLER.
   */
  async release(
    tx: Tx,
    viewer: Viewer,
    globalId: string,
    key: string | null,
    now: Date,
  ): Promise<CreditBalance> {
    const id = rowNumber(SUBJECT, globalId);
    await once(tx, viewer, key, 'releaseSubscription', { globalId }, async () => {
      const subscription = await locked(tx, id, globalId);
      if (subscription.status !== 'BLOCKED') {
        throw new DomainError('SUBSCRIPTION_NOT_BLOCKED', 'The subscription is not blocked.');
      }
      await release(tx, subscription, 'RELEASED');
      await clearAlarmsOf(tx, { subjectType: SUBJECT, subjectId: id }, STEPS);
      return id;
    });
    return this.balance(tx, viewer, globalId, null, now);
  }

  /**
   * Sets the limit. Alarms of sums that lie below it now are cleared, and the present month is
   * held against it at once; a blocked subscription stays blocked until it is released.
   * Refuses with CREDIT_LIMIT_INVALID or NOT_SELLER.
   */
  async setLimit(
    tx: Tx,
    viewer: Viewer,
    input: { readonly globalId: string } & CreditLimit,
    key: string | null,
    now: Date,
  ): Promise<CreditBalance> {
    const id = rowNumber(SUBJECT, input.globalId);
    await once(tx, viewer, key, 'setCreditLimit', input, async () => {
      const before = await locked(tx, id, input.globalId);
      const subscription = {
        ...before,
        limit: input.limit === null ? null : limitOf(input.limit),
        warningPercent: input.warningPercent ?? before.warningPercent,
      };
      await storeTerms(tx, id, subscription);
      const present = monthOf(subscription, now);
      for (const balance of await readBalances(tx, id, null)) {
        await this.#takeBack(tx, subscription, balance);
        if (balance.periodOn >= present) await this.#takeSteps(tx, subscription, balance);
      }
      return id;
    });
    return this.balance(tx, viewer, input.globalId, null, now);
  }

  async #takeSteps(tx: Tx, subscription: CreditFacts, balance: Balance): Promise<void> {
    const marks = creditMarks(balance.used, subscription);
    for (const step of newSteps(balance.marks, marks)) {
      await markBalance(tx, balance, step, true);
      const currency = await currencyOf(tx, subscription.contractId, balance.periodOn);
      await raiseAlarm(tx, {
        partnerId: subscription.partnerId,
        severity: step === 'CREDIT_EXHAUSTED' ? 'CRITICAL' : 'WARNING',
        probableCause: step,
        subjectType: SUBJECT,
        subjectId: subscription.id,
        naturalKey: conditionOf(balance, step),
        shownWith: [levelPermission[subscription.level]],
        ...wordsOf({ ...subscription, currency }, balance, step),
      });
      if (step === 'CREDIT_EXHAUSTED') await blockExhausted(tx, subscription);
    }
    // A subscription that was suspended when it reached the limit, or after, goes on unblocked.
    if (!marks.exhausted || !balance.marks.exhausted || subscription.status !== 'ACTIVE') return;
    if (!(await releasedSince(tx, balance))) await blockExhausted(tx, subscription);
  }

  // Records are counted for themselves when they are imported; what buckets and tiers of the month
  // take off comes a moment later. A block that it takes the ground from is lifted.
  async #giveBack(tx: Tx, subscription: CreditFacts, balance: Balance): Promise<void> {
    const reached = creditMarks(balance.used, subscription);
    if (newSteps(reached, balance.marks).length === 0) return;
    await this.#takeBack(tx, subscription, balance);
    if (reached.exhausted || !balance.marks.exhausted || subscription.status !== 'BLOCKED') return;
    const others = await readBalances(tx, subscription.id, null);
    if (others.some(({ marks }) => marks.exhausted)) return;
    if (!(await blockedByLimit(tx, subscription.id))) return;
    await release(tx, subscription, 'CREDIT_RESTORED');
  }

  /** Forgets the steps that a sum no longer reaches, and clears their alarms. */
  async #takeBack(tx: Tx, subscription: CreditFacts, balance: Balance): Promise<void> {
    const reached = creditMarks(balance.used, subscription);
    for (const step of newSteps(reached, balance.marks)) {
      await markBalance(tx, balance, step, false);
      await clearCondition(tx, conditionOf(balance, step));
    }
  }

  async #view(
    tx: Tx,
    viewer: Viewer,
    subscription: CreditFacts,
    month: string | null,
    now: Date,
  ): Promise<CreditBalance> {
    const periodOn = month === null ? monthOf(subscription, now) : `${month.slice(0, 7)}-01`;
    const [balance] = await readBalances(tx, subscription.id, periodOn);
    const used = balance?.used ?? 0n;
    const { limit } = subscription;
    const left = limit === null ? null : limit - used;
    const priced = mayReadLevel(viewer, subscription.level);
    return Object.assign(new CreditBalance(), {
      subscriptionNumber: subscription.id,
      subscriptionId: toGlobalId(SUBJECT, subscription.id),
      partnerId: subscription.partnerId,
      periodOn,
      currency: await currencyOf(tx, subscription.contractId, periodOn),
      used: priced ? formatAmount(used) : null,
      limit: limit === null ? null : formatAmount(limit),
      available: left === null || !priced ? null : formatAmount(left > 0n ? left : 0n),
      warningPercent: subscription.warningPercent,
      blocked: subscription.status === 'BLOCKED',
      warnedAt: balance?.warnedAt ?? null,
      exhaustedAt: balance?.exhaustedAt ?? null,
    });
  }
}

function found(subscription: CreditFacts | undefined, globalId: string): CreditFacts {
  if (subscription !== undefined) return subscription;
  throw notFound(SUBJECT, globalId);
}

/** The subscription, locked, when the caller stands on the side that sells it. */
async function locked(tx: Tx, id: number, globalId: string): Promise<CreditFacts> {
  const subscription = found((await lockFacts(tx, [id])).get(id), globalId);
  await assertTermsSide(tx, await rowOf(tx, Contract, 'Contract', subscription.contractId));
  return subscription;
}

function limitOf(text: string): bigint {
  const limit = parseAmount(text);
  if (limit > 0n && limit < LIMIT_END) return limit;
  throw new DomainError('CREDIT_LIMIT_INVALID', creditErrors.CREDIT_LIMIT_INVALID, {
    limit: text,
  });
}

function monthOf(subscription: CreditFacts, now: Date): string {
  return `${civilDate(subscription.timeZone, now.getTime()).slice(0, 7)}-01`;
}

function conditionOf(balance: Balance, step: CreditStep): string {
  return `${step}:${balance.subscriptionId}:${balance.periodOn}`;
}

function wordsOf(
  terms: CreditTerms & { readonly currency: string },
  balance: Balance,
  step: CreditStep,
) {
  const { currency, warningPercent } = terms;
  const limit = formatAmount(terms.limit ?? 0n);
  const used = formatAmount(balance.used);
  const month = balance.periodOn.slice(0, 7);
  const share = step === 'CREDIT_THRESHOLD' ? `${warningPercent} % of ` : '';
  return {
    text: `Use of ${used} ${currency} in ${month} has reached ${share}the limit of ${limit}.`,
    details: { used, limit, currency, month, warningPercent },
  };
}
