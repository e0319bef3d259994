import { createHash } from 'node:crypto';
import { DomainError } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import { ChainCheck, type Finding, GENESIS, type TrustedHead } from './chain.js';
import { chainAfter, chainEnd, signedRestores } from './chain.store.js';
import { readHead, type SignedHead } from './head.js';
import { isSignedBy } from './head-key.service.js';
import { type Restore, readRestore } from './restore.js';

const PAGE = 2_000;

/** What came of holding the chain against itself and against heads. */
export interface Verification {
  /** Entries that were read and are good. */
  readonly entries: number;
  /** Place of the last good entry. */
  readonly lastGood: number;
  /** Place up to which a head vouches for the entries. */
  readonly proven: number;
  readonly finding: Finding | null;
  /** Restores of older states that were declared, oldest first. */
  readonly restores: readonly Restore[];
}

/** SHA-256, hexadecimal. */
export function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/**
 * What a head vouches for when one of the keys has signed it; refuses with AUDIT_HEAD_INVALID.
 */
export function trustedHead(signed: SignedHead, keys: ReadonlySet<string>): TrustedHead {
  const trusted = trustedOrNull(signed, keys);
  if (trusted !== null) return trusted;
  throw new DomainError('AUDIT_HEAD_INVALID', 'The head was not signed by a key of this audit.', {
    head: signed.head.slice(0, 200),
  });
}

/** As {@link trustedHead}, or null. */
export function trustedOrNull(signed: SignedHead, keys: ReadonlySet<string>): TrustedHead | null {
  const { head, signature, publicKey, trail } = signed;
  if (!keys.has(publicKey) || !isSignedBy(publicKey, head, signature)) return null;
  return readHead(signed, trail === null ? null : sha256(trail));
}

/** Restores that were declared by somebody with one of the keys, oldest first. */
export async function declaredRestores(tx: Tx, keys: ReadonlySet<string>): Promise<Restore[]> {
  const signed = await signedRestores(tx);
  return signed.flatMap(({ restore, signature, publicKey }) => {
    const trusted = keys.has(publicKey) && isSignedBy(publicKey, restore, signature);
    return (trusted ? readRestore(restore) : null) ?? [];
  });
}

/**
 * Reads the chain behind `start` and holds it against itself and the heads. `tx` sees every
 * partner. Entries that are added meanwhile are left for another time.
 */
export async function verifyChain(
  tx: Tx,
  heads: readonly TrustedHead[],
  start: { readonly seq: number; readonly hash: string } = { seq: 0, hash: GENESIS },
): Promise<Omit<Verification, 'restores'>> {
  const end = await chainEnd(tx);
  const check = new ChainCheck(sha256, heads, start);
  // What lies behind the end was added since, or put there by somebody who forgot the end.
  for (let going = true; going; ) {
    const rows = await chainAfter(tx, check.seq, PAGE);
    going = rows.length === PAGE;
    for (const row of rows) {
      if (row.seq > end.seq || !check.take(row)) {
        going = false;
        break;
      }
    }
  }
  const finding = check.end(end);
  return { entries: check.seq - start.seq, lastGood: check.seq, proven: check.proven, finding };
}
