import { createHash } from 'node:crypto';
import type { Tx } from '../platform/index.js';

/** How often something may be tried within any stretch of so many seconds. */
export interface Allowance {
  readonly attempts: number;
  readonly windowSeconds: number;
}

/** What became of counting an attempt. */
export interface Counted {
  /** After how many seconds to come back; 0 when the attempt may go on. */
  readonly wait: number;
  /** Whether this is the first that was refused since one was let through. */
  readonly isFirstRefusal: boolean;
}

/** Failures in a row are forgotten when none has come for so long. */
const STREAK_DAYS = 30;

// The times are kept, not a count: a window that begins anew would let twice as many through
// within the same stretch of time.
const COUNT = `
  INSERT INTO sign_in_throttle AS t (key, recent, refused, ends_at)
  VALUES ($1, ARRAY[$2::timestamptz], 0, $2::timestamptz + $3 * interval '1 second')
  ON CONFLICT (key) DO UPDATE SET (recent, refused, ends_at) = (
    SELECT CASE WHEN count(*) < $4 THEN coalesce(array_agg(at ORDER BY at), '{}') || $2::timestamptz
        ELSE array_agg(at ORDER BY at) END,
      CASE WHEN count(*) < $4 THEN 0 ELSE t.refused + 1 END,
      CASE WHEN count(*) < $4 THEN excluded.ends_at ELSE t.ends_at END
    FROM unnest(t.recent) AS at
    WHERE at > $2::timestamptz - $3 * interval '1 second')
  RETURNING recent[1] AS oldest, refused`;

/**
 * Counts one attempt under a key. One statement, so any number of processes at once let through
 * exactly the allowance.
 */
export async function countAttempt(
  tx: Tx,
  key: string,
  allowance: Allowance,
  now: Date,
): Promise<Counted> {
  const { attempts, windowSeconds } = allowance;
  const rows: { oldest: Date; refused: number }[] = await tx.query(COUNT, [
    hashed(key),
    now,
    windowSeconds,
    attempts,
  ]);
  const row = rows[0];
  if (row === undefined || row.refused === 0) return { wait: 0, isFirstRefusal: false };
  const left = (row.oldest.getTime() - now.getTime()) / 1000 + windowSeconds;
  return { wait: Math.max(1, Math.ceil(left)), isFirstRefusal: row.refused === 1 };
}

/** Takes back an attempt that was counted at a moment: it was no guess. */
export async function refundAttempt(tx: Tx, key: string, at: Date): Promise<void> {
  await tx.query(
    `UPDATE sign_in_throttle SET recent = recent[:array_position(recent, $2) - 1]
       || recent[array_position(recent, $2) + 1:]
     WHERE key = $1 AND $2::timestamptz = ANY (recent)`,
    [hashed(key), at],
  );
}

/**
 * Counts an attempt as a failure until {@link endStreak} says that it was none; answers how many
 * have failed in a row, this one included.
 */
export async function countInStreak(tx: Tx, key: string, now: Date): Promise<number> {
  const rows: { failures: number }[] = await tx.query(
    `INSERT INTO sign_in_streak AS s (key, failures, ends_at) VALUES ($1, 1, $2)
     ON CONFLICT (key) DO UPDATE SET ends_at = excluded.ends_at,
       failures = CASE WHEN s.ends_at <= $3 THEN 1 ELSE s.failures + 1 END
     RETURNING failures`,
    [hashed(key), new Date(now.getTime() + STREAK_DAYS * 86_400_000), now],
  );
  return rows[0]?.failures ?? 0;
}

/** How many have failed in a row under a key. */
export async function streakOf(tx: Tx, key: string, now: Date): Promise<number> {
  const rows: { failures: number }[] = await tx.query(
    'SELECT failures FROM sign_in_streak WHERE key = $1 AND ends_at > $2',
    [hashed(key), now],
  );
  return rows[0]?.failures ?? 0;
}

/** Forgets the failures under keys. */
export async function endStreak(tx: Tx, ...keys: string[]): Promise<void> {
  await tx.query('DELETE FROM sign_in_streak WHERE key = ANY ($1)', [keys.map(hashed)]);
}

/** Removes some of what is over, whatever others are at. */
export async function sweepAttempts(tx: Tx, now: Date): Promise<void> {
  for (const table of ['sign_in_throttle', 'sign_in_streak']) {
    await tx.query(
      `DELETE FROM ${table} WHERE key IN (
         SELECT key FROM ${table} WHERE ends_at <= $1 LIMIT 100 FOR UPDATE SKIP LOCKED)`,
      [now],
    );
  }
}

// What people type as an address may be a password; the tables keep no text.
function hashed(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
