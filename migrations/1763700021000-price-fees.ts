import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Fees are priced as usage is: per unit, by tiers, as a percentage, with price rules. */
export class PriceFees1763700021000 implements MigrationInterface {
  name = 'PriceFees1763700021000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(FEE);
    await runner.query(RULE);
    await runner.query(CHARGE);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(DOWN);
  }
}

// Every fee so far is FLAT: `amount` for each subscription. Of the other models, `amount` is the
// price of `rate_unit` of what is counted, or the percentage, and there is one charge for all
// subscriptions of the plan under a contract. `counts` and `of_services` say what is counted in
// the billed month; a percentage is of the usage of `of_services` and of `of_fees`, by their names.
const FEE = `
  ALTER TABLE plan_fee
    ADD COLUMN model text NOT NULL DEFAULT 'FLAT' CHECK (model IN
      ('FLAT','PER_UNIT','PACKAGE','GRADUATED','VOLUME','PERCENT_OF_CHARGE')),
    ADD COLUMN rate_unit int NOT NULL DEFAULT 1 CHECK (rate_unit >= 1),
    ADD COLUMN counts text CHECK (counts IN ('SUBSCRIPTIONS','RECORDS','UNITS')),
    ADD COLUMN tier_schedule_id int,
    ADD COLUMN of_services text[] CHECK (of_services <@ '{VOICE,SMS,DATA,EVENT}'
      AND cardinality(of_services) > 0),
    ADD COLUMN of_fees text[] CHECK (cardinality(of_fees) > 0),
    ADD COLUMN min_charge numeric(18,8) NOT NULL DEFAULT 0 CHECK (min_charge >= 0),
    ADD COLUMN max_charge numeric(18,8) CHECK (max_charge >= min_charge),
    ADD CONSTRAINT plan_fee_tier_schedule FOREIGN KEY (tier_schedule_id, partner_id)
      REFERENCES tier_schedule (id, partner_id),
    ADD CONSTRAINT plan_fee_kind_model CHECK (kind = 'PERIODIC' OR model = 'FLAT'),
    ADD CONSTRAINT plan_fee_counts CHECK (
      (counts IS NULL) = (model IN ('FLAT','PERCENT_OF_CHARGE'))),
    ADD CONSTRAINT plan_fee_priced CHECK (
      (tier_schedule_id IS NOT NULL) = (model IN ('GRADUATED','VOLUME'))
      AND (tier_schedule_id IS NULL OR amount = 0)),
    ADD CONSTRAINT plan_fee_of CHECK (CASE
      WHEN model = 'PERCENT_OF_CHARGE' THEN num_nonnulls(of_services, of_fees) > 0
      WHEN counts IN ('RECORDS','UNITS') THEN of_services IS NOT NULL AND of_fees IS NULL
      ELSE num_nonnulls(of_services, of_fees) = 0 END),
    ADD CONSTRAINT plan_fee_units CHECK (counts <> 'UNITS' OR cardinality(of_services) = 1),
    ADD CONSTRAINT plan_fee_limits CHECK (
      model <> 'FLAT' OR (min_charge = 0 AND max_charge IS NULL));
  CREATE INDEX plan_fee_tiers ON plan_fee (tier_schedule_id) WHERE tier_schedule_id IS NOT NULL`;

// A rule is for records or for fees; what only a record has is not asked of a fee.
const RULE = `
  ALTER TABLE price_rule
    ADD COLUMN acts_on text NOT NULL DEFAULT 'USAGE' CHECK (acts_on IN ('USAGE','FEES')),
    ADD COLUMN service_plan_id int,
    ADD COLUMN fee_kind text CHECK (fee_kind IN ('ONE_TIME','PERIODIC')),
    ADD COLUMN fee_name text CHECK (fee_name <> ''),
    ADD CONSTRAINT price_rule_plan FOREIGN KEY (service_plan_id, partner_id)
      REFERENCES service_plan (id, partner_id),
    ADD CONSTRAINT price_rule_acts_on CHECK (CASE acts_on
      WHEN 'USAGE' THEN num_nonnulls(service_plan_id, fee_kind, fee_name) = 0
      ELSE num_nonnulls(service, destination_ids, weekdays, from_minute, measure) = 0
        AND period = 'MONTH' END)`;

// A charge for all subscriptions of a contract names the contract in place of a subscription.
// `workings` holds what the amount was worked out from; a flat fee without rules has none. Such a
// charge is what is owed for its month less what earlier invoices charged for it, so that a month
// may have several, one an invoice.
const CHARGE = `
  ALTER TABLE fee_charge
    ALTER COLUMN subscription_id DROP NOT NULL,
    ADD COLUMN contract_id int,
    ADD COLUMN workings jsonb,
    ADD CONSTRAINT fee_charge_contract FOREIGN KEY (contract_id, partner_id)
      REFERENCES contract (id, partner_id),
    ADD CONSTRAINT fee_charge_subject CHECK (num_nonnulls(subscription_id, contract_id) = 1),
    DROP CONSTRAINT fee_charge_once,
    ADD CONSTRAINT fee_charge_once EXCLUDE USING gist (
      int8range(subscription_id, subscription_id, '[]') WITH =,
      int8range(hashtext(kind || fee_name), hashtext(kind || fee_name), '[]') WITH =,
      (CASE kind WHEN 'ONE_TIME' THEN daterange(NULL, NULL)
        ELSE daterange(span_from, span_to) END) WITH &&) WHERE (subscription_id IS NOT NULL);
  CREATE UNIQUE INDEX fee_charge_of_contract
    ON fee_charge (contract_id, invoice_id, plan_fee_id, span_from)
    WHERE contract_id IS NOT NULL`;

const DOWN = `
  DROP INDEX fee_charge_of_contract;
  ALTER TABLE fee_charge DROP CONSTRAINT fee_charge_once, DROP CONSTRAINT fee_charge_subject,
    DROP COLUMN contract_id, DROP COLUMN workings, ALTER COLUMN subscription_id SET NOT NULL,
    ADD CONSTRAINT fee_charge_once EXCLUDE USING gist (
      int8range(subscription_id, subscription_id, '[]') WITH =,
      int8range(hashtext(kind || fee_name), hashtext(kind || fee_name), '[]') WITH =,
      (CASE kind WHEN 'ONE_TIME' THEN daterange(NULL, NULL)
        ELSE daterange(span_from, span_to) END) WITH &&);
  ALTER TABLE price_rule DROP CONSTRAINT price_rule_acts_on, DROP COLUMN acts_on,
    DROP COLUMN service_plan_id, DROP COLUMN fee_kind, DROP COLUMN fee_name;
  ALTER TABLE plan_fee DROP CONSTRAINT plan_fee_kind_model, DROP CONSTRAINT plan_fee_counts,
    DROP CONSTRAINT plan_fee_priced, DROP CONSTRAINT plan_fee_of, DROP CONSTRAINT plan_fee_units,
    DROP CONSTRAINT plan_fee_limits, DROP COLUMN model, DROP COLUMN rate_unit, DROP COLUMN counts,
    DROP COLUMN tier_schedule_id, DROP COLUMN of_services, DROP COLUMN of_fees,
    DROP COLUMN min_charge, DROP COLUMN max_charge`;
