import { DomainError } from '../kernel/index.js';
import type { Database, Log, RequestContext, Scope, Tx } from '../platform/index.js';
import { ACCESS_TOKEN_SECONDS, signAccessToken } from './access-token.js';
import type { KeySource } from './key-ring.service.js';
import { takeStep } from './one-time-password.store.js';
import { verifyPassword } from './password.service.js';
import { signRefreshToken, verifyRefreshToken } from './refresh-token.service.js';
import { unseal } from './seal.service.js';
import {
  advanceSession,
  insertSession,
  recentSuccessor,
  revokeSession,
  type SessionRow,
} from './session.store.js';
import { type Allowance, countAttempt, forgetAttempts, sweepAttempts } from './throttle.store.js';
import { matchingStep } from './totp.js';
import { totpOwner } from './user.entity.js';

/** Nobody's partner: a transaction in this scope sees no tenant's rows. */
const NOBODY: Scope = { partnerId: 0 };
const PER_ACCOUNT: Allowance = { attempts: 10, windowSeconds: 900 };
const PER_ADDRESS: Allowance = { attempts: 100, windowSeconds: 900 };

export interface IdentityKeys {
  /** Sign tokens and verify them. */
  readonly tokenKeys: KeySource;
  /** Encrypts TOTP secrets, 32 bytes. */
  readonly secretKey: Uint8Array;
}

export interface Credentials {
  readonly email: string;
  readonly password: string;
  readonly totp: string;
}

/** What the services of those who are nobody yet need of the operation's context. */
export type SignInCaller = Pick<RequestContext, 'address' | 'writeAs'>;

/** What a client keeps of a session. */
export interface Tokens {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly expiresAt: Date;
  readonly userId: number;
  readonly partnerId: number;
}

interface Account {
  readonly id: number;
  readonly partner_id: number;
  readonly password_hash: string;
  readonly totp_secret_encrypted: Buffer | null;
}

/** Sign-in with password and one-time password; sessions and their rotation. */
export class SignInService {
  readonly #database: Database;
  readonly #keys: IdentityKeys;
  readonly #now: () => Date;
  readonly #log: Log;

  constructor(database: Database, keys: IdentityKeys, now: () => Date, log: Log) {
    this.#database = database;
    this.#keys = keys;
    this.#now = now;
    this.#log = log;
  }

  /**
   * Opens a session. Refuses with SIGN_IN_REFUSED, in the same words and about the same time,
   * an unknown address, a wrong password, a wrong or used code and a disabled user; with
   * SIGN_IN_THROTTLED after too many attempts on one account or from one address.
   */
  async signIn(given: Credentials, caller: SignInCaller): Promise<Tokens> {
    const now = this.#now();
    const email = given.email.trim().toLowerCase();
    const account = await this.#admitAttempt(email, caller.address, now);
    const passwordFits = await verifyPassword(account?.password_hash ?? null, given.password);
    const step = matchingStep(this.#totpSecret(account), given.totp.trim(), now);
    if (account === null || !passwordFits || step === null) throw this.#refused();
    const user = { userId: account.id, partnerId: account.partner_id };
    const session = await caller.writeAs(user, async (tx) => {
      if (!(await takeStep(tx, account.id, step))) throw this.#refused();
      await forgetAttempts(tx, accountKey(email));
      return insertSession(tx, { id: account.id, partnerId: account.partner_id }, now);
    });
    return this.#tokens(session, now);
  }

  /**
   * The next pair of tokens of a session. A refresh token works once; within ten seconds the
   * same one gives the same successor (a lost answer), later its reuse ends the session. Refuses
   * with REFRESH_REFUSED.
   */
  async refresh(refreshToken: string, caller: SignInCaller): Promise<Tokens> {
    const now = this.#now();
    const claims = verifyRefreshToken(this.#keys.tokenKeys(), refreshToken, now);
    if (claims === null) throw refreshRefused();
    const { partnerId, sessionId, generation } = claims;
    const session = await caller.writeAs({ partnerId, sessionId }, async (tx) => {
      const next =
        (await advanceSession(tx, sessionId, generation, now)) ??
        (await recentSuccessor(tx, sessionId, generation, now));
      if (next === null) await revokeSession(tx, sessionId, now);
      return next;
    });
    if (session === null) {
      this.#log.warning('refresh token reused or ended', { partnerId });
      throw refreshRefused();
    }
    return this.#tokens(session, now);
  }

  /** Ends the session of a signed-in user. */
  async signOut(tx: Tx, sessionId: string): Promise<void> {
    await revokeSession(tx, sessionId, this.#now());
  }

  /**
   * Tokens of a new session without asking for credentials: for tests and the demo. Its user
   * counts as stepped up for as long as it lives when `steppedUp` says so.
   */
  async openSession(
    user: { id: number; partnerId: number },
    { steppedUp = false }: { readonly steppedUp?: boolean } = {},
  ): Promise<Tokens> {
    const now = this.#now();
    const { partnerId } = user;
    const session = await this.#database.write({ partnerId }, async (tx) => {
      const opened = await insertSession(tx, user, now);
      if (steppedUp) {
        await tx.query('UPDATE session SET stepped_up_until = expires_at WHERE id = $1', [
          opened.id,
        ]);
      }
      return opened;
    });
    return this.#tokens(session, now);
  }

  // Counted and committed before anything is verified, so that many at once cannot slip through.
  async #admitAttempt(email: string, address: string, now: Date): Promise<Account | null> {
    const { wait, account } = await this.#database.write(NOBODY, async (tx) => {
      await sweepAttempts(tx, now);
      const byAddress = await countAttempt(tx, `address ${address}`, PER_ADDRESS, now);
      const byAccount = await countAttempt(tx, accountKey(email), PER_ACCOUNT, now);
      const rows: Account[] = await tx.query('SELECT * FROM find_sign_in($1)', [email]);
      return { wait: Math.max(byAddress, byAccount), account: rows[0] ?? null };
    });
    if (wait === 0) return account;
    this.#log.warning('sign-in throttled');
    throw new DomainError('SIGN_IN_THROTTLED', 'Too many attempts; try again later.', {
      retryAfterSeconds: wait,
    });
  }

  #totpSecret(account: Account | null): string | null {
    if (account === null || account.totp_secret_encrypted === null) return null;
    const { id, totp_secret_encrypted: sealed } = account;
    return unseal(this.#keys.secretKey, sealed, totpOwner(id));
  }

  #tokens(session: SessionRow, now: Date): Tokens {
    const { id: sessionId, userId, partnerId, generation, began } = session;
    const ring = this.#keys.tokenKeys();
    return {
      accessToken: signAccessToken(ring, { userId, partnerId, sessionId }, now),
      refreshToken: signRefreshToken(ring, { partnerId, sessionId, generation }, began),
      expiresAt: new Date((Math.floor(now.getTime() / 1000) + ACCESS_TOKEN_SECONDS) * 1000),
      userId,
      partnerId,
    };
  }

  #refused(): DomainError {
    this.#log.warning('sign-in refused');
    return new DomainError(
      'SIGN_IN_REFUSED',
      'The e-mail address, the password or the one-time password is wrong.',
    );
  }
}

function accountKey(email: string): string {
  return `account ${email}`;
}

function refreshRefused(): DomainError {
  return new DomainError('REFRESH_REFUSED', 'Sign in again: the session has ended.');
}
