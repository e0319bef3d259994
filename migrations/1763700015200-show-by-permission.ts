import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What it takes to see the figures of an alarm, and at which levels a price list is used. */
export class ShowByPermission1763700015200 implements MigrationInterface {
  name = 'ShowByPermission1763700015200';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE alarm ADD COLUMN shown_with text[] NOT NULL DEFAULT '{}';
      CREATE INDEX contract_price_list_list ON contract_price_list (price_list_id);
      CREATE INDEX rate_tier_schedule ON rate (tier_schedule_id)
        WHERE tier_schedule_id IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX rate_tier_schedule, contract_price_list_list;
      ALTER TABLE alarm DROP COLUMN shown_with`);
  }
}
