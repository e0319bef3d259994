import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Identities that tell when their records began are compared with those of nearly the same time
 * alone: each segment says how its identities tell it (null: not at all, as of all that there are
 * yet) and between which instants its records began. The first day was never read.
 */
export class LoadIdentitiesByTime1763700025060 implements MigrationInterface {
  name = 'LoadIdentitiesByTime1763700025060';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE identity_segment ADD time_key text, ADD first_at timestamptz,
      ADD last_at timestamptz, DROP first_day,
      ADD CHECK (time_key IS NULL OR (first_at IS NOT NULL AND last_at IS NOT NULL))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE identity_segment DROP time_key, ADD first_day date`);
    await runner.query(
      `UPDATE identity_segment SET first_day = (first_at AT TIME ZONE 'UTC')::date`,
    );
    await runner.query('ALTER TABLE identity_segment DROP first_at, DROP last_at');
  }
}
