import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a month changes in some thousand records may come to more than 2^63, and a contract of some
 * hundred million records has more chunks than 2^15: the fold of all groups of contracts that are
 * folded at once was parked. The way back is open while no chunk has so much or so high a number.
 */
export class WidenResult1763700024900 implements MigrationInterface {
  name = 'WidenResult1763700024900';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE allowance_result
      ALTER COLUMN adjustment TYPE numeric(30), ALTER COLUMN chunk TYPE int`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE allowance_result
      ALTER COLUMN adjustment TYPE bigint, ALTER COLUMN chunk TYPE smallint`);
  }
}
