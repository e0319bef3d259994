import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APP_ROLE } from '../src/platform/index.js';

/** A function that seals a day of records: indexes it and proves that no record is there twice. */
export class SealUsage1763700018800 implements MigrationInterface {
  name = 'SealUsage1763700018800';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(SEAL);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP FUNCTION seal_usage_day');
  }
}

// Runs as the owner of the leaves, which alone may index them and on which nobody may read. It
// answers counts only. Records are counted before anything is locked. To build the indexes waits
// for no batch longer than two seconds, and holds off batches of the day only while they are built;
// records that arrive later go on into them.
const SEAL = `
  CREATE FUNCTION seal_usage_day(day date) RETURNS TABLE (records bigint, repeated bigint)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s'
  AS $body$
  DECLARE
    leaf text := 'xdr_' || to_char(day, 'YYYYMMDD');
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('seal ' || leaf));
    IF to_regclass(quote_ident(leaf)) IS NULL
      OR to_regclass(quote_ident(leaf || '_subscription')) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('SELECT count(*), count(*) - count(DISTINCT identity) FROM %I', leaf)
      INTO records, repeated;
    EXECUTE format('CREATE INDEX %I ON %I (subscription_id, started_at, id)',
      leaf || '_subscription', leaf);
    EXECUTE format('CREATE INDEX %I ON %I (a_number, started_at)', leaf || '_a_number', leaf);
    EXECUTE format('CREATE INDEX %I ON %I (b_number, started_at)', leaf || '_b_number', leaf);
    EXECUTE format('ANALYZE %I', leaf);
    RETURN NEXT;
  END $body$;
  REVOKE ALL ON FUNCTION seal_usage_day FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION seal_usage_day TO ${APP_ROLE}`;
