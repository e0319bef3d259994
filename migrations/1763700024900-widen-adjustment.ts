import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a month changes in some thousand records may come to more than 2^63: the fold of all groups
 * of contracts that it folds at once was parked. The way back is open while no chunk has so much.
 */
export class WidenAdjustment1763700024900 implements MigrationInterface {
  name = 'WidenAdjustment1763700024900';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE allowance_result ALTER COLUMN adjustment TYPE numeric(30)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE allowance_result ALTER COLUMN adjustment TYPE bigint');
  }
}
