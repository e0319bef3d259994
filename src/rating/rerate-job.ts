import type { ClaimedBatch } from '../platform/index.js';
import type { RerateJob } from './batch-job.js';
import type { RerateScope } from './rerate-selection.js';

/** What a run of kind RERATE does; stored with the run. */
export type RerateParams =
  | {
      readonly step: 'PREVIEW' | 'APPLY';
      readonly rerateId: number;
      readonly priceBookId: number;
      readonly scope: RerateScope;
    }
  | { readonly step: 'FOLD'; readonly rerateId: number; readonly previewRunId: number }
  | { readonly step: 'UNDO'; readonly rerateId: number };

/** A part of a day; of an undo also the batch that is undone. */
export interface SlicePayload {
  readonly fromMs: number;
  readonly toMs: number;
  readonly undoneBatchId?: number;
}

export interface ShardsPayload {
  readonly shards: readonly number[];
}

/** What a thread is to do for a batch. */
export function rerateJobOf(batch: ClaimedBatch, params: RerateParams): RerateJob {
  const { id, runId, partnerId, epoch, lane, laneEpoch, units } = batch;
  const ticket = { id, runId, partnerId, epoch, lane, laneEpoch };
  const shared = { kind: 'RERATE', ticket, rerateId: params.rerateId, bytes: units } as const;
  if (params.step === 'FOLD') {
    const { shards } = batch.payload as ShardsPayload;
    return { ...shared, step: 'FOLD', previewRunId: params.previewRunId, shards };
  }
  const { fromMs, toMs, undoneBatchId = 0 } = batch.payload as SlicePayload;
  if (params.step === 'UNDO') return { ...shared, step: 'UNDO', fromMs, toMs, undoneBatchId };
  const { step, scope, priceBookId } = params;
  return { ...shared, step, scope, priceBookId, fromMs, toMs };
}
