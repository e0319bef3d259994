import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A subscription may have an end that is still to come and can be moved or taken back. So whether
 * it is terminated is told by `ends_at` and the clock alone, and an identity that ends with its
 * subscription keeps where it would end by itself.
 */
export class PlanTerminations1763700025530 implements MigrationInterface {
  name = 'PlanTerminations1763700025530';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE subscription_identity
        -- Where it would end by itself, infinity for nowhere, when its subscription ends before.
        ADD own_valid_to timestamptz,
        DROP CONSTRAINT subscription_identity_check5,
        -- To what would begin after the subscription's end no time is left.
        ADD CONSTRAINT subscription_identity_time CHECK (valid_to > valid_from
          OR valid_to = valid_from AND own_valid_to IS NOT NULL),
        ADD CONSTRAINT subscription_identity_own_time CHECK (own_valid_to IS NULL
          OR valid_to IS NOT NULL AND own_valid_to > valid_to);
      ${SEE_ALL};
      UPDATE subscription SET status = 'ACTIVE' WHERE status = 'TERMINATED';
      ${SEE_NOTHING};
      ALTER TABLE subscription DROP CONSTRAINT subscription_status_check,
        ADD CONSTRAINT subscription_status_check
          CHECK (status IN ('ACTIVE','SUSPENDED','BLOCKED'))`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE subscription DROP CONSTRAINT subscription_status_check,
        ADD CONSTRAINT subscription_status_check
          CHECK (status IN ('ACTIVE','SUSPENDED','BLOCKED','TERMINATED'));
      ${SEE_ALL};
      UPDATE subscription SET status = 'TERMINATED' WHERE ends_at <= now();
      DELETE FROM subscription_identity WHERE valid_to = valid_from;
      ${SEE_NOTHING};
      -- With the column go the constraints that name it.
      ALTER TABLE subscription_identity DROP own_valid_to,
        ADD CONSTRAINT subscription_identity_check5
          CHECK (valid_to IS NULL OR valid_to > valid_from)`);
  }
}

// Row security binds the owner, too.
const SEE_ALL = `SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL)`;
const SEE_NOTHING = `SELECT set_config('kontor.partner_ids', '', true)`;
