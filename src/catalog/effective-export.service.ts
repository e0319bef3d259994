import { type RequestContext, rowByGlobalId, rowsOf, type Tx } from '../platform/index.js';
import type { EffectiveRateView } from './effective-rate.entity.js';
import { demandPrices } from './price-access.store.js';
import { PriceList } from './price-list.entity.js';
import type { PriceListService } from './price-list.service.js';

const PAGE = 1_000;

/** Which prices of a list are handed out. */
export interface EffectiveWanted {
  readonly priceListId: string;
  readonly asOf: Date;
  /** Only prefixes that begin so. */
  readonly prefix: string;
}

/** A price in force with the names around it. */
export interface EffectivePrice {
  readonly prefix: string;
  readonly destination: string | null;
  readonly band: string | null;
  readonly currency: string;
  readonly rate: EffectiveRateView;
}

/**
 * All prices of a list in force at an instant, by prefix, in portions. Refuses with NOT_FOUND,
 * INVALID_PREFIX, or FORBIDDEN as the prices of the list themselves.
 */
export async function effectivePrices(
  context: RequestContext,
  priceLists: PriceListService,
  { priceListId, asOf, prefix }: EffectiveWanted,
): Promise<{ listId: number; rates(tx: Tx): AsyncIterable<readonly EffectivePrice[]> }> {
  await demandPrices(context, priceListId);
  const list = await rowByGlobalId(await context.read(), PriceList, 'PriceList', priceListId);
  const { currency } = list;
  const moment = { asOf, asKnownAt: null };
  return {
    listId: list.id,
    rates: async function* (tx) {
      for (let after: string | null = null; ; ) {
        const page = await priceLists.effectivePage(tx, priceListId, moment, prefix, {
          first: PAGE,
          after,
        });
        yield await named(tx, currency, page.nodes);
        after = page.pageInfo.endCursor ?? null;
        if (!page.pageInfo.hasNextPage || after === null) return;
      }
    },
  };
}

async function named(
  tx: Tx,
  currency: string,
  rates: readonly EffectiveRateView[],
): Promise<EffectivePrice[]> {
  const destinations = rowsOf<{ prefix: string; name: string }>(
    await tx.query(
      `SELECT p.prefix, d.name FROM destination_prefix p
       JOIN destination d ON d.id = p.destination_id WHERE p.prefix = ANY ($1::text[])`,
      [rates.map(({ prefix }) => prefix)],
    ),
  );
  const bands = rowsOf<{ id: number; name: string }>(
    await tx.query('SELECT id, name FROM time_band WHERE id = ANY ($1::int[])', [
      [...new Set(rates.map(({ bandId }) => bandId))],
    ]),
  );
  const nameOf = new Map(destinations.map(({ prefix, name }) => [prefix, name]));
  const bandOf = new Map(bands.map(({ id, name }) => [id, name]));
  return rates.map((rate) => ({
    prefix: rate.prefix,
    destination: nameOf.get(rate.prefix) ?? null,
    band: bandOf.get(rate.bandId) ?? null,
    currency,
    rate,
  }));
}
