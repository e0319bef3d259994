import type { PriceLevel } from '../partner/index.js';

/** Which records are rated anew and at which levels, as it is stored; null is any. */
export interface RerateSelection {
  /** First instant and end of the period in which charging began, RFC 3339. */
  readonly from: string;
  readonly to: string;
  readonly partnerId: number | null;
  readonly contractId: number | null;
  readonly levels: readonly PriceLevel[] | null;
  readonly destinationIds: readonly number[] | null;
  /** Code of the service. */
  readonly service: number | null;
  readonly sourceId: number | null;
  readonly fileId: number | null;
  readonly runId: number | null;
  readonly subscriptionId: number | null;
}

/**
 * What a selection came to when it was previewed. Applying uses the very same, so that records
 * which came in meanwhile stay out.
 */
export interface RerateScope {
  /** Only levels that this partner sells; null for the hub, which answers for all. */
  readonly sellerId: number | null;
  readonly contractId: number | null;
  readonly levels: readonly PriceLevel[] | null;
  /** Whose records; null for all. */
  readonly partnerIds: readonly number[] | null;
  readonly subscriptionId: number | null;
  readonly service: number | null;
  readonly destinationIds: readonly number[] | null;
  /** Batches that wrote the records; null for all up to `lastBatchId`. */
  readonly batchIds: readonly number[] | null;
  readonly lastBatchId: number;
  /** Batches up to there that were still at work. */
  readonly openBatchIds: readonly number[];
}

/** Where the terms of a contract version stand, for selecting levels. */
export interface LevelTerms {
  readonly contractId: number;
  readonly level: PriceLevel;
  readonly sellerPartnerId: number;
}

/** Whether a scope has to do with the levels that a contract version prices. */
export function selectsLevel(scope: RerateScope, terms: LevelTerms): boolean {
  if (scope.contractId !== null && terms.contractId !== scope.contractId) return false;
  if (scope.levels !== null && !scope.levels.includes(terms.level)) return false;
  return scope.sellerId === null || terms.sellerPartnerId === scope.sellerId;
}

/** Whether a scope leaves out some levels of the records that it selects. */
export function isPartial(scope: RerateScope): boolean {
  return scope.contractId !== null || scope.levels !== null || scope.sellerId !== null;
}

const DAY_MS = 86_400_000;

/** A part of one day leaf that one batch reads. */
export interface RerateSlice {
  readonly fromMs: number;
  readonly toMs: number;
  /** Bytes of the leaf that it is likely to read. */
  readonly bytes: number;
}

/**
 * Cuts the days of a period into parts of about `sliceBytes` each. `leaves` are the days that
 * hold records, counted from 1970-01-01, with the size of what lies in them.
 */
export function slicesOf(
  leaves: readonly { readonly day: number; readonly bytes: number }[],
  fromMs: number,
  toMs: number,
  sliceBytes: number,
): RerateSlice[] {
  return leaves.flatMap(({ day, bytes }) => {
    const from = Math.max(fromMs, day * DAY_MS);
    const to = Math.min(toMs, (day + 1) * DAY_MS);
    if (from >= to || bytes === 0) return [];
    const held = bytes * ((to - from) / DAY_MS);
    const parts = Math.max(1, Math.ceil(held / sliceBytes));
    const edge = (part: number) => Math.floor(from + ((to - from) * part) / parts);
    return Array.from({ length: parts }, (_, part) => ({
      fromMs: edge(part),
      toMs: edge(part + 1),
      bytes: Math.ceil(held / parts),
    }));
  });
}
