import type { Tx } from '../platform/index.js';
import type { SignInEventKind, SignInOutcome, SignInProof } from './sign-in-event.entity.js';

/** Something that touched a user's sign-in, not stored yet. */
export interface NewEvent {
  /** Null for an address that nobody has. */
  readonly userId: number | null;
  readonly partnerId: number | null;
  readonly at: Date;
  readonly kind: SignInEventKind;
  readonly outcome: SignInOutcome;
  readonly proof: SignInProof | null;
  readonly address: string;
  readonly userAgent: string;
  readonly deviceId: string | null;
  readonly knownDevice: boolean;
}

/**
 * Keeps an event. One on an address that nobody has belongs to the hub, so that an unknown user
 * costs what a known one costs; without a hub there is nowhere to keep it.
 */
export async function insertEvent(tx: Tx, event: NewEvent): Promise<void> {
  const { userId, partnerId, at, kind, outcome, proof, address, userAgent } = event;
  await tx.query(
    `INSERT INTO sign_in_event (partner_id, user_id, at, kind, outcome, proof, address,
       user_agent, device_id, known_device)
     SELECT p.id, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM partner p
     WHERE p.id = $1 OR ($1::int IS NULL AND p.parent_id IS NULL)`,
    [
      partnerId,
      userId,
      at,
      kind,
      outcome,
      proof,
      address,
      userAgent,
      event.deviceId,
      event.knownDevice,
    ],
  );
}
