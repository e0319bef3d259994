import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A row of a sheet that can't be read keeps what it may mean, so that no such rate is closed. */
export class KeepWhatFaultyRowsMean1763700023300 implements MigrationInterface {
  name = 'KeepWhatFaultyRowsMean1763700023300';

  async up(runner: QueryRunner): Promise<void> {
    // Digits that begin what it may mean, '-' for any destination, '' for anything. Null, as in
    // all rows so far, where prefix and destination say all that is known.
    await runner.query('ALTER TABLE rate_sheet_row ADD COLUMN meant text');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE rate_sheet_row DROP COLUMN meant');
  }
}
