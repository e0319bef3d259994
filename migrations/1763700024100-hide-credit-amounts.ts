import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Alarms of credit that were raised before tell amounts as those after do. */
export class HideCreditAmounts1763700024100 implements MigrationInterface {
  name = 'HideCreditAmounts1763700024100';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(shownWith("ARRAY['price.' || lower(c.level) || '.read']"));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(shownWith("'{}'"));
  }
}

const shownWith = (permissions: string) => `
  SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL);
  UPDATE alarm a SET shown_with = ${permissions}
  FROM subscription s JOIN contract c ON c.id = s.contract_id
  WHERE a.subject_type = 'Subscription' AND s.id = a.subject_id
    AND a.probable_cause IN ('CREDIT_THRESHOLD', 'CREDIT_EXHAUSTED');
  SELECT set_config('kontor.partner_ids', '', true)`;
