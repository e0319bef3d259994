import DataLoader from 'dataloader';
import { grouped } from '../kernel/index.js';
import type { RequestContext, Tx } from '../platform/index.js';
import type { RateSheetCount } from './rate-sheet.entity.js';
import type { StagedRow } from './sheet-reader.js';
import type { SheetPrice } from './sheet-row.js';

interface SheetKey {
  readonly id: number;
  readonly partnerId: number;
  readonly priceListId: number;
}

/** Stages rows of a sheet in one statement. */
export async function stageRows(
  tx: Tx,
  sheet: SheetKey,
  rows: readonly StagedRow[],
): Promise<void> {
  if (rows.length === 0) return;
  const prices = <T>(pick: (price: SheetPrice) => T): (T | null)[] =>
    rows.map((row) => (row.price === null ? null : pick(row.price)));
  await tx.query(
    `INSERT INTO rate_sheet_row (rate_sheet_id, partner_id, line, raw, error_code, error_field,
       error_message, prefix, destination_id, destination_name, time_band_id, price,
       connection_fee, rate_unit, first_increment, next_increment, minimum, grace, valid_from)
     SELECT $1, $2, t.* FROM unnest($3::int[], $4::text[], $5::text[], $6::text[], $7::text[],
       $8::text[], $9::int[], $10::text[], $11::int[], $12::numeric[], $13::numeric[],
       $14::int[], $15::int[], $16::int[], $17::int[], $18::int[], $19::timestamptz[]) AS t`,
    [
      sheet.id,
      sheet.partnerId,
      rows.map((row) => row.line),
      rows.map((row) => row.raw),
      rows.map((row) => row.fault?.code ?? null),
      rows.map((row) => row.fault?.field ?? null),
      rows.map((row) => row.fault?.message ?? null),
      rows.map((row) => row.prefix),
      prices((price) => price.destinationId),
      prices((price) => price.destinationName),
      prices((price) => price.bandId),
      prices((price) => price.price),
      prices((price) => price.connectionFee),
      prices((price) => price.rateUnit),
      prices((price) => price.firstIncrement),
      prices((price) => price.nextIncrement),
      prices((price) => price.minimum),
      prices((price) => price.grace),
      prices((price) => new Date(price.validFrom).toISOString()),
    ],
  );
}

/** The key of a row of a sheet or list, for joins. A prefix holds digits only, so '-' is none. */
function key(alias: string): string {
  return `coalesce(${alias}.prefix, '-'), coalesce(${alias}.destination_id, 0),
    coalesce(${alias}.time_band_id, 0)`;
}

// Freshly staged rows have no statistics, and a plan that loops over them would take the square
// of their number; hashing is right for any size. A whole sheet is one statement, which may take
// longer than what a single request is otherwise given.
async function inBulk(tx: Tx, work: () => Promise<void>): Promise<void> {
  const [before] = await tx.query<{ timeout: string }[]>(
    `SELECT current_setting('statement_timeout') AS timeout,
       set_config('statement_timeout', '120s', true), set_config('enable_nestloop', 'off', true)`,
  );
  await work();
  await tx.query(
    "SELECT set_config('statement_timeout', $1, true), set_config('enable_nestloop', 'on', true)",
    [before?.timeout ?? '0'],
  );
}

/**
 * Compares the sheet's prices with the list as it is now: what each does, the rate it meets, and,
 * for a complete sheet, the rates that end because it does not name them. A rate whose row has an
 * error is not taken as missing.
 */
export async function compareRows(
  tx: Tx,
  sheet: SheetKey & { readonly complete: boolean; readonly effectiveFrom: Date },
): Promise<void> {
  await inBulk(tx, async () => {
    await tx.query("DELETE FROM rate_sheet_row WHERE rate_sheet_id = $1 AND status = 'CLOSED'", [
      sheet.id,
    ]);
    await tx.query(COMPARE, [sheet.id, sheet.priceListId]);
    if (sheet.complete) {
      await tx.query(MISSING, [sheet.id, sheet.partnerId, sheet.priceListId, sheet.effectiveFrom]);
    }
  });
}

const COMPARE = `
  WITH row AS (
    SELECT s.*, lead(valid_from) OVER (PARTITION BY ${key('s')} ORDER BY valid_from) AS until
    FROM rate_sheet_row s WHERE rate_sheet_id = $1 AND error_code IS NULL
  ), met AS (
    SELECT row.id, row.until, r.id AS rate_id, r.price AS old_price,
      CASE WHEN r.id IS NULL THEN 'NEW'
        WHEN r.kind = 'ABSOLUTE' AND row.price * r.rate_unit > r.price * row.rate_unit
          THEN 'INCREASED'
        WHEN r.kind = 'ABSOLUTE' AND row.price * r.rate_unit < r.price * row.rate_unit
          THEN 'DECREASED'
        WHEN r.kind <> 'ABSOLUTE' OR r.valid_to IS DISTINCT FROM row.until
          OR (r.connection_fee, r.rate_unit, r.first_increment, r.next_increment, r.minimum,
              r.grace)
            <> (row.connection_fee, row.rate_unit, row.first_increment, row.next_increment,
              row.minimum, row.grace)
          THEN 'CHANGED'
        ELSE 'UNCHANGED' END AS status
    FROM row LEFT JOIN rate r ON r.price_list_id = $2 AND r.superseded_at IS NULL
      AND (${key('r')}) = (${key('row')})
      AND r.valid_from <= row.valid_from
      AND (r.valid_to IS NULL OR r.valid_to > row.valid_from)
  )
  UPDATE rate_sheet_row s SET status = met.status, rate_id = met.rate_id,
    old_price = met.old_price, valid_to = met.until
  FROM met WHERE s.id = met.id AND s.rate_sheet_id = $1`;

const MISSING = `
  INSERT INTO rate_sheet_row (rate_sheet_id, partner_id, raw, status, prefix, destination_id,
    time_band_id, rate_id, price, old_price, connection_fee, rate_unit, first_increment,
    next_increment, minimum, grace, valid_from)
  SELECT $1, $2, '', 'CLOSED', r.prefix, r.destination_id, r.time_band_id, r.id, r.price, r.price,
    r.connection_fee, r.rate_unit, r.first_increment, r.next_increment, r.minimum, r.grace,
    greatest($4::timestamptz, r.valid_from)
  FROM rate r
  WHERE r.price_list_id = $3 AND r.superseded_at IS NULL AND r.kind = 'ABSOLUTE'
    AND (r.valid_to IS NULL OR r.valid_to > $4)
    AND NOT EXISTS (SELECT 1 FROM rate_sheet_row s
      WHERE s.rate_sheet_id = $1 AND (${key('s')}) = (${key('r')}))
    AND NOT EXISTS (SELECT 1 FROM rate_sheet_row s
      WHERE s.rate_sheet_id = $1 AND s.error_code IS NOT NULL AND s.prefix = r.prefix)`;

/**
 * Puts a compared sheet into its locked list: from the first change of a key on, the rates of the
 * list are superseded, what they cover before is recorded anew, and the sheet's prices are added.
 */
export async function activateRows(tx: Tx, sheet: SheetKey, moment: string): Promise<void> {
  await inBulk(tx, async () => {
    await tx.query(CLOSE, [sheet.id, sheet.priceListId, moment]);
    await tx.query(ADD, [sheet.id, sheet.priceListId, sheet.partnerId, moment]);
  });
}

const CUT = `
  SELECT ${key('s')}, min(valid_from) FILTER (WHERE status <> 'UNCHANGED')
  FROM rate_sheet_row s WHERE rate_sheet_id = $1 AND error_code IS NULL
  GROUP BY ${key('s')} HAVING count(*) FILTER (WHERE status <> 'UNCHANGED') > 0`;

const CLOSE = `
  WITH cut (prefix, destination, band, at) AS MATERIALIZED (${CUT}), closing AS (
    UPDATE rate r SET superseded_at = greatest(r.recorded_at, $3)
    FROM cut
    WHERE r.price_list_id = $2 AND r.superseded_at IS NULL
      AND (${key('r')}) = (cut.prefix, cut.destination, cut.band)
      AND (r.valid_to IS NULL OR r.valid_to > cut.at)
    RETURNING r.*, cut.at)
  INSERT INTO rate (partner_id, price_list_id, rate_sheet_id, destination_id, prefix, time_band_id,
    kind, price, connection_fee, rate_unit, first_increment, next_increment, minimum, grace,
    valid_from, valid_to, recorded_at)
  SELECT partner_id, price_list_id, rate_sheet_id, destination_id, prefix, time_band_id, kind,
    price, connection_fee, rate_unit, first_increment, next_increment, minimum, grace, valid_from,
    at, $3
  FROM closing WHERE valid_from < at`;

const ADD = `
  WITH cut (prefix, destination, band, at) AS MATERIALIZED (${CUT})
  INSERT INTO rate (partner_id, price_list_id, rate_sheet_id, destination_id, prefix, time_band_id,
    kind, price, connection_fee, rate_unit, first_increment, next_increment, minimum, grace,
    valid_from, valid_to, recorded_at)
  SELECT $3, $2, $1, s.destination_id, s.prefix, s.time_band_id, 'ABSOLUTE', s.price,
    s.connection_fee, s.rate_unit, s.first_increment, s.next_increment, s.minimum, s.grace,
    s.valid_from, s.valid_to, $4
  FROM rate_sheet_row s JOIN cut ON (${key('s')}) = (cut.prefix, cut.destination, cut.band)
  WHERE s.rate_sheet_id = $1 AND s.error_code IS NULL AND s.status <> 'CLOSED'
    AND s.valid_from >= cut.at`;

const countKey = Symbol('rate sheet counts');

/** The request's loader of how many prices of a sheet do what. */
export function countLoader(context: RequestContext): DataLoader<number, RateSheetCount[]> {
  return context.loader(countKey, (read) => {
    return new DataLoader<number, RateSheetCount[]>(async (sheets) => {
      const tx = await read();
      const rows = await tx.query<(RateSheetCount & { sheet: number })[]>(
        `SELECT rate_sheet_id AS sheet, status, count(*)::int AS rows FROM rate_sheet_row
         WHERE rate_sheet_id = ANY($1) AND status IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2`,
        [sheets],
      );
      const groups = grouped(rows, (row) => row.sheet);
      return sheets.map((sheet) => groups.get(sheet) ?? []);
    });
  });
}
