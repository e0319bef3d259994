import { formatAmount, toGlobalId } from '../kernel/index.js';
import type { XdrRuleOutcome, XdrTierUse } from './explain-charge.entity.js';
import { decimal } from './explain-charge.js';
import type { XdrBucketUse, XdrMonthExplanation } from './explain-month.entity.js';
import type { MonthDerivation, PotUse } from './explain-month.js';
import type { RuleOutcome } from './explain-rules.js';
import type { TierUse } from './explain-tariff.js';

/** A record's month for the API; `isCovered` where the charge would tell what may not be seen. */
export function monthView(
  month: string,
  derived: MonthDerivation,
  buckets: ReadonlyMap<number, string>,
  isCovered: boolean,
  ruleViews: (rules: readonly RuleOutcome[]) => XdrRuleOutcome[],
): XdrMonthExplanation {
  const { pending, tierBefore, tierTotal, charge } = derived;
  return {
    month,
    pending,
    covered: derived.covered.map((use) => useView(use, buckets)),
    coveredQuantity: String(derived.coveredQuantity),
    tierBefore: tierBefore === null ? null : String(tierBefore),
    tierTotal: tierTotal === null ? null : String(tierTotal),
    tiers: derived.tiers.map(tierView),
    rules: ruleViews(derived.rules),
    formula: isCovered ? null : (charge?.formula ?? null),
    chargeSteps: isCovered ? [] : [...(charge?.steps ?? [])],
    paid: derived.paid.map((use) => useView(use, buckets)),
    amount: formatAmount(derived.amount),
  };
}

function useView(use: PotUse, buckets: ReadonlyMap<number, string>): XdrBucketUse {
  const { bucketLineageId, kind, holder } = use;
  const amountOf = (amount: number) => potText(kind, amount);
  return {
    bucketId: toGlobalId('Bucket', bucketLineageId),
    name: buckets.get(bucketLineageId) ?? '',
    kind,
    sharing: holder,
    granted: amountOf(use.granted),
    rolledIn: amountOf(use.rolledIn),
    bonus: amountOf(use.bonus),
    used: amountOf(use.used),
    left: amountOf(use.left),
  };
}

/** What a bucket holds, as a decimal: whole units, or money from scale 8. */
export function potText(kind: PotUse['kind'], amount: number): string {
  return kind === 'UNITS' ? String(amount) : decimal(BigInt(amount));
}

function tierView(use: TierUse): XdrTierUse {
  return {
    from: String(use.from),
    upTo: use.upTo === null ? null : String(use.upTo),
    units: String(use.units),
    blocks: use.block ? String(use.blocks) : null,
    price: decimal(use.price),
    rateUnit: use.rateUnit,
    flatFee: decimal(use.flatFee),
  };
}
