import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What buckets had left at the end of a month outlives the purge of its records: later months go on
 * from it, and would take a month that nothing is known of for one without use.
 */
export class KeepWhatWasLeftOver1763700024500 implements MigrationInterface {
  name = 'KeepWhatWasLeftOver1763700024500';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`COMMENT ON COLUMN allowance_result.batch_id IS
        'The batch that folded it; 0 where only pots are left of a purged month';
      ${moveHorizon(KEEP, 'AND batch_id <> 0')}`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM allowance_result WHERE batch_id = 0;
      COMMENT ON COLUMN allowance_result.batch_id IS NULL;
      ${moveHorizon('', '')}`);
  }
}

// Of buckets that have ever left something over, and without who has used them.
const KEEP = `UPDATE allowance_result r SET batch_id = 0, adjustment = 0, records = '',
      pots = k.pots, resumes_at = NULL, state = NULL
    FROM (SELECT f.contract_id, f.month, convert_to(jsonb_build_object('points', '[]'::jsonb,
          'pots', jsonb_agg(p.pot || '{"usedBy": []}'))::text, 'UTF8') AS pots
      FROM allowance_result f CROSS JOIN LATERAL
        jsonb_array_elements(convert_from(f.pots, 'UTF8')::jsonb -> 'pots') AS p (pot)
      WHERE f.chunk = 0 AND f.batch_id <> 0 AND length(f.pots) > 0
        AND f.month < to_month - interval '1 month'
        AND (p.pot ->> 'bucket')::int
          IN (SELECT lineage_id FROM bucket WHERE rollover_cap IS NOT NULL)
      GROUP BY 1, 2) AS k
    WHERE r.contract_id = k.contract_id AND r.month = k.month AND r.chunk = 0;
    `;

const moveHorizon = (keep: string, unlessKept: string) => `
  CREATE OR REPLACE FUNCTION move_usage_horizon(to_month date) RETURNS int
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $body$
  DECLARE
    segments int;
  BEGIN
    IF to_month <> date_trunc('month', to_month)::date
      OR to_month::timestamptz > clock_timestamp() - interval '30 days'
      OR to_month <= (SELECT on_date FROM usage_horizon) THEN
      RETURN 0;
    END IF;
    PERFORM set_config('lock_timeout', '3s', true);
    PERFORM pg_advisory_xact_lock(hashtext('ensure_usage_partitions'));
    IF EXISTS (SELECT 1 FROM xdr WHERE started_at < to_month::timestamp AT TIME ZONE 'UTC')
      OR EXISTS (SELECT 1 FROM allowance_due WHERE month < to_month) THEN
      RETURN 0;
    END IF;
    UPDATE usage_horizon SET on_date = to_month;
    INSERT INTO purged_usage AS p (contract_id, partner_id, month, records, amount, adjustment)
    SELECT r.contract_id, c.partner_id, r.month, 0, 0, sum(r.adjustment)
    FROM allowance_result r JOIN contract c ON c.id = r.contract_id
    WHERE r.month < to_month - interval '1 month' ${unlessKept} GROUP BY 1, 2, 3
    ON CONFLICT (contract_id, month) DO UPDATE SET adjustment = p.adjustment + excluded.adjustment;
    ${keep}-- In the zone of a contract the month before may have gone on a little.
    DELETE FROM allowance_result WHERE month < to_month - interval '1 month' ${unlessKept};
    DELETE FROM allowance_entry WHERE month < to_month - interval '1 month';
    DELETE FROM identity_segment WHERE last_day < to_month - 1;
    GET DIAGNOSTICS segments = ROW_COUNT;
    RETURN segments;
  END $body$`;
