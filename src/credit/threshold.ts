/** What a subscription may use in a month; amounts have scale 8. */
export interface CreditTerms {
  /** Null: nothing is watched. */
  readonly limit: bigint | null;
  /** Share of the limit from which people are warned, 1 to 100. */
  readonly warningPercent: number;
}

/** The steps that the use of a month has reached. */
export interface CreditMarks {
  readonly warned: boolean;
  readonly exhausted: boolean;
}

export type CreditStep = 'CREDIT_THRESHOLD' | 'CREDIT_EXHAUSTED';

/** The steps that a sum reaches; exactly at a threshold counts as reached. */
export function creditMarks(used: bigint, terms: CreditTerms): CreditMarks {
  const { limit, warningPercent } = terms;
  if (limit === null) return { warned: false, exhausted: false };
  return {
    warned: used * 100n >= limit * BigInt(warningPercent),
    exhausted: used >= limit,
  };
}

/** The steps in `after` that are not in `before`, the lesser one first. */
export function newSteps(before: CreditMarks, after: CreditMarks): CreditStep[] {
  const steps: CreditStep[] = [];
  if (after.warned && !before.warned) steps.push('CREDIT_THRESHOLD');
  if (after.exhausted && !before.exhausted) steps.push('CREDIT_EXHAUSTED');
  return steps;
}
