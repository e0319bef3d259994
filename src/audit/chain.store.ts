import { rowsOf, type SqlClient } from '../platform/index.js';
import type { ChainRow } from './chain.js';
import type { SignedHead } from './head.js';

/** Entries after a place, in order, as the chain hashes them. */
export async function chainAfter(tx: SqlClient, after: number, limit: number): Promise<ChainRow[]> {
  const rows = rowsOf<{ row: Omit<ChainRow, 'columns'> & ChainRow['columns'] }>(
    await tx.query(
      `SELECT jsonb_build_object('seq', e.seq, 'at',
         to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
         'body', e.body, 'previous', encode(e.previous, 'hex'), 'hash', encode(e.hash, 'hex'),
         'operation', e.operation, 'partnerId', e.partner_id, 'homePartnerId', e.home_partner_id,
         'userId', e.user_id, 'apiKeyId', e.api_key_id, 'sessionId', e.session_id,
         'subjects', coalesce((SELECT array_agg(s.subject) FROM audit_subject s
           WHERE s.seq = e.seq), '{}')) AS row
       FROM audit_entry e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2`,
      [after, limit],
    ),
  );
  return rows.map(({ row }) => {
    const { seq, at, body, previous, hash, ...columns } = row;
    return { seq, at, body, previous, hash, columns };
  });
}

/** What the table says is the end of the chain. */
export async function chainEnd(
  tx: SqlClient,
): Promise<{ readonly seq: number; readonly hash: string }> {
  const rows = rowsOf<{ seq: string; hash: string }>(
    await tx.query(`SELECT seq::text, encode(hash, 'hex') AS hash FROM audit_head`),
  );
  // A missing row is as good as a chain without end: every entry is one too many or missing.
  return { seq: Number(rows[0]?.seq ?? 0), hash: rows[0]?.hash ?? '' };
}

/** Lets one process at a time sign; the others wait until its transaction is over. */
export async function lockSigning(tx: SqlClient): Promise<void> {
  await tx.query(`SELECT pg_advisory_xact_lock(hashtext('audit head'))`);
}

/** Heads that were signed, oldest first, after a place. */
export async function signedHeads(
  tx: SqlClient,
  after = 0,
  limit: number | null = null,
): Promise<(SignedHead & { readonly seq: number })[]> {
  const rows = rowsOf<SignedHead & { seq: string }>(
    await tx.query(
      `SELECT seq::text, head, signature, public_key AS "publicKey", trail
       FROM audit_signed_head WHERE seq > $1 ORDER BY seq LIMIT $2`,
      [after, limit],
    ),
  );
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }));
}

/** The newest head that was signed, or null. */
export async function newestSignedHead(tx: SqlClient): Promise<SignedHead | null> {
  const rows = rowsOf<SignedHead>(
    await tx.query(
      `SELECT head, signature, public_key AS "publicKey", trail
       FROM audit_signed_head ORDER BY seq DESC LIMIT 1`,
    ),
  );
  return rows[0] ?? null;
}

/** Keeps a signed head. */
export async function insertSignedHead(
  tx: SqlClient,
  seq: number,
  signed: SignedHead,
): Promise<void> {
  await tx.query(
    `INSERT INTO audit_signed_head (seq, head, signature, public_key, trail)
     VALUES ($1, $2, $3, $4, $5)`,
    [seq, signed.head, signed.signature, signed.publicKey, signed.trail],
  );
}

/** A declared restore, and who vouches for it. */
export interface SignedRestore {
  readonly restore: string;
  readonly signature: string;
  readonly publicKey: string;
}

/** Restores that were declared, oldest first. */
export async function signedRestores(tx: SqlClient): Promise<SignedRestore[]> {
  return rowsOf<SignedRestore>(
    await tx.query(
      `SELECT restore, signature, public_key AS "publicKey" FROM audit_restore ORDER BY id`,
    ),
  );
}

/** Keeps the declaration of a restore. */
export async function insertRestore(tx: SqlClient, signed: SignedRestore): Promise<void> {
  await tx.query('INSERT INTO audit_restore (restore, signature, public_key) VALUES ($1, $2, $3)', [
    signed.restore,
    signed.signature,
    signed.publicKey,
  ]);
}
