import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A subscription is recorded when its row is written, not when its request began: a bill run in
 * between has not seen it, and its month is charged with the next invoice. Names of fees are told
 * apart by 64 bits: two of 32 equal bits could not be charged to one subscription.
 */
export class ChargeLateSubscriptions1763700023900 implements MigrationInterface {
  name = 'ChargeLateSubscriptions1763700023900';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE subscription ALTER COLUMN created_at SET DEFAULT clock_timestamp();
      ${chargedOnce('hashtextextended(kind || fee_name, 0) >> 1')}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE subscription ALTER COLUMN created_at SET DEFAULT now();
      ${chargedOnce('hashtext(kind || fee_name)')}`);
  }
}

const chargedOnce = (hash: string) => `
  ALTER TABLE fee_charge DROP CONSTRAINT fee_charge_once,
    ADD CONSTRAINT fee_charge_once EXCLUDE USING gist (
      int8range(subscription_id, subscription_id, '[]') WITH =,
      int8range(${hash}, ${hash}, '[]') WITH =,
      (CASE kind WHEN 'ONE_TIME' THEN daterange(NULL, NULL)
        ELSE daterange(span_from, span_to) END) WITH &&) WHERE (subscription_id IS NOT NULL)`;
