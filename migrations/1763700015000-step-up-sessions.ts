import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Until when a session may do what needs a second proof of its user. */
export class StepUpSessions1763700015000 implements MigrationInterface {
  name = 'StepUpSessions1763700015000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE session ADD COLUMN stepped_up_until timestamptz');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE session DROP COLUMN stepped_up_until');
  }
}
