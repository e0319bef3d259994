import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is seen of a record's levels is worked out once a statement and not for each column of each
 * row, and whoever sees all of them gets them as they are stored: cutting them took a third of what
 * it costs the database to read records for a re-rating.
 */
export class SeeLevelsAtOnce1763700024700 implements MigrationInterface {
  name = 'SeeLevelsAtOnce1763700024700';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(SEEN_CORRECTION);
    await runner.query(SEEN_XDR);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(EARLIER_SEEN_CORRECTION);
    await runner.query(EARLIER_SEEN_XDR);
  }
}

const RECORD = `x.id, x.started_at, x.identity, x.partner_id, x.account_id, x.subscription_id,
  x.service, x.a_number, x.b_number, x.quantity, x.in_trunk_id, x.out_trunk_id, x.destination_id`;

const newest = (column: string) => `(SELECT ${column} FROM xdr_correction c
  WHERE c.id = x.id AND c.started_at = x.started_at ORDER BY c.batch_id DESC LIMIT 1)`;

// A subquery that names no row is answered once a statement.
const DEPTH = `(SELECT NULLIF(current_setting('kontor.depth', true), '')::int)`;
const seen = (all: string, part: string) => `CASE WHEN ${DEPTH} = 0 THEN ${all} ELSE ${part} END`;
const legs = (of: string) => seen(of, `substring(${of} FROM ${DEPTH} * 8 + 1)`);
const each = (of: string) => seen(of, `(${of})[${DEPTH} + 1 :]`);

const SEEN_CORRECTION = `
  CREATE OR REPLACE VIEW seen_correction WITH (security_barrier) AS
    SELECT c.id, c.started_at, c.batch_id, c.partner_id, ${legs('c.legs')} AS legs,
      ${each('c.amounts')} AS amounts, ${each('c.batches')} AS batches
    FROM xdr_correction c`;

const SEEN_XDR = `
  CREATE OR REPLACE VIEW seen_xdr WITH (security_barrier) AS
    SELECT ${RECORD}, ${legs(`coalesce(${newest('c.legs')}, x.legs)`)} AS legs,
      ${each(`coalesce(${newest('c.amounts')}, x.amounts)`)} AS amounts, x.value,
      ${each(newest('c.batches'))} AS batches, ${legs('x.legs')} AS stored_legs,
      ${each('x.amounts')} AS stored_amounts
    FROM xdr x`;

const VIEWER = `(SELECT NULLIF(current_setting('kontor.depth', true), '')::int AS depth) AS viewer`;

const EARLIER_SEEN_CORRECTION = `
  CREATE OR REPLACE VIEW seen_correction WITH (security_barrier) AS
    SELECT c.id, c.started_at, c.batch_id, c.partner_id,
      substring(c.legs FROM viewer.depth * 8 + 1) AS legs,
      c.amounts[viewer.depth + 1 :] AS amounts, c.batches[viewer.depth + 1 :] AS batches
    FROM xdr_correction c, ${VIEWER}`;

const EARLIER_SEEN_XDR = `
  CREATE OR REPLACE VIEW seen_xdr WITH (security_barrier) AS
    SELECT ${RECORD},
      substring(coalesce(${newest('c.legs')}, x.legs) FROM viewer.depth * 8 + 1) AS legs,
      (coalesce(${newest('c.amounts')}, x.amounts))[viewer.depth + 1 :] AS amounts, x.value,
      (${newest('c.batches')})[viewer.depth + 1 :] AS batches,
      substring(x.legs FROM viewer.depth * 8 + 1) AS stored_legs,
      x.amounts[viewer.depth + 1 :] AS stored_amounts
    FROM xdr x, ${VIEWER}`;
