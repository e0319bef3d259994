import { DomainError, toGlobalId } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageOf,
  rowAfter,
  rowNumber,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { type RetentionHold, type RetentionPeriod, retentionHold } from './retention.entity.js';
import type { HoldUsageInput, SetRetentionInput } from './retention.input.js';
import {
  endHold,
  insertHold,
  insertPeriod,
  isUserInView,
  listHolds,
  lockHold,
  partnerPath,
  periodsOf,
} from './retention.store.js';
import {
  effectivePeriod,
  HUB_KINDS,
  retentionKindNames,
  retentionKinds,
} from './retention-rules.js';

/** How long data is kept, and what is kept in any case. */
export class RetentionService {
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** What holds for a partner today, kind by kind. Refuses with NOT_FOUND. */
  async periods(
    tx: Tx,
    viewer: Viewer,
    globalId: string | null | undefined,
  ): Promise<RetentionPeriod[]> {
    const partnerId = partnerOf(viewer, globalId);
    const path = await visiblePath(tx, partnerId);
    const periods = await periodsOf(tx, partnerId);
    const today = this.#today();
    return retentionKindNames.map((kind) => {
      const { keepDays, setFor, validFrom } = effectivePeriod(kind, path, periods, today);
      const next = periods
        .filter((each) => each.partnerId === partnerId && each.kind === kind)
        .filter((each) => each.validFrom > today)
        .sort((a, b) => a.validFrom.localeCompare(b.validFrom) || b.id - a.id)[0];
      return {
        kind,
        keepDays,
        minimumDays: retentionKinds[kind].minimum,
        setForId: setFor === null ? null : toGlobalId('Partner', setFor),
        validFrom,
        nextKeepDays: next?.keepDays ?? null,
        nextValidFrom: next?.validFrom ?? null,
      };
    });
  }

  /**
   * Sets a period from a day on. Refuses with RETENTION_BELOW_MINIMUM, RETENTION_IN_PAST,
   * RETENTION_OF_HUB or NOT_FOUND.
   */
  async set(
    tx: Tx,
    viewer: Viewer,
    input: SetRetentionInput,
    key: string | null,
  ): Promise<RetentionPeriod[]> {
    const { partnerId: globalId = null, kind, keepDays = null, validFrom } = input;
    await once(tx, viewer, key, 'setRetention', input, async () => {
      const partnerId = partnerOf(viewer, globalId);
      const path = await visiblePath(tx, partnerId);
      const today = this.#today();
      const from = validFrom ?? today;
      const { minimum } = retentionKinds[kind];
      if (keepDays !== null && keepDays < minimum) {
        throw new DomainError('RETENTION_BELOW_MINIMUM', `At least ${minimum} days are kept.`, {
          kind,
          minimum,
        });
      }
      if (from < today) {
        throw new DomainError('RETENTION_IN_PAST', 'A period begins today or later.', { today });
      }
      if (HUB_KINDS.has(kind) && path.length > 1) {
        throw new DomainError('RETENTION_OF_HUB', 'Only the hub sets the period of this kind.', {
          kind,
        });
      }
      await insertPeriod(tx, { partnerId, kind, keepDays, validFrom: from, setBy: viewer.userId });
      return null;
    });
    return this.periods(tx, viewer, globalId);
  }

  /** Keeps usage from being purged. Refuses with INVALID_PERIOD or NOT_FOUND. */
  async hold(
    tx: Tx,
    viewer: Viewer,
    input: HoldUsageInput,
    key: string | null,
  ): Promise<RetentionHold> {
    const made = await once(tx, viewer, key, 'holdUsage', input, async () => {
      const { fromOn, toOn, reason } = input;
      const partnerId = rowNumber('Partner', input.partnerId);
      await visiblePath(tx, partnerId);
      if (toOn <= fromOn) throw new DomainError('INVALID_PERIOD', 'It ends after it begins.');
      return {
        id: await insertHold(tx, { partnerId, fromOn, toOn, reason, setBy: viewer.userId }),
      };
    });
    return this.#heldRow(tx, made.id);
  }

  /**
   * Ends a hold. Refuses with RETENTION_HOLD_RELEASED or NOT_FOUND, and with
   * RETENTION_HOLD_FROM_ABOVE one of somebody who belongs to a partner above: it may be a dispute
   * with the very partner that asks.
   */
  async release(
    tx: Tx,
    viewer: Viewer,
    globalId: string,
    key: string | null,
  ): Promise<RetentionHold> {
    const made = await once(tx, viewer, key, 'releaseHold', { id: globalId }, async () => {
      const id = rowNumber('RetentionHold', globalId);
      const held = await lockHold(tx, id);
      if (held === null) throw notFound('RetentionHold', globalId);
      if (held.releasedAt !== null) {
        throw new DomainError('RETENTION_HOLD_RELEASED', 'The hold has been released already.');
      }
      if (held.setBy !== viewer.userId && !(await isUserInView(tx, held.setBy))) {
        throw new DomainError('RETENTION_HOLD_FROM_ABOVE', 'A partner above holds this usage.');
      }
      await endHold(tx, id, viewer.userId, this.#now());
      return { id };
    });
    return this.#heldRow(tx, made.id);
  }

  /** Holds, newest first. */
  async holds(tx: Tx, page: Page): Promise<Connection<RetentionHold>> {
    const rows = await listHolds(tx, rowAfter(page.after), page.first + 1);
    const shown = rows.map((row) => ({ row, hold: retentionHold(row) }));
    const connection = pageOf(shown, page, ({ row }) => [row.id]);
    return {
      ...connection,
      nodes: connection.nodes.map(({ hold }) => hold),
      edges: connection.edges.map(({ cursor, node }) => ({ cursor, node: node.hold })),
    };
  }

  async #heldRow(tx: Tx, id: number): Promise<RetentionHold> {
    const row = await lockHold(tx, id);
    if (row === null) throw notFound('RetentionHold', toGlobalId('RetentionHold', id));
    return retentionHold(row);
  }

  #today(): string {
    return this.#now().toISOString().slice(0, 10);
  }
}

function partnerOf(viewer: Viewer, globalId: string | null | undefined): number {
  return globalId === null || globalId === undefined
    ? viewer.partnerId
    : rowNumber('Partner', globalId);
}

async function visiblePath(tx: Tx, partnerId: number): Promise<readonly number[]> {
  const path = await partnerPath(tx, partnerId);
  if (path === null) throw notFound('Partner', toGlobalId('Partner', partnerId));
  return path;
}
