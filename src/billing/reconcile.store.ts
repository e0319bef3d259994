import type { Tx } from '../platform/index.js';
import type { NumberRecord } from './number-record.js';

/** A number of the register, as far as it is compared. */
export interface KnownNumber {
  readonly place: number;
  /** Hash of the document; null for a lost number. */
  readonly sha256: string | null;
}

/** Whether a partner is there. */
export async function partnerExists(tx: Tx, partnerId: number): Promise<boolean> {
  const rows: unknown[] = await tx.query('SELECT 1 FROM partner WHERE id = $1', [partnerId]);
  return rows.length > 0;
}

/** The last number of a series, 0 when it has none; locked until the commit if asked for. */
export async function lockSeries(
  tx: Tx,
  seller: number,
  series: string,
  locking: boolean,
): Promise<number> {
  const rows: { last: number }[] = await tx.query(
    `SELECT last_number AS last FROM invoice_number_series
     WHERE partner_id = $1 AND series = $2 ${locking ? 'FOR UPDATE' : ''}`,
    [seller, series],
  );
  return rows[0]?.last ?? 0;
}

/** What the register has of a series, by place. */
export async function knownNumbers(
  tx: Tx,
  seller: number,
  series: string,
): Promise<ReadonlyMap<number, KnownNumber>> {
  const rows: KnownNumber[] = await tx.query(
    `SELECT place, pdf_sha256 AS sha256 FROM invoice_number
     WHERE partner_id = $1 AND series = $2`,
    [seller, series],
  );
  return new Map(rows.map((row) => [row.place, row]));
}

/** Lets a series go on behind a place; dates of issue go on behind those written down. */
export async function raiseSeries(
  tx: Tx,
  seller: number,
  series: string,
  highest: number,
  records: ReadonlyMap<number, NumberRecord>,
): Promise<void> {
  const all = [...records.values()];
  const latest = (values: readonly string[]) => values.reduce((a, b) => (a > b ? a : b));
  await tx.query(
    `INSERT INTO invoice_number_series AS s (partner_id, series, last_number, last_issued_on,
       last_issued_at)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (partner_id, series) DO UPDATE SET
       last_number = greatest(s.last_number, excluded.last_number),
       last_issued_on = greatest(s.last_issued_on, excluded.last_issued_on),
       last_issued_at = greatest(s.last_issued_at, excluded.last_issued_at)`,
    [
      seller,
      series,
      highest,
      latest(all.map((record) => record.issuedOn)),
      latest(all.map((record) => record.issuedAt)),
    ],
  );
}

/** Enters a number as lost. */
export async function insertLost(
  tx: Tx,
  given: { seller: number; series: string; place: number; number: string },
  known: object | null,
  now: Date,
): Promise<void> {
  const { seller, series, place, number } = given;
  await tx.query(
    `INSERT INTO invoice_number (partner_id, series, place, number, state, known, lost_at)
     VALUES ($1, $2, $3, $4, 'LOST', $5::jsonb, $6)`,
    [seller, series, place, number, known === null ? null : JSON.stringify(known), now],
  );
}

/** Drafts that could be the document of a record. */
export async function draftsLike(tx: Tx, record: NumberRecord): Promise<number[]> {
  const rows: { id: number }[] = await tx.query(
    `SELECT id FROM invoice i WHERE state = 'DRAFT' AND seller_partner_id = $1 AND partner_id = $2
       AND currency = $3 AND gross = $4::numeric
       AND NOT EXISTS (SELECT 1 FROM invoice_number n WHERE n.invoice_id = i.id)
     ORDER BY id`,
    [record.seller, record.buyer, record.currency, record.gross],
  );
  return rows.map(({ id }) => id);
}

/** Lets identifiers that were given out before a restore never mean something else. */
export async function skipIdentifiers(tx: Tx, partner: number, invoice: number): Promise<void> {
  await tx.query('SELECT skip_identifiers($1, $2)', [partner, invoice]);
}
