import { generateSecret } from 'otplib';
import { DomainError } from '../kernel/index.js';
import { type RequestContext, requireSession, requireViewer, type Tx } from '../platform/index.js';
import { lockAccount } from './account.store.js';
import { queueMail } from './account-mail.store.js';
import {
  type Attempt,
  type AttemptContext,
  type AttemptService,
  eventOf,
  type Who,
} from './attempt.service.js';
import { enrolTotp, lockEnrolment, putEnrolment } from './enrolment.store.js';
import { drawRecoveryCodes, replaceRecoveryCodes } from './recovery-code.service.js';
import { seal, unseal } from './seal.service.js';
import { isLiving, revokeSessionsOf } from './session.store.js';
import type { IdentityKeys, SignedIn, SignInContext, SignInService } from './sign-in.service.js';
import { insertEvent } from './sign-in-event.store.js';
import { signToken, type TokenKind, verifyToken } from './token.js';
import { enrolmentUri, matchingStep } from './totp.js';
import { totpOwner } from './user.entity.js';

const SECRET_BYTES = 20;
const TOKEN: TokenKind = { type: 'enrol+jwt', seconds: 15 * 60 };
const ENROLMENT_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** A secret to put into an authenticator, and the token that confirms it. */
export interface Enrolment {
  /** Permits {@link EnrolmentService.confirm} and nothing else, for 15 minutes. */
  readonly enrolmentToken: string;
  readonly expiresAt: Date;
  /** Base32, for those who type it. */
  readonly secret: string;
  /** `otpauth://` URI, for those who scan it. */
  readonly uri: string;
}

/** The first session with the authenticator, and what helps when it is lost. */
export interface Enrolled extends SignedIn {
  readonly recoveryCodes: readonly string[];
}

interface EnrolmentClaims extends Who {
  readonly enrolmentId: string;
}

/** What signed-in users need of the context of an operation. */
type OwnContext = AttemptContext & Pick<RequestContext, 'viewer' | 'write'>;

/** Enrolment of authenticators, the first and the next, and recovery codes. */
export class EnrolmentService {
  readonly #attempts: AttemptService;
  readonly #signIn: SignInService;
  readonly #keys: IdentityKeys;

  constructor(attempts: AttemptService, signIn: SignInService, keys: IdentityKeys) {
    this.#attempts = attempts;
    this.#signIn = signIn;
    this.#keys = keys;
  }

  /**
   * Begins the enrolment of a user who has no authenticator, after his password. Refuses as
   * sign-in does, in the same words also a user who has one: what his password is, is told only
   * together with a code.
   */
  async start(
    given: { email: string; password: string; deviceToken?: string | null },
    context: SignInContext,
  ): Promise<Enrolment> {
    return this.#signIn.byPassword(given, context, 'ENROLMENT', async (account, attempt) => {
      if (account.sealedTotpSecret !== null) throw this.#signIn.refused();
      const who = { userId: account.id, partnerId: account.partnerId };
      return context.writeAs(who, async (tx) => {
        // A password that was changed in between begins nothing any more.
        if (!(await lockAccount(tx, account))) throw this.#signIn.refused();
        return this.#begin(tx, { who, replaces: false, email: given.email, at: attempt.at });
      });
    });
  }

  /**
   * Begins to replace the authenticator of the signed-in user, who has stepped up. Refuses with
   * ENROLMENT_REFUSED when he has none, or his session has ended since the request began.
   */
  async replace(context: OwnContext): Promise<Enrolment> {
    const viewer = requireViewer(context);
    const { userId, homePartnerId: partnerId } = viewer;
    const sessionId = requireSession(viewer);
    const who = { userId, partnerId };
    return context.write(
      async (tx) => {
        const at = context.now();
        const [user]: { email: string }[] = await tx.query(
          `SELECT email FROM app_user
           WHERE id = $1 AND totp_secret_encrypted IS NOT NULL FOR UPDATE`,
          [userId],
        );
        // Whoever ends sessions together with a password holds the user until he has.
        if (user === undefined || !(await isLiving(tx, sessionId, at))) throw refused();
        return this.#begin(tx, { who, replaces: true, email: user.email, at });
      },
      { atHome: true },
    );
  }

  /**
   * Confirms an enrolment by its first code: the secret is the user's from now on, all his
   * sessions end, a new one begins, and he gets recovery codes. Refuses with ENROLMENT_REFUSED a
   * token that is over, was used, or was followed by another, and a wrong code; with
   * SIGN_IN_THROTTLED after too many of those.
   */
  async confirm(token: string, code: string, context: SignInContext): Promise<Enrolled> {
    const claims = this.#claimsOf(token, context.now());
    if (claims === null) throw refused();
    const attempt = await this.#attempts.admitUser(context, claims, 'ENROLMENT');
    const outcomes = { ENROLMENT_REFUSED: 'REFUSED' } as const;
    return this.#attempts.recordingRefusal(attempt, context, outcomes, () =>
      context.writeAs(claims, (tx) => this.#finish(tx, { claims, code, attempt, context })),
    );
  }

  /** New recovery codes in place of all from before, for a signed-in user who has stepped up. */
  async renewCodes(context: OwnContext): Promise<readonly string[]> {
    const { userId: id, homePartnerId: partnerId } = requireViewer(context);
    const codes = drawRecoveryCodes();
    const at = context.now();
    await context.write(
      async (tx) => {
        await replaceRecoveryCodes(tx, this.#keys.secretKey, { id, partnerId }, codes, at);
        await queueMail(tx, partnerId, { kind: 'RECOVERY_CODES_RENEWED', userId: id });
        const attempt = { kind: 'RECOVERY_CODES', who: { userId: id, partnerId } } as const;
        await insertEvent(tx, eventOf({ ...attempt, device: null, at }, context, 'SUCCEEDED'));
      },
      { atHome: true },
    );
    return codes;
  }

  async #begin(
    tx: Tx,
    given: { who: Who; replaces: boolean; email: string; at: Date },
  ): Promise<Enrolment> {
    const { who, replaces, at } = given;
    const secret = generateSecret({ length: SECRET_BYTES });
    const sealedSecret = seal(this.#keys.secretKey, secret, totpOwner(who.userId));
    const expiresAt = new Date((Math.floor(at.getTime() / 1000) + TOKEN.seconds) * 1000);
    const eid = await putEnrolment(tx, who, { sealedSecret, replaces }, expiresAt);
    const claims = { sub: String(who.userId), pid: who.partnerId, eid };
    return {
      enrolmentToken: signToken(this.#keys.tokenKeys(), TOKEN, claims, at),
      expiresAt,
      secret,
      uri: enrolmentUri(secret, given.email.trim().toLowerCase()),
    };
  }

  async #finish(
    tx: Tx,
    given: { claims: EnrolmentClaims; code: string; attempt: Attempt; context: SignInContext },
  ): Promise<Enrolled> {
    const { claims, code, attempt, context } = given;
    const { userId, partnerId, enrolmentId } = claims;
    const { secretKey } = this.#keys;
    const { at } = attempt;
    const pending = await lockEnrolment(tx, userId, enrolmentId, at);
    if (pending === null) throw refused();
    const secret = unseal(secretKey, pending.sealedSecret, totpOwner(userId));
    const step = matchingStep(secret, code.trim(), at);
    if (step === null || !(await enrolTotp(tx, userId, pending, step, at))) throw refused();
    const recoveryCodes = drawRecoveryCodes();
    await replaceRecoveryCodes(tx, secretKey, { id: userId, partnerId }, recoveryCodes, at);
    await revokeSessionsOf(tx, userId, at);
    await queueMail(tx, partnerId, { kind: 'TOTP_ENROLLED', userId });
    const event = { ...eventOf(attempt, context, 'SUCCEEDED'), proof: 'TOTP' } as const;
    const signedIn = await this.#signIn.open(tx, attempt, event);
    return { ...signedIn, recoveryCodes };
  }

  #claimsOf(token: string, now: Date): EnrolmentClaims | null {
    const verified = verifyToken(this.#keys.tokenKeys(), TOKEN, token, now);
    if (verified === null) return null;
    const { pid, eid } = verified.claims;
    if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return null;
    if (typeof eid !== 'string' || !ENROLMENT_ID.test(eid)) return null;
    return { userId: verified.userId, partnerId: pid, enrolmentId: eid };
  }
}

function refused(): DomainError {
  return new DomainError(
    'ENROLMENT_REFUSED',
    'The code is wrong, or the enrolment is over; begin it anew.',
  );
}
