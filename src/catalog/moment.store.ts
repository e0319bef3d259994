import DataLoader from 'dataloader';
import type { EntityTarget, ObjectLiteral, SelectQueryBuilder } from 'typeorm';
import { grouped } from '../kernel/index.js';
import { knownUntil, type RequestContext } from '../platform/index.js';

const UNTIL = knownUntil(':known');

/** When rows are in force (null: whenever) and as of when they were known (null: now). */
export interface Moment {
  readonly asOf?: Date | null | undefined;
  readonly asKnownAt?: Date | null | undefined;
}

/** Narrows a query of dated rows, aliased `row`, to those in force and known then. */
export function narrowToMoment<T extends ObjectLiteral>(
  query: SelectQueryBuilder<T>,
  moment: Moment,
): SelectQueryBuilder<T> {
  narrowToValid(query, moment.asOf ?? null);
  if (!moment.asKnownAt) return query.andWhere('row.supersededAt IS NULL');
  return query.andWhere(
    `row.recordedAt <= ${UNTIL} AND (row.supersededAt IS NULL OR row.supersededAt > ${UNTIL})`,
    { known: moment.asKnownAt },
  );
}

/** As {@link narrowToMoment}, with all that was ever recorded. */
export function narrowToValid<T extends ObjectLiteral>(
  query: SelectQueryBuilder<T>,
  asOf: Date | null,
): void {
  if (asOf === null) return;
  query.andWhere('row.validFrom <= :asOf AND (row.validTo IS NULL OR row.validTo > :asOf)', {
    asOf,
  });
}

/** What was known at an instant, in plain SQL; null means now. */
export function knownSql(alias: string, known: string): string {
  return `CASE WHEN ${known}::timestamptz IS NULL THEN ${alias}.superseded_at IS NULL
    ELSE ${alias}.recorded_at <= ${knownUntil(known)}
      AND (${alias}.superseded_at IS NULL OR ${alias}.superseded_at > ${knownUntil(known)}) END`;
}

const keys = new Map<string, object>();
const MAX_KEYS = 1_000;

interface Dated extends ObjectLiteral {
  readonly id: number;
}

/** The request's loader of dated rows that refer to an owner by `property`, in order of id. */
export function momentLoader<T extends Dated>(
  context: RequestContext,
  entity: EntityTarget<T> & { name: string },
  property: keyof T & string,
  moment: Moment,
): DataLoader<number, T[]> {
  const { asOf, asKnownAt } = moment;
  const name = `${entity.name}.${property} ${asOf?.getTime()} ${asKnownAt?.getTime()}`;
  // A key has to be the same object within one request only, so that forgetting them is harmless
  // but for a loader more.
  if (keys.size > MAX_KEYS) keys.clear();
  const key = keys.get(name) ?? {};
  keys.set(name, key);
  return context.loader(key, (read) => {
    return new DataLoader<number, T[]>(async (owners) => {
      const query = (await read())
        .createQueryBuilder(entity, 'row')
        .where(`row.${property} = ANY(:owners)`, { owners: [...owners] });
      const rows = await narrowToMoment(query, moment).orderBy('row.id').getMany();
      const groups = grouped(rows, (row) => row[property] as number);
      return owners.map((owner) => groups.get(owner) ?? []);
    });
  });
}
