import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A file of records that waited for its import could be read as a rate sheet by whoever keeps
 * prices, with the numbers of subscribers in it. What was stored before counts as records.
 */
export class TellSheetsApart1763700025500 implements MigrationInterface {
  name = 'TellSheetsApart1763700025500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE usage_file ADD rate_sheet boolean NOT NULL DEFAULT false');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE usage_file DROP rate_sheet');
  }
}
