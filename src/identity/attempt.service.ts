import { DomainError } from '../kernel/index.js';
import {
  addressKey,
  type Database,
  type RequestContext,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { type Account, accountOf } from './account.store.js';
import { type DeviceClaims, verifyDeviceToken } from './device-token.service.js';
import type { SignInEventKind, SignInOutcome } from './sign-in-event.entity.js';
import { insertEvent, type NewEvent } from './sign-in-event.store.js';
import {
  type Allowance,
  countAttempt,
  countInStreak,
  endStreak,
  refundAttempt,
  streakOf,
  sweepAttempts,
} from './throttle.store.js';

const PER_ACCOUNT: Allowance = { attempts: 10, windowSeconds: 900 };
const PER_DEVICE: Allowance = { attempts: 10, windowSeconds: 900 };
const PER_ADDRESS: Allowance = { attempts: 100, windowSeconds: 900 };
/** Of somebody who is signed in and has to prove himself again. */
const PER_USER: Allowance = { attempts: 10, windowSeconds: 900 };
/** NIST 800-63B: no more failures in a row than this, however slowly they come. */
const MOST_IN_STREAK = 100;

/** What attempts need of the context of an operation. */
export type AttemptContext = Pick<RequestContext, 'address' | 'userAgent' | 'release' | 'now'>;

/** Who tries, as he says. */
export interface Claimed {
  readonly email: string;
  readonly deviceToken: string | null;
}

/** A user and his own partner. */
export interface Who {
  readonly userId: number;
  readonly partnerId: number;
}

/** An attempt that was let through and counts as a failure until it has succeeded. */
export interface Attempt {
  readonly kind: SignInEventKind;
  /** Null for an address that nobody has. */
  readonly who: Who | null;
  /** The device, when it is one on which the user has signed in before. */
  readonly device: DeviceClaims | null;
  readonly at: Date;
  /** Keys of the allowances that it was counted under. */
  readonly windows: readonly string[];
  /** Keys of the failures in a row that a success ends. */
  readonly streaks: readonly string[];
}

interface Lanes {
  readonly windows: readonly (readonly [string, Allowance])[];
  /** The first one is counted. */
  readonly streaks: readonly [string, ...string[]];
}

/** What came of counting: `wait` in seconds, or `null` for as long as nobody proves himself. */
type Verdict = { readonly passed: true } | { readonly wait: number | null };

/**
 * Lets attempts to sign in through, so many for an account and for an address, and so many for
 * each device that the user has signed in from: who guesses elsewhere uses up the former and
 * cannot keep the user out of the latter.
 */
export class AttemptService {
  readonly #database: Database;
  readonly #secretKey: Uint8Array;

  constructor(database: Database, secretKey: Uint8Array) {
    this.#database = database;
    this.#secretKey = secretKey;
  }

  /**
   * Counts an attempt to sign in, committed before anything is verified, so that many at once
   * cannot slip through. Refuses with SIGN_IN_THROTTLED for a while after too many, with
   * SIGN_IN_LOCKED after a hundred that failed in a row; the same for addresses that nobody has.
   */
  async admit(
    context: AttemptContext,
    claimed: Claimed,
    kind: SignInEventKind,
  ): Promise<{ attempt: Attempt; account: Account | null }> {
    return this.#count(context, async (tx, at) => {
      const account = await accountOf(tx, claimed.email);
      const device = await this.#deviceOf(tx, account, claimed.deviceToken, at);
      const lanes = lanesOf(claimed.email, addressKey(context.address), account, device);
      const who = account === null ? null : { userId: account.id, partnerId: account.partnerId };
      return { lanes, account, attempt: attemptIn(lanes, { kind, who, device, at }) };
    });
  }

  /** As {@link admit}, for a user who is known and proves himself again. */
  async admitUser(context: AttemptContext, who: Who, kind: SignInEventKind): Promise<Attempt> {
    const { attempt } = await this.#count(context, async (_, at) => {
      const lanes: Lanes = {
        windows: [[userKey(who.userId), PER_USER]],
        streaks: [userKey(who.userId)],
      };
      return { lanes, attempt: attemptIn(lanes, { kind, who, device: null, at }) };
    });
    return attempt;
  }

  /**
   * Does what an attempt is for. A refusal with one of the codes is recorded, in a transaction of
   * its own, and passed on.
   */
  async recordingRefusal<T>(
    attempt: Attempt,
    context: AttemptContext,
    outcomes: Readonly<Record<string, SignInOutcome>>,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const outcome = error instanceof DomainError ? outcomes[error.code] : undefined;
      if (outcome !== undefined) {
        await this.#database.write(SYSTEM_SCOPE, (tx) =>
          insertEvent(tx, eventOf(attempt, context, outcome)),
        );
      }
      throw error;
    }
  }

  async #count<T extends { readonly lanes: Lanes; readonly attempt: Attempt }>(
    context: AttemptContext,
    find: (tx: Tx, at: Date) => Promise<T>,
  ): Promise<T> {
    await context.release();
    const now = context.now();
    const { found, verdict } = await this.#database.write(SYSTEM_SCOPE, async (tx) => {
      await sweepAttempts(tx, now);
      const sought = await find(tx, now);
      return { found: sought, verdict: await countIn(tx, sought, context) };
    });
    if ('passed' in verdict) return found;
    if (verdict.wait !== null) throw throttled(verdict.wait);
    throw new DomainError(
      'SIGN_IN_LOCKED',
      'Too many attempts have failed; sign in from a known device, or choose a new password.',
    );
  }

  async #deviceOf(
    tx: Tx,
    account: Account | null,
    token: string | null,
    now: Date,
  ): Promise<DeviceClaims | null> {
    const device = token === null ? null : verifyDeviceToken(this.#secretKey, token, now);
    if (device === null || account === null || device.userId !== account.id) return null;
    if (device.since < account.devicesFrom) return null;
    // A device from which a hundred attempts have failed is like any other.
    const failures = await streakOf(tx, deviceKey(device.deviceId), now);
    return failures < MOST_IN_STREAK ? device : null;
  }
}

/** Records a success in the transaction that makes it one; it counts as a failure no more. */
export async function succeed(tx: Tx, attempt: Attempt, event: NewEvent): Promise<void> {
  for (const key of attempt.windows) await refundAttempt(tx, key, attempt.at);
  await endStreak(tx, ...attempt.streaks);
  await insertEvent(tx, event);
}

/** The event of an attempt. */
export function eventOf(
  attempt: Pick<Attempt, 'kind' | 'who' | 'device' | 'at'>,
  context: Pick<RequestContext, 'address' | 'userAgent'>,
  outcome: SignInOutcome,
): NewEvent {
  const { kind, who, device, at } = attempt;
  return {
    userId: who?.userId ?? null,
    partnerId: who?.partnerId ?? null,
    at,
    kind,
    outcome,
    proof: null,
    address: context.address,
    userAgent: context.userAgent,
    deviceId: device?.deviceId ?? null,
    knownDevice: device !== null,
  };
}

/** Forgets failures in a row of a user who has proved otherwise that he is the one. */
export async function forgive(tx: Tx, userId: number, email: string): Promise<void> {
  await endStreak(tx, accountKey(email), userKey(userId));
}

/** The refusal after too many attempts. */
export function throttled(seconds: number): DomainError {
  return new DomainError('SIGN_IN_THROTTLED', 'Too many attempts; try again later.', {
    retryAfterSeconds: seconds,
  });
}

function attemptIn(
  { windows, streaks }: Lanes,
  rest: Omit<Attempt, 'windows' | 'streaks'>,
): Attempt {
  return { ...rest, windows: windows.map(([key]) => key), streaks };
}

function lanesOf(
  email: string,
  network: string,
  account: Account | null,
  device: DeviceClaims | null,
): Lanes {
  const own = accountKey(email);
  const again = account === null ? [] : [userKey(account.id)];
  if (device === null) {
    const byAddress = [`address ${network}`, PER_ADDRESS] as const;
    return { windows: [byAddress, [own, PER_ACCOUNT]], streaks: [own, ...again] };
  }
  const key = deviceKey(device.deviceId);
  // From a known device the user unlocks his account for others, too.
  return { windows: [[key, PER_DEVICE]], streaks: [key, own, ...again] };
}

// Every window is counted, whichever refuses, in the order in which everybody locks them.
async function countIn(
  tx: Tx,
  { lanes, attempt }: { readonly lanes: Lanes; readonly attempt: Attempt },
  context: AttemptContext,
): Promise<Verdict> {
  const now = attempt.at;
  let wait = 0;
  let isFirst = false;
  for (const [key, allowance] of lanes.windows) {
    const counted = await countAttempt(tx, key, allowance, now);
    wait = Math.max(wait, counted.wait);
    isFirst = counted.isFirstRefusal;
  }
  if (wait === 0 && (await countInStreak(tx, lanes.streaks[0], now)) <= MOST_IN_STREAK) {
    return { passed: true };
  }
  // One event for a flood, which would otherwise fill the table.
  if (isFirst) await insertEvent(tx, eventOf(attempt, context, 'THROTTLED'));
  if (wait > 0) return { wait };
  await insertEvent(tx, eventOf(attempt, context, 'LOCKED'));
  return { wait: null };
}

function accountKey(email: string): string {
  return `account ${email}`;
}

function deviceKey(deviceId: string): string {
  return `device ${deviceId}`;
}

function userKey(userId: number): string {
  return `user ${userId}`;
}
