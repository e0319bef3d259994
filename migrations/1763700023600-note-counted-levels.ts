import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantTable } from '../src/platform/index.js';

/** What a preview has counted is told to the fold on trial, which does not count it again. */
export class NoteCountedLevels1763700023600 implements MigrationInterface {
  name = 'NoteCountedLevels1763700023600';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(COUNTED);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE rerate_counted');
  }
}

// Levels that differ for themselves and are handed to the fold, too: pairs of float8, the record's
// id and the level's position. Gone with the entries of the preview.
const COUNTED = `
  CREATE TABLE rerate_counted (
    run_id int NOT NULL REFERENCES run,
    batch_id int NOT NULL,
    partner_id int NOT NULL,
    shard smallint NOT NULL,
    levels bytea NOT NULL,
    PRIMARY KEY (run_id, shard, batch_id)
  );
  ${tenantTable('rerate_counted', 'SELECT, INSERT, DELETE')}`;
