import type { EntityTarget } from 'typeorm';
import { DomainError } from '../kernel/index.js';
import {
  notFound,
  once,
  rowNumber,
  rowOf,
  rowsOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { assertKept } from './keeper.store.js';
import { type Moment, narrowToMoment } from './moment.store.js';
import type { Version } from './version.entity.js';

/** A kind of thing that is kept in versions: its table and its GraphQL name. */
export interface Lineage<T extends Version> {
  readonly entity: EntityTarget<T>;
  readonly table: 'price_rule' | 'bucket' | 'bonus_rule';
  readonly type: string;
  /** Columns of a version but its id, lineage and times. */
  readonly columns: string;
}

/** The version in force at a moment; without `asOf` the last one. Null when there is none. */
export async function versionOrNull<T extends Version>(
  tx: Tx,
  lineage: Lineage<T>,
  globalId: string,
  moment: Moment,
): Promise<T | null> {
  const query = tx
    .createQueryBuilder(lineage.entity, 'row')
    .where('row.lineageId = :lineage', { lineage: rowNumber(lineage.type, globalId) });
  return narrowToMoment(query, moment).orderBy('row.validFrom', 'DESC').limit(1).getOne();
}

/**
 * Makes every other change of the thing wait for the end of the transaction, and answers its
 * first version. Refuses with NOT_FOUND.
 */
export async function lockLineage<T extends Version>(
  tx: Tx,
  lineage: Lineage<T>,
  globalId: string,
): Promise<T> {
  const id = rowNumber(lineage.type, globalId);
  const first = await tx
    .createQueryBuilder(lineage.entity, 'row')
    .setLock('pessimistic_write')
    .where('row.id = :id AND row.lineageId = :id', { id })
    .getOne();
  if (first === null) throw notFound(lineage.type, globalId);
  return first;
}

/**
 * Ends the known versions of a locked thing at an instant and withdraws those that begin later.
 * Answers how many it touched.
 */
async function cutLineage<T extends Version>(
  tx: Tx,
  { table, columns }: Lineage<T>,
  lineageId: number,
  at: Date,
): Promise<number> {
  const cut = rowsOf<{ id: number }>(
    await tx.query(
      `UPDATE ${table} SET superseded_at = now()
       WHERE lineage_id = $1 AND superseded_at IS NULL AND (valid_to IS NULL OR valid_to > $2)
       RETURNING id`,
      [lineageId, at],
    ),
  );
  await tx.query(
    `INSERT INTO ${table} (${columns}, lineage_id, valid_from, valid_to)
     SELECT ${columns}, lineage_id, valid_from, $2 FROM ${table}
     WHERE id = ANY ($1) AND valid_from < $2`,
    [cut.map((row) => row.id), at],
  );
  return cut.length;
}

/**
 * Ends a thing at an instant; at or before its beginning it is withdrawn as if it had never been.
 * Answers its last version. Refuses with NOT_FOUND or VERSION_NOT_CLOSABLE.
 */
async function closeLineage<T extends Version>(
  tx: Tx,
  lineage: Lineage<T>,
  lineageId: number,
  at: Date,
): Promise<number> {
  if ((await cutLineage(tx, lineage, lineageId, at)) === 0) {
    throw new DomainError(
      'VERSION_NOT_CLOSABLE',
      'It has ended or been withdrawn before the given instant.',
    );
  }
  const rows = await tx.query<{ id: number }[]>(
    `SELECT id FROM ${lineage.table} WHERE lineage_id = $1
     ORDER BY superseded_at IS NULL DESC, valid_from DESC, id DESC LIMIT 1`,
    [lineageId],
  );
  return (rows[0] as { id: number }).id;
}

/**
 * Makes a thing be as given from an instant on; what was known of it from then on is superseded.
 * `assertLike` refuses what no version may change, `insert` stores the new one. Refuses with
 * PRICE_LIST_READ_ONLY or NOT_FOUND besides.
 */
export async function changeVersioned<T extends Version, I extends { readonly validFrom: Date }>(
  tx: Tx,
  lineage: Lineage<T>,
  request: Change<I>,
  assertLike: (first: T) => void,
  insert: (first: T) => Promise<number>,
): Promise<T> {
  const { viewer, id, input, key } = request;
  const { type, entity } = lineage;
  const made = await once(tx, viewer, key, `change${type}`, { id, input }, async () => {
    const first = await lockLineage(tx, lineage, id);
    await assertKept(tx, first.partnerId);
    assertLike(first);
    await cutLineage(tx, lineage, first.id, input.validFrom);
    return { id: await insert(first) };
  });
  return rowOf(tx, entity, type, made.id);
}

/** What is asked to be changed, by whom. */
export interface Change<I> {
  readonly viewer: Viewer;
  readonly id: string;
  readonly input: I;
  readonly key: string | null;
}

/**
 * Ends a thing at an instant; at or before its beginning it is withdrawn. Refuses with
 * VERSION_NOT_CLOSABLE, PRICE_LIST_READ_ONLY or NOT_FOUND.
 */
export async function closeVersioned<T extends Version>(
  tx: Tx,
  lineage: Lineage<T>,
  { viewer, id, input: at, key }: Change<Date>,
): Promise<T> {
  const made = await once(tx, viewer, key, `close${lineage.type}`, { id, at }, async () => {
    const first = await lockLineage(tx, lineage, id);
    await assertKept(tx, first.partnerId);
    return { id: await closeLineage(tx, lineage, first.id, at) };
  });
  return rowOf(tx, lineage.entity, lineage.type, made.id);
}
