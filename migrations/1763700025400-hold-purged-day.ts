import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APP_ROLE } from '../src/platform/index.js';

/**
 * A purge looked who still needs a day, added up its records and dropped it; what an import or a
 * re-rating committed in between went with it, and was in no sum of what had been purged.
 */
export class HoldPurgedDay1763700025400 implements MigrationInterface {
  name = 'HoldPurgedDay1763700025400';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(HOLD);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION hold_usage_day');
  }
}

// In the order of purge_usage_day, with its patience. Reading goes on. Nobody but the owner has the
// right to lock a day.
const HOLD = `
  CREATE FUNCTION hold_usage_day(day date) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
  DECLARE
    leaf text;
  BEGIN
    PERFORM set_config('lock_timeout', '3s', true);
    PERFORM pg_advisory_xact_lock(hashtext('ensure_usage_partitions'));
    FOREACH leaf IN ARRAY ARRAY['xdr_', 'xdr_correction_'] LOOP
      leaf := leaf || to_char(day, 'YYYYMMDD');
      IF to_regclass('public.' || quote_ident(leaf)) IS NOT NULL THEN
        EXECUTE format('LOCK TABLE %I IN SHARE ROW EXCLUSIVE MODE', leaf);
      END IF;
    END LOOP;
  END $body$;
  REVOKE ALL ON FUNCTION hold_usage_day FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION hold_usage_day TO ${APP_ROLE}`;
