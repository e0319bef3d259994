/** Kinds of data whose age decides whether it is still kept. */
export const retentionKinds = {
  XDR: {
    days: 400,
    minimum: 62,
    what: 'Usage records with their corrections, from the day on which they began.',
  },
  USAGE_FILE: {
    days: 400,
    minimum: 31,
    what: 'The bytes of delivered files; that they came, and what became of them, stays known.',
  },
  SUSPENSE: {
    days: 180,
    minimum: 31,
    what: 'The raw text of records that could not be rated; their counts stay.',
  },
  ALARM: { days: 400, minimum: 31, what: 'Alarms that are over.' },
  EVENT: { days: 90, minimum: 2, what: 'Events that subscribers may resume from.' },
  SESSION: { days: 30, minimum: 2, what: 'Sessions that have ended.' },
  SIGN_IN_EVENT: { days: 365, minimum: 31, what: 'Who signed in or tried to.' },
  IDEMPOTENCY_KEY: { days: 7, minimum: 2, what: 'Keys that make repeated requests safe.' },
  OUTBOX: { days: 30, minimum: 2, what: 'Work between parts of the system that is done.' },
  WEBHOOK_DELIVERY: {
    days: 30,
    minimum: 7,
    what: 'Messages to webhooks and the attempts to deliver them.',
  },
  RUN: { days: 400, minimum: 31, what: 'Runs and their batches that nothing refers to any more.' },
  INVOICE: {
    days: 3653,
    // Eight years behind the end of the year in which it was issued: section 14b UStG.
    minimum: 2922,
    what: 'Issued invoices with their documents.',
  },
  BOOK: {
    days: 4018,
    // Ten years behind the end of the year: section 147 AO, section 257 HGB.
    minimum: 3653,
    what: 'Sums of usage, charges and number series, from which invoices can be proven.',
  },
  AUDIT: {
    days: 4018,
    // Who changed what belongs to the books.
    minimum: 3653,
    what: 'Audit entries.',
  },
} as const;

export type RetentionKind = keyof typeof retentionKinds;

export const retentionKindNames = Object.keys(retentionKinds) as RetentionKind[];

/** Kinds that are kept for the hub as a whole, since their rows are of no single partner. */
export const HUB_KINDS: ReadonlySet<RetentionKind> = new Set(['OUTBOX', 'RUN', 'BOOK', 'AUDIT']);

/** A period that somebody has set for a partner and those below it. */
export interface SetPeriod {
  readonly id: number;
  readonly partnerId: number;
  readonly kind: RetentionKind;
  /** Null: what holds for the partner above. */
  readonly keepDays: number | null;
  /** YYYY-MM-DD. */
  readonly validFrom: string;
}

/** How long a kind of data of one partner is kept. */
export interface EffectivePeriod {
  readonly kind: RetentionKind;
  readonly keepDays: number;
  /** The partner for which it was set; null for the default. */
  readonly setFor: number | null;
  readonly validFrom: string | null;
}

/**
 * What holds for a partner on a day: its own period, or that of the nearest partner above it, or
 * the default. `path` leads from the hub to the partner.
 */
export function effectivePeriod(
  kind: RetentionKind,
  path: readonly number[],
  periods: readonly SetPeriod[],
  on: string,
): EffectivePeriod {
  for (const partnerId of [...path].reverse()) {
    const inForce = periods
      .filter((each) => each.kind === kind && each.partnerId === partnerId && each.validFrom <= on)
      .reduce<SetPeriod | null>((best, each) => (isLater(each, best) ? each : best), null);
    if (inForce !== null && inForce.keepDays !== null) {
      const { keepDays, validFrom } = inForce;
      return { kind, keepDays, setFor: partnerId, validFrom };
    }
  }
  return { kind, keepDays: retentionKinds[kind].days, setFor: null, validFrom: null };
}

function isLater(period: SetPeriod, than: SetPeriod | null): boolean {
  if (than === null || period.validFrom > than.validFrom) return true;
  return period.validFrom === than.validFrom && period.id > than.id;
}

/** Partners whose data of a kind is kept equally long. */
export interface Cohort {
  readonly keepDays: number;
  readonly partnerIds: readonly number[];
}

/** All partners by how long their data of a kind is kept, the shortest first. */
export function cohorts(
  kind: RetentionKind,
  partners: readonly { readonly id: number; readonly path: readonly number[] }[],
  periods: readonly SetPeriod[],
  on: string,
): Cohort[] {
  const own = periods.filter((period) => period.kind === kind);
  const byDays = new Map<number, number[]>();
  for (const { id, path } of partners) {
    const { keepDays } = effectivePeriod(kind, path, own, on);
    const found = byDays.get(keepDays);
    if (found === undefined) byDays.set(keepDays, [id]);
    else found.push(id);
  }
  return [...byDays]
    .sort(([a], [b]) => a - b)
    .map(([keepDays, partnerIds]) => ({ keepDays, partnerIds }));
}
