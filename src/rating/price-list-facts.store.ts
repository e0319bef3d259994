import type { PricingModel, RateRow, TierSchedule } from '../catalog/index.js';
import { parseAmount } from '../kernel/index.js';
import type { SqlClient } from '../platform/index.js';
import type { BookFacts } from './book.js';
import { beginnings, type FactsFilter, known, MS, rows } from './facts-query.store.js';
import { termsOf } from './pricing-terms.js';

const LISTS_OF_CONTRACTS = `WITH RECURSIVE used AS (
    SELECT p.price_list_id AS id FROM contract_price_list p
    JOIN contract_version v ON v.id = p.contract_version_id WHERE v.contract_id = ANY ($1::int[])
    UNION SELECT l.parent_id FROM used JOIN price_list l ON l.id = used.id
    WHERE l.parent_id IS NOT NULL)
  SELECT id FROM used`;

type List = BookFacts['lists'][number];

interface RateRecord extends Omit<RateRow, 'price' | 'connectionFee' | 'terms'> {
  readonly listId: number;
  readonly price: string;
  readonly connectionFee: string;
  readonly model: PricingModel;
  readonly minCharge: string;
  readonly maxCharge: string | null;
  readonly scheduleId: number | null;
}

/** The price lists, narrowed as the filter says, with the rows that were known at the moment. */
export async function priceLists(
  tx: SqlClient,
  knownAt: string,
  filter: FactsFilter,
): Promise<List[]> {
  const heads = await listHeads(tx, filter);
  const schedules = await tierSchedules(tx);
  const prefixes = filter.number === undefined ? null : beginnings(filter.number);
  const found = await rows<RateRecord>(
    tx,
    `SELECT price_list_id AS "listId", id, destination_id AS "destinationId", prefix,
       time_band_id AS "bandId", origin_set_id AS "originSetId", kind,
       (price * 100000000)::bigint::text AS price,
       (connection_fee * 100000000)::bigint::text AS "connectionFee",
       rate_unit AS "rateUnit", first_increment AS "firstIncrement",
       next_increment AS "nextIncrement", minimum, grace, model,
       (min_charge * 100000000)::bigint::text AS "minCharge",
       (max_charge * 100000000)::bigint::text AS "maxCharge", tier_schedule_id AS "scheduleId",
       ${MS('valid_from')} AS "validFrom", ${MS('valid_to')} AS "validTo"
     FROM rate r WHERE ${known('r')} AND price_list_id = ANY ($3::int[])
       AND ($2::text[] IS NULL OR prefix = ANY ($2::text[]) OR destination_id IN (
         SELECT destination_id FROM destination_prefix WHERE prefix = ANY ($2::text[])))
     ORDER BY id`,
    [knownAt, prefixes, heads.map(({ id }) => id)],
  );
  const byList = new Map<number, RateRow[]>(heads.map(({ id }) => [id, []]));
  for (const record of found) byList.get(record.listId)?.push(rateRow(record, schedules));
  return heads.map((head) => ({ ...head, rows: byList.get(head.id)! }));
}

/** The lists without their rows. */
export function listHeads(tx: SqlClient, filter: FactsFilter): Promise<Omit<List, 'rows'>[]> {
  return rows(
    tx,
    `SELECT id, parent_id AS "parentId", time_profile_id AS "timeProfileId", currency
     FROM price_list WHERE $1::int[] IS NULL OR id IN (${LISTS_OF_CONTRACTS}) ORDER BY id`,
    [filter.contracts ?? null],
  );
}

/** All tier schedules by their id; a schedule never changes. */
export async function tierSchedules(tx: SqlClient): Promise<Map<number, TierSchedule>> {
  const found = await rows<{
    id: number;
    scope: TierSchedule['scope'];
    period: TierSchedule['period'];
    steps: {
      upTo: number | null;
      price: string;
      rateUnit: number;
      flatFee: string;
      block: boolean;
    }[];
  }>(tx, 'SELECT id, scope, period, steps FROM tier_schedule ORDER BY id');
  return new Map(
    found.map(({ id, scope, period, steps }) => [
      id,
      {
        id,
        scope,
        period,
        steps: steps.map(({ upTo, price, rateUnit, flatFee, block }) => ({
          upTo,
          price: parseAmount(price),
          rateUnit,
          flatFee: parseAmount(flatFee),
          block,
        })),
      },
    ]),
  );
}

function rateRow(record: RateRecord, schedules: ReadonlyMap<number, TierSchedule>): RateRow {
  const { listId, model, minCharge, maxCharge, scheduleId, ...row } = record;
  const terms = termsOf(
    model,
    BigInt(minCharge),
    maxCharge === null ? null : BigInt(maxCharge),
    scheduleId === null ? null : schedules.get(scheduleId)!,
  );
  return { ...row, price: BigInt(row.price), connectionFee: BigInt(row.connectionFee), terms };
}

/** Time profiles with the rules of their bands and the holidays known at the moment. */
export function profiles(tx: SqlClient, knownAt: string): Promise<BookFacts['profiles'][number][]> {
  return rows(
    tx,
    `SELECT p.id, r.rules, coalesce(h.holidays, '{}') AS holidays FROM time_profile p
     JOIN (SELECT b.time_profile_id, json_agg(json_build_object('bandId', b.id,
         'weekdays', r.weekdays, 'fromMinute', r.from_minute, 'toMinute', r.to_minute)
         ORDER BY r.id) AS rules
       FROM time_band b JOIN time_band_rule r ON r.time_band_id = b.id
       GROUP BY b.time_profile_id) r ON r.time_profile_id = p.id
     LEFT JOIN (SELECT calendar_id, array_agg(on_date - date '1970-01-01' ORDER BY on_date)
         AS holidays FROM holiday h WHERE ${known('h')}
       GROUP BY calendar_id) h ON h.calendar_id = p.holiday_calendar_id
     ORDER BY p.id`,
    [knownAt],
  );
}

/** The sets of origins with the prefixes known at the moment. */
export function originSets(
  tx: SqlClient,
  knownAt: string,
): Promise<BookFacts['originSets'][number][]> {
  return rows(
    tx,
    `SELECT s.id, coalesce(array_agg(p.prefix ORDER BY p.prefix)
         FILTER (WHERE p.id IS NOT NULL), '{}') AS prefixes
     FROM origin_set s LEFT JOIN origin_set_prefix p ON p.origin_set_id = s.id AND ${known('p')}
     GROUP BY s.id ORDER BY s.id`,
    [knownAt],
  );
}
