import { randomUUID } from 'node:crypto';
import type { SelectQueryBuilder } from 'typeorm';
import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  createRun,
  once,
  type Page,
  pageOf,
  pageStart,
  Run,
  rowNumber,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { laneOf, recycleBatches } from './import-plan.js';
import { DuplicateRecord, SuspenseRecord } from './suspense.entity.js';
import type { SuspenseCount, SuspenseFilter } from './suspense.input.js';
import { recyclableRecords, SEEN_CONTRACT, type SuspenseScope, summary } from './suspense.store.js';

/** The most that one batch of kind RECYCLE holds: lines may have 64 KiB each. */
const MOST_PER_BATCH = { records: 50_000, bytes: 32 * 1024 * 1024 } as const;

/** Payload of a batch of kind RECYCLE: records of one file, by their ids in rising order. */
export interface RecycleBatchPayload {
  readonly fileId: number;
  readonly ids: readonly number[];
}

/** Records kept aside, and duplicates. */
export class SuspenseService {
  /** The visible records that fit, oldest first. */
  async list(tx: Tx, filter: SuspenseFilter, page: Page): Promise<Connection<SuspenseRecord>> {
    const query = tx.createQueryBuilder(SuspenseRecord, 'row');
    const { fileId, sourceId, codes, contractId, state } = scopeOf(filter);
    if (fileId !== null) query.andWhere('row.usageFileId = :fileId', { fileId });
    if (sourceId !== null) {
      query.andWhere(
        'row.usageFileId IN (SELECT id FROM usage_file WHERE usage_source_id = :sourceId)',
        { sourceId },
      );
    }
    if (codes !== null) query.andWhere('row.code = ANY(:codes)', { codes });
    if (contractId !== null) {
      query.andWhere(`row.contractId = ${SEEN_CONTRACT(':contractId')}`, { contractId });
    }
    if (state === null) query.andWhere("row.state <> 'RECYCLED'");
    else query.andWhere('row.state = :state', { state });
    return afterId(query, page);
  }

  /** The duplicates of one file, in the order in which they were found. */
  async duplicates(tx: Tx, fileId: string, page: Page): Promise<Connection<DuplicateRecord>> {
    const query = tx
      .createQueryBuilder(DuplicateRecord, 'row')
      .where('row.usageFileId = :fileId', { fileId: rowNumber('UsageFile', fileId) });
    return afterId(query, page);
  }

  /** How many records are kept aside, by code, state and source, and by contract if asked for. */
  async summarise(tx: Tx, filter: SuspenseFilter, byContract: boolean): Promise<SuspenseCount[]> {
    return summary(tx, scopeOf(filter), byContract);
  }

  /**
   * Starts a run that takes the fitting rejected and held records up again, oldest first and at
   * most a million; what is left needs another run. Refuses with NOTHING_TO_RECYCLE.
   */
  async recycle(
    tx: Tx,
    viewer: Viewer,
    filter: SuspenseFilter,
    idempotencyKey: string | null,
  ): Promise<Run> {
    const made = await once(tx, viewer, idempotencyKey, 'recycleRecords', filter, async () => ({
      id: await startRecycling(tx, viewer, scopeOf(filter)),
    }));
    return tx.findOneByOrFail(Run, { id: made.id });
  }
}

async function startRecycling(tx: Tx, viewer: Viewer, scope: SuspenseScope): Promise<number> {
  const records = await recyclableRecords(tx, scope);
  if (records.length === 0) {
    throw new DomainError('NOTHING_TO_RECYCLE', 'No rejected or held record fits the filter.');
  }
  const run = await createRun(tx, {
    kind: 'RECYCLE',
    partnerId: viewer.partnerId,
    subject: `recycle:${randomUUID()}`,
    params: scope,
    requestedBy: viewer.userId,
    unitsTotal: records.length,
    batches: recycleBatches(records, MOST_PER_BATCH).map((batch) => ({
      lane: laneOf(batch.identityDomain),
      payload: { fileId: batch.fileId, ids: batch.ids } satisfies RecycleBatchPayload,
      units: batch.ids.length,
    })),
  });
  return run.runId;
}

function scopeOf(filter: SuspenseFilter): SuspenseScope {
  return {
    fileId: filter.fileId ? rowNumber('UsageFile', filter.fileId) : null,
    sourceId: filter.sourceId ? rowNumber('UsageSource', filter.sourceId) : null,
    codes: filter.codes ?? null,
    contractId: filter.contractId ? rowNumber('Contract', filter.contractId) : null,
    state: filter.state ?? null,
  };
}

async function afterId<T extends { id: string }>(
  query: SelectQueryBuilder<T>,
  page: Page,
): Promise<Connection<T>> {
  const [after] = pageStart(page, 1) ?? [];
  if (after !== undefined) {
    if (typeof after !== 'string' || !/^\d{1,18}$/.test(after)) {
      throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
    }
    query.andWhere('row.id > :after', { after });
  }
  const rows = await query
    .orderBy('row.id')
    .limit(page.first + 1)
    .getMany();
  return pageOf(rows, page, (row) => [row.id]);
}
