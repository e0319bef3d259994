import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APP_ROLE, tenantTable } from '../src/platform/index.js';

/** What tiers, buckets and volume discounts of a month are computed from, and what came out. */
export class CreateAllowance1763700011000 implements MigrationInterface {
  name = 'CreateAllowance1763700011000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(VALUE);
    await runner.query(ALLOWANCE);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`REVOKE INSERT ON usage_summary FROM ${APP_ROLE};
      DROP TABLE allowance_due, allowance_result, allowance_entry;
      DROP VIEW seen_xdr`);
    await runner.query(seenXdr(''));
    await runner.query('ALTER TABLE xdr DROP COLUMN value');
  }
}

const seenXdr = (further: string) => `
  CREATE VIEW seen_xdr WITH (security_barrier) AS
    SELECT id, started_at, identity, partner_id, account_id, subscription_id, service,
      a_number, b_number, quantity, in_trunk_id, out_trunk_id, destination_id,
      substring(legs FROM viewer.depth * 8 + 1) AS legs,
      amounts[viewer.depth + 1 :] AS amounts${further}
    FROM xdr, (SELECT NULLIF(current_setting('kontor.depth', true), '')::int AS depth) AS viewer;
  GRANT SELECT ON seen_xdr TO ${APP_ROLE};`;

// Money that a record carries itself, such as the price of a service that it paid for; scale 8.
const VALUE = `
  ALTER TABLE xdr ADD COLUMN value bigint NOT NULL DEFAULT 0;
  GRANT SELECT (value) ON xdr TO ${APP_ROLE};
  DROP VIEW seen_xdr;
  ${seenXdr(', value')}`;

const ALLOWANCE = `
  -- Records whose amount depends on others of their contract and month, many in one row. Each row
  -- is whole in itself, with the tariffs that its records were rated by. They belong to the hub,
  -- since one row holds records of many contracts.
  CREATE TABLE allowance_entry (
    batch_id int NOT NULL,
    partner_id int NOT NULL,
    shard smallint NOT NULL,
    month date NOT NULL,
    -- Whether its records take the place of the same records in rows of earlier batches.
    replaces boolean NOT NULL,
    entries bytea NOT NULL,
    PRIMARY KEY (shard, month, batch_id)
  );
  ALTER TABLE allowance_entry ALTER COLUMN entries SET STORAGE EXTERNAL;
  ${tenantTable('allowance_entry', 'SELECT, INSERT')}

  -- Rows of allowance_entry that no fold has taken into account yet.
  CREATE TABLE allowance_due (
    shard smallint NOT NULL,
    month date NOT NULL,
    batch_id int NOT NULL,
    partner_id int NOT NULL,
    bytes int NOT NULL,
    PRIMARY KEY (shard, month, batch_id)
  );
  ${tenantTable('allowance_due', 'SELECT, INSERT, DELETE')}

  -- What the fold made of a contract's month: by how much each record differs from its stored
  -- amount, in order of time over one or more chunks, and in the first chunk how much of which
  -- bucket was used. A later fold writes the whole month again.
  CREATE TABLE allowance_result (
    contract_id int NOT NULL,
    month date NOT NULL,
    chunk smallint NOT NULL,
    batch_id int NOT NULL,
    partner_id int NOT NULL,
    started_from timestamptz NOT NULL,
    started_to timestamptz NOT NULL,
    -- Sum of the chunk's differences at scale 8.
    adjustment bigint NOT NULL,
    records bytea NOT NULL,
    pots bytea NOT NULL,
    PRIMARY KEY (contract_id, month, chunk)
  );
  -- Pressing them together took a tenth of what PostgreSQL computes for an import.
  ALTER TABLE allowance_result ALTER COLUMN records SET STORAGE EXTERNAL;
  ${tenantTable('allowance_result', 'SELECT, INSERT, DELETE')}

  -- The fold adds its differences to the sums that the batches of the data plane copied in.
  GRANT INSERT ON usage_summary TO ${APP_ROLE}`;
