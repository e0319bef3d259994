import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPriceList, aRate, CREATE_PROFILE, rateInput, SET_RATE } from '../fixtures/catalog.js';
import { aWorld, call, refusal, tokenOf, type World } from '../fixtures/partner.js';
import {
  ADD_MEMBER,
  aPlan,
  bonusInput,
  bucketInput,
  CREATE_BONUS,
  CREATE_BUCKET,
  CREATE_GROUP,
  CREATE_ORIGINS,
  CREATE_RULE,
  CREATE_SCHEDULE,
  ruleInput,
  scheduleInput,
} from '../fixtures/pricing.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const RATE_FOR = `query (
  $id: ID!, $number: String!, $from: String, $zone: String! = "UTC", $at: DateTime, $known: DateTime
) {
  rateFor(priceListId: $id, number: $number, callingNumber: $from, timeZone: $zone, asOf: $at,
    asKnownAt: $known) {
    prefix price model connectionFee minCharge maxCharge tierScope tierPeriod clamped forOrigins
    tiers { from upTo price rateUnit flatFee block }
    band { name } originSet { name } derivation { price }
  }
}`;
const RATES = `query ($id: ID!) { rates(priceListId: $id, filter: {}) { nodes {
  prefix model minCharge maxCharge price validTo tierSchedule { name } originSet { name } } } }`;
const CHANGE_ORIGINS = `mutation ($input: ChangeOriginSetInput!, $key: String) {
  changeOriginSet(input: $input, idempotencyKey: $key) { id }
}`;
const PREFIXES = `query ($id: ID!, $known: DateTime) {
  originSetPrefixes(originSetId: $id, asKnownAt: $known) { nodes { prefix } }
}`;
const CREATE_CALENDAR = `mutation ($input: CreateHolidayCalendarInput!) {
  createHolidayCalendar(input: $input) { id name }
}`;
const ADD_HOLIDAYS = `mutation ($input: AddHolidaysInput!, $key: String) {
  addHolidays(input: $input, idempotencyKey: $key) { id }
}`;
const HOLIDAYS = `query ($id: ID!, $filter: HolidayFilter! = {}) {
  holidays(calendarId: $id, filter: $filter) { nodes { id onDate name source calendar { name } } }
}`;
const WITHDRAW = 'mutation ($id: ID!) { withdrawHoliday(holidayId: $id) { supersededAt } }';
const SET_EXCHANGE_RATE = `mutation ($input: SetExchangeRateInput!) {
  setExchangeRate(input: $input) { id }
}`;
const AT = '2026-06-01T12:00:00Z';

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

const hubList = (given: object = {}) => aPriceList(app, world.hubToken, world.hub, given);
const rate = (list: string, given: object) => aRate(app, world.hubToken, list, given);
const rateFor = (id: string, number: string, given: object = {}) =>
  call(app, world.hubToken, RATE_FOR, { id, number, at: AT, ...given });
const now = () => new Date().toISOString();
/** Recorded times are whole microseconds, instants of the API whole milliseconds. */
const tick = () => new Promise((resolve) => setTimeout(resolve, 3));

describe('tier schedules', () => {
  it('are created once per key and show where each step begins', async () => {
    const input = scheduleInput(world.resellerA);
    const made = await call(app, world.tokenA, CREATE_SCHEDULE, { input, key: 'schedule' });
    expect(made).toMatchObject({
      name: 'Two tiers',
      scope: 'SUBSCRIPTION',
      period: 'MONTH',
      partner: { id: world.resellerA.globalId },
      steps: [
        { from: '0', upTo: '3600', price: '0.10', rateUnit: 60, flatFee: '2', block: false },
        { from: '3600', upTo: null, price: '0.05', rateUnit: 60, flatFee: '0', block: false },
      ],
    });
    const again = await call(app, world.tokenA, CREATE_SCHEDULE, { input, key: 'schedule' });
    expect(again.id).toBe(made.id);
    expect(await refusal(app, world.tokenA, CREATE_SCHEDULE, { input })).toBe(
      'TIER_SCHEDULE_NAME_TAKEN',
    );
    const list = 'query { tierSchedules { nodes { id } } }';
    expect((await call(app, world.tokenA, list)).nodes).toEqual([{ id: made.id }]);
    expect((await call(app, world.tokenB, list)).nodes).toEqual([]);
    const one = 'query ($id: ID!) { tierSchedule(id: $id) { id } }';
    expect(await call(app, world.tokenB, one, { id: made.id })).toBeNull();
    expect(await call(app, world.hubToken, one, { id: made.id })).toEqual({ id: made.id });
  });

  it.each([
    [
      'a gap',
      [
        { upTo: '10', price: '1' },
        { from: '11', price: '1' },
      ],
      'TIER_GAP',
    ],
    [
      'an overlap',
      [
        { upTo: '10', price: '1' },
        { from: '9', price: '1' },
      ],
      'TIER_ORDER',
    ],
    ['a last step that ends', [{ upTo: '10', price: '1' }], 'TIER_OVERFLOW'],
    ['a price below zero', [{ price: '-1' }], 'TIER_REFUSED'],
  ])('refuse %s', async (_, steps, code) => {
    const input = scheduleInput(world.hub, { steps, name: 'Refused' });
    expect(await refusal(app, world.hubToken, CREATE_SCHEDULE, { input })).toBe(code);
  });

  it('are kept by who keeps the prices, with the permission to', async () => {
    const ofSupplier = { input: scheduleInput(world.supplier) };
    const supplier = await tokenOf(app, world.supplier);
    expect(await refusal(app, supplier, CREATE_SCHEDULE, ofSupplier)).toBe('PRICE_LIST_READ_ONLY');
    await call(app, world.hubToken, CREATE_SCHEDULE, ofSupplier);
    const input = scheduleInput(world.resellerB);
    expect(await refusal(app, world.tokenA, CREATE_SCHEDULE, { input })).toBe('NOT_FOUND');
    const reader = await tokenOf(app, world.hub, ['catalog.read']);
    expect(await refusal(app, reader, CREATE_SCHEDULE, { input })).toBe('FORBIDDEN');
  });
});

describe('rates by model', () => {
  it('take limits of the charge, and a child adjusts tiers and fee by percentage', async () => {
    const { id: tierScheduleId } = await call(app, world.hubToken, CREATE_SCHEDULE, {
      input: scheduleInput(world.hub, { name: 'Calls', scope: 'CONTRACT', period: 'DAY' }),
    });
    const root = (await hubList()).id;
    const leaf = (await hubList({ parentId: root })).id;
    await rate(root, { prefix: '49', model: 'GRADUATED', price: '0', tierScheduleId });
    await rate(root, {
      prefix: '48',
      model: 'PACKAGE',
      price: '0.5',
      minCharge: '1',
      maxCharge: '9.5',
    });
    await rate(leaf, { prefix: '', kind: 'PERCENT', price: '50' });
    expect(await rateFor(leaf, '4930')).toMatchObject({
      model: 'GRADUATED',
      price: '0.00',
      tierScope: 'CONTRACT',
      tierPeriod: 'DAY',
      tiers: [
        { from: '0', upTo: '3600', price: '0.15', flatFee: '3.00' },
        { from: '3600', upTo: null, price: '0.075', flatFee: '0.00' },
      ],
      clamped: false,
    });
    expect(await rateFor(leaf, '48')).toMatchObject({
      model: 'PACKAGE',
      price: '0.75',
      minCharge: '1.00',
      maxCharge: '9.50',
      tiers: [],
      tierScope: null,
    });
  });

  it('keep what they say when another closes them', async () => {
    const { id } = await hubList();
    await rate(id, { prefix: '49', model: 'PER_EVENT', minCharge: '0.05', maxCharge: '2' });
    await rate(id, { prefix: '49', price: '0.2', validFrom: '2026-07-01T00:00:00Z' });
    expect((await call(app, world.hubToken, RATES, { id })).nodes).toMatchObject([
      {
        model: 'PER_EVENT',
        minCharge: '0.05000000',
        maxCharge: '2.00000000',
        validTo: '2026-07-01T00:00:00.000Z',
      },
      { model: 'PER_UNIT', minCharge: '0.00000000', maxCharge: null, validTo: null },
    ]);
  });

  it.each([
    ['tiers without schedule', { model: 'VOLUME', price: '0' }, 'RATE_REFUSED'],
    ['limits that cross', { minCharge: '2', maxCharge: '1' }, 'RATE_REFUSED'],
    ['an adjustment with a model', { kind: 'PERCENT', model: 'PER_EVENT' }, 'RATE_REFUSED'],
    ['a schedule that does not exist', () => tiers(toGlobalId('TierSchedule', 9e8)), 'NOT_FOUND'],
  ])('refuse %s', async (_, given, code) => {
    const { id } = await hubList({ parentId: (await hubList()).id });
    const input = rateInput(id, {
      prefix: '49',
      ...(typeof given === 'function' ? given() : given),
    });
    expect(await refusal(app, world.hubToken, SET_RATE, { input })).toBe(code);
  });
  const tiers = (tierScheduleId: string) => ({ model: 'VOLUME', price: '0', tierScheduleId });

  it('refuse schedules and origins of others, hidden ones as if there were none', async () => {
    const schedule = await call(app, world.hubToken, CREATE_SCHEDULE, {
      input: scheduleInput(world.resellerA, { name: 'Of A' }),
    });
    const origins = await call(app, world.hubToken, CREATE_ORIGINS, {
      input: { partnerId: world.resellerA.globalId, name: 'Of A', prefixes: ['49'] },
    });
    const hubs = (await hubList()).id;
    const ofB = (await aPriceList(app, world.hubToken, world.resellerB)).id;
    const given = [tiers(schedule.id), { originSetId: origins.id }];
    for (const fields of given) {
      const input = rateInput(hubs, { prefix: '49', ...fields });
      expect(await refusal(app, world.hubToken, SET_RATE, { input })).toBe('NOT_OF_OWNER');
      const hidden = { ...input, priceListId: ofB };
      expect(await refusal(app, world.tokenB, SET_RATE, { input: hidden })).toBe('NOT_FOUND');
    }
  });
});

describe('rates by origin', () => {
  it('hold for calling numbers of the set, known as they were at any moment', async () => {
    const origins = await call(app, world.hubToken, CREATE_ORIGINS, {
      input: { partnerId: world.hub.globalId, name: 'Europe', prefixes: ['49', '33', '33'] },
    });
    const { id } = await hubList();
    await rate(id, { prefix: '44', price: '0.50' });
    await rate(id, { prefix: '44', price: '0.10', originSetId: origins.id });
    const europe = { price: '0.10', forOrigins: true, originSet: { name: 'Europe' } };
    const world44 = { price: '0.50', forOrigins: false, originSet: null };
    expect(await rateFor(id, '4420', { from: '4930' })).toMatchObject(europe);
    expect(await rateFor(id, '4420', { from: '1212' })).toMatchObject(world44);
    expect(await rateFor(id, '4420')).toMatchObject(world44);
    await tick();
    const before = now();
    await tick();
    const change = { originSetId: origins.id, add: ['1'], remove: ['33', '7'] };
    await call(app, world.hubToken, CHANGE_ORIGINS, { input: change, key: 'in and out' });
    await call(app, world.hubToken, CHANGE_ORIGINS, { input: change, key: 'in and out' });
    expect(await rateFor(id, '4420', { from: '1212' })).toMatchObject(europe);
    expect(await rateFor(id, '4420', { from: '3312' })).toMatchObject(world44);
    expect(await rateFor(id, '4420', { from: '3312', known: before })).toMatchObject(europe);
    const prefixes = async (known: string | null) =>
      (await call(app, world.hubToken, PREFIXES, { id: origins.id, known })).nodes.map(
        (node: { prefix: string }) => node.prefix,
      );
    expect(await prefixes(null)).toEqual(['49', '1']);
    expect(await prefixes(before)).toEqual(['49', '33']);
  });

  it('are two keys: one rate does not close the other', async () => {
    const { id: originSetId } = await call(app, world.hubToken, CREATE_ORIGINS, {
      input: { partnerId: world.hub.globalId, name: 'Two keys', prefixes: ['49'] },
    });
    const { id } = await hubList();
    await rate(id, { prefix: '44' });
    await rate(id, { prefix: '44', originSetId });
    const again = { input: rateInput(id, { prefix: '44', originSetId }) };
    expect(await refusal(app, world.hubToken, SET_RATE, again)).toBe('RATE_OVERLAPS');
    const { nodes } = await call(app, world.hubToken, RATES, { id });
    expect(nodes.map((node: { validTo: string | null }) => node.validTo)).toEqual([null, null]);
  });

  it('refuse prefixes that begin no number and names twice', async () => {
    const input = { partnerId: world.hub.globalId, name: 'Refused', prefixes: ['049'] };
    expect(await refusal(app, world.hubToken, CREATE_ORIGINS, { input })).toBe('INVALID_PREFIX');
    const sound = { ...input, prefixes: ['49'] };
    const { id } = await call(app, world.hubToken, CREATE_ORIGINS, { input: sound });
    expect(await refusal(app, world.hubToken, CREATE_ORIGINS, { input: sound })).toBe(
      'ORIGIN_SET_NAME_TAKEN',
    );
    const change = { originSetId: id, add: ['4a'] };
    expect(await refusal(app, world.hubToken, CHANGE_ORIGINS, { input: change })).toBe(
      'INVALID_PREFIX',
    );
    const other = { originSetId: id, add: ['1'] };
    expect(await refusal(app, world.tokenA, CHANGE_ORIGINS, { input: other })).toBe('NOT_FOUND');
    expect(await refusal(app, world.tokenA, PREFIXES, { id })).toBe('NOT_FOUND');
  });
});

describe('holidays', () => {
  const day = (onDate: string) => ({ onDate, name: 'Labour Day', source: 'Feiertagsgesetz' });
  const profile = (name: string, holidayCalendarId: string | null) => ({
    name,
    holidayCalendarId,
    bands: [
      { name: 'Peak', rules: [{ weekdays: ['FRIDAY'], from: '08:00', to: '18:00' }] },
      { name: 'Quiet', rules: [{ weekdays: ['HOLIDAY'] }] },
    ],
  });

  it("hold in place of the weekday on the contract's date, until they are withdrawn", async () => {
    const { id: calendarId } = await call(app, world.hubToken, CREATE_CALENDAR, {
      input: { name: 'Germany' },
    });
    // 1 May 2026 is a Friday.
    const input = { calendarId, days: [day('2026-05-01'), day('2026-12-25')] };
    await call(app, world.hubToken, ADD_HOLIDAYS, { input });
    const made = await call(app, world.hubToken, CREATE_PROFILE, {
      input: profile('With holidays', calendarId),
    });
    const list = (await hubList({ timeProfileId: made.id })).id;
    for (const [i, band] of made.bands.entries()) {
      await rate(list, { prefix: '49', bandId: band.id, price: `0.0${i + 1}` });
    }
    const band = async (at: string, zone: string, known: string | null = null) =>
      (await rateFor(list, '49', { at, zone, known }))?.band.name ?? null;
    expect(await band('2026-05-01T10:00:00Z', 'UTC')).toBe('Quiet');
    expect(await band('2026-05-08T10:00:00Z', 'UTC')).toBe('Peak');
    // 22:30 UTC on 30 April is the first half hour of the holiday in Berlin.
    expect(await band('2026-04-30T22:30:00Z', 'Europe/Berlin')).toBe('Quiet');
    expect(await band('2026-04-30T22:30:00Z', 'UTC')).toBeNull();
    const { nodes } = await call(app, world.tokenA, HOLIDAYS, {
      id: calendarId,
      filter: { from: '2026-01-01', to: '2026-12-01' },
    });
    expect(nodes).toMatchObject([
      { onDate: '2026-05-01', source: 'Feiertagsgesetz', calendar: { name: 'Germany' } },
    ]);
    await tick();
    const before = now();
    await tick();
    await call(app, world.hubToken, WITHDRAW, { id: nodes[0].id });
    expect(await band('2026-05-01T10:00:00Z', 'UTC')).toBe('Peak');
    expect(await band('2026-05-01T10:00:00Z', 'UTC', before)).toBe('Quiet');
    expect(await refusal(app, world.hubToken, WITHDRAW, { id: nodes[0].id })).toBe(
      'HOLIDAY_WITHDRAWN',
    );
    await call(app, world.hubToken, ADD_HOLIDAYS, {
      input: { calendarId, days: [day('2026-05-01')] },
    });
    expect(await band('2026-05-01T10:00:00Z', 'UTC')).toBe('Quiet');
  });

  it('are kept by the hub, once a day, and need a calendar', async () => {
    const make = { input: { name: 'Bavaria' } };
    const { id: calendarId } = await call(app, world.hubToken, CREATE_CALENDAR, make);
    expect(await refusal(app, world.hubToken, CREATE_CALENDAR, make)).toBe(
      'HOLIDAY_CALENDAR_NAME_TAKEN',
    );
    expect(await refusal(app, world.tokenA, CREATE_CALENDAR, { input: { name: 'A' } })).toBe(
      'NOT_HUB',
    );
    const twice = { input: { calendarId, days: [day('2026-08-15'), day('2026-08-15')] } };
    expect(await refusal(app, world.hubToken, ADD_HOLIDAYS, twice)).toBe('HOLIDAY_EXISTS');
    expect((await call(app, world.hubToken, HOLIDAYS, { id: calendarId })).nodes).toEqual([]);
    const input = profile('Without calendar', null);
    expect(await refusal(app, world.hubToken, CREATE_PROFILE, { input })).toBe(
      'TIME_BANDS_REFUSED',
    );
  });
});

describe('price books', () => {
  it('notice every change of what prices depend on', async () => {
    const change = () =>
      app.app.database.read(SYSTEM_SCOPE, async (tx) => {
        const rows = await tx.query<{ last: string }[]>(
          'SELECT last_value::text AS last FROM book_change',
        );
        return Number(rows[0]?.last);
      });
    const partnerId = world.hub.globalId;
    const group = await call(app, world.hubToken, CREATE_GROUP, {
      input: { partnerId, name: 'Noticed' },
    });
    const member = { groupId: group.id, partnerId: world.resellerA.globalId, validFrom: AT };
    const plan = { servicePlanId: (await aPlan(app, world.hubToken, world.hub)).id };
    const calendar = await call(app, world.hubToken, CREATE_CALENDAR, {
      input: { name: 'Noticed' },
    });
    const day = { onDate: '2026-01-01', name: 'New Year', source: 'Feiertagsgesetz' };
    const origins = { partnerId, name: 'Noticed', prefixes: ['49'] };
    const changes: [string, object][] = [
      [CREATE_SCHEDULE, { input: scheduleInput(world.hub, { name: 'Noticed' }) }],
      [CREATE_ORIGINS, { input: origins }],
      [ADD_HOLIDAYS, { input: { calendarId: calendar.id, days: [day] } }],
      [ADD_MEMBER, { input: member }],
      [CREATE_RULE, { partner: partnerId, rule: ruleInput() }],
      [CREATE_BUCKET, { target: plan, bucket: bucketInput() }],
      [CREATE_BONUS, { target: plan, rule: bonusInput() }],
      [SET_EXCHANGE_RATE, { input: dollar }],
    ];
    for (const [operation, variables] of changes) {
      const before = await change();
      await call(app, world.hubToken, operation, variables);
      expect(await change(), operation).toBeGreaterThan(before);
    }
  });
  const dollar = {
    baseCurrency: 'EUR',
    quoteCurrency: 'USD',
    rate: '1.1',
    validFrom: AT,
    source: 'ECB',
  };
});
