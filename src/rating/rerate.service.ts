import DataLoader from 'dataloader';
import { DomainError, toGlobalId } from '../kernel/index.js';
import { type Service, serviceCodes, UsageFile, UsageSource } from '../mediation/index.js';
import { Contract, Partner } from '../partner/index.js';
import {
  type Connection,
  createRun,
  type Database,
  once,
  type Page,
  pageOf,
  type RequestContext,
  Run,
  rowAfter,
  rowByGlobalId,
  rowNumber,
  rowOrNull,
  SYSTEM_SCOPE,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { Subscription } from '../subscription/index.js';
import { bookMoment, lockPriceBook } from './price-book.store.js';
import { Rerate } from './rerate.entity.js';
import type { CreateRerateInput, RerateSelectionInput } from './rerate.input.js';
import type { RerateParams } from './rerate-job.js';
import { isFoldedAgain } from './rerate-later.store.js';
import { overtaken } from './rerate-overtaken.store.js';
import {
  appliedBatches,
  forgetPreviews,
  holdFromPurge,
  isBusy,
  isChangedAgain,
  isPartlyPurged,
  isRunOpen,
  previewBatches,
  purged,
  recordDays,
  refusePurged,
  scopeOf,
} from './rerate-plan.store.js';
import { previewBooks } from './rerate-query.store.js';
import { type RerateAction, type RerateState, stepOf } from './rerate-rules.js';
import { type RerateSelection, slicesOf } from './rerate-selection.js';
import { assertSpan } from './xdr-query.store.js';

const SUBJECT = 'Rerate';
const OVERTAKEN = Symbol('change sets that others came after');
/** Bytes of a day leaf that one batch reads. */
const SLICE_BYTES = 48 * 1024 * 1024;

type Answer = { readonly id: number };

/** Change sets that rate records anew; their runs are done by the data plane. */
export class RerateService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The change set, or null when there is none that the transaction may see. */
  async find(tx: Tx, globalId: string): Promise<Rerate | null> {
    return rowOrNull(tx, Rerate, SUBJECT, globalId);
  }

  /**
   * Whether prices, the records by another change set, or the months that were folded on trial by
   * late records or an undo have changed since the preview.
   */
  async isStale(context: RequestContext, rerate: Rerate): Promise<boolean> {
    const book = await previewBooks(context).load(rerate.id);
    if (book?.stale || rerate.previewRunId === null) return book?.stale ?? false;
    const late = context.loader(OVERTAKEN, () => {
      return new DataLoader<number, boolean>(async (ids) => {
        const found = await this.#database.readAside(SYSTEM_SCOPE, (aside) =>
          overtaken(aside, ids),
        );
        return ids.map((id) => found.has(id));
      });
    });
    return late.load(rerate.id);
  }

  /** Change sets, newest first. */
  async list(tx: Tx, state: RerateState | null, page: Page): Promise<Connection<Rerate>> {
    const after = rowAfter(page.after);
    const query = tx.createQueryBuilder(Rerate, 'row').orderBy('row.id', 'DESC');
    if (after !== null) query.andWhere('row.id < :after', { after });
    if (state !== null) query.andWhere('row.state = :state', { state });
    return pageOf(await query.limit(page.first + 1).getMany(), page, (row) => [row.id]);
  }

  /**
   * Notes what is to be rated anew. Refuses with INVALID_PERIOD, NOT_FOUND for anything that the
   * viewer does not see, RERATE_NOT_SELLER for a contract under which others sell, RERATE_PURGED,
   * or RERATE_BUSY while records of the period are being purged.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateRerateInput,
    key: string | null,
  ): Promise<Rerate> {
    const made = await once(tx, viewer, key, 'createRerate', input, async () => {
      const selection = await checkedSelection(tx, viewer, input.selection);
      await holdFromPurge(tx, input.selection.from, input.selection.to);
      await refusePurged(tx, input.selection.from);
      const rerate = tx.create(Rerate, {
        partnerId: viewer.partnerId,
        reason: input.reason,
        stored: selection,
        startedFrom: input.selection.from,
        startedTo: input.selection.to,
        requestedBy: viewer.userId,
      });
      return { id: (await tx.save(rerate)).id };
    });
    return tx.findOneByOrFail(Rerate, { id: made.id });
  }

  /**
   * Starts to work out the differences with the prices of now; an approval given before is void.
   * Refuses with NOT_FOUND or RERATE_STATE.
   */
  async preview(tx: Tx, viewer: Viewer, id: string, key: string | null): Promise<Rerate> {
    return this.#act(tx, viewer, 'preview', { id }, key, async (rerate) => {
      await forgetPreviews(tx, rerate.id);
      await lockPriceBook(tx);
      const { id: priceBookId } = await bookMoment(tx);
      const scope = await this.#database.readAside(SYSTEM_SCOPE, (aside) =>
        scopeOf(aside, rerate.stored, rerate.partnerId),
      );
      const [from, to] = [rerate.startedFrom.getTime(), rerate.startedTo.getTime()];
      const days = await recordDays(tx, from, to);
      const batches = slicesOf(days, from, to, SLICE_BYTES).map(({ fromMs, toMs, bytes }) => ({
        payload: { fromMs, toMs },
        units: bytes,
      }));
      const number = rerate.preview + 1;
      const params = { step: 'PREVIEW', rerateId: rerate.id, priceBookId, scope } as const;
      const runId = await startRun(tx, viewer, rerate, `preview:${number}`, params, batches);
      const isDone = batches.length === 0;
      await tx.update(Rerate, rerate.id, {
        state: isDone ? 'PREVIEWED' : 'PREVIEWING',
        preview: number,
        priceBookId,
        previewedBy: viewer.userId,
        previewedAt: isDone ? () => 'now()' : null,
        previewRunId: runId,
        foldRunId: null,
        approvedBy: null,
        approvedAt: null,
      } as object);
    });
  }

  /**
   * Approves the differences of a preview. Refuses with NOT_FOUND, RERATE_STATE,
   * RERATE_OWN_APPROVAL for whoever asked for the change set or its preview, or
   * RERATE_PREVIEW_OUTDATED when it was previewed again since.
   */
  async approve(
    tx: Tx,
    viewer: Viewer,
    given: { readonly id: string; readonly preview: number },
    key: string | null,
  ): Promise<Rerate> {
    return this.#act(tx, viewer, 'approve', given, key, async (rerate) => {
      if ([rerate.requestedBy, rerate.previewedBy].includes(viewer.userId)) {
        throw new DomainError('RERATE_OWN_APPROVAL', 'Another user has to approve it.');
      }
      if (rerate.preview !== given.preview) {
        throw new DomainError('RERATE_PREVIEW_OUTDATED', 'It was previewed again since.', {
          preview: rerate.preview,
        });
      }
      const approved = { state: 'APPROVED', approvedBy: viewer.userId, approvedAt: () => 'now()' };
      await tx.update(Rerate, rerate.id, approved as object);
    });
  }

  /**
   * Starts to make the approved differences good, with the prices of the preview. Asked again it
   * answers the same. Refuses with NOT_FOUND, RERATE_STATE, or RERATE_BUSY while a change set is
   * being applied or undone whose period meets this one.
   */
  async apply(tx: Tx, viewer: Viewer, id: string, key: string | null): Promise<Rerate> {
    return this.#act(tx, viewer, 'apply', { id }, key, async (rerate) => {
      await this.#refuseBusy(tx, rerate);
      const [preview] = await tx.query('SELECT params FROM run WHERE id = $1', [
        rerate.previewRunId,
      ]);
      const batches = (await previewBatches(tx, rerate.previewRunId as number)).map(
        ({ payload, units }) => ({ payload, units: Number(units) }),
      );
      const params = { ...preview.params, step: 'APPLY' };
      const runId = await startRun(tx, viewer, rerate, 'apply', params, batches);
      const isDone = batches.length === 0;
      await tx.update(Rerate, rerate.id, {
        state: isDone ? 'APPLIED' : 'APPLYING',
        applyRunId: runId,
        appliedAt: isDone ? () => 'now()' : null,
      } as object);
    });
  }

  /**
   * Starts to restore what was shown before. Asked again it answers the same. Refuses with
   * NOT_FOUND, RERATE_STATE, RERATE_BUSY as {@link apply} and {@link create} do, RERATE_PURGED when
   * records that it had changed are gone, or RERATE_CHANGED_AGAIN when a later change set has
   * changed one of the records, or folded it by the prices of this one, and must be undone first.
   */
  async undo(tx: Tx, viewer: Viewer, id: string, key: string | null): Promise<Rerate> {
    return this.#act(tx, viewer, 'undo', { id }, key, async (rerate) => {
      await this.#refuseBusy(tx, rerate);
      await holdFromPurge(tx, rerate.startedFrom, rerate.startedTo);
      await refusePurged(tx, rerate.startedFrom);
      const again = await this.#database.readAside(SYSTEM_SCOPE, async (aside) => {
        if (await isPartlyPurged(aside, rerate)) throw purged();
        return (await isChangedAgain(aside, rerate.id)) || isFoldedAgain(aside, rerate.id);
      });
      if (again) {
        throw new DomainError(
          'RERATE_CHANGED_AGAIN',
          'A later change set was applied to the same records; undo that one first.',
        );
      }
      const batches = (await appliedBatches(tx, rerate.id)).map((batch) => ({
        payload: { ...batch.payload, undoneBatchId: batch.id },
        units: Number(batch.units),
      }));
      const params = { step: 'UNDO', rerateId: rerate.id } as const;
      const runId = await startRun(tx, viewer, rerate, 'undo', params, batches);
      const isDone = batches.length === 0;
      await tx.update(Rerate, rerate.id, {
        state: isDone ? 'UNDONE' : 'UNDOING',
        undoRunId: runId,
        undoneAt: isDone ? () => 'now()' : null,
      } as object);
    });
  }

  /** Gives up a change set that was never applied. Refuses with NOT_FOUND or RERATE_STATE. */
  async discard(tx: Tx, viewer: Viewer, id: string, key: string | null): Promise<Rerate> {
    return this.#act(tx, viewer, 'discard', { id }, key, async (rerate) => {
      await tx.update(Rerate, rerate.id, { state: 'DISCARDED' });
    });
  }

  async #act(
    tx: Tx,
    viewer: Viewer,
    action: RerateAction,
    given: { readonly id: string },
    key: string | null,
    work: (rerate: Rerate) => Promise<void>,
  ): Promise<Rerate> {
    const { id } = given;
    const answer = await once<Answer>(tx, viewer, key, `${action}Rerate`, given, async () => {
      await tx.query('SELECT 1 FROM rerate WHERE id = $1 FOR UPDATE', [rowNumber(SUBJECT, id)]);
      const rerate = await rowByGlobalId(tx, Rerate, SUBJECT, id);
      const step = stepOf(action, rerate.state, await isRunOpen(tx, runOf(rerate)));
      if (step === 'REFUSED') {
        const message = `A change set that is ${rerate.state} does not allow it.`;
        throw new DomainError('RERATE_STATE', message, { state: rerate.state });
      }
      if (step === 'GO') await work(rerate);
      return { id: rerate.id };
    });
    return tx.findOneByOrFail(Rerate, { id: answer.id });
  }

  // Newer batches must be those that were done later, so what meets goes one after the other.
  async #refuseBusy(tx: Tx, rerate: Rerate): Promise<void> {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtext('rerate'))`);
    const busy = await this.#database.readAside(SYSTEM_SCOPE, (aside) => isBusy(aside, rerate.id));
    if (!busy) return;
    throw new DomainError(
      'RERATE_BUSY',
      'Another change set of the same period is being applied or undone; wait until it is done.',
    );
  }
}

/** The run that the state of a change set is about. */
function runOf(rerate: Rerate): number | null {
  if (rerate.state === 'PREVIEWING') return rerate.foldRunId ?? rerate.previewRunId;
  if (rerate.state === 'APPLYING') return rerate.applyRunId;
  return rerate.state === 'UNDOING' ? rerate.undoRunId : null;
}

async function startRun(
  tx: Tx,
  viewer: Viewer,
  rerate: Rerate,
  name: string,
  params: RerateParams,
  batches: readonly { readonly payload: object; readonly units: number }[],
): Promise<number> {
  const { runId } = await createRun(tx, {
    kind: 'RERATE',
    partnerId: rerate.partnerId,
    subject: `rerate:${rerate.id}:${name}`,
    params,
    requestedBy: viewer.userId,
    unitsTotal: batches.reduce((sum, { units }) => sum + units, 0),
    batches,
  });
  return runId;
}

async function checkedSelection(
  tx: Tx,
  viewer: Viewer,
  input: RerateSelectionInput,
): Promise<RerateSelection> {
  assertSpan(input);
  const idOf = async (
    entity: Parameters<typeof rowByGlobalId>[1],
    type: string,
    id?: string | null,
  ) => (id ? (await rowByGlobalId(tx, entity, type, id)).id : null);
  return {
    from: input.from.toISOString(),
    to: input.to.toISOString(),
    partnerId: await idOf(Partner, 'Partner', input.partnerId),
    contractId: await sellersContract(tx, viewer, input.contractId ?? null),
    levels: input.levels ?? null,
    destinationIds: await destinations(tx, input.destinationIds ?? null),
    service: input.service ? serviceCodes[input.service as Service] : null,
    sourceId: await idOf(UsageSource, 'UsageSource', input.sourceId),
    fileId: await idOf(UsageFile, 'UsageFile', input.fileId),
    runId: await idOf(Run, 'Run', input.runId),
    subscriptionId: await idOf(Subscription, 'Subscription', input.subscriptionId),
  };
}

// The hub answers for every level; anybody else for what it sells itself.
async function sellersContract(tx: Tx, viewer: Viewer, id: string | null): Promise<number | null> {
  if (id === null) return null;
  const contract = await rowByGlobalId(tx, Contract, 'Contract', id);
  if (contract.sellerId === viewer.partnerId) return contract.id;
  const partner = await tx.findOneByOrFail(Partner, { id: viewer.partnerId });
  if (partner.parentId === null) return contract.id;
  throw new DomainError('RERATE_NOT_SELLER', 'Only what the partner sells itself is rated anew.');
}

async function destinations(
  tx: Tx,
  ids: readonly string[] | null,
): Promise<readonly number[] | null> {
  if (ids === null) return null;
  const numbers = ids.map((id) => rowNumber('Destination', id));
  const rows: { id: number }[] = await tx.query(
    'SELECT id FROM destination WHERE id = ANY ($1::int[])',
    [numbers],
  );
  const known = new Set(rows.map(({ id }) => id));
  const missing = numbers.find((id) => !known.has(id));
  if (missing === undefined) return [...known];
  throw new DomainError('NOT_FOUND', 'There is no such Destination.', {
    type: 'Destination',
    id: toGlobalId('Destination', missing),
  });
}
