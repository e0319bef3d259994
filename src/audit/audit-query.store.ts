import { assertOrdered, DomainError } from '../kernel/index.js';
import {
  type Connection,
  type Page,
  pageOf,
  pageStart,
  rowNumber,
  rowsOf,
  type Tx,
} from '../platform/index.js';
import { type AuditEntry, auditEntry, type EntryRow } from './audit.entity.js';
import type { EntryBody } from './entry-body.js';
import { subjectBehind } from './entry-body.js';

/** Which entries to list. */
export interface EntrySelection {
  readonly from?: Date | null;
  readonly to?: Date | null;
  readonly userId?: string | null;
  readonly operations?: readonly string[] | null;
  readonly subjectId?: string | null;
}

const COLUMNS = `e.seq::text, e.at, e.body, encode(e.hash, 'hex') AS hash`;

/** Entries, newest first. Refuses with INVALID_PERIOD, INVALID_ID or INVALID_CURSOR. */
export async function listEntries(
  tx: Tx,
  selection: EntrySelection,
  page: Page,
): Promise<Connection<AuditEntry>> {
  const { from = null, to = null, userId = null, operations = null, subjectId = null } = selection;
  assertOrdered(from, to);
  const subject = subjectId === null ? null : subjectOf(subjectId);
  const rows = rowsOf<Stored>(
    await tx.query(
      `SELECT ${COLUMNS} FROM audit_entry e
       WHERE ($1::bigint IS NULL OR e.seq < $1)
         AND ($2::timestamptz IS NULL OR e.at >= $2) AND ($3::timestamptz IS NULL OR e.at < $3)
         AND ($4::int IS NULL OR e.user_id = $4) AND ($5::text[] IS NULL OR e.operation = ANY ($5))
         AND ($6::text IS NULL OR e.seq IN (SELECT s.seq FROM audit_subject s WHERE s.subject = $6))
       ORDER BY e.seq DESC LIMIT $7`,
      [
        before(page),
        from,
        to,
        userId === null ? null : rowNumber('User', userId),
        operations,
        subject,
        page.first + 1,
      ],
    ),
  );
  return pageOf(rows.map(shown), page, (entry) => [BigInt(entry.seq)]);
}

/** One entry, or null when there is none that the transaction may see. */
export async function findEntry(tx: Tx, seq: string): Promise<AuditEntry | null> {
  const rows = rowsOf<Stored>(
    await tx.query(`SELECT ${COLUMNS} FROM audit_entry e WHERE e.seq = $1`, [seq]),
  );
  return rows[0] === undefined ? null : shown(rows[0]);
}

interface Stored extends Omit<EntryRow, 'body'> {
  readonly body: string;
}

function shown(row: Stored): AuditEntry {
  return auditEntry({ ...row, body: JSON.parse(row.body) as EntryBody });
}

function subjectOf(globalId: string): string {
  const [subject] = subjectBehind(globalId);
  if (subject !== undefined) return subject;
  throw new DomainError('INVALID_ID', 'The identifier is not one that this API issued.', {
    id: globalId.slice(0, 64),
  });
}

function before(page: Page): string | null {
  const [seq] = pageStart(page, 1) ?? [null];
  if (seq === null) return null;
  if (typeof seq === 'bigint' && seq > 0n) return seq.toString();
  throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
}
