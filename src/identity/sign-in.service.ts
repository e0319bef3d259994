import { randomUUID } from 'node:crypto';
import { DomainError } from '../kernel/index.js';
import {
  type Database,
  type Log,
  type RequestContext,
  requireSession,
  requireViewer,
  type Tx,
} from '../platform/index.js';
import { type Account, demandsOn, lockAccount } from './account.store.js';
import { queueMail } from './account-mail.store.js';
import {
  type Attempt,
  type AttemptContext,
  type AttemptService,
  eventOf,
  succeed,
} from './attempt.service.js';
import { signDeviceToken } from './device-token.service.js';
import type { KeySource } from './key-ring.service.js';
import { verifyPassword } from './password.service.js';
import { LEAST_ALONE } from './password-policy.js';
import { verifyRefreshToken } from './refresh-token.service.js';
import { type GivenProof, type Proof, readProof, takeProof } from './second-proof.service.js';
import {
  advanceSession,
  insertSession,
  recentSuccessor,
  revokeSession,
  type SessionRow,
} from './session.store.js';
import { type Tokens, tokensOf } from './session-tokens.service.js';
import type { NewEvent } from './sign-in-event.store.js';

export interface IdentityKeys {
  /** Sign tokens and verify them. */
  readonly tokenKeys: KeySource;
  /** Encrypts TOTP secrets and is the root of device tokens and recovery codes, 32 bytes. */
  readonly secretKey: Uint8Array;
}

/** Password, one second proof, and the device when it is known. */
export interface Credentials extends GivenProof {
  readonly email: string;
  readonly password: string;
  readonly deviceToken?: string | null;
}

/** A session with the token by which its device is known from now on. */
export interface SignedIn {
  readonly tokens: Tokens;
  readonly deviceToken: string;
}

/** What signing in needs of the context of an operation. */
export type SignInContext = AttemptContext & Pick<RequestContext, 'writeAs'>;

/** What signed-in users need of the context of an operation. */
type OwnContext = Pick<RequestContext, 'viewer' | 'now' | 'write'>;

const SILENT = { secondFactor: true, address: '', userAgent: '' } as const;
const RECORDED = {
  SIGN_IN_REFUSED: 'REFUSED',
  ENROLMENT_REQUIRED: 'ENROLMENT_REQUIRED',
} as const;

/** Sign-in with password and one-time password or recovery code; sessions and their rotation. */
export class SignInService {
  readonly #database: Database;
  readonly #attempts: AttemptService;
  readonly #keys: IdentityKeys;
  readonly #now: () => Date;
  readonly #log: Log;

  constructor(
    database: Database,
    attempts: AttemptService,
    keys: IdentityKeys,
    now: () => Date,
    log: Log,
  ) {
    this.#database = database;
    this.#attempts = attempts;
    this.#keys = keys;
    this.#now = now;
    this.#log = log;
  }

  /**
   * Opens a session. Refuses with SIGN_IN_REFUSED, in the same words and about the same time, an
   * unknown address, a wrong password, a wrong or used code and a disabled user; with
   * SIGN_IN_THROTTLED and SIGN_IN_LOCKED after too many attempts. After the right password of a
   * user who must enrol an authenticator first it refuses with ENROLMENT_REQUIRED.
   */
  async signIn(given: Credentials, context: SignInContext): Promise<SignedIn> {
    return this.byPassword(given, context, 'SIGN_IN', async (account, attempt) => {
      const { secretKey } = this.#keys;
      const proof = readProof(secretKey, account, given, attempt.at);
      if (account.sealedTotpSecret === null) await this.#demandSinglePassword(account, given);
      else if (proof === null) throw this.refused();
      return context.writeAs({ userId: account.id, partnerId: account.partnerId }, async (tx) => {
        // A password that was changed in between is not the right one any more.
        if (!(await lockAccount(tx, account))) throw this.refused();
        const needed = account.sealedTotpSecret === null ? null : proof;
        const event = { ...eventOf(attempt, context, 'SUCCEEDED'), proof: needed?.kind ?? null };
        if (needed !== null) await this.#take(tx, account, needed, attempt.at);
        return this.open(tx, attempt, event);
      });
    });
  }

  /**
   * Does what somebody asks for who knows the password of an account; refuses as {@link signIn}
   * does. The attempt counts as a failure until `work` has succeeded with it.
   */
  async byPassword<T>(
    given: Credentials,
    context: SignInContext,
    kind: 'SIGN_IN' | 'ENROLMENT',
    work: (account: Account, attempt: Attempt) => Promise<T>,
  ): Promise<T> {
    const email = given.email.trim().toLowerCase();
    const claimed = { email, deviceToken: given.deviceToken ?? null };
    const { attempt, account } = await this.#attempts.admit(context, claimed, kind);
    return this.#attempts.recordingRefusal(attempt, context, RECORDED, async () => {
      const standing = attempt.device === null ? 'STRANGER' : 'KNOWN';
      const fits = await verifyPassword(account?.passwordHash ?? null, given.password, standing);
      if (account === null || !fits) {
        // So that a wrong password takes as long as a right one with a wrong code.
        readProof(this.#keys.secretKey, account, given, attempt.at);
        throw this.refused();
      }
      return work(account, attempt);
    });
  }

  /** The one refusal of everything that may be wrong with a sign-in. */
  refused(): DomainError {
    this.#log.warning('sign-in refused');
    return new DomainError(
      'SIGN_IN_REFUSED',
      'The e-mail address, the password or the one-time password is wrong.',
    );
  }

  /**
   * Opens a session of the user of a successful attempt, in the transaction that has used up the
   * proof, and makes the device known.
   */
  async open(tx: Tx, attempt: Attempt, event: NewEvent): Promise<SignedIn> {
    const { at, who, device } = attempt;
    if (who === null) throw this.refused();
    const { userId, partnerId } = who;
    const deviceId = device?.deviceId ?? randomUUID();
    const { address, userAgent, proof } = event;
    const opening = { secondFactor: proof !== null, address, userAgent };
    const opened = await insertSession(tx, { id: userId, partnerId }, at, opening);
    await succeed(tx, attempt, { ...event, deviceId });
    return {
      tokens: tokensOf(this.#keys.tokenKeys(), opened, at),
      deviceToken: signDeviceToken(this.#keys.secretKey, { userId, deviceId, since: at }),
    };
  }

  /**
   * The next pair of tokens of a session. A refresh token works once; within ten seconds the
   * same one gives the same successor (a lost answer), later its reuse ends the session. Refuses
   * with REFRESH_REFUSED.
   */
  async refresh(
    refreshToken: string,
    context: Pick<RequestContext, 'now' | 'writeAs'>,
  ): Promise<Tokens> {
    const now = context.now();
    const claims = verifyRefreshToken(this.#keys.tokenKeys(), refreshToken, now);
    if (claims === null) throw refreshRefused();
    const { partnerId, sessionId, generation } = claims;
    const session = await context.writeAs({ partnerId, sessionId }, async (tx) => {
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
    return tokensOf(this.#keys.tokenKeys(), session, now);
  }

  /** Ends the session of a signed-in user. */
  async signOut(tx: Tx, sessionId: string): Promise<void> {
    await revokeSession(tx, sessionId, this.#now());
  }

  /** Makes all devices of the signed-in user unknown. */
  async forgetDevices(context: OwnContext): Promise<void> {
    const viewer = requireViewer(context);
    requireSession(viewer);
    await context.write(
      (tx) =>
        tx.query('UPDATE app_user SET devices_from = $2 WHERE id = $1', [
          viewer.userId,
          context.now(),
        ]),
      { atHome: true },
    );
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
      const opened = await insertSession(tx, user, now, SILENT);
      if (steppedUp) await stepUpForLife(tx, opened);
      return opened;
    });
    return tokensOf(this.#keys.tokenKeys(), session, now);
  }

  // The password alone will do where no role demands more, if it is long enough to stand alone.
  async #demandSinglePassword(account: Account, { password }: Credentials): Promise<void> {
    const { id, partnerId } = account;
    const demands = await this.#database.read({ partnerId }, (tx) => demandsOn(tx, id));
    const characters = [...password.normalize('NFKC')].length;
    if (demands?.totp === false && characters >= LEAST_ALONE) return;
    throw new DomainError('ENROLMENT_REQUIRED', 'Enrol an authenticator: enrolTotp.');
  }

  async #take(tx: Tx, account: Account, proof: Proof, now: Date): Promise<void> {
    const { id: userId, partnerId } = account;
    const taken = await takeProof(tx, this.#keys.secretKey, userId, proof, now);
    if (!taken) throw this.refused();
    if (proof.kind === 'RECOVERY_CODE') {
      await queueMail(tx, partnerId, { kind: 'RECOVERY_CODE_USED', userId });
    }
  }
}

async function stepUpForLife(tx: Tx, session: SessionRow): Promise<void> {
  await tx.query('UPDATE session SET stepped_up_until = expires_at WHERE id = $1', [session.id]);
}

function refreshRefused(): DomainError {
  return new DomainError('REFRESH_REFUSED', 'Sign in again: the session has ended.');
}
