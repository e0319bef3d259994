import { rowsOf, type SqlClient } from '../platform/index.js';
import type { HoldRow } from './retention.entity.js';
import type { RetentionKind, SetPeriod } from './retention-rules.js';

interface PartnerPath {
  readonly id: number;
  readonly path: readonly number[];
}

/** Every visible partner with the way from the hub to it. */
export async function partnerPaths(tx: SqlClient): Promise<PartnerPath[]> {
  return rowsOf<PartnerPath>(await tx.query('SELECT id, path FROM partner ORDER BY id'));
}

/** The way from the hub to a partner, or null when it is not visible. */
export async function partnerPath(tx: SqlClient, id: number): Promise<readonly number[] | null> {
  const rows = rowsOf<PartnerPath>(
    await tx.query('SELECT id, path FROM partner WHERE id = $1', [id]),
  );
  return rows[0]?.path ?? null;
}

const PERIOD = `id, partner_id AS "partnerId", kind, keep_days AS "keepDays",
  valid_from::text AS "validFrom"`;

/** Periods that were set for a visible partner or for any above it, whether visible or not. */
export async function periodsOf(tx: SqlClient, partnerId: number): Promise<SetPeriod[]> {
  return rowsOf<SetPeriod>(
    await tx.query(`SELECT ${PERIOD} FROM retention_periods($1)`, [partnerId]),
  );
}

/** Every visible period. */
export async function allPeriods(tx: SqlClient): Promise<SetPeriod[]> {
  return rowsOf<SetPeriod>(await tx.query(`SELECT ${PERIOD} FROM retention_period`));
}

interface NewPeriod extends Omit<SetPeriod, 'id'> {
  readonly setBy: number;
}

/** Records a period. */
export async function insertPeriod(tx: SqlClient, period: NewPeriod): Promise<void> {
  const { partnerId, kind, keepDays, validFrom, setBy } = period;
  await tx.query(
    `INSERT INTO retention_period (partner_id, kind, keep_days, valid_from, set_by)
     VALUES ($1, $2, $3, $4, $5)`,
    [partnerId, kind satisfies RetentionKind, keepDays, validFrom, setBy],
  );
}

const HOLD = `id, partner_id AS "partnerId", from_on::text AS "fromOn", to_on::text AS "toOn",
  reason, set_by AS "setBy", set_at AS "setAt", released_at AS "releasedAt"`;

interface NewHold {
  readonly partnerId: number;
  readonly fromOn: string;
  readonly toOn: string;
  readonly reason: string;
  readonly setBy: number;
}

/** Holds usage; answers the row's number. */
export async function insertHold(tx: SqlClient, hold: NewHold): Promise<number> {
  const rows = rowsOf<{ id: number }>(
    await tx.query(
      `INSERT INTO retention_hold (partner_id, from_on, to_on, reason, set_by)
       VALUES ($1, $2, $3, $4, $5) RETURNING id`,
      [hold.partnerId, hold.fromOn, hold.toOn, hold.reason, hold.setBy],
    ),
  );
  return (rows[0] as { id: number }).id;
}

/** The hold, locked; null when it is not visible. */
export async function lockHold(tx: SqlClient, id: number): Promise<HoldRow | null> {
  const rows = rowsOf<HoldRow>(
    await tx.query(`SELECT ${HOLD} FROM retention_hold WHERE id = $1 FOR UPDATE`, [id]),
  );
  return rows[0] ?? null;
}

/** Whether a user belongs to a partner in view. */
export async function isUserInView(tx: SqlClient, userId: number): Promise<boolean> {
  return rowsOf(await tx.query('SELECT 1 FROM app_user WHERE id = $1', [userId])).length === 1;
}

/** Marks a hold as released. */
export async function endHold(tx: SqlClient, id: number, userId: number, now: Date): Promise<void> {
  await tx.query('UPDATE retention_hold SET released_by = $2, released_at = $3 WHERE id = $1', [
    id,
    userId,
    now,
  ]);
}

/** Visible holds, newest first. */
export async function listHolds(
  tx: SqlClient,
  before: number | null,
  limit: number,
): Promise<HoldRow[]> {
  return rowsOf<HoldRow>(
    await tx.query(
      `SELECT ${HOLD} FROM retention_hold WHERE $1::int IS NULL OR id < $1
       ORDER BY id DESC LIMIT $2`,
      [before, limit],
    ),
  );
}
