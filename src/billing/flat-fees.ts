import { type FeeBasis, type RoundingPolicy, workOutFee } from './fee-price.js';
import { type CapLedger, type FeeRule, ruledPieces, rulesOn } from './fee-rules.js';
import { cappedSizes, workingsOf } from './fee-workings.js';
import type { FlatCharge } from './fees.js';
import { dayCount, proratedFee } from './prorate.js';

/** What price rules make of flat fees. */
export interface FlatRuling {
  /** The rules of the contract, in the order in which they act. */
  readonly rules: readonly FeeRule[];
  readonly policy: RoundingPolicy;
  /** Gets what rules with a cap take. */
  readonly caps: CapLedger;
}

/**
 * Flat charges after price rules. A rule that begins or ends within the days of a charge divides it
 * there. A charge on which no rule acts stays as it is.
 */
export function ruledFees(charges: readonly FlatCharge[], ruling: FlatRuling): FlatCharge[] {
  if (ruling.rules.length === 0) return [...charges];
  return charges.flatMap((charge) => ruledFee(charge, ruling));
}

function ruledFee(charge: FlatCharge, { rules, policy, caps }: FlatRuling): FlatCharge[] {
  const { fee, subscriptionId, fromOn, monthDays } = charge;
  const asked = { fee, subscriptionId, knownAt: null };
  const pieces = ruledPieces(rules, asked, charge);
  if (pieces.every((piece) => rulesOn(rules, asked, piece.fromOn).length === 0)) return [charge];
  const subject = { subscriptionId, month: fromOn.slice(0, 7), currency: fee.currency };
  return pieces.map((piece) => {
    const days = fee.kind === 'ONE_TIME' ? 1 : dayCount(piece);
    const acting = caps.capped(rulesOn(rules, asked, piece.fromOn), subject);
    if (acting.length === 0) {
      return { ...charge, ...piece, days, amount: proratedFee(fee.amount, subject.month, piece) };
    }
    const basis: FeeBasis = { days, monthDays, counted: [], parts: [] };
    const worked = workOutFee(fee, basis, acting, policy);
    const sizes = cappedSizes(acting, worked);
    for (const { rule } of acting) {
      const size = sizes.get(rule.id);
      if (size !== undefined) caps.enter(rule, subject, size);
    }
    const workings = workingsOf(basis, acting, policy, worked, 0n);
    return { ...charge, ...piece, days, amount: worked.owed, workings };
  });
}
