import { DomainError, invariant, toGlobalId } from '../kernel/index.js';
import {
  type Connection,
  createRun,
  once,
  type Page,
  pageOf,
  Run,
  rowAfter,
  rowByGlobalId,
  rowNumber,
  rowsOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import {
  byteRanges,
  type EarlierRun,
  type ImportSizes,
  importDecision,
  laneOf,
} from './import-plan.js';
import { UsageFile } from './usage-file.entity.js';
import type { UsageFileFilter } from './usage-file.input.js';
import { UsageSource } from './usage-source.entity.js';

/** Params of a run of kind IMPORT: the terms of the source as they were when it was asked for. */
export interface ImportRunParams {
  readonly fileId: number;
  readonly sourceId: number;
  readonly formatId: number;
  readonly identityDomain: string;
  readonly timeZone: string;
  readonly defaultInTrunkId: number | null;
  readonly defaultOutTrunkId: number | null;
}

/** Payload of a batch of kind IMPORT: the records that begin in `[from, to)` of the file. */
export interface ImportBatchPayload {
  readonly fileId: number;
  readonly from: number;
  readonly to: number;
}

const EFFECTIVE_STATE = `CASE WHEN row.state = 'IMPORTING' AND run.state = 'PARKED' THEN 'PARKED'
  WHEN row.state = 'IMPORTING' AND run.state = 'CANCELLED' THEN 'STORED' ELSE row.state END`;

/** Usage files: what was stored, and their imports. */
export class UsageFileService {
  readonly #sizes: ImportSizes;

  constructor(sizes: ImportSizes) {
    this.#sizes = sizes;
  }

  /**
   * Starts the import of a stored file as the usage of a source; answers the run. The same file
   * and source again find the same run. Refuses with NOT_FOUND, FILE_QUARANTINED, FILE_PURGED,
   * SOURCE_OF_OTHER_PARTNER, or FILE_ALREADY_IMPORTED when the content was imported as another
   * file or source.
   */
  async import(
    tx: Tx,
    viewer: Viewer,
    input: { readonly fileId: string; readonly sourceId: string },
    idempotencyKey: string | null,
  ): Promise<Run> {
    const made = await once(tx, viewer, idempotencyKey, 'importUsageFile', input, async () => {
      const file = await rowByGlobalId(tx, UsageFile, 'UsageFile', input.fileId);
      const source = await rowByGlobalId(tx, UsageSource, 'UsageSource', input.sourceId);
      return { id: await this.startImport(tx, file.id, source, viewer.userId) };
    });
    return tx.findOneByOrFail(Run, { id: made.id });
  }

  /** As {@link import}, for a file and source that are known; the inbox starts imports so. */
  async startImport(
    tx: Tx,
    fileId: number,
    source: UsageSource,
    requestedBy: number | null,
  ): Promise<number> {
    const file = await lockedFile(tx, fileId);
    if (file.state === 'QUARANTINED') {
      throw new DomainError('FILE_QUARANTINED', 'The file was set aside and is not imported.', {
        reason: file.quarantineReason,
      });
    }
    const earlier = await earlierRun(tx, file);
    const decision = importDecision(earlier, source.id);
    if (decision === 'EXISTS' && earlier !== null) return earlier.runId;
    if (decision === 'OTHER_SOURCE') throw alreadyImported(file.id);
    const other = isEmpty(file) ? null : await otherFileWithContent(tx, file);
    if (other !== null) throw alreadyImported(other);
    assertKept(file);
    await assertFitting(tx, file, source);
    return this.#start(tx, file, source, requestedBy);
  }

  async #start(
    tx: Tx,
    file: UsageFile,
    source: UsageSource,
    requestedBy: number | null,
  ): Promise<number> {
    const size = Number(file.sizeBytes);
    const params: ImportRunParams = {
      fileId: file.id,
      sourceId: source.id,
      formatId: source.usageFormatId,
      identityDomain: source.identityDomain,
      timeZone: source.timeZone,
      defaultInTrunkId: source.defaultInTrunkId,
      defaultOutTrunkId: source.defaultOutTrunkId,
    };
    const run = await createRun(tx, {
      kind: 'IMPORT',
      partnerId: file.partnerId,
      subject: isEmpty(file) ? `file:${file.sha256}:${file.id}` : `file:${file.sha256}`,
      params,
      requestedBy,
      unitsTotal: size,
      batches: byteRanges(size, this.#sizes).map(({ from, to }) => ({
        lane: laneOf(source.identityDomain),
        payload: { fileId: file.id, from, to } satisfies ImportBatchPayload,
        units: to - from,
      })),
    }).catch(asAlreadyImported);
    if (!run.created) throw alreadyImported(null);
    await tx.query(
      `UPDATE usage_file SET usage_source_id = $2, run_id = $3,
         state = CASE WHEN $4 THEN 'DONE' ELSE 'IMPORTING' END,
         finished_at = CASE WHEN $4 THEN now() END
       WHERE id = $1`,
      [file.id, source.id, run.runId, isEmpty(file)],
    );
    return run.runId;
  }

  /** The visible files, newest first. */
  async list(tx: Tx, filter: UsageFileFilter, page: Page): Promise<Connection<UsageFile>> {
    const query = tx
      .createQueryBuilder(UsageFile, 'row')
      .leftJoin('run', 'run', 'run.id = row.run_id');
    if (filter.sourceId) {
      const source = rowNumber('UsageSource', filter.sourceId);
      query.andWhere('row.usageSourceId = :source', { source });
    }
    if (filter.state) query.andWhere(`${EFFECTIVE_STATE} = :state`, { state: filter.state });
    const { rateSheet = null } = filter;
    if (rateSheet !== null) query.andWhere('row.rateSheet = :rateSheet', { rateSheet });
    const before = rowAfter(page.after);
    if (before !== null) query.andWhere('row.id < :before', { before });
    const rows = await query
      .orderBy('row.id', 'DESC')
      .limit(page.first + 1)
      .getMany();
    return pageOf(rows, page, (row) => [row.id]);
  }
}

async function lockedFile(tx: Tx, fileId: number): Promise<UsageFile> {
  const file = await tx
    .createQueryBuilder(UsageFile, 'row')
    .setLock('pessimistic_write')
    .where('row.id = :fileId', { fileId })
    .getOne();
  invariant(file !== null, 'a file that was found is there');
  return file;
}

/** Refuses with FILE_PURGED when the bytes of a file are not there any more. */
export function assertKept(file: UsageFile): void {
  if (file.purgedAt === null) return;
  throw new DomainError('FILE_PURGED', 'The bytes of the file were purged; send them again.', {
    purgedAt: file.purgedAt.toISOString(),
  });
}

// A partner takes up what those below it delivered, and what it delivers itself for one of them.
async function assertFitting(tx: Tx, file: UsageFile, source: UsageSource): Promise<void> {
  if (file.partnerId === source.partnerId) return;
  const fitting = rowsOf(
    await tx.query(
      `SELECT 1 FROM partner f JOIN partner s ON f.path @> ARRAY[s.id] OR s.path @> ARRAY[f.id]
       WHERE f.id = $1 AND s.id = $2`,
      [file.partnerId, source.partnerId],
    ),
  );
  if (fitting.length === 1) return;
  throw new DomainError('SOURCE_OF_OTHER_PARTNER', 'The file is not one of this source.', {
    filePartnerId: toGlobalId('Partner', file.partnerId),
    sourcePartnerId: toGlobalId('Partner', source.partnerId),
  });
}

async function earlierRun(tx: Tx, file: UsageFile): Promise<EarlierRun | null> {
  if (file.runId === null) return null;
  const run = rowsOf<{ state: string }>(
    await tx.query('SELECT state FROM run WHERE id = $1', [file.runId]),
  )[0];
  invariant(run !== undefined, 'the run of a visible file is visible');
  return { runId: file.runId, state: run.state, sourceId: file.usageSourceId };
}

/** Nobody's records are in it: any number of partners may have had nothing to deliver. */
function isEmpty(file: UsageFile): boolean {
  return Number(file.sizeBytes) === 0;
}

// Another visible file with the same bytes whose import exists and was not cancelled.
async function otherFileWithContent(tx: Tx, file: UsageFile): Promise<number | null> {
  const found = rowsOf<{ id: number }>(
    await tx.query(
      `SELECT u.id FROM usage_file u JOIN run r ON r.id = u.run_id
       WHERE u.sha256 = $1 AND u.id <> $2 AND r.state <> 'CANCELLED' ORDER BY u.id LIMIT 1`,
      [file.sha256, file.id],
    ),
  )[0];
  return found?.id ?? null;
}

function alreadyImported(fileId: number | null): DomainError {
  const details = fileId === null ? {} : { fileId: toGlobalId('UsageFile', fileId) };
  return new DomainError('FILE_ALREADY_IMPORTED', 'The same content was imported before.', details);
}

function asAlreadyImported(error: unknown): never {
  const taken = error instanceof DomainError && error.code === 'RUN_SUBJECT_TAKEN';
  throw taken ? alreadyImported(null) : error;
}
