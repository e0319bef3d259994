import { appendOutbox, type Tx } from '../platform/index.js';
import type { Notice } from './mail-text.js';

/** Topic of the outbox under which mails to users wait. */
export const MAIL_TOPIC = 'identity.mail';

/** A mail that is to be written and sent when the transaction has committed. */
export type AccountMail =
  | { readonly kind: Notice | 'INVITATION' | 'RESET'; readonly userId: number }
  /** To whoever signs in with an address, if anybody; sealed, for it may be a password. */
  | { readonly kind: 'RESET_ASKED'; readonly sealedEmail: string };

/** Hands a mail to the outbox. */
export async function queueMail(tx: Tx, partnerId: number, mail: AccountMail): Promise<void> {
  await appendOutbox(tx, { topic: MAIL_TOPIC, partnerId, payload: mail });
}
