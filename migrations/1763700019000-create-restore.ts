import type { MigrationInterface, QueryRunner } from 'typeorm';
import { APP_ROLE, appendOnly, sharedTable, tenantTable } from '../src/platform/index.js';

/** The register of invoice numbers, and what is declared when an older state was restored. */
export class CreateRestore1763700019000 implements MigrationInterface {
  name = 'CreateRestore1763700019000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(REGISTER);
    await runner.query(FILL);
    await runner.query(KEEP);
    await runner.query(RESTORE);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}

// partner_id is the seller. A number is HELD from the moment that it is taken from the counter
// until its invoice shows it; in between it is written down outside of the database. One that was
// given and whose invoice a restore has lost is LOST: known says what was written down of it.
const REGISTER = `
  CREATE TABLE invoice_number (
    partner_id int NOT NULL REFERENCES partner,
    series text NOT NULL,
    place int NOT NULL CHECK (place > 0),
    number text NOT NULL,
    state text NOT NULL CHECK (state IN ('HELD','ISSUED','LOST')),
    invoice_id int UNIQUE REFERENCES invoice,
    issued_on date,
    due_on date,
    issued_at timestamptz,
    pdf_sha256 text,
    pdf bytea,
    known jsonb,
    lost_at timestamptz,
    entered_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partner_id, series, place),
    UNIQUE (partner_id, number),
    FOREIGN KEY (partner_id, series) REFERENCES invoice_number_series,
    CHECK ((state = 'HELD') = (pdf IS NOT NULL)),
    CHECK ((state = 'LOST') = (lost_at IS NOT NULL)),
    CHECK (num_nulls(invoice_id, issued_on, due_on, issued_at, pdf_sha256)
      = CASE state WHEN 'LOST' THEN 5 ELSE 0 END),
    CHECK (known IS NULL OR state = 'LOST')
  );
  ${tenantTable('invoice_number')}
  SELECT audit_table('invoice_number')`;

const FILL = `
  SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL);
  INSERT INTO invoice_number (partner_id, series, place, number, state, invoice_id, issued_on,
    due_on, issued_at, pdf_sha256, entered_at)
  SELECT i.seller_partner_id, s.series, right(i.number, -length(s.series) - 1)::int, i.number,
    'ISSUED', i.id, i.issued_on, i.due_on, i.finalised_at, i.pdf_sha256, i.finalised_at
  FROM invoice i JOIN invoice_number_series s
    ON s.partner_id = i.seller_partner_id AND starts_with(i.number, s.series || '-')
  WHERE i.state = 'FINALISED';
  SELECT set_config('kontor.partner_ids', '', true)`;

// A draft that has its number is as frozen as an invoice that shows it: what was written down
// outside is the hash of this very document.
const KEEP = `
  CREATE FUNCTION keep_invoice_number() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    IF TG_OP = 'INSERT' AND NEW.state <> 'ISSUED' THEN RETURN NEW; END IF;
    IF TG_OP = 'UPDATE' AND OLD.state = 'HELD' AND NEW.state = 'ISSUED'
      AND to_jsonb(NEW) - '{state,pdf}'::text[] = to_jsonb(OLD) - '{state,pdf}'::text[] THEN
      RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what became of an invoice number is never changed' USING ERRCODE = '23001';
  END $body$;
  CREATE TRIGGER invoice_number_kept BEFORE INSERT OR UPDATE OR DELETE ON invoice_number
    FOR EACH ROW EXECUTE FUNCTION keep_invoice_number();
  CREATE TRIGGER invoice_number_not_truncated BEFORE TRUNCATE ON invoice_number
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_truncate();

  CREATE OR REPLACE FUNCTION keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $body$
  DECLARE
    held record;
  BEGIN
    IF TG_OP = 'INSERT' THEN
      IF NEW.state <> 'DRAFT' THEN
        RAISE EXCEPTION 'an invoice begins as a draft' USING ERRCODE = '23001';
      END IF;
      RETURN NEW;
    END IF;
    IF OLD.state <> 'DRAFT' THEN
      RAISE EXCEPTION 'invoice % is finalised', OLD.id USING ERRCODE = '23001';
    END IF;
    SELECT * INTO held FROM invoice_number WHERE invoice_id = OLD.id AND state = 'HELD';
    IF TG_OP = 'UPDATE' AND NEW.state = 'FINALISED' AND FOUND
      AND (held.partner_id, held.number, held.issued_on, held.due_on, held.issued_at,
        held.pdf_sha256) = (NEW.seller_partner_id, NEW.number, NEW.issued_on, NEW.due_on,
        NEW.finalised_at, NEW.pdf_sha256) THEN
      RETURN NEW;
    END IF;
    IF FOUND OR NEW.state = 'FINALISED' THEN
      RAISE EXCEPTION 'invoice % is not what its number was held for', OLD.id
        USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END $body$;

  CREATE OR REPLACE FUNCTION keep_invoice_part() RETURNS trigger LANGUAGE plpgsql AS $body$
  DECLARE
    part record := CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END;
  BEGIN
    -- The share lock lets nobody take a number for the invoice until this change has committed.
    PERFORM 1 FROM invoice WHERE id = part.invoice_id AND state = 'DRAFT' FOR SHARE;
    IF NOT FOUND OR (TG_OP = 'UPDATE' AND NEW.invoice_id <> OLD.invoice_id)
      OR EXISTS (SELECT 1 FROM invoice_number WHERE invoice_id = part.invoice_id) THEN
      RAISE EXCEPTION 'invoice % is finalised', part.invoice_id USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END $body$;

  CREATE OR REPLACE FUNCTION keep_billed_usage() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    PERFORM 1 FROM invoice WHERE id = OLD.invoice_id AND state = 'DRAFT' FOR SHARE;
    IF NOT FOUND OR EXISTS (SELECT 1 FROM invoice_number WHERE invoice_id = OLD.invoice_id) THEN
      RAISE EXCEPTION 'usage is on finalised invoice %', OLD.invoice_id USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END $body$`;

// What somebody declared after he had restored an older state: up to which entry of the audit it
// reaches, and which heads speak of entries that are lost. Events continue far behind what any
// subscriber can have seen, and identifiers of invoices and partners behind those written down.
const RESTORE = `
  CREATE TABLE audit_restore (
    id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    restore text NOT NULL,
    signature text NOT NULL,
    public_key text NOT NULL
  );
  ${sharedTable('audit_restore', 'SELECT, INSERT')}
  ${appendOnly('audit_restore')}

  CREATE FUNCTION skip_identifiers(partner int, invoice int) RETURNS void
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
  DECLARE
    far constant bigint := 1000000;
  BEGIN
    PERFORM setval('public.event_position', nextval('public.event_position') + far);
    PERFORM setval(s, nextval(s) + far)
    FROM pg_get_serial_sequence('public.event', 'id') AS s;
    PERFORM setval(s, greatest(nextval(s), invoice))
    FROM pg_get_serial_sequence('public.invoice', 'id') AS s;
    PERFORM setval(s, greatest(nextval(s), partner))
    FROM pg_get_serial_sequence('public.partner', 'id') AS s;
  END $body$;
  REVOKE ALL ON FUNCTION skip_identifiers FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION skip_identifiers TO ${APP_ROLE}`;

const DOWN = `
  CREATE OR REPLACE FUNCTION keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    IF TG_OP = 'INSERT' THEN
      IF NEW.state <> 'DRAFT' THEN
        RAISE EXCEPTION 'an invoice begins as a draft' USING ERRCODE = '23001';
      END IF;
      RETURN NEW;
    END IF;
    IF OLD.state <> 'DRAFT' THEN
      RAISE EXCEPTION 'invoice % is finalised', OLD.id USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END $body$;
  CREATE OR REPLACE FUNCTION keep_invoice_part() RETURNS trigger LANGUAGE plpgsql AS $body$
  DECLARE
    part record := CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END;
  BEGIN
    PERFORM 1 FROM invoice WHERE id = part.invoice_id AND state = 'DRAFT' FOR SHARE;
    IF NOT FOUND OR (TG_OP = 'UPDATE' AND NEW.invoice_id <> OLD.invoice_id) THEN
      RAISE EXCEPTION 'invoice % is finalised', part.invoice_id USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END $body$;
  CREATE OR REPLACE FUNCTION keep_billed_usage() RETURNS trigger LANGUAGE plpgsql AS $body$
  BEGIN
    PERFORM 1 FROM invoice WHERE id = OLD.invoice_id AND state = 'DRAFT' FOR SHARE;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'usage is on finalised invoice %', OLD.invoice_id USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
  END $body$;
  DROP TABLE invoice_number, audit_restore;
  DROP FUNCTION skip_identifiers, keep_invoice_number`;
