import DataLoader from 'dataloader';
import type { EntityTarget, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { DomainError, grouped, toGlobalId } from '../kernel/index.js';
import { type Connection, type Page, pageOf } from './connection.js';
import type { Tx } from './database.service.js';
import type { RequestContext } from './request.service.js';
import { rowAfter, rowNumber } from './row-number.js';

/** The refusal for a row that does not exist or is not visible; the two cannot be told apart. */
export function notFound(type: string, id: string): DomainError {
  return new DomainError('NOT_FOUND', `There is no such ${type}.`, { type, id });
}

interface Numbered extends ObjectLiteral {
  readonly id: number;
}

/** The visible row with this number; refuses with NOT_FOUND. `type` is its GraphQL name. */
export async function rowOf<T extends Numbered>(
  tx: Tx,
  entity: EntityTarget<T>,
  type: string,
  id: number,
): Promise<T> {
  const row = await tx.createQueryBuilder(entity, 'row').where('row.id = :id', { id }).getOne();
  if (row === null) throw notFound(type, toGlobalId(type, id));
  return row;
}

/** As {@link rowOf}, from an opaque id. */
export async function rowByGlobalId<T extends Numbered>(
  tx: Tx,
  entity: EntityTarget<T>,
  type: string,
  globalId: string,
): Promise<T> {
  const row = await rowOrNull(tx, entity, type, globalId);
  if (row === null) throw notFound(type, globalId);
  return row;
}

/** As {@link rowByGlobalId}, but null instead of a refusal; for queries by id. */
export async function rowOrNull<T extends Numbered>(
  tx: Tx,
  entity: EntityTarget<T>,
  type: string,
  globalId: string,
): Promise<T | null> {
  const id = rowNumber(type, globalId);
  return tx.createQueryBuilder(entity, 'row').where('row.id = :id', { id }).getOne();
}

/** One page of a query whose rows are aliased `row`, by rising id. */
export async function pageById<T extends Numbered>(
  query: SelectQueryBuilder<T>,
  page: Page,
): Promise<Connection<T>> {
  const after = rowAfter(page.after);
  if (after !== null) query.andWhere('row.id > :after', { after });
  const rows = await query
    .orderBy('row.id')
    .limit(page.first + 1)
    .getMany();
  return pageOf(rows, page, (row) => [row.id]);
}

const byId = new Map<EntityTarget<ObjectLiteral>, object>();

/** The request's loader of visible rows by number; a row that is not visible is null. */
export function rowLoader<T extends Numbered>(
  context: RequestContext,
  entity: EntityTarget<T>,
): DataLoader<number, T | null> {
  return context.loader(keyOf(byId, entity), (read) => {
    return new DataLoader<number, T | null>(async (ids) => {
      const tx = await read();
      const rows = await tx
        .createQueryBuilder(entity, 'row')
        .where('row.id = ANY(:ids)', { ids: [...ids] })
        .getMany();
      const found = new Map(rows.map((row) => [row.id, row]));
      return ids.map((id) => found.get(id) ?? null);
    });
  });
}

const byOwner = new Map<string, object>();

/**
 * The request's loader of all rows that refer to an owner by `property`, in order of id. For
 * lists that stay short; lists that grow are {@link nestedPages}.
 */
export function groupLoader<T extends Numbered>(
  context: RequestContext,
  entity: EntityTarget<T> & { name: string },
  property: keyof T & string,
  narrow = 'true',
): DataLoader<number, T[]> {
  return context.loader(keyOf(byOwner, `${entity.name}.${property}.${narrow}`), (read) => {
    return new DataLoader<number, T[]>(async (owners) => {
      const tx = await read();
      const rows = await tx
        .createQueryBuilder(entity, 'row')
        .where(`row.${property} = ANY(:owners)`, { owners: [...owners] })
        .andWhere(narrow)
        .orderBy('row.id')
        .getMany();
      const groups = grouped(rows, (row) => row[property] as number);
      return owners.map((owner) => groups.get(owner) ?? []);
    });
  });
}

interface NestedKey {
  readonly owner: number;
  readonly page: Page;
}

const nested = new Map<string, object>();

/**
 * The page of rows that refer to an owner by `property`, by rising id. All owners of one list ask
 * in one statement, which reads no more rows than the pages need.
 */
export async function nestedPage<T extends Numbered>(
  context: RequestContext,
  entity: EntityTarget<T> & { name: string },
  property: keyof T & string,
  owner: number,
  page: Page,
): Promise<Connection<T>> {
  const loader = context.loader(keyOf(nested, `${entity.name}.${property}`), (read) => {
    return new DataLoader<NestedKey, Connection<T>, string>(
      (keys) => loadPages(read, entity, property, keys),
      { cacheKeyFn: (key) => `${key.owner} ${pageKey(key.page)}` },
    );
  });
  return loader.load({ owner, page });
}

function pageKey(page: Page): string {
  return `${page.first} ${page.after ?? ''}`;
}

async function loadPages<T extends Numbered>(
  read: () => Promise<Tx>,
  entity: EntityTarget<T>,
  property: keyof T & string,
  keys: readonly NestedKey[],
): Promise<Connection<T>[]> {
  const tx = await read();
  const results = new Map<NestedKey, Connection<T>>();
  for (const group of grouped(keys, (key) => pageKey(key.page)).values()) {
    const page = (group[0] as NestedKey).page;
    const rows = await firstRows(tx, entity, property, group, page);
    const groups = grouped(rows, (row) => row[property] as number);
    for (const key of group) {
      results.set(
        key,
        pageOf(groups.get(key.owner) ?? [], page, (row) => [row.id]),
      );
    }
  }
  return keys.map((key) => results.get(key) as Connection<T>);
}

async function firstRows<T extends Numbered>(
  tx: Tx,
  entity: EntityTarget<T>,
  property: keyof T & string,
  group: readonly NestedKey[],
  page: Page,
): Promise<T[]> {
  const { metadata } = tx.getRepository(entity);
  const column = metadata.findColumnWithPropertyName(property)?.databaseName;
  const start = rowAfter(page.after) ?? 0;
  const ids: { id: number }[] = await tx.query(
    `SELECT picked.id FROM unnest($1::int[]) AS owner(id) CROSS JOIN LATERAL (
       SELECT t.id FROM "${metadata.tableName}" t WHERE t."${column}" = owner.id AND t.id > $2
       ORDER BY t.id LIMIT $3) AS picked`,
    [group.map((key) => key.owner), start, page.first + 1],
  );
  if (ids.length === 0) return [];
  return tx
    .createQueryBuilder(entity, 'row')
    .where('row.id = ANY(:ids)', { ids: ids.map((row) => row.id) })
    .orderBy('row.id')
    .getMany();
}

function keyOf<K>(keys: Map<K, object>, name: K): object {
  let key = keys.get(name);
  if (key === undefined) {
    key = {};
    keys.set(name, key);
  }
  return key;
}
