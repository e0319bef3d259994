import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A suspended record says itself whether its identity is stored, whatever state it comes to. */
export class KeepSuspendedIdentity1763700024300 implements MigrationInterface {
  name = 'KeepSuspendedIdentity1763700024300';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(OWNS_IDENTITY);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE suspense_record DROP COLUMN owns_identity');
  }
}

const OWNS_IDENTITY = `
  ALTER TABLE suspense_record ADD COLUMN owns_identity boolean NOT NULL DEFAULT false;
  SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL);
  UPDATE suspense_record SET owns_identity = true WHERE state = 'HELD';
  SELECT set_config('kontor.partner_ids', '', true)`;
