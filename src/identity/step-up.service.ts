import { DomainError } from '../kernel/index.js';
import {
  type Database,
  type RequestContext,
  requireSession,
  requireViewer,
} from '../platform/index.js';
import { queueMail } from './account-mail.store.js';
import { type AttemptContext, type AttemptService, eventOf, succeed } from './attempt.service.js';
import { sealedTotpSecret } from './one-time-password.store.js';
import { type GivenProof, readProof, takeProof } from './second-proof.service.js';

/** What is needed of an operation's context. */
type StepUpContext = AttemptContext & Pick<RequestContext, 'viewer' | 'write'>;

const STEP_UP_MINUTES = 5;

/** Proves again, with one more code, that the user of a session sits there. */
export class StepUpService {
  readonly #database: Database;
  readonly #attempts: AttemptService;
  readonly #secretKey: Uint8Array;

  constructor(database: Database, attempts: AttemptService, secretKey: Uint8Array) {
    this.#database = database;
    this.#attempts = attempts;
    this.#secretKey = secretKey;
  }

  /**
   * Lets the session do for five minutes what needs a step-up; answers until when. Refuses with
   * SESSION_REQUIRED an API key, with STEP_UP_REFUSED a wrong or used code, with
   * SIGN_IN_THROTTLED after ten attempts in a quarter of an hour, SIGN_IN_LOCKED after a hundred
   * that failed in a row.
   */
  async stepUp(context: StepUpContext, given: GivenProof): Promise<Date> {
    const viewer = requireViewer(context);
    const { userId, homePartnerId: partnerId } = viewer;
    const sessionId = requireSession(viewer);
    const attempt = await this.#attempts.admitUser(context, { userId, partnerId }, 'STEP_UP');
    const { at } = attempt;
    const until = new Date(at.getTime() + STEP_UP_MINUTES * 60_000);
    const outcomes = { STEP_UP_REFUSED: 'REFUSED' } as const;
    await this.#attempts.recordingRefusal(attempt, context, outcomes, async () => {
      const sealed = await this.#database.read({ partnerId }, (tx) => sealedTotpSecret(tx, userId));
      const prover = { id: userId, sealedTotpSecret: sealed };
      const proof = readProof(this.#secretKey, prover, given, at);
      if (sealed === null || proof === null) throw refused();
      await context.write(
        async (tx) => {
          if (!(await takeProof(tx, this.#secretKey, userId, proof, at))) throw refused();
          await tx.query('UPDATE session SET stepped_up_until = $2 WHERE id = $1', [
            sessionId,
            until,
          ]);
          if (proof.kind === 'RECOVERY_CODE') {
            await queueMail(tx, partnerId, { kind: 'RECOVERY_CODE_USED', userId });
          }
          await succeed(tx, attempt, {
            ...eventOf(attempt, context, 'SUCCEEDED'),
            proof: proof.kind,
          });
        },
        { atHome: true },
      );
    });
    return until;
  }
}

function refused(): DomainError {
  return new DomainError('STEP_UP_REFUSED', 'The code is wrong or was used before.');
}
