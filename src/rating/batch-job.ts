import type { FormatDefinition } from '../mediation/index.js';
import type { BatchTicket } from '../platform/index.js';
import type { Counts } from './batch-findings.js';
import type { PriceBook } from './book.js';
import type { HourRange } from './identity-cover.js';
import type { RerateScope } from './rerate-selection.js';

/** How the records of a source are read and compared. */
export interface SourceFacts {
  readonly format: FormatDefinition;
  readonly timeZone: string;
  readonly defaultInTrunkId: number;
  readonly defaultOutTrunkId: number;
  readonly identityDomain: string;
  /** Records that began before have been purged. */
  readonly earliestMs: number;
}

/** Lines of a stored file that begin in `[from, to)`. */
export interface ImportJob {
  readonly kind: 'IMPORT';
  readonly ticket: BatchTicket;
  readonly fileId: number;
  readonly path: string;
  readonly from: number;
  readonly to: number;
  readonly source: SourceFacts;
  readonly priceBookId: number;
}

/** Suspended records that are tried again. */
export interface RecycleJob {
  readonly kind: 'RECYCLE';
  readonly ticket: BatchTicket;
  readonly fileId: number;
  readonly suspenseIds: readonly string[];
  readonly source: SourceFacts;
  readonly priceBookId: number;
}

export type BatchJob = ImportJob | RecycleJob;

/** A job, and the hours in which no record may begin that is compared; see `LoadedIdentities`. */
export type ComparingJob = BatchJob & { readonly missing: readonly HourRange[] };

/** Shards whose months with new entries are folded. */
export interface FoldJob {
  readonly kind: 'FOLD';
  readonly ticket: BatchTicket;
  readonly shards: readonly number[];
  readonly bytes: number;
}

/** Records of a part of one UTC day that are rated anew. */
export interface RerateSliceJob {
  readonly kind: 'RERATE';
  readonly step: 'PREVIEW' | 'APPLY';
  readonly ticket: BatchTicket;
  readonly rerateId: number;
  readonly scope: RerateScope;
  readonly priceBookId: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly bytes: number;
}

/** Months that a preview folds on trial, by shard. */
export interface RerateFoldJob {
  readonly kind: 'RERATE';
  readonly step: 'FOLD';
  readonly ticket: BatchTicket;
  readonly rerateId: number;
  readonly previewRunId: number;
  readonly shards: readonly number[];
  readonly bytes: number;
}

/** A batch of an applied change set that is undone. */
export interface RerateUndoJob {
  readonly kind: 'RERATE';
  readonly step: 'UNDO';
  readonly ticket: BatchTicket;
  readonly rerateId: number;
  readonly undoneBatchId: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly bytes: number;
}

export type RerateJob = RerateSliceJob | RerateFoldJob | RerateUndoJob;

/** The book and the identities of a job come before it, and only when they are other ones. */
export type ToWorker =
  | { readonly book: PriceBook }
  | { readonly identities: SharedArrayBuffer }
  | { readonly job: ComparingJob | FoldJob | RerateJob }
  | { readonly stop: true };

/** What a thread answers when a job is done. */
export interface Done {
  /** Null where nothing is counted, as in a fold. */
  readonly done: Counts | null;
  /** Identities that the batch added, and the hours in which its records began. */
  readonly identities: number;
  readonly hours: readonly number[];
}

/** Nothing was stored, since records began in hours that cannot be compared: all its hours. */
export interface HoursMissing {
  readonly hoursMissing: readonly number[];
}

export type FromWorker =
  | { readonly ready: true }
  | Done
  | HoursMissing
  | { readonly failed: { readonly name: string; readonly code: string; readonly message: string } };
