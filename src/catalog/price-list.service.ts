import { DomainError, minorUnits } from '../kernel/index.js';
import { activePartner, Partner } from '../partner/index.js';
import {
  type Connection,
  once,
  type Page,
  pageById,
  pageOf,
  pageStart,
  rowByGlobalId,
  rowNumber,
  rowOf,
  rowsOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { bandAt } from './band.store.js';
import { EffectiveRateView } from './effective-rate.entity.js';
import { effectiveTable, findRate, type TableEntry, tableKey } from './inherit.js';
import {
  boughtList,
  inheritedRows,
  originRanks,
  type PricedKey,
  type PriceMoment,
  pricedKeys,
} from './inherited-price.store.js';
import { assertKeeper } from './keeper.store.js';
import { narrowToMoment, narrowToValid } from './moment.store.js';
import { demandLevelOf } from './price-access.store.js';
import { PriceList, Rate } from './price-list.entity.js';
import type { CreatePriceListInput, RateFilter } from './price-list.input.js';
import { TimeProfile } from './time-profile.entity.js';
import { valueAt } from './timeline.js';
import { localMs } from './week.js';

/** Whose prices are asked for: the numbers, and the zone whose clock decides the band. */
export interface PricedCall {
  readonly number: string;
  readonly callingNumber: string | null;
  readonly timeZone: string;
}

/** Price lists, and the prices that come out of them. */
export class PriceListService {
  /**
   * Creates a price list; a contract that it inherits through is read at `now`. Refusals are
   * listed in `errors.ts`.
   */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreatePriceListInput,
    now: Date,
    key: string | null,
  ): Promise<PriceList> {
    const made = await once(tx, viewer, key, 'createPriceList', input, async () => ({
      id: await this.#create(tx, viewer, input, now),
    }));
    return rowOf(tx, PriceList, 'PriceList', made.id);
  }

  async #create(tx: Tx, viewer: Viewer, input: CreatePriceListInput, now: Date): Promise<number> {
    const owner = await activePartner(tx, input.partnerId);
    await assertKeeper(tx, owner);
    minorUnits(input.currency);
    const parent = await parentOf(tx, viewer, input, owner, now);
    if (parent !== null && parent.currency !== input.currency) {
      throw parentRefused("A list that inherits is kept in its parent's currency.");
    }
    let profileId: number | null = parent?.timeProfileId ?? null;
    if (input.timeProfileId) {
      const profile = await rowByGlobalId(tx, TimeProfile, 'TimeProfile', input.timeProfileId);
      if (parent !== null && parent.timeProfileId !== profile.id) {
        throw parentRefused("A list that inherits takes its parent's time profile.");
      }
      profileId = profile.id;
    }
    const rows = await tx.query<{ id: number }[]>(
      `INSERT INTO price_list (partner_id, parent_id, time_profile_id, name, currency)
       VALUES ($1, $2, $3, $4, $5) ON CONFLICT (partner_id, name) DO NOTHING RETURNING id`,
      [owner.id, parent?.id ?? null, profileId, input.name.trim(), input.currency],
    );
    if (rows[0] !== undefined) return rows[0].id;
    throw new DomainError('PRICE_LIST_NAME_TAKEN', 'The partner has a price list of this name.', {
      name: input.name,
    });
  }

  /** Visible price lists by rising id, of one partner if given. */
  async list(tx: Tx, partnerId: string | null, page: Page): Promise<Connection<PriceList>> {
    const query = tx.createQueryBuilder(PriceList, 'row');
    if (partnerId) {
      query.andWhere('row.partnerId = :owner', { owner: rowNumber('Partner', partnerId) });
    }
    return pageById(query, page);
  }

  /** Rows of a list by rising id. */
  async rates(
    tx: Tx,
    priceListId: string,
    filter: RateFilter,
    page: Page,
  ): Promise<Connection<Rate>> {
    const list = await rowByGlobalId(tx, PriceList, 'PriceList', priceListId);
    const query = tx.createQueryBuilder(Rate, 'row').where('row.priceListId = :list', {
      list: list.id,
    });
    if (filter.prefix) query.andWhere('row.prefix LIKE :head', { head: `${filter.prefix}%` });
    const { asOf, asKnownAt, history } = filter;
    if (history && !asKnownAt) narrowToValid(query, asOf ?? null);
    else narrowToMoment(query, { asOf, asKnownAt });
    return pageById(query, page);
  }

  /**
   * The prices of a list in force at an instant, by key, inheritance worked out. Refuses with
   * NOT_FOUND, INVALID_PREFIX, or VALUE_OUT_OF_RANGE for a price that the API has no number for.
   */
  async effectiveRates(
    tx: Tx,
    priceListId: string,
    moment: PriceMoment,
    startsWith: string,
    page: Page,
  ): Promise<Connection<EffectiveRateView>> {
    const found = await this.effectivePage(tx, priceListId, moment, startsWith, page);
    await assertSayable(tx, priceListId, found.nodes);
    return found;
  }

  /** As {@link effectiveRates}, with prices of any size; exports write them as they are. */
  async effectivePage(
    tx: Tx,
    priceListId: string,
    moment: PriceMoment,
    startsWith: string,
    page: Page,
  ): Promise<Connection<EffectiveRateView>> {
    const list = await rowByGlobalId(tx, PriceList, 'PriceList', priceListId);
    if (!/^\d{0,15}$/.test(startsWith)) {
      throw new DomainError('INVALID_PREFIX', 'A prefix has up to 15 digits.');
    }
    const after = pricedKeyOf(pageStart(page, 3));
    const keys = await pricedKeys(tx, list.id, moment, startsWith, after, page.first + 1);
    const table = await tableFor(tx, list.id, moment, heads(keys.map((key) => key.prefix)));
    const found = keys.flatMap((key) => {
      const entry = table.get(tableKey(key.prefix, key.bandId, key.originSetId));
      const rate = entry && valueAt(entry.versions, moment.asOf.getTime());
      return rate === undefined ? [] : [new EffectiveRateView({ ...key, rate })];
    });
    return pageOf(found, page, (row) => [row.prefix, row.bandId, row.originSetId]);
  }

  /**
   * The price of a number at an instant, in the band that the clock of a zone shows then and for
   * the sets of origins that hold the calling number; null when the list has none. Refuses with
   * NOT_FOUND, INVALID_NUMBER, INVALID_TIME_ZONE, or VALUE_OUT_OF_RANGE for a price that the API
   * has no number for.
   */
  async rateFor(
    tx: Tx,
    priceListId: string,
    { number, callingNumber, timeZone }: PricedCall,
    moment: PriceMoment,
  ): Promise<EffectiveRateView | null> {
    const list = await rowByGlobalId(tx, PriceList, 'PriceList', priceListId);
    assertNumber(number);
    if (callingNumber !== null) assertNumber(callingNumber);
    const at = moment.asOf.getTime();
    const { asKnownAt } = moment;
    const bandId = await bandAt(tx, list.timeProfileId, localMs(timeZone, at), asKnownAt);
    const table = await tableFor(tx, list.id, moment, heads([number]));
    const ranks = await originRanks(tx, list.id, callingNumber ?? '', asKnownAt);
    const found = findRate(table, number, bandId, at, ranks);
    if (found === undefined) return null;
    const view = new EffectiveRateView({ ...found.entry, rate: found.rate });
    await assertSayable(tx, priceListId, [view]);
    return view;
  }
}

async function assertSayable(
  tx: Tx,
  priceListId: string,
  rates: readonly EffectiveRateView[],
): Promise<void> {
  const large = rates.find((rate) => rate.isTooLarge);
  if (large === undefined) return;
  const { prefix } = large;
  const [destination] = rowsOf<{ name: string }>(
    await tx.query(
      `SELECT d.name FROM destination_prefix p JOIN destination d ON d.id = p.destination_id
       WHERE p.prefix = $1`,
      [prefix],
    ),
  );
  throw new DomainError(
    'VALUE_OUT_OF_RANGE',
    'Percentages of the lists that are inherited stack up to a price of more than 30 digits.',
    { priceListId, prefix, destination: destination?.name ?? null },
  );
}

interface Parent {
  readonly id: number;
  readonly currency: string;
  readonly timeProfileId: number | null;
}

// Lists never change their parent and a new list has no children, so there is no circle.
async function parentOf(
  tx: Tx,
  viewer: Viewer,
  input: CreatePriceListInput,
  owner: Partner,
  now: Date,
): Promise<Parent | null> {
  const { parentId, parentContract } = input;
  if (parentId && parentContract) {
    throw parentRefused('A parent is named either by itself or by a contract.');
  }
  if (parentContract) {
    const contractId = rowNumber('Contract', parentContract.contractId);
    const bought = await boughtList(tx, contractId, owner.id, parentContract.service, now);
    if (bought !== null) {
      await demandLevelOf(tx, viewer, contractId);
      return bought;
    }
    throw parentRefused('The partner buys the service by no price list under this contract.');
  }
  if (!parentId) return null;
  const parent = await rowByGlobalId(tx, PriceList, 'PriceList', parentId);
  const parentOwner = await rowOf(tx, Partner, 'Partner', parent.partnerId);
  if (parentOwner.path.includes(owner.id) || owner.path.includes(parentOwner.id)) return parent;
  throw parentRefused('A list inherits within one partner, or between one and a partner above.');
}

function parentRefused(message: string): DomainError {
  return new DomainError('PRICE_LIST_PARENT_REFUSED', message);
}

function assertNumber(number: string): void {
  if (/^\d{1,15}$/.test(number)) return;
  throw new DomainError('INVALID_NUMBER', 'A number has 1 to 15 digits.', {
    value: number.slice(0, 32),
  });
}

async function tableFor(
  tx: Tx,
  listId: number,
  { asOf: at, asKnownAt }: PriceMoment,
  prefixes: readonly string[],
): Promise<ReadonlyMap<string, TableEntry>> {
  const limits = { at, asKnownAt, prefixes };
  const { lists, destinationPrefixes } = await inheritedRows(tx, listId, limits);
  return effectiveTable(lists, destinationPrefixes);
}

/** Every prefix that begins one of the numbers, the empty one included. */
function heads(numbers: readonly string[]): string[] {
  const all = new Set<string>(['']);
  for (const number of numbers) {
    for (let length = 1; length <= number.length; length += 1) all.add(number.slice(0, length));
  }
  return [...all];
}

function pricedKeyOf(start: readonly unknown[] | null): PricedKey | null {
  if (start === null) return null;
  const [prefix, bandId, originSetId] = start;
  if (typeof prefix === 'string' && isRowNumber(bandId) && isRowNumber(originSetId)) {
    return { prefix, bandId, originSetId };
  }
  throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
}

function isRowNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 31;
}

/** What contracts need to know of visible price lists; handed to the partner register. */
export async function lookUpPriceLists(
  tx: Tx,
  ids: readonly number[],
): Promise<{ id: number; partnerId: number; currency: string }[]> {
  const rows = await tx
    .createQueryBuilder(PriceList, 'row')
    .where('row.id = ANY(:ids)', { ids: [...ids] })
    .getMany();
  return rows.map(({ id, partnerId, currency }) => ({ id, partnerId, currency }));
}
