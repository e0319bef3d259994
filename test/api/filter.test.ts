import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLResolveInfo,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DomainError } from '../../src/kernel/index.js';
import { buildSchema } from '../../src/schema.js';
import { aWorld, call, refusal, type World } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const NUL = 'nul \0';
const HALF = 'half \ud800';
const CALENDAR = `mutation {
  createHolidayCalendar(input: { name: "Spans" }) { id }
}`;
const HOLIDAYS = `query ($id: ID!, $filter: HolidayFilter!) {
  holidays(calendarId: $id, filter: $filter) { nodes { id } }
}`;
const AUDIT = 'query ($filter: AuditFilter) { auditEntries(filter: $filter) { nodes { id } } }';
const SIGN_INS = `query ($filter: SignInEventFilter) {
  signInEvents(filter: $filter) { nodes { id } }
}`;
const XDRS = 'query ($filter: XdrFilter!) { xdrs(filter: $filter) { nodes { id } } }';
const DESTINATIONS = `query ($filter: DestinationFilter!) {
  destinations(filter: $filter) { nodes { id } }
}`;
const RATES = 'query ($currency: String) { exchangeRates(currency: $currency) { nodes { id } } }';

const RECYCLE = 'mutation ($filter: SuspenseFilter!) { recycleRecords(filter: $filter) { id } }';

/** Read as it is and never looked up, or refused with a code of its own. */
const APART = ['Query.tryUsageFormat(sample)', 'Query.verifyAudit(heads)'];
const schema = buildSchema();

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

describe('a filter that nothing can ever match', () => {
  it('is refused where its currency or country does not exist', async () => {
    for (const currency of ['Nope', 'eur', '']) {
      expect(await refusal(app, world.hubToken, RATES, { currency })).toBe('INVALID_CURRENCY');
    }
    for (const country of ['XQ', 'de', '']) {
      const filter = { country };
      expect(await refusal(app, world.hubToken, DESTINATIONS, { filter })).toBe('INVALID_COUNTRY');
    }
    expect((await call(app, world.hubToken, RATES, { currency: 'EUR' })).nodes).toEqual([]);
    const filter = { country: 'DE' };
    expect((await call(app, world.hubToken, DESTINATIONS, { filter })).nodes).toEqual([]);
  });

  it('is refused where its span does not end after it begins', async () => {
    const spans = [
      ['2026-10-02T00:00:00Z', '2026-10-01T00:00:00Z'],
      ['2026-10-01T00:00:00Z', '2026-10-01T01:00:00+01:00'],
    ] as const;
    for (const [from, to] of spans) {
      for (const query of [AUDIT, SIGN_INS, XDRS]) {
        const filter = { from, to };
        expect(await refusal(app, world.hubToken, query, { filter })).toBe('INVALID_PERIOD');
      }
    }
    const { id } = await call(app, world.hubToken, CALENDAR);
    for (const to of ['2026-09-30', '2026-10-01']) {
      const filter = { from: '2026-10-01', to };
      expect(await refusal(app, world.hubToken, HOLIDAYS, { id, filter })).toBe('INVALID_PERIOD');
    }
    const days = { from: '2026-10-01', to: '2026-10-02' };
    expect((await call(app, world.hubToken, HOLIDAYS, { id, filter: days })).nodes).toEqual([]);
    for (const filter of [{ from: spans[0][0] }, { to: spans[0][1] }, { from: null, to: null }]) {
      for (const query of [AUDIT, SIGN_INS]) {
        expect((await app.graphql(query, { filter }, world.hubToken)).codes).toEqual([]);
      }
    }
  });
});

describe('text that nothing stored can equal', () => {
  it.each([NUL, HALF])('is refused with its field in queries: %j', async (text) => {
    const cases: [string, Record<string, unknown>, string][] = [
      [DESTINATIONS, { filter: { name: text } }, 'name'],
      [AUDIT, { filter: { operations: ['signIn', text, text] } }, 'operations'],
      [RATES, { currency: text }, 'currency'],
      [RECYCLE, { filter: { codes: [text] } }, 'codes'],
      ['query ($n: String!) { subscriptionForNumber(number: $n) { id } }', { n: text }, 'number'],
    ];
    for (const [query, variables, field] of cases) {
      const { errors, data } = await app.graphql(query, variables, world.hubToken);
      expect(errors[0]?.extensions).toMatchObject({
        code: 'BAD_USER_INPUT',
        details: { fields: [{ field, rules: [expect.stringContaining(field)] }] },
      });
      expect(Object.values(data ?? {}).filter(Boolean)).toEqual([]);
    }
  });

  it('is refused as in the inputs of mutations', async () => {
    const make =
      'mutation ($input: CreateHolidayCalendarInput!) {' +
      ' createHolidayCalendar(input: $input) { id } }';
    const made = await app.graphql(make, { input: { name: NUL } }, world.hubToken);
    const asked = await app.graphql(DESTINATIONS, { filter: { name: NUL } }, world.hubToken);
    const shape = ({ errors }: typeof made) => {
      const [error] = errors;
      const details = error?.extensions.details as { fields: { field: string }[] } | undefined;
      const fields = details?.fields.map(({ field }) => field);
      return { code: error?.extensions.code, message: error?.message, fields };
    };
    expect(shape(asked)).toEqual(shape(made));
  });

  it('is for those alone who may ask', async () => {
    const answer = await app.graphql(DESTINATIONS, { filter: { name: NUL } });
    expect(answer.codes).toEqual(['UNAUTHENTICATED']);
  });

  it('is refused wherever a field takes text', () => {
    const places = textPlaces();
    expect(places.length).toBeGreaterThan(30);
    const lax = places.filter(({ name }) => !APART.some((apart) => name.startsWith(apart)));
    expect(places.length - lax.length).toBe(4);
    for (const text of [NUL, HALF]) {
      const passed = lax.filter(({ field, given }) => refusedWith(field, given(text)) === null);
      expect(passed.map(({ name }) => name)).toEqual([]);
      const named = lax.map((place) => [place.name, refusedWith(place.field, place.given(text))]);
      expect(named).toEqual(lax.map((place) => [place.name, place.path]));
    }
    const fine = lax.filter(({ field, given }) => refusedWith(field, given('plain')) !== null);
    expect(fine.map(({ name }) => name)).toEqual([]);
  });
});

interface Place {
  readonly name: string;
  readonly field: GraphQLField<unknown, unknown>;
  /** As a refusal names it. */
  readonly path: string;
  /** Arguments with a text in this place. */
  readonly given: (text: string) => Readonly<Record<string, unknown>>;
}

/** Every place of a text in the arguments of fields that are no mutations; cursors are none. */
function textPlaces(): Place[] {
  return Object.values(schema.getTypeMap()).flatMap((type) => {
    if (!isObjectType(type) || type.name === 'Mutation' || type.name.startsWith('__')) return [];
    return Object.values(type.getFields()).flatMap((field) =>
      field.args.flatMap((arg) => placesOf(`${type.name}.${field.name}`, field, arg)),
    );
  });
}

function placesOf(
  owner: string,
  field: GraphQLField<unknown, unknown>,
  arg: GraphQLArgument,
): Place[] {
  if (arg.name === 'after') return [];
  const isInput = isInputObjectType(getNamedType(arg.type));
  return textsIn(arg.type, isInput ? '' : arg.name).map(({ path, made }) => ({
    name: `${owner}(${arg.name})${isInput ? `.${path}` : ''}`,
    field,
    path,
    given: (text) => ({ [arg.name]: made(text) }),
  }));
}

interface Text {
  readonly path: string;
  readonly made: (text: string) => unknown;
}

function textsIn(given: GraphQLInputType, path: string): Text[] {
  const type = getNullableType(given);
  if (isListType(type)) {
    const isInput = isInputObjectType(getNamedType(type));
    return textsIn(type.ofType, isInput ? `${path}0` : path).map((inner) => ({
      path: inner.path,
      made: (text) => [inner.made(text)],
    }));
  }
  if (isInputObjectType(type)) {
    return Object.values(type.getFields()).flatMap((each) =>
      textsIn(each.type, path === '' ? each.name : `${path}.${each.name}`).map((inner) => ({
        path: inner.path,
        made: (text) => ({ [each.name]: inner.made(text) }),
      })),
    );
  }
  return type.toString() === 'String' ? [{ path, made: (text) => text }] : [];
}

/** The field that a refusal of bad text names; null when there is none. */
function refusedWith(
  field: GraphQLField<unknown, unknown>,
  args: Readonly<Record<string, unknown>>,
): string | null {
  const now = new Date();
  const permissions = { has: () => true };
  const viewer = { kind: 'USER', sessionId: 'x', permissions, steppedUpUntil: new Date(8e15) };
  const context = { viewer, now: () => now };
  try {
    // Nothing is behind the resolvers here: whatever comes after the refusal fails in another way.
    const answer: unknown = field.resolve?.({}, args, context, {} as GraphQLResolveInfo);
    if (answer instanceof Promise) answer.catch(() => null);
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== 'BAD_USER_INPUT') return null;
    const { fields } = error.details as { fields: { field: string }[] };
    return fields.map((each) => each.field).join();
  }
  return null;
}
