import { coded } from './armour.js';
import type { Viewer } from './request.service.js';
import { addressKey, TokenBuckets } from './token-buckets.js';
import { SharedTurnstile, Turnstile, TurnstileShut } from './turnstile.service.js';

/** What one caller may ask of the server, apart from what one document may ask for. */
export interface CallerSettings {
  readonly addressRate: number;
  readonly userRate: number;
  readonly userCost: number;
  readonly userParallel: number;
}

/** One operation, whose it is, and what it costs. */
export interface Asking {
  readonly caller: string;
  readonly party: string;
  readonly cost: number;
}

/** A caller may use up so many seconds of his budget at once. */
const BURST_SECONDS = 10;
const WAITING = 100;
const WAIT_MS = 10_000;
/** Operations that cost this much or more, of all callers together; their partners take turns. */
const COSTLY = { from: 1_000, parallel: 2 } as const;
/** Events of one user wait in queues of their own, which are bounded. */
const EVENT_WAIT_MS = 600_000;

/**
 * Budgets of addresses and users in this process: requests, operations, cost, and operations at
 * once. They keep one caller from taking what others need; who guesses passwords is stopped
 * inside of the operation, in the database, for all processes.
 */
export class CallerLimits {
  readonly #requests: TokenBuckets;
  readonly #operations: TokenBuckets;
  readonly #cost: TokenBuckets;
  readonly #turns: Turnstile;
  readonly #costly: SharedTurnstile;
  readonly #events: Turnstile;

  constructor(settings: CallerSettings) {
    const buckets = (perSecond: number) =>
      new TokenBuckets({ perSecond, burst: perSecond * BURST_SECONDS });
    this.#requests = buckets(settings.addressRate);
    this.#operations = buckets(settings.userRate);
    this.#cost = buckets(settings.userCost);
    const parallel = settings.userParallel;
    this.#turns = new Turnstile({ parallel, waiting: WAITING, waitMs: WAIT_MS });
    const { parallel: costly } = COSTLY;
    this.#costly = new SharedTurnstile({ parallel: costly, waiting: WAITING, waitMs: WAIT_MS });
    const waiting = Number.POSITIVE_INFINITY;
    this.#events = new Turnstile({ parallel, waiting, waitMs: EVENT_WAIT_MS });
  }

  /** Counts a request of an address; answers 0 or after how many milliseconds to come again. */
  takeRequest(address: string): number {
    return this.#requests.take(addressKey(address), 1, performance.now());
  }

  /** Counts an operation with its cost, or refuses with RATE_LIMITED. */
  takeOperation(caller: string, cost: number): void {
    const now = performance.now();
    const wait = this.#operations.take(caller, 1, now) || this.#cost.take(caller, cost, now);
    if (wait > 0) throw rateLimited(wait);
  }

  /**
   * Waits until one more operation of the caller may run, and one more costly one of his party if
   * it is one; the answer gives the places back. `rest` is called before a wait, to let go of what
   * others could use meanwhile. Refuses with RATE_LIMITED when too many wait or it takes too long.
   */
  async enter(asking: Asking, rest: () => Promise<void>): Promise<() => void> {
    const { caller, party, cost } = asking;
    if (this.#turns.isBusy(caller)) await rest();
    const left = await orRateLimited(this.#turns.enter(caller));
    if (cost < COSTLY.from) return left;
    try {
      if (this.#costly.isBusy()) await rest();
      const leftCostly = await orRateLimited(this.#costly.enter(party));
      return () => {
        leftCostly();
        left();
      };
    } catch (error) {
      left();
      throw error;
    }
  }

  /** As {@link enter}, for the next event of one of the caller's subscriptions. */
  enterEvent(caller: string): Promise<() => void> {
    return this.#events.enter(caller);
  }
}

async function orRateLimited(turn: Promise<() => void>): Promise<() => void> {
  try {
    return await turn;
  } catch (error) {
    if (error instanceof TurnstileShut) throw rateLimited(1_000);
    throw error;
  }
}

/** Whose budget an operation is of: an API key's, a user's, or that of an unknown address. */
export function callerOf(viewer: Viewer | null, address: string): string {
  if (viewer === null) return `address ${addressKey(address)}`;
  return viewer.apiKeyId === null ? `user ${viewer.userId}` : `key ${viewer.apiKeyId}`;
}

/** Who takes turns with others: the partner whose user or API key asks, or an unknown address. */
export function partyOf(viewer: Viewer | null, address: string): string {
  return viewer === null ? callerOf(null, address) : `partner ${viewer.homePartnerId}`;
}

/** The refusal of a caller who is ahead of his budget. */
function rateLimited(retryAfterMs: number): Error {
  const headers = new Map([['retry-after', retryAfterSeconds(retryAfterMs)]]);
  const details = { retryAfterMs };
  return coded('RATE_LIMITED', 'Too many requests; wait and try again.', {
    status: 429,
    details,
    headers,
  });
}

/** The value of a Retry-After header. */
export function retryAfterSeconds(ms: number): string {
  return String(Math.max(1, Math.ceil(ms / 1000)));
}
