import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APP_ROLE, OWNER_ROLE, VISIBLE_PARTNERS } from '../src/platform/index.js';

/** Functions that work out prices of lists which inherit from partners above their owner. */
export class ReadInheritedPrices1763700009500 implements MigrationInterface {
  name = 'ReadInheritedPrices1763700009500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(INHERITED);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}

const VISIBLE = `partner_id = ANY (${VISIBLE_PARTNERS})`;
const DEFINER = 'STABLE SECURITY DEFINER SET search_path = public, pg_temp';
const CHAIN = 'ANY (ARRAY(SELECT c.id FROM public.price_list_chain(list) c))';
// Without a moment, what counts now.
const KNOWN = (row: string) => `CASE WHEN known IS NULL THEN ${row}.superseded_at IS NULL
    ELSE ${row}.recorded_at <= known
      AND (${row}.superseded_at IS NULL OR ${row}.superseded_at > known) END`;
const IN_FORCE = `(at IS NULL
    OR (r.valid_from <= at AND (r.valid_to IS NULL OR r.valid_to > at)))`;

// A list may inherit from a list of a partner above, which its owner does not see. Its prices are
// worked out nevertheless, so these functions read the lists that a visible list inherits from,
// and answer nothing for a list that is not visible. What they answer stays inside: the API shows
// the prices of the list that was asked for.
const INHERITED_FUNCTIONS = [
  'price_list_chain(int)',
  'inherited_rates(int, timestamptz, timestamptz, text[])',
  'inherited_keys(int, timestamptz, timestamptz, text, text, int, int, int)',
  'inherited_origins(int, timestamptz, text)',
  'bought_price_list(int, int, text, timestamptz)',
];
const INHERITED_TABLES = ['price_list', 'rate', 'tier_schedule', 'origin_set_prefix'];

const INHERITED = `
  ${INHERITED_TABLES.map(
    (table) => `CREATE POLICY inherited ON ${table} FOR SELECT TO ${OWNER_ROLE} USING (true);`,
  ).join('\n')}

  CREATE FUNCTION price_list_chain(list int) RETURNS TABLE (id int, parent_id int)
  LANGUAGE sql ${DEFINER} AS $body$
    -- UNION drops rows that come again, so a circle ends the search.
    WITH RECURSIVE up AS (
      SELECT l.id, l.parent_id FROM public.price_list l WHERE l.id = list AND l.${VISIBLE}
      UNION SELECT p.id, p.parent_id FROM public.price_list p JOIN up ON p.id = up.parent_id)
    SELECT up.id, up.parent_id FROM up
  $body$;

  CREATE FUNCTION inherited_rates(list int, known timestamptz, at timestamptz, prefixes text[])
  RETURNS TABLE (rate rate, schedule tier_schedule)
  LANGUAGE sql ${DEFINER} AS $body$
    SELECT r, s FROM public.rate r
    LEFT JOIN public.tier_schedule s ON s.id = r.tier_schedule_id
    WHERE r.price_list_id = ${CHAIN} AND ${KNOWN('r')} AND ${IN_FORCE}
      AND (prefixes IS NULL OR r.prefix = ANY (prefixes) OR r.destination_id IN
        (SELECT p.destination_id FROM public.destination_prefix p WHERE p.prefix = ANY (prefixes)))
  $body$;

  CREATE FUNCTION inherited_keys(list int, known timestamptz, at timestamptz, starts_with text,
    after_prefix text, after_band int, after_origin int, most int)
  RETURNS TABLE (prefix text, band_id int, origin_set_id int)
  LANGUAGE sql ${DEFINER} AS $body$
    SELECT DISTINCT key.prefix COLLATE "C", key.band, key.origin FROM (
      SELECT coalesce(r.prefix, p.prefix) AS prefix, coalesce(r.time_band_id, 0) AS band,
        coalesce(r.origin_set_id, 0) AS origin
      FROM public.rate r
      LEFT JOIN public.destination_prefix p ON p.destination_id = r.destination_id
      WHERE r.price_list_id = ${CHAIN} AND r.kind = 'ABSOLUTE' AND ${KNOWN('r')} AND ${IN_FORCE}
    ) AS key
    WHERE key.prefix LIKE starts_with || '%' AND (after_prefix IS NULL
      OR (key.prefix COLLATE "C", key.band, key.origin)
        > (after_prefix COLLATE "C", after_band, after_origin))
    ORDER BY 1, 2, 3 LIMIT most
  $body$;

  CREATE FUNCTION inherited_origins(list int, known timestamptz, number text)
  RETURNS TABLE (origin_set_id int, length int)
  LANGUAGE sql ${DEFINER} AS $body$
    SELECT p.origin_set_id, max(length(p.prefix)) FROM public.origin_set_prefix p
    WHERE ${KNOWN('p')}
      AND p.prefix = ANY (ARRAY(SELECT left(number, n) FROM generate_series(1, length(number)) n))
      AND EXISTS (SELECT 1 FROM public.rate r
        WHERE r.price_list_id = ${CHAIN} AND r.origin_set_id = p.origin_set_id)
    GROUP BY p.origin_set_id
  $body$;

  -- The list by which a partner buys a service under a contract that the caller sees: the one
  -- hidden list that he may let a list of his own inherit from.
  CREATE FUNCTION bought_price_list(contract_id int, buyer int, service text, at timestamptz)
  RETURNS TABLE (id int, currency text, time_profile_id int)
  LANGUAGE sql ${DEFINER} AS $body$
    SELECT l.id, l.currency, l.time_profile_id FROM public.contract c
    JOIN public.contract_version v ON v.contract_id = c.id AND v.superseded_at IS NULL
      AND v.valid_from <= at AND (v.valid_to IS NULL OR v.valid_to > at)
    JOIN public.contract_price_list p ON p.contract_version_id = v.id AND p.trunk_id IS NULL
      AND p.service IN (bought_price_list.service, '*')
    JOIN public.price_list l ON l.id = p.price_list_id
    WHERE c.id = bought_price_list.contract_id AND c.buyer_partner_id = buyer
      AND c.level <> 'COST' AND c.status = 'ACTIVE'
    ORDER BY p.service = '*' LIMIT 1
  $body$;
  ${INHERITED_FUNCTIONS.map(
    (name) => `REVOKE ALL ON FUNCTION ${name} FROM PUBLIC;
    GRANT EXECUTE ON FUNCTION ${name} TO ${APP_ROLE};`,
  ).join('\n')}`;

const DOWN = `
  DROP FUNCTION ${[...INHERITED_FUNCTIONS].reverse().join(', ')};
  ${INHERITED_TABLES.map((table) => `DROP POLICY inherited ON ${table};`).join('\n')}`;
