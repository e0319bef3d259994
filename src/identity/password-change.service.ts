import { DomainError } from '../kernel/index.js';
import {
  addressKey,
  type Database,
  type RequestContext,
  requireSession,
  requireViewer,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { demandsOn } from './account.store.js';
import type { AccountMailService } from './account-mail.service.js';
import { queueMail } from './account-mail.store.js';
import {
  type AttemptContext,
  type AttemptService,
  eventOf,
  forgive,
  succeed,
  throttled,
  type Who,
} from './attempt.service.js';
import { dropEnrolment } from './enrolment.store.js';
import { demandGoodPassword, hashPassword, verifyPassword } from './password.service.js';
import { partnerOfToken, resetOf, takeReset, voidResets } from './password-reset.store.js';
import { revokeSessionsOf } from './session.store.js';
import type { SignInContext } from './sign-in.service.js';
import { insertEvent } from './sign-in-event.store.js';
import { type Allowance, countAttempt, sweepAttempts } from './throttle.store.js';

/** Mails that can be asked for: each is good for choosing a password, so three are enough. */
const ASKED_PER_ACCOUNT: Allowance = { attempts: 3, windowSeconds: 3_600 };
const ASKED_PER_ADDRESS: Allowance = { attempts: 30, windowSeconds: 3_600 };
const RESETS_PER_ADDRESS: Allowance = { attempts: 30, windowSeconds: 900 };

type OwnContext = AttemptContext & Pick<RequestContext, 'viewer' | 'write'>;

/** Passwords: changing one's own, and choosing one with a token that came by mail. */
export class PasswordChangeService {
  readonly #database: Database;
  readonly #attempts: AttemptService;
  readonly #mails: AccountMailService;

  constructor(database: Database, attempts: AttemptService, mails: AccountMailService) {
    this.#database = database;
    this.#attempts = attempts;
    this.#mails = mails;
  }

  /**
   * Changes the signed-in user's password and ends his other sessions. Refuses with
   * PASSWORD_REFUSED when the old one is wrong, with PASSWORD_TOO_WEAK, SESSION_REQUIRED,
   * SIGN_IN_THROTTLED.
   */
  async change(context: OwnContext, oldPassword: string, newPassword: string): Promise<void> {
    const viewer = requireViewer(context);
    const { userId, homePartnerId: partnerId } = viewer;
    const sessionId = requireSession(viewer);
    const attempt = await this.#attempts.admitUser(
      context,
      { userId, partnerId },
      'PASSWORD_CHANGE',
    );
    const outcomes = { PASSWORD_REFUSED: 'REFUSED' } as const;
    await this.#attempts.recordingRefusal(attempt, context, outcomes, async () => {
      const before = await this.#database.read({ partnerId }, (tx) => hashOf(tx, userId));
      if (!(await verifyPassword(before, oldPassword, 'KNOWN'))) throw refused();
      const hash = await this.#hashNew({ userId, partnerId }, newPassword);
      await context.write(
        async (tx) => {
          const at = attempt.at;
          if (!(await setPassword(tx, { userId, hash, before }))) throw refused();
          await revokeSessionsOf(tx, userId, at, sessionId);
          await afterChange(tx, { userId, partnerId }, at);
          await succeed(tx, attempt, eventOf(attempt, context, 'SUCCEEDED'));
        },
        { atHome: true },
      );
    });
  }

  /**
   * Has a mail sent with a token to choose a new password, to whoever signs in with the address.
   * What is done, and how long it takes, does not depend on whether anybody does. Refuses with
   * SIGN_IN_THROTTLED.
   */
  async request(email: string, context: SignInContext): Promise<void> {
    const address = email.trim().toLowerCase();
    await context.release();
    const now = context.now();
    const { wait, hub } = await this.#database.write(SYSTEM_SCOPE, async (tx) => {
      await sweepAttempts(tx, now);
      const network = `asked ${addressKey(context.address)}`;
      const byAddress = await countAttempt(tx, network, ASKED_PER_ADDRESS, now);
      const byAccount = await countAttempt(tx, `asked ${address}`, ASKED_PER_ACCOUNT, now);
      const [root]: { id: number }[] = await tx.query(
        'SELECT id FROM partner WHERE parent_id IS NULL',
      );
      return { wait: Math.max(byAddress.wait, byAccount.wait), hub: root?.id };
    });
    if (wait > 0) throw throttled(wait);
    if (hub === undefined) return;
    const sealedEmail = this.#mails.sealEmail(address);
    await context.writeAs({ partnerId: hub }, (tx) =>
      queueMail(tx, hub, { kind: 'RESET_ASKED', sealedEmail }),
    );
  }

  /**
   * Sets the password of the user whom a token was sent to, and ends all his sessions. One-time
   * passwords stay as they are. Refuses with RESET_REFUSED a token that is wrong, used or over,
   * with PASSWORD_TOO_WEAK (the token stays good), SIGN_IN_THROTTLED.
   */
  async reset(token: string, newPassword: string, context: SignInContext): Promise<void> {
    await context.release();
    const now = context.now();
    const { wait } = await this.#database.write(SYSTEM_SCOPE, (tx) =>
      countAttempt(tx, `reset ${addressKey(context.address)}`, RESETS_PER_ADDRESS, now),
    );
    if (wait > 0) throw throttled(wait);
    const partnerId = partnerOfToken(token);
    if (partnerId === null) throw resetRefused();
    const userId = await this.#database.read({ partnerId }, (tx) => resetOf(tx, token, now));
    if (userId === null) throw resetRefused();
    const who = { userId, partnerId };
    const hash = await this.#hashNew(who, newPassword);
    await context.writeAs(who, async (tx) => {
      if (!(await takeReset(tx, token, now))) throw resetRefused();
      if (!(await setPassword(tx, { userId, hash }))) throw resetRefused();
      await revokeSessionsOf(tx, userId, now);
      await afterChange(tx, who, now);
      const attempt = { kind: 'PASSWORD_RESET', who, device: null, at: now } as const;
      await insertEvent(tx, eventOf(attempt, context, 'SUCCEEDED'));
    });
  }

  async #hashNew({ userId, partnerId }: Who, password: string): Promise<string> {
    const demands = await this.#database.read({ partnerId }, (tx) => demandsOn(tx, userId));
    if (demands === null) throw refused();
    await demandGoodPassword(password, demands.password);
    return hashPassword(password);
  }
}

async function hashOf(tx: Tx, userId: number): Promise<string | null> {
  const rows: { password_hash: string | null }[] = await tx.query(
    `SELECT password_hash FROM app_user WHERE id = $1 AND status = 'ACTIVE'`,
    [userId],
  );
  return rows[0]?.password_hash ?? null;
}

/** Sets a password; false when the user is not active or, if it matters, has another by now. */
async function setPassword(
  tx: Tx,
  given: { userId: number; hash: string; before?: string | null },
): Promise<boolean> {
  const { userId, hash, before } = given;
  const [, set]: [unknown[], number] = await tx.query(
    `UPDATE app_user SET password_hash = $2 WHERE id = $1 AND status = 'ACTIVE'
       AND ($3::text IS NULL OR password_hash = $3)`,
    [userId, hash, before ?? null],
  );
  return set === 1;
}

// What the old password has begun ends with it, and failures against it count no more.
async function afterChange(tx: Tx, { userId, partnerId }: Who, now: Date): Promise<void> {
  await voidResets(tx, userId, now);
  await dropEnrolment(tx, userId);
  const [user]: { email: string }[] = await tx.query('SELECT email FROM app_user WHERE id = $1', [
    userId,
  ]);
  if (user !== undefined) await forgive(tx, userId, user.email);
  await queueMail(tx, partnerId, { kind: 'PASSWORD_CHANGED', userId });
}

function refused(): DomainError {
  return new DomainError('PASSWORD_REFUSED', 'The old password is wrong.');
}

function resetRefused(): DomainError {
  return new DomainError('RESET_REFUSED', 'The token is wrong, was used, or is over.');
}
