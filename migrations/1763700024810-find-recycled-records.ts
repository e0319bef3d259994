import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The explanation of a record that was taken up again, and the purge of runs, ask which suspended
 * records a batch has taken up, and read all that there are.
 */
export class FindRecycledRecords1763700024810 implements MigrationInterface {
  name = 'FindRecycledRecords1763700024810';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX suspense_record_recycled
      ON suspense_record (recycled_by_batch_id, id) WHERE recycled_by_batch_id IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX suspense_record_recycled');
  }
}
