import type { UsageFileState } from './usage-file.entity.js';

/** A part of a stored file: the bytes `[from, to)`. A record belongs to the part it begins in. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/** How files are cut into parts. */
export interface ImportSizes {
  /** Most bytes of a part. */
  readonly batchBytes: number;
  /** Threads that import at the same time. */
  readonly workers: number;
}

/** Parts are not made smaller for the sake of threads: each is a transaction. */
const LEAST_BYTES = 2 * 1024 * 1024;

/**
 * Cuts a file into parts of one size, as many as give every thread the same to do where the file
 * is large enough for it; an empty file has none. Few large parts are quicker than many small ones:
 * each has sums of its own and ends in a transaction that others wait for.
 */
export function byteRanges(sizeBytes: number, { batchBytes, workers }: ImportSizes): ByteRange[] {
  const worthwhile = Math.floor(sizeBytes / LEAST_BYTES);
  const least = Math.max(Math.ceil(sizeBytes / batchBytes), Math.min(workers, worthwhile));
  const count = least <= workers ? least : Math.ceil(least / workers) * workers;
  return Array.from({ length: count }, (_, n) => ({
    from: Math.floor((sizeBytes * n) / count),
    to: Math.floor((sizeBytes * (n + 1)) / count),
  }));
}

/**
 * How a file stands: what its own row says, corrected by a run that was given up or cancelled
 * and so never wrote to the file.
 */
export function effectiveState(stored: UsageFileState, run: string | null): UsageFileState {
  if (stored !== 'IMPORTING') return stored;
  if (run === 'PARKED') return 'PARKED';
  return run === 'CANCELLED' ? 'STORED' : stored;
}

/** What the import of a file meets: its own earlier run, if any. */
export interface EarlierRun {
  readonly runId: number;
  readonly state: string;
  readonly sourceId: number | null;
}

/**
 * Whether asking for the import of a file starts a run, finds the one that exists, or contradicts
 * it, because the file was imported as another source's.
 */
export function importDecision(
  earlier: EarlierRun | null,
  sourceId: number,
): 'START' | 'EXISTS' | 'OTHER_SOURCE' {
  if (earlier === null || earlier.state === 'CANCELLED') return 'START';
  return earlier.sourceId === sourceId ? 'EXISTS' : 'OTHER_SOURCE';
}

/** The resource that a batch of this domain needs for itself. */
export function laneOf(identityDomain: string): string {
  return `identity:${identityDomain}`;
}

/** A record that can be recycled, with what decides about its batch. */
export interface RecyclableRecord {
  readonly id: number;
  readonly fileId: number;
  readonly identityDomain: string;
  /** Of its line. */
  readonly bytes: number;
}

/** The records of one file that one batch takes up again. */
export interface RecycleBatch {
  readonly fileId: number;
  readonly identityDomain: string;
  readonly ids: readonly number[];
}

/** How much one batch may hold, which is in memory as a whole. */
export interface RecycleSizes {
  readonly records: number;
  readonly bytes: number;
}

/** Cuts records, which come file by file, into batches of one file, none of more than `most`. */
export function recycleBatches(
  records: readonly RecyclableRecord[],
  most: RecycleSizes,
): RecycleBatch[] {
  const batches: { fileId: number; identityDomain: string; ids: number[] }[] = [];
  let held = 0;
  for (const { id, fileId, identityDomain, bytes } of records) {
    const last = batches.at(-1);
    held += bytes;
    if (last?.fileId === fileId && last.ids.length < most.records && held <= most.bytes) {
      last.ids.push(id);
    } else {
      batches.push({ fileId, identityDomain, ids: [id] });
      held = bytes;
    }
  }
  return batches;
}
