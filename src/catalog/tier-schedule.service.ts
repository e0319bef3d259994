import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { keptPartner } from './keeper.store.js';
import { checkedSteps } from './tier.js';
import { TierSchedule } from './tier-schedule.entity.js';
import type { CreateTierScheduleInput } from './tier-schedule.input.js';

/** Tier schedules, which never change. */
export class TierScheduleService {
  /**
   * Creates a tier schedule. Refuses with TIER_GAP, TIER_ORDER, TIER_OVERFLOW, TIER_REFUSED,
   * TIER_SCHEDULE_NAME_TAKEN, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateTierScheduleInput,
    key: string | null,
  ): Promise<TierSchedule> {
    const made = await once(tx, viewer, key, 'createTierSchedule', input, async () => ({
      id: await this.#create(tx, input),
    }));
    return rowOf(tx, TierSchedule, 'TierSchedule', made.id);
  }

  async #create(tx: Tx, input: CreateTierScheduleInput): Promise<number> {
    const owner = await keptPartner(tx, input.partnerId);
    const steps = checkedSteps(input.steps);
    const rows = await tx.query<{ id: number }[]>(
      `INSERT INTO tier_schedule (partner_id, name, scope, period, steps)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (partner_id, name) DO NOTHING RETURNING id`,
      [owner.id, input.name.trim(), input.scope, input.period, JSON.stringify(steps)],
    );
    if (rows[0] !== undefined) return rows[0].id;
    throw new DomainError(
      'TIER_SCHEDULE_NAME_TAKEN',
      'The partner has a tier schedule of this name.',
      { name: input.name },
    );
  }

  /** Visible schedules by rising id, of one partner if given. */
  async list(tx: Tx, partnerId: string | null, page: Page): Promise<Connection<TierSchedule>> {
    const query = tx.createQueryBuilder(TierSchedule, 'row');
    if (partnerId) {
      query.andWhere('row.partnerId = :owner', { owner: rowNumber('Partner', partnerId) });
    }
    return pageById(query, page);
  }
}
