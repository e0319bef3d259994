import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The audit notes the changes of a statement at once and not row by row, which took a third of what
 * it costs to activate a rate sheet. What is kept stays the same, but for the hash of the rows
 * beyond the fiftieth: it is taken of the hashes of the rows.
 */
export class NoteByStatement1763700025000 implements MigrationInterface {
  name = 'NoteByStatement1763700025000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(CHANGE_LINE);
    await runner.query(NOTE_CHANGES);
    await runner.query(auditTable(BY_STATEMENT));
    await runner.query(watchAgain('audit_note'));
    await runner.query('DROP FUNCTION note_change');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(NOTE_CHANGE);
    await runner.query(auditTable(BY_ROW));
    await runner.query(watchAgain('audit_note_insert'));
    await runner.query('DROP FUNCTION note_changes, change_line');
  }
}

// What is noted of one row: of an update what changed, of secrets that they did. Values are kept
// as text, which loses no digit.
const CHANGE_LINE = `
  CREATE FUNCTION change_line(of_table text, did text, key_columns text[], secrets text[],
    old_row jsonb, new_row jsonb) RETURNS text
  LANGUAGE plpgsql IMMUTABLE SET search_path = public, pg_temp AS $body$
  DECLARE
    some_row jsonb := coalesce(new_row, old_row);
    was jsonb := as_texts(old_row - secrets);
    becomes jsonb := as_texts(new_row - secrets);
    secret_changed text[];
  BEGIN
    SELECT coalesce(array_agg(c), '{}') INTO secret_changed FROM unnest(secrets) AS c
    WHERE old_row -> c IS DISTINCT FROM new_row -> c
      AND (old_row IS NOT NULL OR new_row ->> c IS NOT NULL);
    IF did = 'UPDATE' THEN
      SELECT coalesce(jsonb_object_agg(b.key, b.value), '{}'),
        coalesce(jsonb_object_agg(b.key, was -> b.key), '{}') INTO becomes, was
      FROM jsonb_each(becomes) AS b WHERE b.value IS DISTINCT FROM was -> b.key;
    END IF;
    RETURN jsonb_build_object('t', of_table, 'o', did,
      'k', (SELECT jsonb_object_agg(c, some_row ->> c) FROM unnest(key_columns) AS c),
      'b', was, 'a', becomes, 'h', secret_changed)::text || E'\\n';
  END $body$`;

interface Changed {
  /** The rows that changed, in their order, with those of the column n. */
  readonly rows: string;
  readonly was: string | null;
  readonly becomes: string | null;
}

const numbered = (table: string) => `SELECT row_number() OVER () AS n, c FROM ${table} AS c`;

// Old and new rows of an update come in the same order.
const CHANGED: Readonly<Record<'INSERT' | 'UPDATE' | 'DELETE', Changed>> = {
  INSERT: { rows: `(${numbered('becomes')}) AS b`, was: null, becomes: 'b.c' },
  UPDATE: {
    rows: `(SELECT n, w.c AS was, b.c AS becomes FROM (${numbered('was')}) AS w
      JOIN (${numbered('becomes')}) AS b USING (n) WHERE w.c IS DISTINCT FROM b.c) AS u`,
    was: 'u.was',
    becomes: 'u.becomes',
  },
  DELETE: { rows: `(${numbered('was')}) AS w`, was: 'w.c', becomes: null },
};

function whole(row: string): string {
  return `CASE WHEN secrets = '{}' THEN ${row}::text ELSE (to_jsonb(${row}) - secrets)::text END`;
}

function noting(did: keyof typeof CHANGED): string {
  const { rows, was, becomes } = CHANGED[did];
  const given = [was, becomes].map((row) => (row === null ? 'NULL' : `to_jsonb(${row})`));
  const texts = [was, becomes].filter((row) => row !== null).map(whole);
  return `
    IF TG_OP = '${did}' THEN
      SELECT count(*), coalesce(max(n), 0), string_agg(line, '' ORDER BY n)
      INTO told, last, lines FROM (
        SELECT n, change_line(TG_TABLE_NAME, TG_OP, keys, secrets, ${given}) AS line
        FROM ${rows} ORDER BY n LIMIT greatest(50 - counted, 0)) AS first;
      IF counted + told = 50 THEN
        SELECT count(*), sha256(convert_to(before, 'UTF8') || string_agg(digest, '' ORDER BY n))
        INTO more, hash FROM (
          SELECT n, sha256(convert_to(TG_OP || ${texts.join(' || ')}, 'UTF8')) AS digest
          FROM ${rows} WHERE n > last) AS further;
      END IF;
    END IF;`;
}

// Notes live in settings of the transaction, so a rolled back savepoint takes its notes with it
// and nothing has to be cleaned up. Of a table's rows beyond the fiftieth a running hash is kept.
// TG_ARGV: the columns of the key, and the columns whose values are never kept.
const NOTE_CHANGES = `
  CREATE FUNCTION note_changes() RETURNS trigger LANGUAGE plpgsql AS $body$
  DECLARE
    counter text := 'kontor.noted_' || TG_TABLE_NAME;
    noted text[] := string_to_array(current_setting(counter, true), ' ');
    known int := coalesce(NULLIF(noted[1], '')::int, 0);
    counted int := least(known, 50);
    before text := coalesce(noted[2], '');
    keys text[] := TG_ARGV[0]::text[];
    secrets text[] := TG_ARGV[1]::text[];
    told int := 0;
    last bigint;
    lines text;
    more int := 0;
    hash bytea;
  BEGIN
    ${noting('INSERT')}${noting('UPDATE')}${noting('DELETE')}
    IF told > 0 THEN
      PERFORM set_config('kontor.notes',
        coalesce(current_setting('kontor.notes', true), '') || lines, true);
    END IF;
    IF more > 0 AND known <= 50 THEN
      PERFORM set_config('kontor.noted_more',
        concat_ws(' ', NULLIF(current_setting('kontor.noted_more', true), ''), TG_TABLE_NAME),
        true);
    END IF;
    IF told + more > 0 THEN
      PERFORM set_config(counter, concat_ws(' ', known + told + more,
        coalesce(encode(hash, 'hex'), noted[2])), true);
    END IF;
    RETURN NULL;
  END $body$`;

// As it was before.
const NOTE_CHANGE = `
  CREATE FUNCTION note_change() RETURNS trigger LANGUAGE plpgsql AS $body$
  DECLARE
    counter text := 'kontor.noted_' || TG_TABLE_NAME;
    noted text[] := string_to_array(current_setting(counter, true), ' ');
    place int := coalesce(NULLIF(noted[1], '')::int, 0) + 1;
    secrets text[] := TG_ARGV[1]::text[];
    old_row jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    new_row jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    some_row jsonb := coalesce(new_row, old_row);
    secret_changed text[];
    was jsonb;
    becomes jsonb;
  BEGIN
    IF old_row = new_row THEN RETURN NULL; END IF;
    IF place > 50 THEN
      PERFORM set_config(counter, place || ' ' || encode(sha256(convert_to(coalesce(noted[2], '')
        || TG_OP || coalesce((old_row - secrets)::text, '')
        || coalesce((new_row - secrets)::text, ''), 'UTF8')), 'hex'), true);
      IF place = 51 THEN
        PERFORM set_config('kontor.noted_more',
          concat_ws(' ', NULLIF(current_setting('kontor.noted_more', true), ''), TG_TABLE_NAME),
          true);
      END IF;
      RETURN NULL;
    END IF;
    was := as_texts(old_row - secrets);
    becomes := as_texts(new_row - secrets);
    SELECT coalesce(array_agg(c), '{}') INTO secret_changed FROM unnest(secrets) AS c
    WHERE old_row -> c IS DISTINCT FROM new_row -> c
      AND (old_row IS NOT NULL OR new_row ->> c IS NOT NULL);
    IF TG_OP = 'UPDATE' THEN
      SELECT coalesce(jsonb_object_agg(b.key, b.value), '{}'),
        coalesce(jsonb_object_agg(b.key, was -> b.key), '{}') INTO becomes, was
      FROM jsonb_each(becomes) AS b WHERE b.value IS DISTINCT FROM was -> b.key;
    END IF;
    PERFORM set_config(counter, place::text, true), set_config('kontor.notes',
      coalesce(current_setting('kontor.notes', true), '') || jsonb_build_object(
        't', TG_TABLE_NAME, 'o', TG_OP,
        'k', (SELECT jsonb_object_agg(c, some_row ->> c) FROM unnest(TG_ARGV[0]::text[]) AS c),
        'b', was, 'a', becomes, 'h', secret_changed)::text || E'\\n', true);
    RETURN NULL;
  END $body$`;

const NOTED = `WHEN (current_setting(''kontor.audit'', true) = ''on'')`;
const DROPPED = ['audit_note', 'audit_note_insert', 'audit_note_update', 'audit_note_delete']
  .map((name) => `EXECUTE format('DROP TRIGGER IF EXISTS ${name} ON %s', watched);`)
  .join('\n    ');

const BY_ROW = `EXECUTE format('CREATE TRIGGER audit_note AFTER INSERT OR UPDATE OR DELETE ON %s
      FOR EACH ROW ${NOTED} EXECUTE FUNCTION note_change(%L, %L)', watched, key_columns, secrets);`;

// Rows before and after have names only in triggers of one kind of statement each.
const BY_STATEMENT = (
  [
    ['INSERT', 'NEW TABLE AS becomes'],
    ['UPDATE', 'OLD TABLE AS was NEW TABLE AS becomes'],
    ['DELETE', 'OLD TABLE AS was'],
  ] as const
)
  .map(([did, tables]) => {
    const name = `audit_note_${did.toLowerCase()}`;
    return `EXECUTE format('CREATE TRIGGER ${name} AFTER ${did} ON %s REFERENCING ${tables}
      FOR EACH STATEMENT ${NOTED}
      EXECUTE FUNCTION note_changes(%L, %L)', watched, key_columns, secrets);`;
  })
  .join('\n    ');

// Has the changes of a table noted. Columns that hold bytes, and those that are secrets by their
// names, are never kept.
function auditTable(triggers: string): string {
  return `
  CREATE OR REPLACE FUNCTION audit_table(watched regclass, further_key text[] DEFAULT '{}')
  RETURNS void LANGUAGE plpgsql SET search_path = public, pg_temp AS $body$
  DECLARE
    key_columns text[];
    secrets text[];
  BEGIN
    SELECT array_agg(a.attname::text ORDER BY a.attnum) || further_key INTO key_columns
    FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
    WHERE i.indrelid = watched AND i.indisprimary;
    SELECT coalesce(array_agg(attname::text ORDER BY attnum), '{}') INTO secrets FROM pg_attribute
    WHERE attrelid = watched AND attnum > 0 AND NOT attisdropped AND (atttypid = 'bytea'::regtype
      OR attname ~ 'password|secret|token|hash|sealed|encrypted|pepper|salt');
    ${DROPPED}
    ${triggers}
  END $body$`;
}

const watchAgain = (trigger: string) => `
  SELECT audit_table(tgrelid::regclass,
    CASE tgrelid::regclass::text WHEN 'partner' THEN '{kind}'::text[] ELSE '{}' END)
  FROM pg_trigger WHERE tgname = '${trigger}' AND tgparentid = 0`;
