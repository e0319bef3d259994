import DataLoader from 'dataloader';
import { grouped } from '../kernel/index.js';
import { hashJoined, type RequestContext, type Tx } from '../platform/index.js';
import { RATE_TERMS } from './rate.store.js';
import type { RateSheetCount } from './rate-sheet.entity.js';
import { NOTICE_CHANGES, type NoticeRule } from './sheet-notice.js';
import type { StagedRow } from './sheet-reader.js';
import type { SheetPrice } from './sheet-row.js';
import { NO_PREFIX } from './sheet-target.js';

/** Which sheet, for which list. */
export interface SheetKey {
  readonly id: number;
  readonly partnerId: number;
  readonly priceListId: number;
}

/** What a sheet says of a price. */
const VALUES = `price, connection_fee, rate_unit, first_increment, next_increment, minimum, grace,
  min_charge, max_charge`;

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
       error_message, prefix, destination_id, meant, destination_name, time_band_id, ${VALUES},
       announced_from, valid_from)
     SELECT $1, $2, t.*, t.announced FROM unnest($3::int[], $4::text[], $5::text[], $6::text[],
       $7::text[], $8::text[], $9::int[], $10::text[], $11::text[], $12::int[], $13::numeric[],
       $14::numeric[], $15::int[], $16::int[], $17::int[], $18::int[], $19::int[],
       $20::numeric[], $21::numeric[], $22::timestamptz[])
       AS t(line, raw, code, field, message, prefix, destination, meant, name, band, price, fee,
         unit, first, next, minimum, grace, least, most, announced)`,
    [
      sheet.id,
      sheet.partnerId,
      rows.map((row) => row.line),
      rows.map((row) => row.raw),
      rows.map((row) => row.fault?.code ?? null),
      rows.map((row) => row.fault?.field ?? null),
      rows.map((row) => row.fault?.message ?? null),
      rows.map((row) => row.prefix),
      rows.map((row) => row.destinationId),
      rows.map((row) => row.meant),
      prices((price) => price.destinationName),
      prices((price) => price.bandId),
      prices((price) => price.price),
      prices((price) => price.connectionFee),
      prices((price) => price.rateUnit),
      prices((price) => price.firstIncrement),
      prices((price) => price.nextIncrement),
      prices((price) => price.minimum),
      prices((price) => price.grace),
      prices((price) => price.minCharge),
      prices((price) => price.maxCharge),
      prices((price) => new Date(price.validFrom).toISOString()),
    ],
  );
}

/** The key of a row of a sheet or list, for joins. */
export function key(alias: string): string {
  return `coalesce(${alias}.prefix, '${NO_PREFIX}'), coalesce(${alias}.destination_id, 0),
    coalesce(${alias}.time_band_id, 0)`;
}

/** Rates that a sheet can speak of: it knows no origins. */
function inReach(alias: string): string {
  return `${alias}.superseded_at IS NULL AND ${alias}.origin_set_id IS NULL`;
}

// A whole sheet is one statement over freshly staged rows, which may take longer than what a single
// request is otherwise given.
export async function inBulk<T>(tx: Tx, work: () => Promise<T>): Promise<T> {
  const [before] = await tx.query<{ timeout: string }[]>(
    `SELECT current_setting('statement_timeout') AS timeout,
       set_config('statement_timeout', '120s', true)`,
  );
  const result = await hashJoined(tx, work);
  await tx.query("SELECT set_config('statement_timeout', $1, true)", [before?.timeout ?? '0']);
  return result;
}

/** A sheet to be compared, and the notice that the contracts of its list demand. */
export interface ComparedSheet extends SheetKey {
  readonly complete: boolean;
  readonly effectiveFrom: Date;
}

/**
 * Compares the sheet's prices with the list as it is now: what each does, the rate it meets, and,
 * for a complete sheet, the rates that end because it does not name them. A rate that a row with
 * an error may mean is not taken as missing. Then marks what comes with too short a notice and,
 * where a contract says so, moves it to the first instant that is allowed, comparing and marking
 * again.
 */
export async function compareRows(
  tx: Tx,
  sheet: ComparedSheet,
  rules: readonly NoticeRule[],
): Promise<void> {
  await inBulk(tx, async () => {
    await tx.query("DELETE FROM rate_sheet_row WHERE rate_sheet_id = $1 AND status = 'CLOSED'", [
      sheet.id,
    ]);
    await tx.query(
      `UPDATE rate_sheet_row SET valid_from = announced_from, finding_code = NULL,
         earliest_from = NULL
       WHERE rate_sheet_id = $1 AND finding_code IS NOT NULL`,
      [sheet.id],
    );
    await tx.query(COMPARE, [sheet.id, sheet.priceListId]);
    if (sheet.complete) {
      await tx.query(MISSING, [sheet.id, sheet.partnerId, sheet.priceListId, sheet.effectiveFrom]);
    }
    if (rules.length === 0) return;
    const marked = await tx.query<[unknown, number]>(MARK, [sheet.id, ...ruleColumns(rules)]);
    if (marked[1] === 0 || rules.every((rule) => rule.shiftTo === null)) return;
    await tx.query(ENDED, [sheet.id]);
    await tx.query(COMPARE, [sheet.id, sheet.priceListId]);
    await tx.query(MARK_AGAIN, [sheet.id, ...ruleColumns(rules)]);
  });
}

// A row lasts until a later one takes effect, wherever that was moved. Rows before all changes are
// no more than what the list says: they end where the sheet says, and from there to the moved row
// the list stays as it is.
const COMPARE = `
  WITH moved AS (
    SELECT s.*, min(valid_from) OVER later AS moved_until, min(announced_from) OVER later AS told
    FROM rate_sheet_row s
    WHERE rate_sheet_id = $1 AND error_code IS NULL AND status IS DISTINCT FROM 'CLOSED'
    WINDOW later AS (PARTITION BY ${key('s')} ORDER BY announced_from
      ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING)
  ), row AS (
    SELECT m.*, CASE WHEN status = 'UNCHANGED' AND bool_and(
        status = 'UNCHANGED' OR moved_until <= valid_from
      ) OVER (PARTITION BY ${key('m')} ORDER BY announced_from ROWS UNBOUNDED PRECEDING)
      THEN told ELSE moved_until END AS until
    FROM moved m
  ), met AS (
    SELECT row.id, row.until, r.id AS rate_id, r.price AS old_price,
      CASE WHEN row.until <= row.valid_from THEN 'OVERTAKEN'
        WHEN r.id IS NULL THEN 'NEW'
        WHEN r.kind = 'ABSOLUTE' AND r.model = 'PER_UNIT'
          AND row.price * r.rate_unit > r.price * row.rate_unit THEN 'INCREASED'
        WHEN r.kind = 'ABSOLUTE' AND r.model = 'PER_UNIT'
          AND row.price * r.rate_unit < r.price * row.rate_unit THEN 'DECREASED'
        WHEN r.kind <> 'ABSOLUTE' OR r.model <> 'PER_UNIT'
          OR r.valid_to IS DISTINCT FROM row.until
          OR r.max_charge IS DISTINCT FROM row.max_charge
          OR (r.connection_fee, r.rate_unit, r.first_increment, r.next_increment, r.minimum,
              r.grace, r.min_charge)
            <> (row.connection_fee, row.rate_unit, row.first_increment, row.next_increment,
              row.minimum, row.grace, row.min_charge)
          THEN 'CHANGED'
        ELSE 'UNCHANGED' END AS status
    FROM row LEFT JOIN rate r ON r.price_list_id = $2 AND ${inReach('r')}
      AND (${key('r')}) = (${key('row')})
      AND r.valid_from <= row.valid_from
      AND (r.valid_to IS NULL OR r.valid_to > row.valid_from)
  )
  UPDATE rate_sheet_row s SET status = met.status, rate_id = met.rate_id,
    old_price = met.old_price, valid_to = met.until
  FROM met WHERE s.id = met.id AND s.rate_sheet_id = $1
    AND (s.status, s.rate_id, s.old_price, s.valid_to)
      IS DISTINCT FROM (met.status, met.rate_id, met.old_price, met.until)`;

/** Rates that a faulty row may mean: its prefix, its destination, or all that begin as it does. */
const MEANT = `
  SELECT r.id FROM rate r JOIN faulty s ON s.prefix = r.prefix WHERE r.price_list_id = $3
  UNION ALL
  SELECT r.id FROM rate r JOIN faulty s ON s.destination_id = r.destination_id
  WHERE r.price_list_id = $3
  UNION ALL
  SELECT h.id FROM faulty s JOIN (
    SELECT id, left(target, generate_series(0, length(target))) AS head
    FROM (SELECT r.id, coalesce(r.prefix, '${NO_PREFIX}') AS target FROM rate r
      WHERE r.price_list_id = $3 AND ${inReach('r')}
        AND EXISTS (SELECT 1 FROM faulty WHERE meant IS NOT NULL)) t
  ) h ON h.head = s.meant`;

const MISSING = `
  WITH faulty AS MATERIALIZED (
    SELECT DISTINCT prefix, destination_id, meant FROM rate_sheet_row
    WHERE rate_sheet_id = $1 AND error_code IS NOT NULL
  ), meant AS (${MEANT})
  INSERT INTO rate_sheet_row (rate_sheet_id, partner_id, raw, status, prefix, destination_id,
    time_band_id, rate_id, old_price, ${VALUES}, announced_from, valid_from)
  SELECT $1, $2, '', 'CLOSED', r.prefix, r.destination_id, r.time_band_id, r.id, r.price,
    ${VALUES}, greatest($4::timestamptz, r.valid_from), greatest($4::timestamptz, r.valid_from)
  FROM rate r
  WHERE r.price_list_id = $3 AND ${inReach('r')} AND r.kind = 'ABSOLUTE'
    AND (r.valid_to IS NULL OR r.valid_to > $4)
    AND NOT EXISTS (SELECT 1 FROM rate_sheet_row s
      WHERE s.rate_sheet_id = $1 AND (${key('s')}) = (${key('r')}))
    AND NOT EXISTS (SELECT 1 FROM meant WHERE meant.id = r.id)`;

const RULE_COLUMNS = `unnest($2::text[], $3::timestamptz[], $4::timestamptz[])
  AS rule(change, earliest, shift_to)`;

const MARK = `
  UPDATE rate_sheet_row s SET finding_code = 'NOTICE_TOO_SHORT', earliest_from = rule.earliest,
    valid_from = greatest(s.valid_from, rule.shift_to)
  FROM ${RULE_COLUMNS}
  WHERE s.rate_sheet_id = $1 AND s.status = rule.change AND s.announced_from < rule.earliest`;

// What changes only because another row was moved is marked and stays: to move it, too, would let
// the row before it last longer still.
const MARK_AGAIN = `
  UPDATE rate_sheet_row s SET finding_code = 'NOTICE_TOO_SHORT', earliest_from = rule.earliest
  FROM ${RULE_COLUMNS}
  WHERE s.rate_sheet_id = $1 AND s.status = rule.change AND s.valid_from < rule.earliest`;

function ruleColumns(rules: readonly NoticeRule[]): unknown[] {
  return [
    rules.map((rule) => rule.change),
    rules.map((rule) => iso(rule.earliest)),
    rules.map((rule) => iso(rule.shiftTo)),
  ];
}

function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}

/** A rate that ends by itself before the moved end needs no end. */
const ENDED = `
  DELETE FROM rate_sheet_row s USING rate r
  WHERE s.rate_sheet_id = $1 AND s.status = 'CLOSED' AND r.id = s.rate_id
    AND r.valid_to <= s.valid_from`;

/** What the comparison with a list came to. */
export interface Comparison {
  readonly noticeCount: number;
  readonly noticePolicy: 'WARN' | 'SHIFT' | 'REFUSE' | null;
  /** Where the first change happens; null when there is none. */
  readonly takesEffectAt: Date | null;
}

/** Sums a compared sheet up. A price that may be refused by its notice decides over all others. */
export async function comparisonOf(
  tx: Tx,
  sheet: SheetKey,
  rules: readonly NoticeRule[],
): Promise<Comparison> {
  const before = NOTICE_CHANGES.map((change) =>
    iso(rules.find((rule) => rule.change === change)?.refuseBefore ?? null),
  );
  const [found] = await tx.query<
    { notice: number; shifted: number; refused: number; first: Date | null }[]
  >(
    `SELECT count(*) FILTER (WHERE s.finding_code IS NOT NULL)::int AS notice,
       count(*) FILTER (WHERE s.valid_from > s.announced_from)::int AS shifted,
       count(*) FILTER (WHERE s.valid_from < rule.before)::int AS refused,
       min(s.valid_from) FILTER (WHERE ${CHANGES}) AS first
     FROM rate_sheet_row s
     LEFT JOIN unnest($2::text[], $3::timestamptz[]) AS rule(change, before)
       ON rule.change = s.status
     WHERE s.rate_sheet_id = $1 AND s.error_code IS NULL`,
    [sheet.id, NOTICE_CHANGES, before],
  );
  const { notice = 0, shifted = 0, refused = 0, first = null } = found ?? {};
  const mild = shifted > 0 ? 'SHIFT' : 'WARN';
  const policy = refused > 0 ? 'REFUSE' : mild;
  return {
    noticeCount: notice,
    noticePolicy: notice > 0 ? policy : null,
    takesEffectAt: first,
  };
}

/** Rows that do something to the list. */
const CHANGES = "s.status NOT IN ('UNCHANGED', 'OVERTAKEN')";

/**
 * Puts a compared sheet into its locked list: from the first change of a key on, the rates of the
 * list are superseded, what they cover before is recorded anew, and the sheet's prices are added.
 */
export async function activateRows(tx: Tx, sheet: SheetKey): Promise<void> {
  await inBulk(tx, async () => {
    await tx.query(CLOSE, [sheet.id, sheet.priceListId]);
    await tx.query(ADD, [sheet.id, sheet.priceListId, sheet.partnerId]);
  });
}

/**
 * Notes the moment at which the transaction recorded and superseded rates of a sheet, for an undo
 * and for who is told of it. Answers it to the microsecond.
 */
export async function recordMoment(tx: Tx, sheet: SheetKey): Promise<string> {
  const [rows] = await tx.query<[{ at: string }[], number]>(
    `UPDATE rate_sheet SET recorded_time = book_time() WHERE id = $1
     RETURNING recorded_time::text AS at`,
    [sheet.id],
  );
  return rows[0]!.at;
}

const CUT = `
  SELECT ${key('s')}, min(valid_from) FILTER (WHERE ${CHANGES})
  FROM rate_sheet_row s WHERE rate_sheet_id = $1 AND error_code IS NULL
  GROUP BY ${key('s')} HAVING count(*) FILTER (WHERE ${CHANGES}) > 0`;

const CLOSE = `
  WITH cut (prefix, destination, band, at) AS MATERIALIZED (${CUT}), closing AS (
    UPDATE rate r SET superseded_at = now()
    FROM cut
    WHERE r.price_list_id = $2 AND ${inReach('r')}
      AND (${key('r')}) = (cut.prefix, cut.destination, cut.band)
      AND (r.valid_to IS NULL OR r.valid_to > cut.at)
    RETURNING r.*, cut.at)
  INSERT INTO rate (${RATE_TERMS}, valid_from, valid_to)
  SELECT ${RATE_TERMS}, valid_from, at FROM closing WHERE valid_from < at`;

const ADD = `
  WITH cut (prefix, destination, band, at) AS MATERIALIZED (${CUT})
  INSERT INTO rate (partner_id, price_list_id, rate_sheet_id, destination_id, prefix, time_band_id,
    kind, ${VALUES}, valid_from, valid_to)
  SELECT $3, $2, $1, s.destination_id, s.prefix, s.time_band_id, 'ABSOLUTE', s.price,
    s.connection_fee, s.rate_unit, s.first_increment, s.next_increment, s.minimum, s.grace,
    s.min_charge, s.max_charge, s.valid_from, s.valid_to
  FROM rate_sheet_row s JOIN cut ON (${key('s')}) = (cut.prefix, cut.destination, cut.band)
  WHERE s.rate_sheet_id = $1 AND s.error_code IS NULL AND s.status NOT IN ('CLOSED', 'OVERTAKEN')
    AND s.valid_from >= cut.at
  ORDER BY s.prefix COLLATE "C"`;

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
