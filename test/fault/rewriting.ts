import type { MigrationInterface, QueryRunner } from 'typeorm';

// Migrations of a test: they rewrite data of a release in several statements.

/** Gives every account another name, in three steps that only together make sense. */
class RewriteAccounts1999000000000 implements MigrationInterface {
  name = 'RewriteAccounts1999000000000';

  async up(runner: QueryRunner): Promise<void> {
    await seeAll(runner);
    await runner.query('ALTER TABLE account ADD COLUMN title text');
    await runner.query(`UPDATE account SET title = name || ' (' || number || ')'`);
    await runner.query(`UPDATE account SET name = upper(title)`);
    await runner.query('ALTER TABLE account ALTER COLUMN title SET NOT NULL');
    await forgetAll(runner);
  }

  async down(): Promise<void> {}
}

/** The planted fault: the second half is in a transaction of its own. */
class RewriteByHalves1999000001000 implements MigrationInterface {
  name = 'RewriteByHalves1999000001000';

  async up(runner: QueryRunner): Promise<void> {
    await seeAll(runner);
    await runner.query(`UPDATE contract SET name = name || '.'`);
    await runner.commitTransaction();
    await runner.startTransaction();
    await seeAll(runner);
    await runner.query(`UPDATE account SET name = name || '.'`);
    await forgetAll(runner);
  }

  async down(): Promise<void> {}
}

// Row security binds the owner of the tables, too.
async function seeAll(runner: QueryRunner): Promise<void> {
  await runner.query(
    `SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL)`,
  );
}

async function forgetAll(runner: QueryRunner): Promise<void> {
  await runner.query(`SELECT set_config('kontor.partner_ids', '', true)`);
}

/** What the test runs behind the migrations of the product. */
export const rewriting = [RewriteAccounts1999000000000, RewriteByHalves1999000001000] as const;
