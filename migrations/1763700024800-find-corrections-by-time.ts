import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Each slice of a re-rating asks whether any of its records was corrected before, and read all
 * corrections of the day where none was. New pages are summarised by autovacuum, within minutes: to
 * do so when an import ends costs as much as two slices that are read without, each day of records.
 */
export class FindCorrectionsByTime1763700024800 implements MigrationInterface {
  name = 'FindCorrectionsByTime1763700024800';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      'CREATE INDEX xdr_correction_started_at ON xdr_correction USING brin (started_at)',
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP INDEX xdr_correction_started_at');
  }
}
