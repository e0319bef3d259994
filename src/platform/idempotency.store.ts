import { createHash } from 'node:crypto';
import { canonicalJson, DomainError, invariant } from '../kernel/index.js';
import { enterScope } from './scope.store.js';
import { rowsOf, type SqlClient } from './sql-client.js';

const MAX_KEY = 255;

/** Options of the argument `idempotencyKey`, the same on every mutation that has an effect. */
export const idempotencyKeyOption = {
  nullable: true,
  description:
    'Makes a repeated request safe: same key and same input give the same answer, once; the ' +
    'same key with another input is refused with IDEMPOTENCY_KEY_REUSED. 1 to 255 characters.',
} as const;

/**
 * Does `work` at most once per user and key: the same key with the same operation and input, sent
 * at the same partner, gets the stored answer, also when both requests come at the same moment;
 * with anything else it is refused with IDEMPOTENCY_KEY_REUSED. Key, effect and answer commit
 * together, so a refused or failed request leaves the key free. The answer is plain JSON: ids, not
 * rows. Without key, `work` is simply done.
 */
export async function once<T>(
  tx: SqlClient,
  viewer: { readonly userId: number; readonly partnerId: number },
  key: string | null | undefined,
  operation: string,
  input: unknown,
  work: () => Promise<T>,
): Promise<T> {
  if (key === null || key === undefined) return work();
  if (key.length === 0 || key.length > MAX_KEY || key.includes('\0')) {
    throw new DomainError('BAD_USER_INPUT', 'An idempotency key has 1 to 255 characters.', {
      fields: [{ field: 'idempotencyKey' }],
    });
  }
  const hash = createHash('sha256').update(canonicalJson(input)).digest('hex');
  const first = rowsOf(
    await tx.query(
      `INSERT INTO idempotency_key (partner_id, user_id, key, operation, request_hash)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id, key) DO NOTHING RETURNING key`,
      [viewer.partnerId, viewer.userId, key, operation, hash],
    ),
  );
  if (first.length === 0) {
    // The other request may have made a partner after this transaction saw which there are.
    await enterScope(tx, { partnerId: viewer.partnerId });
    return storedAnswer<T>(tx, viewer, key, operation, hash);
  }
  const answer = JSON.stringify((await work()) ?? null);
  await tx.query('UPDATE idempotency_key SET answer = $3::jsonb WHERE user_id = $1 AND key = $2', [
    viewer.userId,
    key,
    answer,
  ]);
  return JSON.parse(answer) as T;
}

async function storedAnswer<T>(
  tx: SqlClient,
  viewer: { readonly userId: number; readonly partnerId: number },
  key: string,
  operation: string,
  hash: string,
): Promise<T> {
  const known = rowsOf<{ operation: string; request_hash: string; answer: T | undefined }>(
    await tx.query(
      `SELECT operation, request_hash, answer FROM idempotency_key
       WHERE user_id = $1 AND key = $2 AND partner_id = $3`,
      [viewer.userId, key, viewer.partnerId],
    ),
  )[0];
  if (known === undefined || known.operation !== operation || known.request_hash !== hash) {
    throw new DomainError(
      'IDEMPOTENCY_KEY_REUSED',
      'The idempotency key was used before with another request.',
    );
  }
  invariant(known.answer !== undefined, 'a committed key has its answer');
  return known.answer;
}
