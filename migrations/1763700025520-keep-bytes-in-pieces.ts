import type { MigrationInterface, QueryRunner } from 'typeorm';
import { LOADER_ROLE, tenantTable } from '../src/platform/index.js';

/**
 * Identities and entries of a batch were one value each, which PostgreSQL cut into parts of 2 kB
 * with an index entry each. As rows that fill a page they come by COPY and cost half of it. See
 * docs/adr/0020.
 */
export class KeepBytesInPieces1763700025520 implements MigrationInterface {
  name = 'KeepBytesInPieces1763700025520';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(PIECES);
    await runner.query(`
      ${SEE_ALL}
      INSERT INTO identity_piece
        SELECT batch_id, partner_id, n, substring(identities FROM n * ${BYTES} + 1 FOR ${BYTES})
        FROM identity_segment, generate_series(0, (length(identities) - 1) / ${BYTES}) n;
      INSERT INTO entry_piece SELECT batch_id, partner_id, shard, month, n,
          substring(entries FROM n * ${BYTES} + 1 FOR ${BYTES})
        FROM allowance_entry, generate_series(0, (length(entries) - 1) / ${BYTES}) n;
      ALTER TABLE allowance_entry ADD bytes int;
      UPDATE allowance_entry SET bytes = length(entries);
      ALTER TABLE allowance_entry ALTER bytes SET NOT NULL, DROP entries;
      ALTER TABLE identity_segment DROP identities;
      ${SEE_NOTHING}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ${SEE_ALL}
      ALTER TABLE identity_segment ADD identities bytea;
      ALTER TABLE identity_segment ALTER identities SET STORAGE EXTERNAL;
      UPDATE identity_segment s SET identities = coalesce((SELECT string_agg(p.bytes, ''
        ORDER BY p.piece) FROM identity_piece p WHERE p.batch_id = s.batch_id), '');
      ALTER TABLE identity_segment ALTER identities SET NOT NULL;
      ALTER TABLE allowance_entry ADD entries bytea;
      ALTER TABLE allowance_entry ALTER entries SET STORAGE EXTERNAL;
      UPDATE allowance_entry e SET entries = (SELECT string_agg(p.bytes, '' ORDER BY p.piece)
        FROM entry_piece p WHERE p.shard = e.shard AND p.month = e.month
          AND p.batch_id = e.batch_id);
      ALTER TABLE allowance_entry ALTER entries SET NOT NULL, DROP bytes;
      ${SEE_NOTHING};
      DROP TRIGGER identity_segment_pieces ON identity_segment;
      DROP TRIGGER allowance_entry_pieces ON allowance_entry;
      DROP FUNCTION drop_identity_pieces, drop_entry_pieces;
      DROP TABLE identity_piece, entry_piece`);
  }
}

// Whole identities of 16 bytes, and a row that fits a page of 8 kB.
const BYTES = 8064;

// Row security binds the owner, too.
const SEE_ALL = `SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL);`;
const SEE_NOTHING = `SELECT set_config('kontor.partner_ids', '', true)`;

const PIECES = `
  -- COPY goes to the one leaf that each has, as row security refuses it elsewhere.
  CREATE TABLE identity_piece (
    batch_id int NOT NULL,
    partner_id int NOT NULL,
    piece int NOT NULL,
    bytes bytea STORAGE PLAIN NOT NULL
  ) PARTITION BY RANGE (batch_id);
  CREATE TABLE identity_piece_all PARTITION OF identity_piece DEFAULT;
  CREATE INDEX identity_piece_batch ON identity_piece (batch_id, piece);
  ${tenantTable('identity_piece', 'SELECT, INSERT')}

  CREATE TABLE entry_piece (
    batch_id int NOT NULL,
    partner_id int NOT NULL,
    shard int NOT NULL,
    month date NOT NULL,
    piece int NOT NULL,
    bytes bytea STORAGE PLAIN NOT NULL
  ) PARTITION BY RANGE (batch_id);
  CREATE TABLE entry_piece_all PARTITION OF entry_piece DEFAULT;
  CREATE INDEX entry_piece_segment ON entry_piece (shard, month, batch_id, piece);
  ${tenantTable('entry_piece', 'SELECT, INSERT')}
  GRANT INSERT ON identity_piece_all, entry_piece_all TO ${LOADER_ROLE};

  -- Pieces go with what they are pieces of.
  CREATE FUNCTION drop_identity_pieces() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    DELETE FROM public.identity_piece p USING gone WHERE p.batch_id = gone.batch_id;
    RETURN NULL;
  END $body$;
  CREATE TRIGGER identity_segment_pieces AFTER DELETE ON identity_segment
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION drop_identity_pieces();
  CREATE FUNCTION drop_entry_pieces() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    DELETE FROM public.entry_piece p USING gone WHERE p.shard = gone.shard
      AND p.month = gone.month AND p.batch_id = gone.batch_id;
    RETURN NULL;
  END $body$;
  CREATE TRIGGER allowance_entry_pieces AFTER DELETE ON allowance_entry
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION drop_entry_pieces()`;
