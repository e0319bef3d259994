import type { Tx } from '../platform/index.js';
import { takeStep } from './one-time-password.store.js';
import { takeRecoveryCode } from './recovery-code.service.js';
import { unseal } from './seal.service.js';
import { matchingStep } from './totp.js';
import { totpOwner } from './user.entity.js';

/** What a user gives beside or after his password: one of the two. */
export interface GivenProof {
  readonly totp?: string | null;
  readonly recoveryCode?: string | null;
}

/** A second proof that was looked at and is not used up yet. */
export type Proof =
  | { readonly kind: 'TOTP'; readonly step: number }
  | { readonly kind: 'RECOVERY_CODE'; readonly code: string };

/** Whose proof it is; null stands for nobody and costs as much. */
export type Prover = { readonly id: number; readonly sealedTotpSecret: Buffer | null } | null;

/** The proof in what was given; null when it is wrong, absent, or both kinds at once. */
export function readProof(
  key: Uint8Array,
  prover: Prover,
  given: GivenProof,
  now: Date,
): Proof | null {
  const { totp, recoveryCode } = given;
  const sealed = prover?.sealedTotpSecret ?? null;
  const secret =
    prover === null || sealed === null ? null : unseal(key, sealed, totpOwner(prover.id));
  const step = matchingStep(secret, (totp ?? '').trim(), now);
  if (recoveryCode) return totp ? null : { kind: 'RECOVERY_CODE', code: recoveryCode };
  return step === null ? null : { kind: 'TOTP', step };
}

/** Uses up a proof: of many who give the same one at a time, one succeeds. */
export async function takeProof(
  tx: Tx,
  key: Uint8Array,
  userId: number,
  proof: Proof,
  now: Date,
): Promise<boolean> {
  if (proof.kind === 'TOTP') return takeStep(tx, userId, proof.step);
  return takeRecoveryCode(tx, key, userId, proof.code, now);
}
