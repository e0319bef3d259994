import { createHash } from 'node:crypto';
import type { Tx } from '../platform/index.js';

/** How often something may be tried within a window that begins with the first attempt. */
export interface Allowance {
  readonly attempts: number;
  readonly windowSeconds: number;
}

/**
 * Counts one attempt under a key; answers after how many seconds to come back, or 0 when it may
 * go on. One statement, so any number of processes at once let through exactly the allowance.
 */
export async function countAttempt(
  tx: Tx,
  key: string,
  allowance: Allowance,
  now: Date,
): Promise<number> {
  const ends = new Date(now.getTime() + allowance.windowSeconds * 1000);
  const rows: { attempts: number; ends_at: Date }[] = await tx.query(
    `INSERT INTO sign_in_throttle AS t (key, attempts, ends_at) VALUES ($1, 1, $2)
     ON CONFLICT (key) DO UPDATE SET
       attempts = CASE WHEN t.ends_at <= $3 THEN 1 ELSE t.attempts + 1 END,
       ends_at = CASE WHEN t.ends_at <= $3 THEN excluded.ends_at ELSE t.ends_at END
     RETURNING attempts, ends_at`,
    [hashed(key), ends, now],
  );
  const row = rows[0];
  if (row === undefined || row.attempts <= allowance.attempts) return 0;
  return Math.max(1, Math.ceil((row.ends_at.getTime() - now.getTime()) / 1000));
}

/** Forgets the attempts under a key. */
export async function forgetAttempts(tx: Tx, key: string): Promise<void> {
  await tx.query('DELETE FROM sign_in_throttle WHERE key = $1', [hashed(key)]);
}

/** Removes some of the windows that are over, whatever others are at. */
export async function sweepAttempts(tx: Tx, now: Date): Promise<void> {
  await tx.query(
    `DELETE FROM sign_in_throttle WHERE key IN (
       SELECT key FROM sign_in_throttle WHERE ends_at <= $1 LIMIT 100 FOR UPDATE SKIP LOCKED)`,
    [now],
  );
}

// What people type as an address may be a password; the table keeps no text.
function hashed(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
