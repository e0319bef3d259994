import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APP_ROLE, appendOnly, sharedTable, tenantTable } from '../src/platform/index.js';

/** The chain of audit entries, and the triggers that note what a transaction changes. */
export class CreateAudit1763700016000 implements MigrationInterface {
  name = 'CreateAudit1763700016000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(KEEP);
    await runner.query(CHAIN);
    await runner.query(APPEND);
    await runner.query(NOTES);
    await runner.query(WATCH);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}

// What is evidence is only ever added to, by whoever it is; refuse_truncate came with billing.
const KEEP = `
  CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    RAISE EXCEPTION 'rows of % are never changed or deleted', TG_TABLE_NAME
      USING ERRCODE = '23001';
  END $body$;

  -- A number that was given is given: a series never counts back, and is never forgotten.
  CREATE FUNCTION keep_number_series() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    IF TG_OP = 'UPDATE' AND NEW.last_number >= OLD.last_number
      AND NEW.partner_id = OLD.partner_id AND NEW.series = OLD.series THEN RETURN NEW; END IF;
    RAISE EXCEPTION 'series % has given numbers up to %', OLD.series, OLD.last_number
      USING ERRCODE = '23001';
  END $body$;
  CREATE TRIGGER invoice_number_series_rises BEFORE UPDATE OR DELETE ON invoice_number_series
    FOR EACH ROW EXECUTE FUNCTION keep_number_series();
  CREATE TRIGGER usage_summary_kept BEFORE TRUNCATE ON usage_summary
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate()`;

// partner_id is the partner at which somebody acted. body says what was done, as canonical JSON;
// the columns beside it repeat what lists are searched by. hash is SHA-256 over the canonical JSON
// {"at","body","previous","seq"}, where previous is the hash of the entry before.
const CHAIN = `
  CREATE TABLE audit_entry (
    seq bigint PRIMARY KEY CHECK (seq > 0),
    at timestamptz NOT NULL,
    partner_id int NOT NULL REFERENCES partner,
    home_partner_id int,
    user_id int,
    api_key_id int,
    session_id uuid,
    operation text NOT NULL,
    body text NOT NULL,
    previous bytea NOT NULL,
    hash bytea NOT NULL
  );
  CREATE INDEX audit_entry_partner ON audit_entry (partner_id, seq);
  CREATE INDEX audit_entry_at ON audit_entry USING brin (at);
  ${tenantTable('audit_entry', 'SELECT')}
  ${appendOnly('audit_entry')}

  -- What an entry is about, for searching: 'Partner:5'.
  CREATE TABLE audit_subject (
    seq bigint NOT NULL REFERENCES audit_entry,
    subject text NOT NULL,
    partner_id int NOT NULL,
    PRIMARY KEY (seq, subject)
  );
  CREATE INDEX audit_subject_subject ON audit_subject (subject, seq);
  ${tenantTable('audit_subject', 'SELECT')}
  ${appendOnly('audit_subject')}

  -- The end of the chain; its row is the lock under which the chain grows.
  CREATE TABLE audit_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL,
    hash bytea NOT NULL
  );
  INSERT INTO audit_head (seq, hash) VALUES (0, decode(repeat('00', 32), 'hex'));
  ${sharedTable('audit_head', 'SELECT')}

  -- Ends of the chain that were signed; the same lie as files where the database does not reach.
  -- trail holds the first 8 bytes of the hash of each entry since the head before, hexadecimal.
  CREATE TABLE audit_signed_head (
    seq bigint PRIMARY KEY,
    head text NOT NULL,
    signature text NOT NULL,
    public_key text NOT NULL,
    trail text NOT NULL
  );
  ${sharedTable('audit_signed_head', 'SELECT, INSERT')}
  ${appendOnly('audit_signed_head')}`;

// The application may add to the chain and nothing else: neither places nor hashes are its to say.
// The row of the end is locked until the transaction commits, so this is its last statement.
const APPEND = `
  CREATE FUNCTION append_audit_entry(acting int, home int, actor int, key_id int, session uuid,
    operation text, body text, subjects text[]) RETURNS bigint
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
  DECLARE
    head public.audit_head;
    place bigint;
    moment timestamptz;
    digest bytea;
  BEGIN
    SELECT * INTO STRICT head FROM public.audit_head FOR UPDATE;
    place := head.seq + 1;
    moment := clock_timestamp();
    digest := sha256(convert_to('{"at":"'
      || to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
      || '","body":' || body || ',"previous":"' || encode(head.hash, 'hex')
      || '","seq":' || place || '}', 'UTF8'));
    INSERT INTO public.audit_entry VALUES (place, moment, acting, home, actor, key_id, session,
      operation, body, head.hash, digest);
    INSERT INTO public.audit_subject SELECT place, s, acting FROM unnest(subjects) AS s;
    UPDATE public.audit_head SET seq = place, hash = digest;
    RETURN place;
  END $body$;
  REVOKE ALL ON FUNCTION append_audit_entry FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION append_audit_entry TO ${APP_ROLE}`;

// Notes live in settings of the transaction, so a rolled back savepoint takes its notes with it
// and nothing has to be cleaned up. Values are kept as text, which loses no digit. Of a table's
// rows beyond the fiftieth a running hash is kept.
const NOTES = `
  CREATE FUNCTION as_texts(given jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $body$
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each_text(given)
  $body$;

  -- TG_ARGV: the columns of the key, and the columns whose values are never kept.
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
  END $body$;

  CREATE FUNCTION audit_notes(OUT lines text, OUT further jsonb) LANGUAGE sql STABLE AS $body$
    SELECT current_setting('kontor.notes', true),
      (SELECT jsonb_agg(jsonb_build_object('table', name,
          'rows', split_part(state, ' ', 1)::int - 50, 'hash', split_part(state, ' ', 2)))
        FROM unnest(string_to_array(NULLIF(current_setting('kontor.noted_more', true), ''), ' '))
          AS name, LATERAL current_setting('kontor.noted_' || name) AS state)
  $body$;

  -- Has the changes of a table noted. Columns that hold bytes, and those that are secrets by their
  -- names, are never kept.
  CREATE FUNCTION audit_table(watched regclass, further_key text[] DEFAULT '{}') RETURNS void
  LANGUAGE plpgsql SET search_path = public, pg_temp AS $body$
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
    EXECUTE format('DROP TRIGGER IF EXISTS audit_note ON %s', watched);
    EXECUTE format('CREATE TRIGGER audit_note AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW
      WHEN (current_setting(''kontor.audit'', true) = ''on'')
      EXECUTE FUNCTION note_change(%L, %L)', watched, key_columns, secrets);
  END $body$;
  REVOKE ALL ON FUNCTION audit_table FROM PUBLIC`;

/**
 * Tables without notes, each for a reason: rows that runs write by the thousand, bookkeeping of
 * requests and runs, copies of the past, and the audit itself.
 */
export const NOT_NOTED = [
  ...['xdr', 'xdr_correction', 'usage_summary', 'suspense_record', 'duplicate_record'],
  ...['duplicate_file', 'identity_segment', 'identity_domain', 'allowance_entry'],
  ...['allowance_due', 'allowance_result', 'rerate_entry', 'rerate_difference', 'rerate_finding'],
  ...['rate_sheet_row', 'invoice_line', 'invoice_tax', 'fee_charge', 'invoice_number_series'],
  ...['price_book', 'book_past', 'run_batch', 'run_lane', 'event', 'outbox', 'idempotency_key'],
  ...['sign_in_throttle', 'sign_in_streak', 'sign_in_event', 'migration'],
  ...['audit_entry', 'audit_subject', 'audit_head', 'audit_signed_head'],
];

const WATCH = `
  DO $body$
  DECLARE
    watched regclass;
  BEGIN
    FOR watched IN SELECT oid::regclass FROM pg_class
      WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
        AND relname <> ALL ('{${NOT_NOTED.join(',')}}')
    LOOP
      PERFORM audit_table(watched,
        CASE watched::text WHEN 'partner' THEN '{kind}'::text[] ELSE '{}' END);
    END LOOP;
  END $body$`;

const DOWN = `
  DO $body$
  DECLARE
    watched record;
  BEGIN
    FOR watched IN SELECT tgrelid::regclass AS name FROM pg_trigger WHERE tgname = 'audit_note' LOOP
      EXECUTE format('DROP TRIGGER audit_note ON %s', watched.name);
    END LOOP;
  END $body$;
  DROP FUNCTION audit_table, audit_notes, note_change, as_texts, append_audit_entry;
  DROP TABLE audit_signed_head, audit_head, audit_subject, audit_entry;
  DROP TRIGGER invoice_number_series_rises ON invoice_number_series;
  DROP TRIGGER usage_summary_kept ON usage_summary;
  DROP FUNCTION keep_number_series, refuse_change`;
