import { randomBytes } from 'node:crypto';
import { invariant } from '../kernel/index.js';
import type { Log, Mailer, OutboxRow, Tx } from '../platform/index.js';
import { accountOf } from './account.store.js';
import { type AccountMail, MAIL_TOPIC } from './account-mail.store.js';
import { type MailFacts, type MailKind, mailText } from './mail-text.js';
import { insertReset } from './password-reset.store.js';
import { seal, unseal } from './seal.service.js';

const RESET_MINUTES = 30;
const INVITATION_MINUTES = 3 * 1440;
/** At five minutes a try: two hours for what somebody waits for, days for what he must know. */
const TRIES = { waitedFor: 30, others: 1_000 } as const;
const TOKEN_BYTES = 32;

interface Addressee {
  readonly email: string;
  readonly display_name: string;
  readonly partner_id: number;
  readonly partner: string;
  readonly language: string;
}

export interface AccountMailOptions {
  readonly mailer: Mailer;
  readonly secretKey: Uint8Array;
  /** Where users choose a password; without it mails hold the token alone. */
  readonly portalUrl: string | undefined;
  readonly now: () => Date;
  readonly log: Log;
}

/** Writes the mails that the outbox asks for, and the tokens in them. */
export class AccountMailService {
  readonly #options: AccountMailOptions;

  constructor(options: AccountMailOptions) {
    this.#options = options;
  }

  /** The topic of the outbox that {@link deliver} serves. */
  readonly topic = MAIL_TOPIC;

  /** What somebody typed who asks for a new password, fit to be kept until the mail is sent. */
  sealEmail(email: string): string {
    return seal(this.#options.secretKey, email, MAIL_TOPIC).toString('base64');
  }

  /**
   * Sends one mail in the transaction that marks its row as done; a token in it is stored, hashed,
   * in the same transaction. Nobody at the address, or nobody any more: nothing is sent.
   */
  async deliver(tx: Tx, row: OutboxRow): Promise<void> {
    const { mailer, log } = this.#options;
    const mail = row.payload as AccountMail;
    const isWaitedFor = mail.kind === 'RESET' || mail.kind === 'RESET_ASKED';
    if (row.attempts >= (isWaitedFor ? TRIES.waitedFor : TRIES.others)) {
      log.warning('mail given up', { kind: mail.kind });
      return;
    }
    const userId = await this.#userOf(tx, mail);
    const to = userId === null ? null : await addresseeOf(tx, userId);
    if (userId === null || to === null) return;
    const kind: MailKind = mail.kind === 'RESET_ASKED' ? 'RESET' : mail.kind;
    const facts = { name: to.display_name, partner: to.partner };
    const complete =
      kind === 'RESET' || kind === 'INVITATION'
        ? { ...facts, ...(await this.#tokenFor(tx, { userId, to, kind })) }
        : facts;
    await mailer.send({ to: to.email, ...mailText(kind, complete, to.language) });
  }

  async #userOf(tx: Tx, mail: AccountMail): Promise<number | null> {
    if (mail.kind !== 'RESET_ASKED') return mail.userId;
    const { secretKey } = this.#options;
    const email = unseal(secretKey, Buffer.from(mail.sealedEmail, 'base64'), MAIL_TOPIC);
    return (await accountOf(tx, email))?.id ?? null;
  }

  async #tokenFor(
    tx: Tx,
    given: { userId: number; to: Addressee; kind: 'RESET' | 'INVITATION' },
  ): Promise<Pick<MailFacts, 'token' | 'minutes'>> {
    const { userId, to, kind } = given;
    const minutes = kind === 'RESET' ? RESET_MINUTES : INVITATION_MINUTES;
    const now = this.#options.now();
    const secret = randomBytes(TOKEN_BYTES).toString('base64url');
    const token = `kp1.${to.partner_id}.${secret}`;
    const expiresAt = new Date(now.getTime() + minutes * 60_000);
    await insertReset(tx, { userId, partnerId: to.partner_id, token, now, expiresAt });
    const { portalUrl } = this.#options;
    // Behind the # it reaches neither the server of the portal nor its log.
    return { token: portalUrl === undefined ? token : `${portalUrl}#token=${token}`, minutes };
  }
}

async function addresseeOf(tx: Tx, userId: number): Promise<Addressee | null> {
  const rows: Addressee[] = await tx.query(
    `SELECT u.email, u.display_name, u.partner_id, p.name AS partner, p.language
     FROM app_user u JOIN partner p ON p.id = u.partner_id
     WHERE u.id = $1 AND u.status = 'ACTIVE'`,
    [userId],
  );
  invariant(rows.length <= 1, 'a user has one partner');
  return rows[0] ?? null;
}
