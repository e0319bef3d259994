import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A subscription that was cancelled before it began has no time: it ends where it would begin, so
 * whatever asks who is held at an instant passes it over by itself.
 */
export class CancelSubscriptions1763700025550 implements MigrationInterface {
  name = 'CancelSubscriptions1763700025550';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE subscription DROP CONSTRAINT subscription_check,
      ADD CONSTRAINT subscription_time CHECK (ends_at >= starts_at)`);
  }

  // Without a plan the shortest time costs nothing.
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ${SEE_ALL};
      UPDATE subscription SET ends_at = starts_at + interval '1 millisecond',
        service_plan_id = NULL WHERE ends_at = starts_at;
      ${SEE_NOTHING};
      ALTER TABLE subscription DROP CONSTRAINT subscription_time,
        ADD CONSTRAINT subscription_check CHECK (ends_at IS NULL OR ends_at > starts_at)`);
  }
}

// Row security binds the owner, too.
const SEE_ALL = `SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL)`;
const SEE_NOTHING = `SELECT set_config('kontor.partner_ids', '', true)`;
