import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A record that waits for a price says at which contract it is missing. Those that wait already
 * say so when they are taken up again. No foreign key: a look for each row would cost as much as
 * the row, and contracts are never deleted.
 */
export class NameContractAtFault1763700025540 implements MigrationInterface {
  name = 'NameContractAtFault1763700025540';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE suspense_record ADD contract_id int;
      CREATE INDEX suspense_record_contract ON suspense_record (contract_id, id)
        WHERE contract_id IS NOT NULL AND state <> 'RECYCLED'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE suspense_record DROP contract_id');
  }
}
