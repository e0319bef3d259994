import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runVectors, vectorsCommand } from '../../src/rating/vector.service.js';
import { vectorFile, vectorSchema } from '../../src/rating/vector-format.js';
import { caseRecords, runCase } from '../../src/rating/vector-run.js';
import { worldFacts } from '../../src/rating/vector-world.js';
import { engineAnswer } from '../fixtures/engine.js';
import { referenceAnswer } from '../fixtures/reference-answer.js';

const FOLDER = 'test/vectors';
const FEW = process.env.KONTOR_TEST_BOOKS;
const files = readdirSync(FOLDER).filter(
  (name) => name.endsWith('.json') && name !== 'schema.json',
);

type Json = { [name: string]: Json } | Json[] | string | number | boolean | null;

function read(name: string): Json {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
}

/** Every decimal and whole number under a node, each once one more than it should be. */
function* withOneWrong(node: Json): Generator<Json> {
  if (typeof node === 'number') yield node + 1;
  if (typeof node === 'string' && /^\d+(\.\d+)?$/.test(node)) yield `9${node}`;
  if (typeof node === 'string' && /^[A-Z]+_[A-Z_]+$/.test(node)) yield 'MALFORMED_LINE';
  if (typeof node !== 'object' || node === null) return;
  for (const [name, inner] of Object.entries(node)) {
    for (const wrong of withOneWrong(inner)) {
      yield Array.isArray(node) ? node.with(Number(name), wrong) : { ...node, [name]: wrong };
    }
  }
}

describe('our vectors', () => {
  it.each(files)('%s come to what was worked out by hand', async (name) => {
    const { cases } = await runVectors(join(FOLDER, name));
    expect(cases.filter(({ differences }) => differences.length > 0)).toEqual([]);
    expect(cases.length).toBeGreaterThan(5);
  });

  // Which says nothing of the engine, so that mutants of it are not tried with it.
  it.runIf(FEW === undefined).each(files)('%s tell each expectation that is wrong', (name) => {
    let planted = 0;
    const content = read(name) as { cases: { expect: Json }[] };
    for (const one of content.cases) {
      for (const expectation of withOneWrong(one.expect)) {
        const changed = { ...content, cases: [{ ...one, expect: expectation }] };
        const wrong = vectorFile(changed, '$');
        const { differences } = runCase(wrong, wrong.cases[0]!);
        expect(differences, JSON.stringify(expectation)).not.toEqual([]);
        planted += 1;
      }
    }
    expect(planted).toBeGreaterThan(content.cases.length);
  });

  it.each(files)('%s come to the same by the reference', (name) => {
    const content = vectorFile(read(name), '$');
    for (const one of content.cases) {
      if (one.expect.refusal !== undefined) continue;
      const built = worldFacts({ ...content.world, ...one });
      const records = [...caseRecords(built, one.events ?? []).values()];
      const all = records.map((record, number) => ({ number, record, identity: record.identity }));
      const { records: answered, pots, points } = engineAnswer(built.facts, [all]);
      expect({ records: answered, pots, points }, one.name).toEqual(
        referenceAnswer(built.facts, all),
      );
    }
  });
});

describe('the format', () => {
  it('is published as JSON Schema', () => {
    const published = JSON.parse(readFileSync(join(FOLDER, 'schema.json'), 'utf8'));
    expect(published).toEqual(JSON.parse(JSON.stringify(vectorSchema())));
  });

  it('names file and place of what breaks it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
    const said: string[] = [];
    const status = async (content: string): Promise<number> => {
      const file = join(folder, 'one.json');
      writeFileSync(file, content);
      return vectorsCommand([file], (line) => said.push(line.replace(folder, '')));
    };
    const withCase = (fields: object) =>
      JSON.stringify({ title: 't', cases: [{ name: 'n', expect: {}, ...fields }] });
    expect(await status('{')).toBe(1);
    expect(await status('{"cases": []}')).toBe(1);
    expect(await status(withCase({ evnts: [] }))).toBe(1);
    expect(await status(withCase({ events: [{ at: '2026-07-01' }] }))).toBe(1);
    expect(await status(withCase({ events: [{ at: '2026-07-01T00:00Z', value: 1.5 }] }))).toBe(1);
    const foreign = { priceLists: { a: { rates: [], parent: 'b' } } };
    expect(await status(withCase(foreign))).toBe(1);
    expect(said.slice(1)).toEqual([
      'VECTOR_INVALID: /one.json: $.title is missing.',
      'VECTOR_INVALID: /one.json: $.cases[0].evnts is not a field that is known here.',
      'VECTOR_INVALID: /one.json: $.cases[0].events[0].at ' +
        'is an instant such as "2026-03-29T00:59:30Z".',
      'VECTOR_INVALID: /one.json: $.cases[0].events[0].value ' +
        'is decimal text of at most 7 digits before and 8 after the point.',
      'VECTOR_INVALID: /one.json: cases[0] "n": ' +
        'priceLists.a.parent names the list "b", which is not there.',
    ]);
    expect(said[0]).toContain('VECTOR_UNREADABLE: /one.json');
    rmSync(folder, { recursive: true });
  });

  it('may begin with the mark that editors of Windows write', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
    const file = join(folder, 'one.json');
    writeFileSync(file, '\uFEFF{ "title": "t", "cases": [] }');
    expect((await runVectors(file)).cases).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('answers the status 0 without, 1 with differences, and shows the steps', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
    const file = join(folder, 'one.json');
    const run = async (amount: string): Promise<[number, string]> => {
      const said: string[] = [];
      const priceLists = { standard: { rates: [{ price: '0.60', rateUnit: 60 }] } };
      const events = [{ id: 'a', at: '2026-07-01T10:00:00Z', quantity: 61 }];
      const one = { name: 'n', priceLists, events, expect: { events: { a: amount } } };
      writeFileSync(file, JSON.stringify({ title: 't', cases: [one] }));
      const status = await vectorsCommand([file], (line) => said.push(line));
      return [status, said.join('\n')];
    };
    expect((await run('0.61'))[0]).toBe(0);
    const [status, text] = await run('0.62');
    expect(status).toBe(1);
    expect(text).toContain('event a, amount: expected 0.62, answered 0.61');
    expect(text).toContain('0 + 0.6 * 61 / 60 = 0.61');
    rmSync(folder, { recursive: true });
  });
});

/** The status of the command for one case, and what it says of it. */
async function tried(one: object): Promise<[status: number, said: string[]]> {
  const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
  const file = join(folder, 'one.json');
  const said: string[] = [];
  writeFileSync(file, JSON.stringify({ title: 't', cases: [{ name: 'n', ...one }] }));
  const status = await vectorsCommand([file], (line) => said.push(line.replace(folder, '')));
  rmSync(folder, { recursive: true });
  return [status, said];
}

const EQUAL = /1 cases, \d events, 0 cases differ$/;

describe('ids of events', () => {
  it('tell events apart however long they are', async () => {
    const [status, said] = await tried({
      priceLists: { standard: { rates: [{ price: '1' }] } },
      events: [
        { id: 'customer-line-Aa', at: '2026-07-01T10:00:00Z' },
        { id: 'customer-line-BB', at: '2026-07-01T11:00:00Z' },
      ],
      expect: {
        totals: { retail: '2' },
        events: { 'customer-line-Aa': '1', 'customer-line-BB': '1' },
      },
    });
    expect([status, said]).toEqual([0, [expect.stringMatching(EQUAL)]]);
  });

  it.each([
    ['call-1', 'call-10'],
    ['call-of-october-1', 'call-of-october-10'],
  ])('order events of one instant: %s before %s', async (first, second) => {
    const at = '2026-07-01T10:00:00Z';
    const answer = await tried({
      tierSchedules: { t: { steps: [{ upTo: '1', price: '5' }, { price: '1' }] } },
      priceLists: { standard: { rates: [{ model: 'GRADUATED', tiers: 't' }] } },
      events: [
        { id: second, at },
        { id: first, at },
      ],
      expect: { events: { [first]: '5', [second]: '1' } },
    });
    expect(answer).toEqual([0, [expect.stringMatching(EQUAL)]]);
  });
});

describe('a day that does not exist', () => {
  const priceLists = { standard: { rates: [{ price: '1' }] } };
  const expected = { events: { a: '1' } };

  it.each(['2026-02-30T10:00:00Z', '2026-02-29T10:00+01:00', '2026-04-31T10:00:00.5Z'])(
    'is refused as an instant: %s',
    async (at) => {
      const answer = await tried({ priceLists, events: [{ id: 'a', at }], expect: expected });
      const refused = '$.cases[0].events[0].at is an instant that exists.';
      expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: ${refused}`]]);
    },
  );

  it.each(['2026-02-30', '2025-02-29', '2026-00-10'])(
    'is refused as a holiday: %s',
    async (day) => {
      const events = [{ id: 'a', at: '2026-02-20T10:00:00Z' }];
      const holidays = { de: ['2024-02-29', day] };
      const answer = await tried({ holidays, priceLists, events, expect: expected });
      const refused = '$.cases[0].holidays.de[1] is a day of the calendar.';
      expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: ${refused}`]]);
    },
  );

  it('is told by the date that is written, whatever its offset makes of it', async () => {
    const events = [{ id: 'a', at: '2024-02-29T23:30:00-01:00' }];
    expect((await tried({ priceLists, events, expect: expected }))[0]).toBe(0);
  });
});

describe('an event that no file can bring', () => {
  const event = { id: 'a', at: '2026-07-01T10:00:00Z' };

  it.each([
    ['to', '0033140', 'is text of up to 15 digits, the first of them 1 to 9.'],
    ['from', '04930', 'is text of up to 15 digits, the first of them 1 to 9.'],
    ['quantity', 10 ** 15, 'is a whole number of at most 15 digits.'],
    ['value', '-1', 'is decimal text of at most 7 digits before and 8 after the point.'],
    ['value', '10000000', 'is decimal text of at most 7 digits before and 8 after the point.'],
    ['at', '1999-12-31T23:59:59.999Z', 'lies in the years 2000 to 2099.'],
    ['at', '2100-01-01T00:00:00Z', 'lies in the years 2000 to 2099.'],
  ])('is refused for its %s %s', async (field, value, rule) => {
    const events = [{ ...event, [field]: value }];
    const answer = await tried({ events, expect: {} });
    const place = `$.cases[0].events[0].${field}`;
    expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: ${place} ${rule}`]]);
  });

  it('is refused when a call or message goes nowhere, and may be data or a service', async () => {
    const priceLists = { standard: { rates: [{ price: '1' }] } };
    const to = (service: string) =>
      tried({
        priceLists,
        events: [{ ...event, service, to: '' }],
        expect: { events: { a: '1' } },
      });
    const refused = 'VECTOR_INVALID: /one.json: cases[0] "n": ';
    for (const service of ['VOICE', 'SMS']) {
      const said = `${refused}events[0].to is known of calls and messages.`;
      expect(await to(service)).toEqual([1, [said]]);
    }
    for (const service of ['DATA', 'EVENT']) expect((await to(service))[0]).toBe(0);
  });
});

describe('a world that nobody can enter', () => {
  it.each([
    [
      'an exchange rate of nothing',
      { exchangeRates: [{ base: 'EUR', quote: 'USD', rate: '0.00' }] },
      '$.cases[0].exchangeRates[0].rate is decimal text above zero such as "0.9512345678".',
    ],
    [
      'a number that begins with 0',
      { subscriptions: { line: { numbers: ['04930'] } } },
      'cases[0] "n": subscriptions.line.numbers[0] is a number, or the first and the last one ' +
        'with a hyphen between them.',
    ],
    [
      'a range that ends before it begins',
      { subscriptions: { line: { numbers: ['4939-4930'] } } },
      'cases[0] "n": subscriptions.line.numbers[0] is a number, or the first and the last one ' +
        'with a hyphen between them.',
    ],
    [
      'a destination of all numbers',
      { destinations: { world: [''] } },
      '$.cases[0].destinations.world[0] is text of 1 to 15 digits, the first of them 1 to 9.',
    ],
  ])('is refused: %s', async (_, world, refused) => {
    const answer = await tried({ ...world, expect: {} });
    expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: ${refused}`]]);
  });
});

const NOON = '2026-07-01T12:00:00Z';

describe('a world that the system would refuse', () => {
  const rule = { name: 'r', effect: 'PERCENT', amount: '10' };
  const bucket = { name: 'b', kind: 'UNITS', amount: '1' };
  const ofRetail = { ...bucket, contract: 'retail' };
  const bonus = {
    ...{ name: 'g', contract: 'retail', measure: 'USAGE', threshold: '1' },
    ...{ grants: 'UNITS', amount: '1' },
  };
  const [one, two] = [{ buyer: 'a' }, { seller: 'a', buyer: 'b' }];

  it.each([
    ['PRICE_RULE_REFUSED', { rules: [{ ...rule, fromTime: '20:00', toTime: '06:00' }] }],
    ['NOT_OF_OWNER', { contracts: { one, two }, rules: [{ ...rule, contract: 'two' }] }],
    ['NOT_OF_OWNER', { contracts: { one, two }, rules: [{ ...rule, subscription: 'line' }] }],
    ['ALLOWANCE_TARGET_REFUSED', { buckets: [bucket] }],
    [
      'ALLOWANCE_TARGET_REFUSED',
      {
        subscriptions: { line: { plan: 'P' } },
        buckets: [{ ...bucket, plan: 'P', contract: 'retail' }],
      },
    ],
    ['DESTINATION_PREFIX_TAKEN', { destinations: { one: ['33', '49'], two: ['49'] } }],
    [
      'NUMBER_TAKEN',
      { subscriptions: { a: { numbers: ['4930-4939'] }, b: { numbers: ['4939'] } } },
    ],
    [
      'PRICE_RULE_REFUSED',
      {
        rules: [
          { ...rule, to: NOON },
          { ...rule, type: 'SURCHARGE', from: NOON },
        ],
      },
    ],
    [
      'BUCKET_REFUSED',
      {
        buckets: [
          { ...ofRetail, to: NOON },
          { ...ofRetail, per: 'CONTRACT', from: NOON },
        ],
      },
    ],
    [
      'BONUS_RULE_REFUSED',
      { buckets: [ofRetail], bonuses: [{ ...bonus, grants: 'MONEY', bucket: 'b' }] },
    ],
    [
      'BONUS_RULE_REFUSED',
      {
        subscriptions: { line: { plan: 'P' } },
        buckets: [{ ...bucket, plan: 'P' }],
        bonuses: [{ ...bonus, bucket: 'b' }],
      },
    ],
    ['INVALID_PERIOD', { rules: [{ ...rule, from: NOON, to: NOON }] }],
    ['INVALID_PERIOD', { priceLists: { a: { rates: [{ from: NOON, to: NOON }] } } }],
    ['INVALID_PERIOD', { contracts: { one: { ...one, from: NOON, to: NOON } } }],
    ['INVALID_PERIOD', { subscriptions: { line: { from: NOON, to: NOON } } }],
    [
      'INVALID_CURRENCY',
      { priceLists: { a: { rates: [] } }, contracts: { one: { ...one, currency: 'EURO' } } },
    ],
    [
      'INVALID_TIME_ZONE',
      { priceLists: { a: { rates: [] } }, contracts: { one: { ...one, zone: 'CET' } } },
    ],
    [
      'CONTRACT_SERVICE_TWICE',
      {
        priceLists: { a: { rates: [] }, b: { rates: [] } },
        contracts: { one: { ...one, lists: [{ list: 'a' }, { list: 'b', service: '*' }] } },
      },
    ],
    ['INVALID_CURRENCY', { priceLists: { a: { rates: [], currency: 'EURO' } } }],
    ['INVALID_CURRENCY', { exchangeRates: [{ base: 'EUR', quote: 'US', rate: '1' }] }],
    ['EXCHANGE_RATE_REFUSED', { exchangeRates: [{ base: 'EUR', quote: 'EUR', rate: '1' }] }],
    [
      'EXCHANGE_RATE_EXISTS',
      {
        exchangeRates: [
          { base: 'EUR', quote: 'USD', rate: '1' },
          { base: 'EUR', quote: 'USD', rate: '2' },
        ],
      },
    ],
    [
      'PRICE_LIST_PARENT_REFUSED',
      { priceLists: { a: { rates: [] }, b: { parent: 'a', rates: [], currency: 'USD' } } },
    ],
    [
      'PRICE_LIST_PARENT_REFUSED',
      {
        timeProfiles: { p: { bands: {} } },
        priceLists: { a: { rates: [] }, b: { parent: 'a', rates: [], timeProfile: 'p' } },
      },
    ],
    [
      'BAND_NOT_OF_PROFILE',
      {
        timeProfiles: { p: { bands: { peak: [] } } },
        priceLists: { a: { rates: [{ price: '1', band: 'peak' }] } },
      },
    ],
    [
      'NUMBER_TAKEN',
      { trunks: { t: {} }, subscriptions: { a: { trunks: ['t'] }, b: { trunks: ['t'] } } },
    ],
  ])('answers %s, whatever it is', async (refusal, world) => {
    expect(await tried({ ...world, expect: { refusal } })).toEqual([
      0,
      [expect.stringMatching(EQUAL)],
    ]);
  });

  it.each([
    [{ rules: [rule, rule] }, 'rules[1] holds while another version of "r" does.'],
    [{ buckets: [ofRetail, ofRetail] }, 'buckets[1] holds while another version of "b" does.'],
    [
      {
        contracts: { retail: one, other: two },
        buckets: [
          { ...ofRetail, to: NOON },
          { ...bucket, contract: 'other', from: NOON },
        ],
      },
      'buckets[1] is for others than the first version of "b".',
    ],
    [
      { timeProfiles: { p: { holidays: 'DE', bands: {} } } },
      'timeProfiles.p.holidays names "DE", which is not there.',
    ],
    [
      { accounts: { a: { parent: 'b' } }, subscriptions: { line: { account: 'a' } } },
      'accounts.a.parent names the account "b", which is not there.',
    ],
  ])('has its place named where no code says it: %#', async (world, refused) => {
    const answer = await tried({ ...world, expect: {} });
    expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: cases[0] "n": ${refused}`]]);
  });

  it('gives a contract one version at a time, and a number one owner after the other', async () => {
    const versions = [{ to: '2026-07-02T00:00:00Z' }, { from: '2026-07-01T23:59:59.999Z' }];
    const twice = await tried({ contracts: { c: { buyer: 'a', versions } }, expect: {} });
    const refused = 'cases[0] "n": contracts have one version at a time.';
    expect(twice).toEqual([1, [`VECTOR_INVALID: /one.json: ${refused}`]]);
    const subscriptions = {
      before: { numbers: ['4930'], to: '2026-07-02T00:00:00Z' },
      after: { numbers: ['4930'], from: '2026-07-02T00:00:00Z' },
    };
    expect((await tried({ subscriptions, expect: {} }))[0]).toBe(0);
  });
});

describe('a month that costs more than can be stored', () => {
  const large = {
    tierSchedules: { t: { steps: [{ upTo: '1', price: '0' }, { price: '9999999999' }] } },
    priceLists: { standard: { rates: [{ model: 'GRADUATED', tiers: 't' }] } },
    events: [
      { id: 'a', at: '2026-07-01T10:00:00Z' },
      { id: 'b', at: '2026-07-01T11:00:00Z' },
    ],
  };

  it('is a difference of its case alone', async () => {
    const [status, said] = await tried({ ...large, expect: { events: { a: '0' } } });
    expect([status, said.slice(1)]).toEqual([
      1,
      [
        '  n',
        '    the world: expected a world that is accepted, answered MONTH_CHARGE_TOO_LARGE: ' +
          'A record costs more in its month than can be stored.',
      ],
    ]);
  });

  it('can be expected', async () => {
    const refusal = 'MONTH_CHARGE_TOO_LARGE';
    const answer = await tried({ ...large, expect: { refusal } });
    expect(answer).toEqual([0, [expect.stringMatching(EQUAL)]]);
  });
});

describe('what cannot be expected together', () => {
  it.each([
    [
      'an amount with a fault',
      { events: { a: { fault: 'NO_RATE', amount: '17' } } },
      'expect.events.a.amount does not go with a fault.',
    ],
    [
      'levels with a fault',
      { events: { a: { levels: { retail: '12', misspelt: '3' }, fault: 'NO_RATE' } } },
      'expect.events.a.levels does not go with a fault.',
    ],
    [
      'totals with a refusal',
      { refusal: 'TIER_GAP', totals: { retail: '1' } },
      'expect.totals does not go with a refusal.',
    ],
  ])('is refused: %s', async (_, expected, refused) => {
    const answer = await tried({
      priceLists: { standard: { rates: [{ prefix: '1', price: '1' }] } },
      events: [{ id: 'a', at: '2026-02-20T10:00:00Z' }],
      expect: expected,
    });
    expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: cases[0] "n": ${refused}`]]);
  });
});

describe('a decimal', () => {
  const at = '2026-02-20T10:00:00Z';
  const rated = (price: string, rate: string) => ({
    exchangeRates: [{ base: 'USD', quote: 'EUR', rate }],
    priceLists: { standard: { rates: [{ price }] } },
    events: [{ id: 'a', at }],
    expect: { events: { a: price } },
  });

  it('has at most 8 decimals, that of an exchange rate 10', async () => {
    expect((await tried(rated('0.12340000', '0.9512345678')))[0]).toBe(0);
    const refused = async (price: string, rate: string) => (await tried(rated(price, rate)))[1];
    expect(await refused('0.123456789', '1')).toEqual([
      'VECTOR_INVALID: /one.json: $.cases[0].priceLists.standard.rates[0].price ' +
        'is decimal text such as "0.0125".',
    ]);
    expect(await refused('0.1234', '0.95123456789')).toEqual([
      'VECTOR_INVALID: /one.json: $.cases[0].exchangeRates[0].rate ' +
        'is decimal text above zero such as "0.9512345678".',
    ]);
  });
});
