import {
  assertCharge,
  assertRate,
  assertTarget,
  checkedSteps,
  closedBy,
  holidayTable,
  inheritanceChain,
  minuteOf,
  type PricingTerms,
  type RateRow,
  type TierSchedule,
  tierSteps,
  weekdayMask,
  weekTable,
} from '../catalog/index.js';
import { DomainError, epochDayFromIso, minorUnits, parseAmount, period } from '../kernel/index.js';
import type { BookFacts } from './book.js';
import type { VectorList, VectorProfile, VectorRate, VectorWorld } from './vector-format.js';
import type { Names } from './vector-names.js';
import { refused } from './vector-shape.js';

type Prices = Pick<BookFacts, 'destinations' | 'lists' | 'profiles' | 'originSets'>;
type List = BookFacts['lists'][number];

/** Price lists and what they refer to; refuses as the catalogue does. */
export function pricesOf(world: VectorWorld, names: Names): Prices {
  const destinations = [...(world.destinations ?? [])].flatMap(([name, prefixes]) => {
    const id = names.add('destination', name);
    return prefixes.map((prefix) => ({ id, prefix }));
  });
  if (new Set(destinations.map(({ prefix }) => prefix)).size < destinations.length) {
    const said = 'A prefix belongs to another destination already.';
    throw new DomainError('DESTINATION_PREFIX_TAKEN', said);
  }
  const originSets = [...(world.originSets ?? [])].map(([name, prefixes]) => {
    return { id: names.add('originSet', name), prefixes };
  });
  const profiles = [...(world.timeProfiles ?? [])].map(([name]) => profileOf(world, name, names));
  const schedules = schedulesOf(world, names);
  const all = world.priceLists ?? new Map<string, VectorList>();
  for (const name of all.keys()) names.add('list', name);
  const parents = new Map(
    [...all].map(([name, { parent }]) => {
      const path = `priceLists.${name}`;
      return [names.id('list', name, path), names.optional('list', parent, `${path}.parent`)];
    }),
  );
  const lists = [...all].map(([name, list]): List => {
    const path = `priceLists.${name}`;
    const id = names.id('list', name, path);
    const root = all.get(names.nameOf('list', inheritanceChain(parents, id)[0]!))!;
    assertLikeRoot(list, root);
    const { timeProfile, currency = 'EUR' } = root;
    assertBands(list.rates, world.timeProfiles?.get(timeProfile ?? ''), path, names);
    minorUnits(currency);
    return {
      id,
      parentId: parents.get(id)!,
      timeProfileId: names.optional('profile', timeProfile, `${path}.timeProfile`),
      currency,
      rows: rowsOf(list.rates, list.parent !== undefined, path, names, schedules),
    };
  });
  return { destinations, lists, profiles, originSets };
}

// A list that inherits has the currency and the time profile of the one it inherits from.
function assertLikeRoot(list: VectorList, root: VectorList): void {
  const { currency = root.currency, timeProfile = root.timeProfile } = list;
  if (timeProfile === root.timeProfile && (currency ?? 'EUR') === (root.currency ?? 'EUR')) return;
  const said = "A list that inherits has its parent's currency and time profile.";
  throw new DomainError('PRICE_LIST_PARENT_REFUSED', said);
}

function assertBands(
  rates: readonly VectorRate[],
  profile: VectorProfile | undefined,
  listPath: string,
  names: Names,
): void {
  rates.forEach(({ band }, place) => {
    names.optional('band', band, `${listPath}.rates[${place}].band`);
    if (band === undefined || profile?.bands.has(band)) return;
    const said = "The time band does not belong to the price list's time profile.";
    throw new DomainError('BAND_NOT_OF_PROFILE', said);
  });
}

function profileOf(world: VectorWorld, name: string, names: Names): BookFacts['profiles'][number] {
  const { bands, holidays } = world.timeProfiles!.get(name)!;
  const rules = [...bands].flatMap(([band, times]) => {
    const bandId = names.add('band', band);
    return times.map(({ days, from, to }) => ({
      bandId,
      weekdays: weekdayMask(days),
      fromMinute: minuteOf(from),
      toMinute: minuteOf(to),
    }));
  });
  weekTable(rules);
  holidayTable(rules);
  const calendar = holidays === undefined ? [] : world.holidays?.get(holidays);
  if (calendar === undefined) {
    throw refused(`timeProfiles.${name}.holidays`, `names "${holidays}", which is not there`);
  }
  const days = calendar.map(epochDayFromIso).sort((one, other) => one - other);
  return { id: names.add('profile', name), rules, holidays: days };
}

function schedulesOf(world: VectorWorld, names: Names): ReadonlyMap<number, TierSchedule> {
  const schedules = new Map<number, TierSchedule>();
  for (const [name, schedule] of world.tierSchedules ?? []) {
    const drafts = schedule.steps.map((step) => ({
      ...step,
      rateUnit: step.rateUnit ?? 1,
      flatFee: step.flatFee ?? '0',
      block: step.block ?? false,
    }));
    const id = names.add('schedule', name);
    schedules.set(id, {
      id,
      scope: schedule.per ?? 'SUBSCRIPTION',
      period: schedule.period ?? 'MONTH',
      steps: tierSteps(checkedSteps(drafts)),
    });
  }
  return schedules;
}

// Rows follow each other as they were entered: a later one of the same key ends the one before.
function rowsOf(
  rates: readonly VectorRate[],
  inherits: boolean,
  listPath: string,
  names: Names,
  schedules: ReadonlyMap<number, TierSchedule>,
): RateRow[] {
  const rows: RateRow[] = [];
  rates.forEach((rate, place) => {
    const path = `${listPath}.rates[${place}]`;
    const row = rowOf(rate, names.add('rate', path), path, names, schedules);
    if (row.kind !== 'ABSOLUTE' && !inherits) {
      throw new DomainError('RATE_WITHOUT_PARENT', 'A list without a parent adjusts nothing.');
    }
    const sameKey = rows.filter(
      (other) =>
        other.prefix === row.prefix &&
        other.destinationId === row.destinationId &&
        other.bandId === row.bandId &&
        other.originSetId === row.originSetId,
    );
    const closed = closedBy(sameKey, row.validFrom, row.validTo);
    const at = rows.findIndex(({ id }) => id === closed?.id);
    if (at >= 0) rows[at] = { ...rows[at]!, validTo: row.validFrom };
    rows.push(row);
  });
  return rows;
}

function rowOf(
  rate: VectorRate,
  id: number,
  path: string,
  names: Names,
  schedules: ReadonlyMap<number, TierSchedule>,
): RateRow {
  const { kind = 'ABSOLUTE', model = 'PER_UNIT', price = '0', connectionFee = '0' } = rate;
  const { rateUnit = 1, firstIncrement = 1, nextIncrement = 1, minimum = 0, grace = 0 } = rate;
  const numbers = { rateUnit, firstIncrement, nextIncrement, minimum, grace };
  const destinationId = names.optional('destination', rate.destination, `${path}.destination`);
  const scheduleId = names.optional('schedule', rate.tiers, `${path}.tiers`);
  const prefix = rate.prefix ?? (destinationId === null ? '' : null);
  assertTarget(prefix, destinationId === null ? null : String(destinationId));
  assertRate({ kind, price, connectionFee, ...numbers });
  assertCharge({
    kind,
    model,
    price,
    minCharge: rate.minCharge ?? '0',
    maxCharge: rate.maxCharge,
    tierScheduleId: scheduleId === null ? null : String(scheduleId),
  });
  const terms: PricingTerms = {
    model,
    minCharge: parseAmount(rate.minCharge ?? '0'),
    maxCharge: rate.maxCharge === undefined ? null : parseAmount(rate.maxCharge),
    schedule: scheduleId === null ? null : schedules.get(scheduleId)!,
  };
  const { from: validFrom, to: validTo } = period(rate.from ?? 0, rate.to ?? null);
  const plain = model === 'PER_UNIT' && terms.minCharge === 0n && terms.maxCharge === null;
  return {
    id,
    destinationId,
    prefix,
    bandId: names.optional('band', rate.band, `${path}.band`),
    originSetId: names.optional('originSet', rate.origin, `${path}.origin`),
    kind,
    price: parseAmount(price),
    connectionFee: parseAmount(connectionFee),
    ...numbers,
    terms: plain ? null : terms,
    validFrom,
    validTo,
  };
}
