import { addDays, civilDate, startOfDay } from '../kernel/index.js';

/** Changes of a price that a notice may be agreed for. */
export const NOTICE_CHANGES = ['NEW', 'INCREASED', 'DECREASED', 'CHANGED', 'CLOSED'] as const;
export type NoticeChange = (typeof NOTICE_CHANGES)[number];

/** The notice that one contract agrees, and the zone in which its days begin. */
export interface NoticeTerms {
  readonly policy: 'WARN' | 'SHIFT' | 'REFUSE';
  readonly newDays: number;
  readonly increaseDays: number;
  readonly decreaseDays: number;
  readonly changedDays: number;
  readonly closedDays: number;
  readonly timeZone: string;
}

/** First instant at which a change may hold, in epoch milliseconds; null when it always may. */
export interface NoticeRule {
  readonly change: NoticeChange;
  /** By any contract, and by those that shift or refuse what comes too early. */
  readonly earliest: number | null;
  readonly shiftTo: number | null;
  readonly refuseBefore: number | null;
}

const DAYS_OF: Readonly<Record<NoticeChange, (terms: NoticeTerms) => number>> = {
  NEW: (terms) => terms.newDays,
  INCREASED: (terms) => terms.increaseDays,
  DECREASED: (terms) => terms.decreaseDays,
  CHANGED: (terms) => terms.changedDays,
  CLOSED: (terms) => terms.closedDays,
};

/**
 * What the contracts that use a list demand of a sheet received at an instant. Days are civil
 * days of the contract: seven days' notice received on the 1st, at whatever hour, lets a price
 * hold from the beginning of the 8th. Of several contracts the longest notice counts.
 */
export function noticeRules(contracts: readonly NoticeTerms[], receivedAt: number): NoticeRule[] {
  return NOTICE_CHANGES.map((change) => {
    const under = (policy?: NoticeTerms['policy']) =>
      contracts
        .filter((terms) => policy === undefined || terms.policy === policy)
        .map((terms) => earliestUnder(terms, DAYS_OF[change](terms), receivedAt))
        .reduce(later, null);
    return {
      change,
      earliest: under(),
      shiftTo: under('SHIFT'),
      refuseBefore: under('REFUSE'),
    };
  }).filter((rule) => rule.earliest !== null);
}

function earliestUnder(terms: NoticeTerms, days: number, receivedAt: number): number | null {
  if (days === 0) return null;
  const { timeZone } = terms;
  return startOfDay(timeZone, addDays(civilDate(timeZone, receivedAt), days));
}

function later(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.max(a, b);
}
