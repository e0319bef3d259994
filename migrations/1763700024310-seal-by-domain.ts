import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sealing takes records for the same one only where duplicates are looked for: in one domain. */
export class SealByDomain1763700024310 implements MigrationInterface {
  name = 'SealByDomain1763700024310';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(sealedWith(IN_ONE_DOMAIN));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(sealedWith(''));
  }
}

// Two switches may both number their records from 1. The lane of a batch names its domain; it is
// looked at only where identities repeat, since to count by both takes longer.
const IN_ONE_DOMAIN = `
    IF repeated > 0 THEN
      EXECUTE format('SELECT coalesce(sum(same.n - 1), 0) FROM (SELECT count(*) AS n FROM %I x
        LEFT JOIN run_batch b ON b.id = (x.id >> 24)::int GROUP BY x.identity, b.lane) AS same',
        leaf) INTO repeated;
    END IF;`;

const sealedWith = (recount: string) => `
  CREATE OR REPLACE FUNCTION seal_usage_day(day date)
  RETURNS TABLE (records bigint, repeated bigint)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s'
  AS $body$
  DECLARE
    leaf text := 'xdr_' || to_char(day, 'YYYYMMDD');
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('seal ' || leaf));
    IF to_regclass(quote_ident(leaf)) IS NULL
      OR to_regclass(quote_ident(leaf || '_subscription')) IS NOT NULL THEN RETURN; END IF;
    EXECUTE format('SELECT count(*), count(*) - count(DISTINCT identity) FROM %I', leaf)
      INTO records, repeated;${recount}
    EXECUTE format('CREATE INDEX %I ON %I (subscription_id, started_at, id)',
      leaf || '_subscription', leaf);
    EXECUTE format('CREATE INDEX %I ON %I (a_number, started_at)', leaf || '_a_number', leaf);
    EXECUTE format('CREATE INDEX %I ON %I (b_number, started_at)', leaf || '_b_number', leaf);
    EXECUTE format('ANALYZE %I', leaf);
    RETURN NEXT;
  END $body$`;
