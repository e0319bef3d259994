import { DomainError } from '../kernel/index.js';
import type { Database, Viewer } from '../platform/index.js';
import { sealedTotpSecret, takeStep } from './one-time-password.store.js';
import { unseal } from './seal.service.js';
import { type Allowance, countAttempt } from './throttle.store.js';
import { matchingStep } from './totp.js';
import { totpOwner } from './user.entity.js';

const STEP_UP_MINUTES = 5;
const PER_USER: Allowance = { attempts: 10, windowSeconds: 900 };

/** Proves again, with one more one-time password, that the user of a session sits there. */
export class StepUpService {
  readonly #database: Database;
  readonly #secretKey: Uint8Array;
  readonly #now: () => Date;

  constructor(database: Database, secretKey: Uint8Array, now: () => Date) {
    this.#database = database;
    this.#secretKey = secretKey;
    this.#now = now;
  }

  /**
   * Lets the session do for five minutes what needs a step-up; answers until when. Refuses with
   * SESSION_REQUIRED an API key, with STEP_UP_REFUSED a wrong or used code, with
   * SIGN_IN_THROTTLED after ten attempts in a quarter of an hour.
   */
  async stepUp(viewer: Viewer, code: string): Promise<Date> {
    const { userId, homePartnerId: partnerId, sessionId } = viewer;
    if (sessionId === null) {
      throw new DomainError('SESSION_REQUIRED', 'Only a signed-in person can do this.');
    }
    const now = this.#now();
    // Counted and committed before the code is looked at.
    const wait = await this.#database.write({ partnerId }, (tx) =>
      countAttempt(tx, `step-up ${userId}`, PER_USER, now),
    );
    if (wait > 0) {
      throw new DomainError('SIGN_IN_THROTTLED', 'Too many attempts; try again later.', {
        retryAfterSeconds: wait,
      });
    }
    const until = new Date(now.getTime() + STEP_UP_MINUTES * 60_000);
    const taken = await this.#database.write({ partnerId }, async (tx) => {
      const sealed = await sealedTotpSecret(tx, userId);
      if (sealed === null) return false;
      const secret = unseal(this.#secretKey, sealed, totpOwner(userId));
      const step = matchingStep(secret, code.trim(), now);
      if (step === null || !(await takeStep(tx, userId, step))) return false;
      await tx.query('UPDATE session SET stepped_up_until = $2 WHERE id = $1', [sessionId, until]);
      return true;
    });
    if (!taken) throw new DomainError('STEP_UP_REFUSED', 'The one-time password is wrong or used.');
    return until;
  }
}
