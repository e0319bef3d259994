import { DomainError } from '../kernel/index.js';
import { type RequestContext, requireViewer, type Tx } from '../platform/index.js';
import { sealedTotpSecret, takeStep } from './one-time-password.store.js';
import { unseal } from './seal.service.js';
import { type Allowance, countAttempt } from './throttle.store.js';
import { matchingStep } from './totp.js';
import { totpOwner } from './user.entity.js';

/** What is needed of an operation's context. */
type Writing = Pick<RequestContext, 'viewer' | 'now' | 'write'>;

const STEP_UP_MINUTES = 5;
const PER_USER: Allowance = { attempts: 10, windowSeconds: 900 };

/** Proves again, with one more one-time password, that the user of a session sits there. */
export class StepUpService {
  readonly #secretKey: Uint8Array;

  constructor(secretKey: Uint8Array) {
    this.#secretKey = secretKey;
  }

  /**
   * Lets the session do for five minutes what needs a step-up; answers until when. Refuses with
   * SESSION_REQUIRED an API key, with STEP_UP_REFUSED a wrong or used code, with
   * SIGN_IN_THROTTLED after ten attempts in a quarter of an hour.
   */
  async stepUp(context: Writing, code: string): Promise<Date> {
    const viewer = requireViewer(context);
    if (viewer.sessionId === null) {
      throw new DomainError('SESSION_REQUIRED', 'Only a signed-in person can do this.');
    }
    const now = context.now();
    const until = new Date(now.getTime() + STEP_UP_MINUTES * 60_000);
    // A refusal commits, too: the attempt stays counted, and the next one waits for it.
    const outcome = await context.write(
      async (tx) => {
        const wait = await countAttempt(tx, `step-up ${viewer.userId}`, PER_USER, now);
        if (wait > 0) return wait;
        if (!(await this.#takeCode(tx, viewer.userId, code, now))) return null;
        await tx.query('UPDATE session SET stepped_up_until = $2 WHERE id = $1', [
          viewer.sessionId,
          until,
        ]);
        return until;
      },
      { atHome: true },
    );
    if (outcome === null) {
      throw new DomainError('STEP_UP_REFUSED', 'The one-time password is wrong or used.');
    }
    if (typeof outcome === 'number') {
      throw new DomainError('SIGN_IN_THROTTLED', 'Too many attempts; try again later.', {
        retryAfterSeconds: outcome,
      });
    }
    return outcome;
  }

  async #takeCode(tx: Tx, userId: number, code: string, now: Date): Promise<boolean> {
    const sealed = await sealedTotpSecret(tx, userId);
    if (sealed === null) return false;
    const secret = unseal(this.#secretKey, sealed, totpOwner(userId));
    const step = matchingStep(secret, code.trim(), now);
    return step !== null && takeStep(tx, userId, step);
  }
}
