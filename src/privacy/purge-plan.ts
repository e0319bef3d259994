import {
  type Cohort,
  cohorts,
  type RetentionKind,
  retentionKinds,
  type SetPeriod,
} from './retention-rules.js';

/** Kinds whose rows are found by their own age. */
export type RowKind = Extract<
  RetentionKind,
  | 'ALARM'
  | 'EVENT'
  | 'SESSION'
  | 'SIGN_IN_EVENT'
  | 'IDEMPOTENCY_KEY'
  | 'OUTBOX'
  | 'SUSPENSE'
  | 'WEBHOOK_DELIVERY'
>;

const ROW_KINDS: readonly RowKind[] = [
  'IDEMPOTENCY_KEY',
  'OUTBOX',
  'EVENT',
  'SESSION',
  'SIGN_IN_EVENT',
  'ALARM',
  'SUSPENSE',
  'WEBHOOK_DELIVERY',
];

/** Partners whose data from before an instant is past its time. */
export interface Past {
  readonly before: string;
  readonly partnerIds: readonly number[];
}

/** What one batch of a purge does. */
export type PurgeStep =
  | ({ readonly step: 'ROWS'; readonly kind: RowKind } & Past)
  | ({ readonly step: 'FILES' } & Past)
  | ({ readonly step: 'DELIVERIES' } & Past)
  | { readonly step: 'LEFTOVERS' }
  | { readonly step: 'DAY'; readonly day: string; readonly partnerIds: readonly number[] }
  | { readonly step: 'HORIZON'; readonly before: string }
  | { readonly step: 'RUNS'; readonly before: string }
  | { readonly step: 'REPORT' };

/** What a purge is planned from. */
export interface PurgeFacts {
  readonly partners: readonly { readonly id: number; readonly path: readonly number[] }[];
  readonly periods: readonly SetPeriod[];
  /** UTC days that have records, rising, `YYYY-MM-DD`. */
  readonly days: readonly string[];
  readonly nowMs: number;
}

const DAY_MS = 86_400_000;

/**
 * The steps of a purge, in the order in which they are done: what nothing refers to first, then
 * usage from the oldest day on, then what only late records of that time would have needed.
 */
export function purgeSteps(facts: PurgeFacts): PurgeStep[] {
  const { partners, periods, days, nowMs } = facts;
  const today = dayOf(nowMs);
  const past = (kind: RetentionKind): Past[] =>
    cohorts(kind, partners, periods, today).map(({ keepDays, partnerIds }) => {
      return { before: new Date(nowMs - keepDays * DAY_MS).toISOString(), partnerIds };
    });
  const files = past('USAGE_FILE');
  const usage = cohorts('XDR', partners, periods, today);
  const oldest = past('XDR').at(-1)?.before ?? new Date(0).toISOString();
  const hub = partners.filter(({ path }) => path.length === 1);
  const run = cohorts('RUN', hub, periods, today)[0]?.keepDays ?? retentionKinds.RUN.days;
  return [
    ...ROW_KINDS.flatMap((kind) =>
      past(kind).map((each) => ({ step: 'ROWS', kind, ...each }) as const),
    ),
    ...files.map((each) => ({ step: 'FILES', ...each }) as const),
    ...files.map((each) => ({ step: 'DELIVERIES', ...each }) as const),
    { step: 'LEFTOVERS' },
    ...days.flatMap((day) => daySteps(day, usage, nowMs)),
    { step: 'HORIZON', before: oldest },
    { step: 'RUNS', before: new Date(nowMs - run * DAY_MS).toISOString() },
    { step: 'REPORT' },
  ];
}

/** Of the steps of a purge, what purges some days once more; none when they are not past. */
export function stepsOfDays(steps: readonly PurgeStep[], days: readonly string[]): PurgeStep[] {
  const wanted = new Set(days);
  if (!steps.some((step) => step.step === 'DAY' && wanted.has(step.day))) return [];
  return steps.filter((step) =>
    step.step === 'DAY' ? wanted.has(step.day) : step.step === 'HORIZON' || step.step === 'REPORT',
  );
}

// A day is past for a partner when its last moment is.
function daySteps(day: string, usage: readonly Cohort[], nowMs: number): PurgeStep[] {
  const end = Date.parse(`${day}T00:00:00Z`) + DAY_MS;
  const partnerIds = usage
    .filter(({ keepDays }) => end <= nowMs - keepDays * DAY_MS)
    .flatMap((cohort) => cohort.partnerIds);
  return partnerIds.length === 0 ? [] : [{ step: 'DAY', day, partnerIds }];
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
