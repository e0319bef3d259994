import { notFound, type RequestContext, rowLoader, rowNumber, type Tx } from '../platform/index.js';
import { Destination } from './destination.entity.js';

/** The numbers of these destinations, each once; refuses with NOT_FOUND. */
export async function existingDestinations(
  tx: Tx,
  globalIds: readonly string[],
): Promise<number[]> {
  const ids = new Map(globalIds.map((id) => [rowNumber('Destination', id), id]));
  const rows = await tx.query<{ id: number }[]>('SELECT id FROM destination WHERE id = ANY ($1)', [
    [...ids.keys()],
  ]);
  for (const { id } of rows) ids.delete(id);
  for (const globalId of ids.values()) throw notFound('Destination', globalId);
  return rows.map(({ id }) => id).sort((a, b) => a - b);
}

/** Destinations by their numbers, as fields show them; null for all. */
export async function destinationsOf(
  context: RequestContext,
  ids: readonly number[] | null,
): Promise<Destination[] | null> {
  if (ids === null) return null;
  const rows = await rowLoader(context, Destination).loadMany([...ids]);
  return rows.filter((row): row is Destination => row instanceof Destination);
}
