import { randomBytes } from 'node:crypto';
import { seal } from '../identity/index.js';
import { DomainError, toGlobalId } from '../kernel/index.js';
import {
  type Connection,
  createRun,
  notFound,
  once,
  type Page,
  pageOf,
  rowAfter,
  rowNumber,
  type Tx,
  type Viewer,
  WORK_CHANNEL,
} from '../platform/index.js';
import { countNumbers, daysHeld } from './erase.store.js';
import { type Erasure, type ErasureRow, erasure } from './erasure.entity.js';
import {
  approveErasure,
  findErasure,
  insertErasure,
  isHeld,
  listErasures,
  lockSubscription,
  withdrawErasure,
} from './erasure.store.js';
import { type ErasurePayload, type ErasureWork, sealedFor } from './erasure-work.js';

const KEY_BYTES = 32;
const MOST_NUMBERS = 10_000;

/** Requests to forget a subscriber: one asks, another one approves. */
export class ErasureService {
  readonly #secretKey: Uint8Array;
  readonly #now: () => Date;

  constructor(secretKey: Uint8Array, now: () => Date) {
    this.#secretKey = secretKey;
    this.#now = now;
  }

  /** The erasure, or null when there is none to see. */
  async find(tx: Tx, globalId: string): Promise<Erasure | null> {
    const row = await findErasure(tx, rowNumber('Erasure', globalId));
    return row === null ? null : erasure(row);
  }

  /** Erasures, newest first. */
  async list(tx: Tx, page: Page): Promise<Connection<Erasure>> {
    const rows = await listErasures(tx, rowAfter(page.after), page.first + 1);
    const ids = new Map(rows.map((row) => [toGlobalId('Erasure', row.id), row.id]));
    return pageOf(rows.map(erasure), page, ({ id }) => [ids.get(id)]);
  }

  /**
   * Asks for the holder of an ended subscription to be forgotten. Refuses with ERASURE_NOT_ENDED,
   * ERASURE_TOO_WIDE, ERASURE_EXISTS, ERASURE_ON_HOLD or NOT_FOUND.
   */
  async request(
    tx: Tx,
    viewer: Viewer,
    input: { readonly subscriptionId: string; readonly reason: string },
    key: string | null,
  ): Promise<Erasure> {
    const made = await once(tx, viewer, key, 'requestErasure', input, async () => {
      const subscriptionId = rowNumber('Subscription', input.subscriptionId);
      const partnerId = await endedSubscription(tx, viewer, subscriptionId, this.#now());
      const id = await insertErasure(tx, {
        partnerId,
        subscriptionId,
        reason: input.reason,
        requestedBy: viewer.userId,
        requestedAt: this.#now(),
      });
      if (id === null) {
        throw new DomainError('ERASURE_EXISTS', 'The subscription has an erasure already.');
      }
      return { id };
    });
    return erasure(await known(tx, made.id));
  }

  /** Gives a request up that was not approved. Refuses with ERASURE_STATE or NOT_FOUND. */
  async withdraw(tx: Tx, viewer: Viewer, globalId: string, key: string | null): Promise<Erasure> {
    const made = await once(tx, viewer, key, 'withdrawErasure', { id: globalId }, async () => {
      const { id } = await this.#requested(tx, globalId);
      await withdrawErasure(tx, id);
      return { id };
    });
    return erasure(await known(tx, made.id));
  }

  /**
   * Has the subscriber forgotten, as a run; it cannot be taken back. Refuses with
   * ERASURE_OWN_APPROVAL, ERASURE_STATE, ERASURE_NOT_ENDED, ERASURE_ON_HOLD or NOT_FOUND.
   */
  async approve(tx: Tx, viewer: Viewer, globalId: string, key: string | null): Promise<Erasure> {
    const made = await once(tx, viewer, key, 'approveErasure', { id: globalId }, async () => {
      const row = await this.#requested(tx, globalId);
      if (row.requestedBy === viewer.userId) {
        throw new DomainError('ERASURE_OWN_APPROVAL', 'Somebody else has to approve it.');
      }
      await endedSubscription(tx, viewer, row.subscriptionId, this.#now());
      const work: ErasureWork = {
        key: randomBytes(KEY_BYTES).toString('hex'),
        own: [],
      };
      await approveErasure(tx, {
        id: row.id,
        approvedBy: viewer.userId,
        approvedAt: this.#now(),
        runId: await this.#startRun(tx, viewer, row),
        work: seal(this.#secretKey, JSON.stringify(work), sealedFor(row.id)),
      });
      return { id: row.id };
    });
    return erasure(await known(tx, made.id));
  }

  async #startRun(tx: Tx, viewer: Viewer, row: ErasureRow): Promise<number> {
    const days = await daysHeld(tx, row.subscriptionId);
    const steps: ErasurePayload[] = [
      { step: 'NUMBERS', erasureId: row.id },
      { step: 'DELIVERIES', erasureId: row.id },
      { step: 'FILES', erasureId: row.id },
      ...days.map((day) => ({ step: 'DAY', erasureId: row.id, day }) as const),
      { step: 'SUSPENSE', erasureId: row.id },
      { step: 'END', erasureId: row.id },
    ];
    const { runId } = await createRun(tx, {
      kind: 'ERASE',
      partnerId: row.partnerId,
      subject: `erase:${row.id}`,
      params: {},
      requestedBy: viewer.userId,
      unitsTotal: steps.length,
      // One after the other, since each builds upon what the one before has found.
      batches: steps.map((step) => ({ lane: 'erase', payload: step, units: 1 })),
    });
    await tx.query('SELECT pg_notify($1, $2)', [WORK_CHANNEL, 'ERASE']);
    return runId;
  }

  async #requested(tx: Tx, globalId: string): Promise<ErasureRow> {
    const row = await findErasure(tx, rowNumber('Erasure', globalId), 'FOR UPDATE');
    if (row === null) throw notFound('Erasure', globalId);
    if (row.state === 'REQUESTED') return row;
    throw new DomainError('ERASURE_STATE', `The erasure is ${row.state}.`, { state: row.state });
  }
}

async function endedSubscription(tx: Tx, viewer: Viewer, id: number, now: Date): Promise<number> {
  const found = await lockSubscription(tx, id, now);
  if (found === null) throw notFound('Subscription', toGlobalId('Subscription', id));
  if (!found.isOver) {
    throw new DomainError('ERASURE_NOT_ENDED', 'Terminate the subscription first.');
  }
  if ((await countNumbers(tx, id)) > MOST_NUMBERS) {
    throw new DomainError('ERASURE_TOO_WIDE', `A person has at most ${MOST_NUMBERS} numbers.`);
  }
  if (await isHeld(tx, found.partnerId, { partnerId: viewer.partnerId })) {
    throw new DomainError('ERASURE_ON_HOLD', 'Usage of the subscription is held.');
  }
  return found.partnerId;
}

async function known(tx: Tx, id: number): Promise<ErasureRow> {
  const row = await findErasure(tx, id);
  if (row === null) throw notFound('Erasure', toGlobalId('Erasure', id));
  return row;
}
