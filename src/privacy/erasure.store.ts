import { enterScope, rowsOf, type Scope, type SqlClient, SYSTEM_SCOPE } from '../platform/index.js';
import type { ErasureRow } from './erasure.entity.js';

const COLUMNS = `id, partner_id AS "partnerId", subscription_id AS "subscriptionId", reason, state,
  requested_by AS "requestedBy", requested_at AS "requestedAt", approved_by AS "approvedBy",
  approved_at AS "approvedAt", run_id AS "runId", done_at AS "doneAt", report`;

/** An erasure, locked for whoever changes it; null when there is none to see. */
export async function findErasure(
  tx: SqlClient,
  id: number,
  lock: 'FOR UPDATE' | '' = '',
): Promise<ErasureRow | null> {
  const rows = rowsOf<ErasureRow>(
    await tx.query(`SELECT ${COLUMNS} FROM erasure WHERE id = $1 ${lock}`, [id]),
  );
  return rows[0] ?? null;
}

/** Visible erasures, newest first. */
export async function listErasures(
  tx: SqlClient,
  before: number | null,
  limit: number,
): Promise<ErasureRow[]> {
  return rowsOf<ErasureRow>(
    await tx.query(
      `SELECT ${COLUMNS} FROM erasure WHERE $1::int IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
      [before, limit],
    ),
  );
}

/**
 * The subscription, locked, with what decides whether it may be forgotten: that it has ended, or
 * was cancelled before it began.
 */
export async function lockSubscription(
  tx: SqlClient,
  id: number,
  now: Date,
): Promise<{ readonly partnerId: number; readonly isOver: boolean } | null> {
  const rows = rowsOf<{ partnerId: number; isOver: boolean }>(
    await tx.query(
      `SELECT partner_id AS "partnerId",
         coalesce(ends_at <= $2 OR ends_at = starts_at, false) AS "isOver"
       FROM subscription WHERE id = $1 FOR UPDATE`,
      [id, now],
    ),
  );
  return rows[0] ?? null;
}

/**
 * Whether usage of a partner, or of any above it, is held. Those above are none that the viewer
 * sees, so the transaction looks with the eyes of the system and then sees `from` again.
 */
export async function isHeld(tx: SqlClient, partnerId: number, from: Scope): Promise<boolean> {
  await enterScope(tx, SYSTEM_SCOPE);
  const rows = rowsOf(
    await tx.query(
      `SELECT 1 FROM retention_hold h JOIN partner p ON p.id = $1
       WHERE h.released_at IS NULL AND h.partner_id = ANY (p.path)`,
      [partnerId],
    ),
  );
  await enterScope(tx, from);
  return rows.length > 0;
}

interface NewErasure {
  readonly partnerId: number;
  readonly subscriptionId: number;
  readonly reason: string;
  readonly requestedBy: number;
  readonly requestedAt: Date;
}

/** Records the request; null when there is one for the subscription already. */
export async function insertErasure(tx: SqlClient, made: NewErasure): Promise<number | null> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `INSERT INTO erasure (partner_id, subscription_id, reason, requested_by, requested_at)
       VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (subscription_id) WHERE state <> 'WITHDRAWN' DO NOTHING RETURNING id`,
      [made.partnerId, made.subscriptionId, made.reason, made.requestedBy, made.requestedAt],
    ),
  );
  return rows[0]?.id ?? null;
}

/** Gives a request up. */
export async function withdrawErasure(tx: SqlClient, id: number): Promise<void> {
  await tx.query(`UPDATE erasure SET state = 'WITHDRAWN' WHERE id = $1`, [id]);
}

interface Approval {
  readonly id: number;
  readonly approvedBy: number;
  readonly approvedAt: Date;
  readonly runId: number;
  readonly work: Buffer;
}

/** Lets an erasure run. */
export async function approveErasure(tx: SqlClient, given: Approval): Promise<void> {
  await tx.query(
    `UPDATE erasure SET state = 'RUNNING', approved_by = $2, approved_at = $3, run_id = $4,
       work_sealed = $5 WHERE id = $1`,
    [given.id, given.approvedBy, given.approvedAt, given.runId, given.work],
  );
}

/** What a running erasure works with, sealed, and locked until it is put back. */
export async function takeWork(tx: SqlClient, id: number): Promise<Buffer | null> {
  const rows = rowsOf<{ work: Buffer | null }>(
    await tx.query('SELECT work_sealed AS work FROM erasure WHERE id = $1 FOR UPDATE', [id]),
  );
  return rows[0]?.work ?? null;
}

/** Puts back what a running erasure works with. */
export async function keepWork(tx: SqlClient, id: number, work: Buffer): Promise<void> {
  await tx.query('UPDATE erasure SET work_sealed = $2 WHERE id = $1', [id, work]);
}

/** Ends an erasure: from here on nobody can tell which number stood where. */
export async function endErasure(
  tx: SqlClient,
  id: number,
  doneAt: Date,
  report: object,
): Promise<void> {
  await tx.query(
    `UPDATE erasure SET state = 'DONE', work_sealed = NULL, done_at = $2, report = $3::jsonb
     WHERE id = $1`,
    [id, doneAt, JSON.stringify(report)],
  );
}
