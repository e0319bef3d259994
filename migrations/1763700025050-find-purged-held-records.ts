import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Each part of a purge asks which of the records it just purged waited for a price, and read all
 * suspended records there ever were to find out.
 */
export class FindPurgedHeldRecords1763700025050 implements MigrationInterface {
  name = 'FindPurgedHeldRecords1763700025050';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX suspense_record_purged_held
      ON suspense_record (purged_at) WHERE purged_at IS NOT NULL AND state = 'HELD'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX suspense_record_purged_held');
  }
}
