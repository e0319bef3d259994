import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APP_ROLE } from '../src/platform/index.js';

/** Months are folded part by part, and a later fold goes on where it can. */
export class FoldInParts1763700022000 implements MigrationInterface {
  name = 'FoldInParts1763700022000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(SPAN);
    await runner.query(STATE);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`REVOKE UPDATE (pots) ON allowance_result FROM ${APP_ROLE};
      ALTER TABLE allowance_result DROP COLUMN resumes_at, DROP COLUMN state;
      ALTER TABLE allowance_entry DROP COLUMN started_from, DROP COLUMN started_to`);
  }
}

// When the first and the last record of a row began. Null, as in all rows so far, where the month
// has to be folded as a whole.
const SPAN = `
  ALTER TABLE allowance_entry
    ADD COLUMN started_from timestamptz,
    ADD COLUMN started_to timestamptz,
    ADD CONSTRAINT allowance_entry_span CHECK (
      num_nulls(started_from, started_to) IN (0, 2) AND started_to >= started_from)`;

// What the month had come to after all records that began before resumes_at. They are in the chunks
// before this one, all others in it and in those after it.
const STATE = `
  ALTER TABLE allowance_result
    ADD COLUMN resumes_at timestamptz,
    ADD COLUMN state bytea,
    ADD CONSTRAINT allowance_result_state CHECK (num_nulls(resumes_at, state) IN (0, 2));
  GRANT UPDATE (pots) ON allowance_result TO ${APP_ROLE}`;
