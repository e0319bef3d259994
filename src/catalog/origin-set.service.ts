import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { assertKept, keptPartner } from './keeper.store.js';
import { narrowToMoment } from './moment.store.js';
import { OriginSet, OriginSetPrefix } from './origin-set.entity.js';
import type { ChangeOriginSetInput, CreateOriginSetInput } from './tier-schedule.input.js';

/**
 * Sets of origins. Their prefixes have recorded time and no validity: a change counts for whatever
 * is rated from then on.
 */
export class OriginSetService {
  /**
   * Creates a set. Refuses with INVALID_PREFIX, ORIGIN_SET_NAME_TAKEN, PRICE_LIST_READ_ONLY or
   * NOT_FOUND.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreateOriginSetInput,
    key: string | null,
  ): Promise<OriginSet> {
    const made = await once(tx, viewer, key, 'createOriginSet', input, async () => ({
      id: await this.#create(tx, input),
    }));
    return rowOf(tx, OriginSet, 'OriginSet', made.id);
  }

  async #create(tx: Tx, input: CreateOriginSetInput): Promise<number> {
    const owner = await keptPartner(tx, input.partnerId);
    assertPrefixes(input.prefixes);
    const rows = await tx.query<{ id: number }[]>(
      `INSERT INTO origin_set (partner_id, name) VALUES ($1, $2)
       ON CONFLICT (partner_id, name) DO NOTHING RETURNING id`,
      [owner.id, input.name.trim()],
    );
    const id = rows[0]?.id;
    if (id === undefined) {
      throw new DomainError('ORIGIN_SET_NAME_TAKEN', 'The partner has a set of this name.', {
        name: input.name,
      });
    }
    await addPrefixes(tx, id, owner.id, input.prefixes);
    return id;
  }

  /**
   * Takes prefixes out and then others in; what is out already, or in, stays so. Refuses with
   * INVALID_PREFIX, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async change(
    tx: Tx,
    viewer: Viewer,
    input: ChangeOriginSetInput,
    key: string | null,
  ): Promise<OriginSet> {
    const made = await once(tx, viewer, key, 'changeOriginSet', input, async () => {
      const set = await rowByGlobalId(tx, OriginSet, 'OriginSet', input.originSetId);
      await assertKept(tx, set.partnerId);
      assertPrefixes([...input.add, ...input.remove]);
      await tx.query('SELECT id FROM origin_set WHERE id = $1 FOR UPDATE', [set.id]);
      await tx.query(
        `UPDATE origin_set_prefix SET superseded_at = now()
         WHERE origin_set_id = $1 AND superseded_at IS NULL AND prefix = ANY ($2)
           AND NOT prefix = ANY ($3)`,
        [set.id, input.remove, input.add],
      );
      await addPrefixes(tx, set.id, set.partnerId, input.add);
      return { id: set.id };
    });
    return rowOf(tx, OriginSet, 'OriginSet', made.id);
  }

  /** Visible sets by rising id, of one partner if given. */
  async list(tx: Tx, partnerId: string | null, page: Page): Promise<Connection<OriginSet>> {
    const query = tx.createQueryBuilder(OriginSet, 'row');
    if (partnerId) {
      query.andWhere('row.partnerId = :owner', { owner: rowNumber('Partner', partnerId) });
    }
    return pageById(query, page);
  }

  /** Prefixes of a set that count, or counted at a moment, by rising id. Refuses with NOT_FOUND. */
  async prefixes(
    tx: Tx,
    originSetId: string,
    asKnownAt: Date | null,
    page: Page,
  ): Promise<Connection<OriginSetPrefix>> {
    const set = await rowByGlobalId(tx, OriginSet, 'OriginSet', originSetId);
    const query = tx
      .createQueryBuilder(OriginSetPrefix, 'row')
      .where('row.originSetId = :set', { set: set.id });
    return pageById(narrowToMoment(query, { asKnownAt }), page);
  }
}

async function addPrefixes(
  tx: Tx,
  setId: number,
  partnerId: number,
  prefixes: readonly string[],
): Promise<void> {
  await tx.query(
    `INSERT INTO origin_set_prefix (origin_set_id, partner_id, prefix)
     SELECT $1, $2, prefix FROM unnest($3::text[]) AS prefix
     ON CONFLICT (origin_set_id, prefix) WHERE superseded_at IS NULL DO NOTHING`,
    [setId, partnerId, [...new Set(prefixes)]],
  );
}

function assertPrefixes(prefixes: readonly string[]): void {
  const wrong = prefixes.find((prefix) => !/^[1-9]\d{0,14}$/.test(prefix));
  if (wrong === undefined) return;
  throw new DomainError('INVALID_PREFIX', 'A prefix has 1 to 15 digits and begins with 1 to 9.', {
    prefix: wrong.slice(0, 32),
  });
}
