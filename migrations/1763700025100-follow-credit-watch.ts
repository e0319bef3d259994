import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Each batch read all subscriptions that are watched, of which a hundred thousand took a tenth of a
 * second. A thread keeps those that it has found, and asks for those that came since.
 */
export class FollowCreditWatch1763700025100 implements MigrationInterface {
  name = 'FollowCreditWatch1763700025100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE subscription
      -- The transaction in which it came to be watched; none before this was noted.
      ADD COLUMN credit_watched_tx bigint;
      CREATE INDEX subscription_watched_tx ON subscription (credit_watched_tx)
        INCLUDE (id, partner_id) WHERE credit_watched_tx IS NOT NULL`);
    await runner.query(watchCredit('NEW.credit_watched_tx := pg_current_xact_id()::text::bigint;'));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(watchCredit(''));
    await runner.query(`DROP INDEX subscription_watched_tx;
      ALTER TABLE subscription DROP COLUMN credit_watched_tx`);
  }
}

// Clocks go back, and transactions end in another order than they begin in: which ones another had
// not seen is told by the snapshots of both alone.
const watchCredit = (note: string) => `
  CREATE OR REPLACE FUNCTION watch_credit() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    ${note}
    IF TG_OP = 'INSERT' THEN
      NEW.credit_watched_at := clock_timestamp();
      NEW.credit_watched_from := '-infinity';
      RETURN NEW;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('credit watch'));
    NEW.credit_watched_at := clock_timestamp();
    IF NEW.credit_watched_from IS NULL THEN
      RAISE EXCEPTION 'a first limit names the month from which use is watched';
    END IF;
    NEW.credit_count_from := NEW.credit_watched_from;
    RETURN NEW;
  END $body$`;
