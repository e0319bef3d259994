import { clearAlarmsOf, clearCondition, raiseAlarm } from '../alarm/index.js';
import { civilDate, DomainError, formatAmount, invariant, toGlobalId } from '../kernel/index.js';
import { assertTermsSide, Contract, levelPermission, mayReadLevel } from '../partner/index.js';
import {
  type Database,
  notFound,
  type OutboxRow,
  once,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { countCharges, orderCount } from '../rating/index.js';
import { creditLimit } from '../subscription/index.js';
import {
  addUsage,
  type Balance,
  blockByHand,
  blockExhausted,
  blockedByLimit,
  type CreditFacts,
  currenciesOf,
  lockFacts,
  markBalance,
  readBalances,
  readFacts,
  release,
  releasedSince,
  storeCounted,
  storeTerms,
  uncounted,
} from './credit.store.js';
import { CreditBalance } from './credit-balance.entity.js';
import { type CreditStep, type CreditTerms, creditMarks, newSteps } from './threshold.js';
import { sumEntries, usageEntries } from './usage-entries.js';

const SUBJECT = 'Subscription';
const STEPS: readonly CreditStep[] = ['CREDIT_THRESHOLD', 'CREDIT_EXHAUSTED'];
/** Subscriptions whose records are read together. */
const COUNTED_AT_ONCE = 10_000;

export interface CreditLimit {
  /** Decimal text; null for no limit. */
  readonly limit: string | null;
  /** Unchanged when absent. */
  readonly warningPercent?: number | null | undefined;
}

export class CreditService {
  readonly #database: Database;
  readonly #now: () => Date;

  constructor(database: Database, now: () => Date) {
    this.#database = database;
    this.#now = now;
  }

  /**
   * Adds what a batch used, and warns or blocks when a sum has reached a step. It must run in
   * the transaction that marks the message as done: then every message counts once.
   */
  async applyUsage(tx: Tx, row: OutboxRow): Promise<void> {
    const told = usageEntries(row.payload);
    if (told.length === 0) return;
    const ids = [...new Set(told.map((entry) => entry.subscriptionId))];
    const facts = await lockFacts(tx, ids, this.#now());
    // Of earlier months nothing is known but this.
    const entries = told.filter(({ subscriptionId, periodOn }) => {
      const from = facts.get(subscriptionId)?.watchedFrom ?? null;
      return from !== null && periodOn >= from;
    });
    await this.#hold(tx, facts, await addUsage(tx, entries, facts));
  }

  /**
   * Task of the outbox: counts what subscriptions had used before they were given a limit, of all
   * that wait for it, and warns or blocks as {@link applyUsage} does. Rows that come after it find
   * nothing left to do.
   */
  async countUsage(tx: Tx, row: OutboxRow): Promise<void> {
    const ids = await uncounted(tx, COUNTED_AT_ONCE);
    // Locked, they take no entries of the outbox until what is counted here is in their balances.
    const facts = await lockFacts(tx, ids, this.#now());
    const spans = [...facts.values()].flatMap(({ id, countFrom }) =>
      countFrom === null ? [] : [{ subscriptionId: id, from: countFrom }],
    );
    if (spans.length === 0) return;
    // Counting takes as long as reading the records of the months.
    await tx.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const counted = sumEntries(await countCharges(this.#database, spans));
    await this.#hold(tx, facts, await storeCounted(tx, spans, counted, facts));
    if (ids.length === COUNTED_AT_ONCE) await orderCount(tx, row.partnerId);
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
    const facts = found((await readFacts(tx, [id], now)).get(id), globalId);
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
      const subscription = await locked(tx, id, input.globalId, now);
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
      const subscription = await locked(tx, id, globalId, now);
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
   * held against it at once, or as soon as it has been counted when there was no limit before; a
   * blocked subscription stays blocked until it is released.
   * Refuses with CREDIT_LIMIT_REFUSED or NOT_SELLER.
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
      const before = await locked(tx, id, input.globalId, now);
      const subscription = {
        ...before,
        limit: input.limit === null ? null : creditLimit(input.limit),
        warningPercent: input.warningPercent ?? before.warningPercent,
      };
      const present = monthOf(subscription, now);
      if (await storeTerms(tx, id, subscription, present)) {
        await orderCount(tx, subscription.partnerId);
      }
      for (const balance of await readBalances(tx, id, null)) {
        await this.#takeBack(tx, subscription, balance);
        if (balance.periodOn >= present) await this.#takeSteps(tx, subscription, balance);
      }
      return id;
    });
    return this.balance(tx, viewer, input.globalId, null, now);
  }

  /** Holds balances that have changed against the limits. */
  async #hold(
    tx: Tx,
    facts: ReadonlyMap<number, CreditFacts>,
    balances: readonly Balance[],
  ): Promise<void> {
    for (const balance of balances) {
      const subscription = facts.get(balance.subscriptionId);
      invariant(subscription !== undefined, 'usage belongs to a subscription');
      await this.#takeSteps(tx, subscription, balance);
      await this.#giveBack(tx, subscription, balance);
    }
  }

  async #takeSteps(tx: Tx, subscription: CreditFacts, balance: Balance): Promise<void> {
    const marks = creditMarks(balance.used, subscription);
    for (const step of newSteps(balance.marks, marks)) {
      await markBalance(tx, balance, step, true);
      const currencies = await currenciesOf(tx, subscription.contractId, balance.periodOn);
      await raiseAlarm(tx, {
        partnerId: subscription.partnerId,
        severity: step === 'CREDIT_EXHAUSTED' ? 'CRITICAL' : 'WARNING',
        probableCause: step,
        subjectType: SUBJECT,
        subjectId: subscription.id,
        naturalKey: conditionOf(balance, step),
        shownWith: [levelPermission[subscription.level]],
        ...wordsOf({ ...subscription, currencies }, balance, step),
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
    const { limit, watchedFrom, countFrom } = subscription;
    const counting = countFrom !== null && periodOn >= countFrom;
    const known = watchedFrom !== null && periodOn >= watchedFrom && !counting;
    const shown = known && mayReadLevel(viewer, subscription.level);
    const used = shown ? (balance?.used ?? 0n) : null;
    const currencies = await currenciesOf(tx, subscription.contractId, periodOn);
    const left = limit === null || used === null ? null : limit - used;
    return Object.assign(new CreditBalance(), {
      subscriptionNumber: subscription.id,
      subscriptionId: toGlobalId(SUBJECT, subscription.id),
      partnerId: subscription.partnerId,
      periodOn,
      currency: currencies.at(-1),
      currencies,
      used: used === null ? null : formatAmount(used),
      counting,
      limit: limit === null ? null : formatAmount(limit),
      available: left === null ? null : formatAmount(left > 0n ? left : 0n),
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
async function locked(tx: Tx, id: number, globalId: string, now: Date): Promise<CreditFacts> {
  const subscription = found((await lockFacts(tx, [id], now)).get(id), globalId);
  await assertTermsSide(tx, await rowOf(tx, Contract, 'Contract', subscription.contractId));
  return subscription;
}

function monthOf(subscription: CreditFacts, now: Date): string {
  return `${civilDate(subscription.timeZone, now.getTime()).slice(0, 7)}-01`;
}

function conditionOf(balance: Balance, step: CreditStep): string {
  return `${step}:${balance.subscriptionId}:${balance.periodOn}`;
}

function wordsOf(
  terms: CreditTerms & { readonly currencies: readonly string[] },
  balance: Balance,
  step: CreditStep,
) {
  const { currencies, warningPercent } = terms;
  const currency = currencies.at(-1);
  const isMixed = currencies.length > 1;
  const limit = formatAmount(terms.limit ?? 0n);
  const used = formatAmount(balance.used);
  const month = balance.periodOn.slice(0, 7);
  const share = step === 'CREDIT_THRESHOLD' ? `${warningPercent} % of ` : '';
  const reached = `has reached ${share}the limit of ${limit}.`;
  const mixed = isMixed ? ` It adds amounts in ${currencies.join(' and ')} as numbers.` : '';
  return {
    text: `Use of ${used} ${currency} in ${month} ${reached}${mixed}`,
    details: { used, limit, currency, month, warningPercent, ...(isMixed && { currencies }) },
  };
}
