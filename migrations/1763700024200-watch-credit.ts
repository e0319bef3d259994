import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Credit counts what a subscription had used before it was given a limit. From then on rating tells
 * what it uses for ever, so that a limit may go and come back; who has a limit is in no price book
 * any more.
 */
export class WatchCredit1763700024200 implements MigrationInterface {
  name = 'WatchCredit1763700024200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(bookTriggers('ends_at'));
    await runner.query(WATCH);
    await runner.query(WATCH_PRESENT);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER watch_credit ON subscription; DROP FUNCTION watch_credit();
      DROP INDEX subscription_watched; DROP INDEX subscription_to_count;
      DELETE FROM outbox WHERE topic = 'credit.count' AND done_at IS NULL;
      ALTER TABLE subscription DROP COLUMN credit_watched_at, DROP COLUMN credit_watched_from,
        DROP COLUMN credit_count_from`);
    await runner.query(bookTriggers('ends_at, credit_limit'));
  }
}

const bookTriggers = (last: string) => `
  DROP TRIGGER book_change ON subscription;
  CREATE TRIGGER book_change BEFORE INSERT OR DELETE OR
      UPDATE OF partner_id, account_id, contract_id, starts_at, ${last}
    ON subscription FOR EACH STATEMENT EXECUTE FUNCTION note_book_change();
  DROP TRIGGER book_past ON subscription;
  CREATE TRIGGER book_past BEFORE INSERT OR DELETE OR
      UPDATE OF partner_id, account_id, contract_id, service_plan_id, starts_at, ${last}
    ON subscription FOR EACH ROW EXECUTE FUNCTION keep_book_past()`;

// A batch asks shortly before it commits which subscriptions are watched, and holds the lock from
// then on. So when a subscription comes to be watched, every batch has either committed without
// telling, and is counted, or will tell. A new one has no batch yet: all of its months are told.
const WATCH = `
  ALTER TABLE subscription
    ADD COLUMN credit_watched_at timestamptz,
    -- The first month whose use is known.
    ADD COLUMN credit_watched_from date,
    -- The first month whose use is still to be counted; none when all of it has been.
    ADD COLUMN credit_count_from date;
  CREATE INDEX subscription_watched ON subscription (id) INCLUDE (partner_id)
    WHERE credit_watched_at IS NOT NULL;
  CREATE INDEX subscription_to_count ON subscription (id) WHERE credit_count_from IS NOT NULL;

  CREATE FUNCTION watch_credit() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
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
  END $body$;
  CREATE TRIGGER watch_credit BEFORE INSERT OR UPDATE OF credit_limit ON subscription
    FOR EACH ROW WHEN (NEW.credit_limit IS NOT NULL AND NEW.credit_watched_at IS NULL)
    EXECUTE FUNCTION watch_credit()`;

// What is known of earlier months stays as it is; the present one is counted. Since when they have
// had a limit nobody knows: undoing what was applied before has them counted again.
const WATCH_PRESENT = `
  SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL);
  UPDATE subscription s SET credit_watched_at = 'infinity',
    credit_watched_from = least(w.month,
      (SELECT min(b.period_on) FROM credit_balance b WHERE b.subscription_id = s.id)),
    credit_count_from = w.month
  FROM (SELECT DISTINCT ON (v.contract_id) v.contract_id,
      date_trunc('month', clock_timestamp() AT TIME ZONE v.time_zone)::date AS month
    FROM contract_version v WHERE v.superseded_at IS NULL
    ORDER BY v.contract_id, (v.valid_from <= now()) DESC, v.valid_from DESC) w
  WHERE w.contract_id = s.contract_id AND (s.credit_limit IS NOT NULL
    OR EXISTS (SELECT FROM credit_balance b WHERE b.subscription_id = s.id));
  INSERT INTO outbox (topic, partner_id, payload, created_at, not_before)
  SELECT 'credit.count', min(id), '{}', 'epoch', 'epoch' FROM partner
  WHERE parent_id IS NULL AND EXISTS (SELECT FROM subscription WHERE credit_count_from IS NOT NULL)
  HAVING count(*) > 0;
  SELECT set_config('kontor.partner_ids', '', true)`;
