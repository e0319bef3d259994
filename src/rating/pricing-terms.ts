import type { PricingModel, PricingTerms, TierSchedule } from '../catalog/index.js';

/** A plain price per unit without limits of the charge has no terms. */
export function termsOf(
  model: PricingModel,
  minCharge: bigint,
  maxCharge: bigint | null,
  schedule: TierSchedule | null,
): PricingTerms | null {
  if (model === 'PER_UNIT' && minCharge === 0n && maxCharge === null) return null;
  return { model, minCharge, maxCharge, schedule };
}
