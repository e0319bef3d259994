import { raiseAlarm } from '../alarm/index.js';
import { rowsOf, type Tx } from '../platform/index.js';
import { LEAF_DAY } from '../privacy/index.js';

/** UTC days before another one that hold records and are not sealed, rising. */
export async function unsealedDays(tx: Tx, before: Date): Promise<string[]> {
  const rows = rowsOf<{ day: string }>(
    await tx.query(
      `SELECT leaf.day::text FROM pg_inherits i
       JOIN (SELECT c.oid, c.relname, ${LEAF_DAY} AS day FROM pg_class c) AS leaf
         ON leaf.oid = i.inhrelid
       WHERE i.inhparent = 'xdr'::regclass AND leaf.day < $1::date
         AND to_regclass(quote_ident(leaf.relname || '_subscription')) IS NULL
       ORDER BY 1`,
      [before.toISOString().slice(0, 10)],
    ),
  );
  return rows.map(({ day }) => day);
}

/** What sealing found in a day. */
export interface SealedDay {
  readonly records: number;
  /** Records whose identity another one of the day and of their identity domain has. */
  readonly repeated: number;
}

/** Indexes a day for those who look for records in it; null when somebody has, or it is empty. */
export async function sealDay(tx: Tx, day: string): Promise<SealedDay | null> {
  const [found] = rowsOf<{ records: string; repeated: string }>(
    await tx.query('SELECT records, repeated FROM seal_usage_day($1)', [day]),
  );
  if (found === undefined) return null;
  return { records: Number(found.records), repeated: Number(found.repeated) };
}

/** Tells the hub of records that were rated twice. */
export async function alarmRepeated(tx: Tx, day: string, repeated: number): Promise<void> {
  const [hub] = rowsOf<{ id: number }>(
    await tx.query('SELECT id FROM partner WHERE parent_id IS NULL'),
  );
  if (hub === undefined) return;
  await raiseAlarm(tx, {
    partnerId: hub.id,
    severity: 'CRITICAL',
    probableCause: 'FIGURES_DIFFER',
    subjectType: 'Partner',
    subjectId: hub.id,
    naturalKey: `records of ${day} that are there twice`,
    text: `Records of ${day} were rated twice: ${repeated}.`,
    details: { day, records: repeated },
  });
}
