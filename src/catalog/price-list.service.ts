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
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { Destination } from './destination.entity.js';
import { EffectiveRateView } from './effective-rate.entity.js';
import { effectiveTable, findRate, type RateRow, type TableEntry, tableKey } from './inherit.js';
import { narrowToMoment, narrowToValid } from './moment.store.js';
import { PriceList, Rate } from './price-list.entity.js';
import type { CreatePriceListInput, RateFilter, SetRateInput } from './price-list.input.js';
import {
  chainOf,
  closeRow,
  listRows,
  lockPriceList,
  type PricedKey,
  type PriceMoment,
  pricedKeys,
  recordingMoment,
  weekOf,
} from './rate.store.js';
import { assertRate, assertTarget, closedBy } from './rate-rules.js';
import { TimeBand, TimeProfile } from './time-profile.entity.js';
import { valueAt } from './timeline.js';
import { localMs, minuteOfWeek } from './week.js';

/** Price lists and their rows. */
export class PriceListService {
  /** Creates a price list. Refusals are listed in `errors.ts`. */
  async create(
    tx: Tx,
    viewer: Viewer,
    input: CreatePriceListInput,
    key: string | null,
  ): Promise<PriceList> {
    const made = await once(tx, viewer, key, 'createPriceList', input, async () => ({
      id: await this.#create(tx, input),
    }));
    return rowOf(tx, PriceList, 'PriceList', made.id);
  }

  async #create(tx: Tx, input: CreatePriceListInput): Promise<number> {
    const owner = await activePartner(tx, input.partnerId);
    await assertKeeper(tx, owner);
    minorUnits(input.currency);
    const parent = input.parentId
      ? await rowByGlobalId(tx, PriceList, 'PriceList', input.parentId)
      : null;
    let profileId: number | null = parent?.timeProfileId ?? null;
    if (input.timeProfileId) {
      const profile = await rowByGlobalId(tx, TimeProfile, 'TimeProfile', input.timeProfileId);
      if (parent !== null && parent.timeProfileId !== profile.id) {
        throw parentRefused("A list that inherits takes its parent's time profile.");
      }
      profileId = profile.id;
    }
    if (parent !== null) await assertParent(tx, parent, owner, input.currency);
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
   * Records a rate from an instant on; the open rate of the same key ends there. Refuses with
   * RATE_REFUSED, RATE_OVERLAPS, RATE_WITHOUT_PARENT, RATE_BELOW_ZERO, BAND_NOT_OF_PROFILE,
   * INVALID_PERIOD, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async setRate(tx: Tx, viewer: Viewer, input: SetRateInput, key: string | null): Promise<Rate> {
    const made = await once(tx, viewer, key, 'setRate', input, async () => ({
      id: await this.#setRate(tx, input),
    }));
    return rowOf(tx, Rate, 'Rate', made.id);
  }

  async #setRate(tx: Tx, input: SetRateInput): Promise<number> {
    const list = await writableList(tx, input.priceListId);
    assertTarget(input.prefix ?? null, input.destinationId ?? null);
    assertRate(input);
    if (input.kind !== 'ABSOLUTE' && list.parentId === null) {
      throw new DomainError(
        'RATE_WITHOUT_PARENT',
        'The list inherits nothing that could be adjusted.',
      );
    }
    assertPeriod(input);
    const destination = input.destinationId
      ? await rowByGlobalId(tx, Destination, 'Destination', input.destinationId)
      : null;
    const bandId = input.bandId ? await bandOf(tx, list, input.bandId) : null;
    await lockPriceList(tx, list.id);
    const target = { prefix: input.prefix ?? null, destinationId: destination?.id ?? null, bandId };
    const open = closedBy(
      await keyVersions(tx, list.id, target),
      input.validFrom.getTime(),
      input.validTo?.getTime() ?? null,
    );
    const moment = await recordingMoment(tx);
    if (open !== null) await closeRow(tx, open.id, input.validFrom, moment);
    const inserted = await tx.insert(Rate, {
      ...target,
      partnerId: list.partnerId,
      priceListId: list.id,
      kind: input.kind,
      price: input.price,
      connectionFee: input.connectionFee,
      rateUnit: input.rateUnit,
      firstIncrement: input.firstIncrement,
      nextIncrement: input.nextIncrement,
      minimum: input.minimum,
      grace: input.grace,
      validFrom: input.validFrom,
      validTo: input.validTo ?? null,
      recordedAt: () => `'${moment}'`,
    });
    const id = (inserted.identifiers[0] as { id: number }).id;
    if (input.kind === 'DIFFERENCE' && input.price.startsWith('-')) {
      await assertAboveZero(tx, list.id, id, target.prefix);
    }
    return id;
  }

  /**
   * Ends a rate at an instant; at or before its beginning it is withdrawn as if it had never
   * been set. Refuses with RATE_NOT_CLOSABLE, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async closeRate(tx: Tx, rateId: string, at: Date): Promise<PriceList> {
    const { priceListId } = await rowByGlobalId(tx, Rate, 'Rate', rateId);
    const list = await rowOf(tx, PriceList, 'PriceList', priceListId);
    await assertKeeper(tx, await rowOf(tx, Partner, 'Partner', list.partnerId));
    await lockPriceList(tx, priceListId);
    const rate = await rowByGlobalId(tx, Rate, 'Rate', rateId);
    if (rate.supersededAt !== null || (rate.validTo !== null && rate.validTo <= at)) {
      throw new DomainError(
        'RATE_NOT_CLOSABLE',
        'The rate has been replaced or has ended before the given instant.',
      );
    }
    await closeRow(tx, rate.id, at > rate.validFrom ? at : null, await recordingMoment(tx));
    return list;
  }

  /** The prices of a list in force at an instant, by prefix and band, inheritance worked out. */
  async effectiveRates(
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
    const chain = await chainOf(tx, list.id);
    const after = pricedKeyOf(pageStart(page, 2));
    const keys = await pricedKeys(tx, chain, moment, startsWith, after, page.first + 1);
    const table = await tableFor(tx, chain, moment, heads(keys.map((key) => key.prefix)));
    const found = keys.flatMap((key) => {
      const entry = table.get(tableKey(key.prefix, key.bandId));
      const rate = entry && valueAt(entry.versions, moment.asOf.getTime());
      return rate === undefined ? [] : [new EffectiveRateView({ ...key, rate })];
    });
    return pageOf(found, page, (row) => [row.prefix, row.bandId]);
  }

  /**
   * The price of a number at an instant, in the band that the clock of a zone shows then; null
   * when the list has none. Refuses with NOT_FOUND, INVALID_NUMBER or INVALID_TIME_ZONE.
   */
  async rateFor(
    tx: Tx,
    priceListId: string,
    number: string,
    moment: PriceMoment,
    timeZone: string,
  ): Promise<EffectiveRateView | null> {
    const list = await rowByGlobalId(tx, PriceList, 'PriceList', priceListId);
    if (!/^\d{1,15}$/.test(number)) {
      throw new DomainError('INVALID_NUMBER', 'A number has 1 to 15 digits.', {
        value: number.slice(0, 32),
      });
    }
    const at = moment.asOf.getTime();
    const week = await weekOf(tx, list.timeProfileId);
    const bandId = week[minuteOfWeek(localMs(timeZone, at))] ?? 0;
    const chain = await chainOf(tx, list.id);
    const table = await tableFor(tx, chain, moment, heads([number]));
    const found = findRate(table, number, bandId, at);
    if (found === undefined) return null;
    const { prefix, bandId: band } = found.entry;
    return new EffectiveRateView({ prefix, bandId: band, rate: found.rate });
  }
}

/** A visible list that the caller may change. */
export async function writableList(tx: Tx, globalId: string): Promise<PriceList> {
  const list = await rowByGlobalId(tx, PriceList, 'PriceList', globalId);
  await assertKeeper(tx, await rowOf(tx, Partner, 'Partner', list.partnerId));
  return list;
}

/** Prices that suppliers and operators charge us are kept by us, not by them. */
async function assertKeeper(tx: Tx, owner: Partner): Promise<void> {
  if (owner.kind !== 'SUPPLIER' && owner.kind !== 'OPERATOR') return;
  if (owner.parentId !== null && (await tx.existsBy(Partner, { id: owner.parentId }))) return;
  throw new DomainError(
    'PRICE_LIST_READ_ONLY',
    'Prices of a supplier or operator are kept by the partner above it.',
  );
}

// Whoever sees a list must see all that it inherits from, or its prices could not be worked out
// in his scope: so a parent belongs to the same partner or to one below it.
async function assertParent(
  tx: Tx,
  parent: PriceList,
  owner: Partner,
  currency: string,
): Promise<void> {
  const parentOwner = await rowOf(tx, Partner, 'Partner', parent.partnerId);
  if (!parentOwner.path.includes(owner.id)) {
    throw parentRefused('A list inherits from one of the same partner or of a partner below it.');
  }
  if (parent.currency !== currency) {
    throw parentRefused("A list that inherits is kept in its parent's currency.");
  }
  await chainOf(tx, parent.id);
}

function parentRefused(message: string): DomainError {
  return new DomainError('PRICE_LIST_PARENT_REFUSED', message);
}

function assertPeriod(input: SetRateInput): void {
  if (input.validTo && input.validTo <= input.validFrom) {
    throw new DomainError('INVALID_PERIOD', 'The rate does not end after it begins.');
  }
}

async function bandOf(tx: Tx, list: PriceList, globalId: string): Promise<number> {
  const band = await rowByGlobalId(tx, TimeBand, 'TimeBand', globalId);
  if (band.timeProfileId !== list.timeProfileId) {
    throw new DomainError(
      'BAND_NOT_OF_PROFILE',
      "The time band does not belong to the price list's time profile.",
    );
  }
  return band.id;
}

async function keyVersions(
  tx: Tx,
  listId: number,
  target: { prefix: string | null; destinationId: number | null; bandId: number | null },
): Promise<{ id: number; validFrom: number; validTo: number | null }[]> {
  const rows = await tx.query<{ id: number; valid_from: Date; valid_to: Date | null }[]>(
    `SELECT id, valid_from, valid_to FROM rate
     WHERE price_list_id = $1 AND superseded_at IS NULL AND time_band_id IS NOT DISTINCT FROM $4
       AND (prefix = $2 OR destination_id = $3)`,
    [listId, target.prefix, target.destinationId, target.bandId],
  );
  return rows.map((row) => ({
    id: row.id,
    validFrom: row.valid_from.getTime(),
    validTo: row.valid_to?.getTime() ?? null,
  }));
}

/** Proves on the prices known now that an adjustment leaves every one of them at zero or above. */
async function assertAboveZero(
  tx: Tx,
  listId: number,
  rateId: number,
  prefix: string | null,
): Promise<void> {
  const chain = await chainOf(tx, listId);
  const { lists, destinationPrefixes } = await listRows(tx, chain);
  const scoped =
    prefix === null || prefix === ''
      ? lists
      : lists.map(({ listId: id, rows }) => ({
          listId: id,
          rows: rows.filter((row: RateRow) => related(row.prefix, prefix)),
        }));
  for (const entry of effectiveTable(scoped, destinationPrefixes).values()) {
    const below = belowZero(entry, rateId);
    if (!below) continue;
    throw new DomainError(
      'RATE_BELOW_ZERO',
      'The adjustment would bring an inherited price below zero.',
      { prefix: entry.prefix },
    );
  }
}

function belowZero(entry: TableEntry, rateId: number): boolean {
  return entry.versions.some(({ value }) => value.clamped && value.path.at(-1) === rateId);
}

function related(prefix: string | null, other: string): boolean {
  return prefix === null || prefix.startsWith(other) || other.startsWith(prefix);
}

async function tableFor(
  tx: Tx,
  chain: readonly number[],
  { asOf: at, asKnownAt }: PriceMoment,
  prefixes: readonly string[],
): Promise<ReadonlyMap<string, TableEntry>> {
  const { lists, destinationPrefixes } = await listRows(tx, chain, { at, asKnownAt, prefixes });
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
  const [prefix, bandId] = start;
  if (typeof prefix !== 'string' || typeof bandId !== 'number' || !Number.isInteger(bandId)) {
    throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
  }
  return { prefix, bandId };
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
