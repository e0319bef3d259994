import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A rate sheet brings hundreds of thousands of rates of one list, and a foreign key looked for that
 * list and that sheet once a rate. They are looked for once a statement now, as the files of
 * suspended records are.
 */
export class CheckParentsByStatement1763700025525 implements MigrationInterface {
  name = 'CheckParentsByStatement1763700025525';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(DEMAND_PARENT);
    await runner.query(REFUSE_MOVE);
    await runner.query(`
      DROP TRIGGER suspense_record_file ON suspense_record;
      DROP TRIGGER duplicate_record_file ON duplicate_record;
      DROP TRIGGER usage_file_stays ON usage_file;
      DROP TRIGGER suspense_record_stays ON suspense_record;
      DROP FUNCTION demand_file, refuse_file_move`);
    for (const [table, column, parent] of DEMANDS) {
      await runner.query(`CREATE TRIGGER ${table}_${parent} AFTER INSERT ON ${table}
        REFERENCING NEW TABLE AS added FOR EACH STATEMENT
        EXECUTE FUNCTION demand_parent(${column}, ${parent})`);
    }
    for (const [table, change] of STAYS) {
      await runner.query(`CREATE TRIGGER ${table}_stays BEFORE ${change} ON ${table}
        FOR EACH ROW EXECUTE FUNCTION refuse_move()`);
    }
    await runner.query(`
      ALTER TABLE rate DROP CONSTRAINT rate_price_list_id_partner_id_fkey,
        DROP CONSTRAINT rate_rate_sheet_id_fkey;
      ALTER TABLE rate_sheet_row DROP CONSTRAINT rate_sheet_row_rate_sheet_id_partner_id_fkey`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE rate
        ADD FOREIGN KEY (price_list_id, partner_id) REFERENCES price_list (id, partner_id),
        ADD FOREIGN KEY (rate_sheet_id) REFERENCES rate_sheet;
      ALTER TABLE rate_sheet_row
        ADD FOREIGN KEY (rate_sheet_id, partner_id) REFERENCES rate_sheet (id, partner_id)`);
    for (const [table, , parent] of DEMANDS)
      await runner.query(`DROP TRIGGER ${table}_${parent} ON ${table}`);
    for (const [table] of STAYS) await runner.query(`DROP TRIGGER ${table}_stays ON ${table}`);
    await runner.query('DROP FUNCTION demand_parent, refuse_move');
    await runner.query(OF_FILES);
  }
}

/** Of which table each row's column names a row of the same partner. */
const DEMANDS = [
  ['suspense_record', 'usage_file_id', 'usage_file'],
  ['duplicate_record', 'usage_file_id', 'usage_file'],
  ['rate', 'price_list_id', 'price_list'],
  ['rate', 'rate_sheet_id', 'rate_sheet'],
  ['rate_sheet_row', 'rate_sheet_id', 'rate_sheet'],
] as const;

/** What would part rows from what they name. */
const STAYS = [
  ['usage_file', 'DELETE OR UPDATE OF id, partner_id'],
  ['price_list', 'DELETE OR UPDATE OF id, partner_id'],
  ['rate_sheet', 'DELETE OR UPDATE OF id, partner_id'],
  ['suspense_record', 'UPDATE OF usage_file_id, partner_id'],
  ['duplicate_record', 'UPDATE OF usage_file_id, partner_id'],
  ['rate', 'UPDATE OF price_list_id, rate_sheet_id, partner_id'],
  ['rate_sheet_row', 'UPDATE OF rate_sheet_id, partner_id'],
] as const;

// In place of a foreign key, which would look for the same row once for each that names it: they
// come by the thousand at once. TG_ARGV: the column that names it, and its table.
const DEMAND_PARENT = `
  CREATE FUNCTION demand_parent() RETURNS trigger LANGUAGE plpgsql AS $body$
  DECLARE
    lost boolean;
  BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM (SELECT DISTINCT %1$I AS id, partner_id FROM added
        WHERE %1$I IS NOT NULL) a WHERE NOT EXISTS (SELECT FROM public.%2$I p
          WHERE p.id = a.id AND p.partner_id = a.partner_id))', TG_ARGV[0], TG_ARGV[1]) INTO lost;
    IF lost THEN
      RAISE EXCEPTION '% names a % that its partner does not have', TG_TABLE_NAME, TG_ARGV[1]
        USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
  END $body$`;

const REFUSE_MOVE = `
  CREATE FUNCTION refuse_move() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    RAISE EXCEPTION '% stays, with its partner and what it is named by', TG_TABLE_NAME
      USING ERRCODE = 'foreign_key_violation';
  END $body$`;

// As it was before.
const OF_FILES = `
  CREATE FUNCTION refuse_file_move() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    RAISE EXCEPTION '% stays with its file and partner', TG_TABLE_NAME
      USING ERRCODE = 'foreign_key_violation';
  END $body$;
  CREATE TRIGGER usage_file_stays BEFORE DELETE OR UPDATE OF id, partner_id ON usage_file
    FOR EACH ROW EXECUTE FUNCTION refuse_file_move();
  CREATE TRIGGER suspense_record_stays BEFORE UPDATE OF usage_file_id, partner_id ON suspense_record
    FOR EACH ROW EXECUTE FUNCTION refuse_file_move();

  CREATE FUNCTION demand_file() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT usage_file_id, partner_id FROM added) a
      WHERE NOT EXISTS (SELECT FROM usage_file f
        WHERE f.id = a.usage_file_id AND f.partner_id = a.partner_id)) THEN
      RAISE EXCEPTION '% names a file that its partner does not have', TG_TABLE_NAME
        USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
  END $body$;
  CREATE TRIGGER suspense_record_file AFTER INSERT ON suspense_record
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION demand_file();
  CREATE TRIGGER duplicate_record_file AFTER INSERT ON duplicate_record
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION demand_file()`;
