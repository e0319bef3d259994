import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APP_ROLE } from '../src/platform/index.js';

/**
 * Of two changes that met in the margin of a seller, one of a list of another seller below was
 * waited for by nobody, so that both passed though together they made a loss.
 */
export class OrderMetMargins1763700025510 implements MigrationInterface {
  name = 'OrderMetMargins1763700025510';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(DECIDERS);
    await runner.query("ALTER TABLE alarm ADD own_details jsonb NOT NULL DEFAULT '{}'");
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE alarm DROP own_details');
    await runner.query('DROP FUNCTION guarded_sellers');
  }
}

// Who decides about the prices of lists, and of all that they inherit from, also where those are
// hidden; of lists that the caller may not compare it tells nothing.
const DECIDERS = `
  CREATE FUNCTION guarded_sellers(lists int[], since timestamptz) RETURNS SETOF int
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $body$
    SELECT DISTINCT CASE WHEN p.kind IN ('SUPPLIER', 'OPERATOR') THEN coalesce(p.parent_id, p.id)
      ELSE p.id END
    FROM (SELECT DISTINCT unnest(g.chain) AS id FROM public.guarded_lists(lists, since) g) listed
    JOIN public.price_list l ON l.id = listed.id JOIN public.partner p ON p.id = l.partner_id
  $body$;
  REVOKE ALL ON FUNCTION guarded_sellers FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION guarded_sellers TO ${APP_ROLE}`;
