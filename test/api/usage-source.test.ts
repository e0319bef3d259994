import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatPresets } from '../../src/mediation/index.js';
import { aFormat, allRows } from '../fixtures/mediation.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

let kontor: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let token: string;
let resellerToken: string;

beforeAll(async () => {
  kontor = await testApp({ start: false });
  hub = await aPartner(kontor);
  reseller = await aPartner(kontor, { kind: 'RESELLER' });
  token = await kontor.signIn((await aUser(kontor, { partnerId: hub.id })).email);
  resellerToken = await kontor.signIn((await aUser(kontor, { partnerId: reseller.id })).email);
});

afterAll(async () => kontor.stop());

const CREATE_FORMAT = `mutation ($name: String!, $definition: JSON!, $key: String) {
  createUsageFormat(name: $name, definition: $definition, idempotencyKey: $key) {
    id name version definition } }`;
const CREATE_SOURCE = `mutation ($input: CreateUsageSourceInput!, $key: String) {
  createUsageSource(input: $input, idempotencyKey: $key) {
    id name identityDomain timeZone defaultInTrunkId defaultOutTrunkId format { id name } } }`;

const createFormat = (name: string, definition: unknown, key?: string, as = token) =>
  kontor.graphql(CREATE_FORMAT, { name, definition, key }, as);

async function formatId(name: string, as = token): Promise<string> {
  return (await createFormat(name, aFormat(), undefined, as)).data.createUsageFormat.id;
}

async function createSource(input: object, as = token, key?: string): Promise<Answer> {
  return kontor.graphql(CREATE_SOURCE, { input, key }, as);
}

function problemsOf(answer: Answer): string[] {
  const problems = answer.errors[0]?.extensions.details?.problems ?? [];
  return (problems as { path: string; code: string }[]).map(({ path, code }) => `${path} ${code}`);
}

describe('createUsageFormat', () => {
  it('takes every preset as it is', async () => {
    const answer = await kontor.graphql('{ usageFormatPresets { name definition } }', null, token);
    const presets: { name: string; definition: object }[] = answer.data.usageFormatPresets;
    expect(presets.map(({ name }) => name)).toEqual(Object.keys(formatPresets));
    for (const { name, definition } of presets) {
      const made = await createFormat(`preset ${name}`, definition);
      expect(made.errors).toEqual([]);
      expect(made.data.createUsageFormat).toMatchObject({ version: 1, definition });
    }
  });

  it('counts versions, and answers the version that has the same definition', async () => {
    const first = await createFormat('counted', aFormat());
    const second = await createFormat('counted', aFormat({ headerLines: 2 }));
    const same = await createFormat('counted', aFormat({ headerLines: 2 }));
    expect(first.data.createUsageFormat.version).toBe(1);
    expect(second.data.createUsageFormat.version).toBe(2);
    expect(same.data.createUsageFormat).toEqual(second.data.createUsageFormat);
  });

  it('gives each of many at the same time a version of its own', async () => {
    const answers = await Promise.all(
      [1, 2, 3, 4, 5].map((n) => createFormat('raced', aFormat({ headerLines: n }))),
    );
    const versions = answers.map((answer) => answer.data.createUsageFormat.version);
    expect(versions.sort()).toEqual([1, 2, 3, 4, 5]);
  });

  it('repeats its answer for a key, and refuses the key with another definition', async () => {
    const first = await createFormat('keyed', aFormat(), 'format-key');
    expect((await createFormat('keyed', aFormat(), 'format-key')).data).toEqual(first.data);
    const other = await createFormat('keyed', aFormat({ headerLines: 9 }), 'format-key');
    expect(other.codes).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  });

  it('names every wrong place at once', async () => {
    const wrong = {
      ...aFormat(),
      delimiter: ';;',
      quote: ';',
      headerLines: -1,
      comment: 5,
      timeZone: 'Mars/Olympus',
      columns: ['a', 'a', '', 7],
      numberRules: { countryCode: '0049', trunkPrefix: 0, internationalPrefixes: ['x'], bare: 'B' },
      identity: [],
      startedAt: { column: 'nowhere', type: 'SUNDIAL' },
      service: { constant: 'VOICE', column: 'a' },
      duration: { column: 'a', unit: 'HOURS' },
      aNumber: {},
      inTrunk: null,
      answered: { column: 'a', values: 'ANSWERED' },
      colour: 'red',
    };
    const answer = await createFormat('wrong', wrong);
    expect(answer.codes).toEqual(['USAGE_FORMAT_INVALID']);
    expect(problemsOf(answer).sort()).toEqual(
      [
        '/colour UNKNOWN_FIELD',
        '/columns/1 DUPLICATE',
        '/columns/2 OUT_OF_RANGE',
        '/columns/3 WRONG_TYPE',
        '/delimiter NOT_ALLOWED',
        '/headerLines OUT_OF_RANGE',
        '/comment WRONG_TYPE',
        '/timeZone NOT_ALLOWED',
        '/numberRules/countryCode NOT_ALLOWED',
        '/numberRules/trunkPrefix WRONG_TYPE',
        '/numberRules/internationalPrefixes/0 NOT_ALLOWED',
        '/numberRules/bare NOT_ALLOWED',
        '/identity OUT_OF_RANGE',
        '/startedAt/column UNKNOWN_COLUMN',
        '/startedAt/type NOT_ALLOWED',
        '/service/column NOT_ALLOWED',
        '/duration/unit NOT_ALLOWED',
        '/aNumber/column MISSING',
        '/bNumber/column UNKNOWN_COLUMN',
        '/quantity/column UNKNOWN_COLUMN',
        '/inTrunk WRONG_TYPE',
        '/outTrunk/column UNKNOWN_COLUMN',
        '/answered/values WRONG_TYPE',
      ].sort(),
    );
    expect(await allRows(kontor, "SELECT 1 FROM usage_format WHERE name = 'wrong'")).toEqual([]);
  });

  it.each([
    ['no object', 'text', [' WRONG_TYPE']],
    ['a list', [], [' WRONG_TYPE']],
    [
      'signs that collide',
      aFormat({ quote: ',', comment: ',' }),
      ['/quote NOT_ALLOWED', '/comment NOT_ALLOWED'],
    ],
    ['a letter as delimiter', aFormat({ delimiter: 'x' }), ['/delimiter NOT_ALLOWED']],
    ['a sign beyond ASCII', aFormat({ delimiter: '§' }), ['/delimiter NOT_ALLOWED']],
    ['a line end as delimiter', aFormat({ delimiter: '\n' }), ['/delimiter NOT_ALLOWED']],
    ['calls without duration', { ...aFormat(), duration: undefined }, ['/duration MISSING']],
    ['data without quantity', { ...aFormat(), quantity: undefined }, ['/quantity MISSING']],
    ['no quote named', { ...aFormat(), quote: undefined }, ['/quote MISSING']],
    [
      'a zero byte in a name',
      aFormat({ answered: { column: 'service', values: ['a\0'] } }),
      ['/answered/values/0 NOT_ALLOWED'],
    ],
    [
      'half a letter in a value',
      aFormat({ service: { column: 'service', values: { 'x/~\ud800': 'SMS' } } }),
      ['/service/values/x~1~0\ud800 NOT_ALLOWED'],
    ],
  ])('refuses %s', async (_, definition, problems) => {
    const answer = await createFormat('refused', definition);
    expect(answer.codes).toEqual(['USAGE_FORMAT_INVALID']);
    expect(problemsOf(answer)).toEqual(problems);
  });

  it('survives a definition that is nested without end', async () => {
    const deep = JSON.parse(`${'['.repeat(1500)}${']'.repeat(1500)}`);
    const answer = await createFormat('deep', { ...aFormat(), columns: deep }, 'deep-key');
    expect(answer.codes).toEqual(['USAGE_FORMAT_INVALID']);
  });

  it.each(['', ' blank', 'a/b', 'x'.repeat(64), 'nul\0'])('refuses the name %j', async (name) => {
    expect((await createFormat(name, aFormat())).codes).toEqual(['USAGE_FORMAT_NAME_INVALID']);
  });
});

describe('tryUsageFormat', () => {
  const TRY = `query ($formatId: ID!, $sample: String!, $timeZone: String! = "UTC") {
    tryUsageFormat(formatId: $formatId, sample: $sample, timeZone: $timeZone) {
      line code field message service startedAt aNumber bNumber quantity inTrunk
      duplicateOfLine } }`;

  it('shows what the import would read, faults and duplicates', async () => {
    const sample = [
      'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk',
      'r1,voice,2026-10-25T00:30:00Z,+4930123456,0301234567,61,,',
      'r2,fax,2026-10-25T00:30:00Z,+4930123456,030123456,61,,',
      'r1,voice,2026-10-25T00:30:00Z,+4930123456,0301234567,61,,',
      'r3,sms,not a time,+4930123456,030123456,1,,',
      'too,few',
      'r4,sms,2026-10-25T02:30:00+02:00,"004930123456",+33612345678,,,nowhere',
    ].join('\n');
    const answer = await kontor.graphql(TRY, { formatId: await formatId('tried'), sample }, token);
    expect(answer.errors).toEqual([]);
    const lines = answer.data.tryUsageFormat;
    expect(lines).toHaveLength(6);
    expect(lines[0]).toEqual({
      line: 2,
      code: null,
      field: null,
      message: null,
      service: 'VOICE',
      startedAt: '2026-10-25T00:30:00.000Z',
      aNumber: '4930123456',
      bNumber: '49301234567',
      quantity: '61',
      inTrunk: null,
      duplicateOfLine: null,
    });
    expect(lines[1]).toMatchObject({ line: 3, code: 'UNKNOWN_SERVICE', field: 'service' });
    expect(lines[2]).toMatchObject({ line: 4, code: null, duplicateOfLine: 2 });
    expect(lines[3]).toMatchObject({ line: 5, code: 'INVALID_TIME', field: 'started_at' });
    expect(lines[4]).toMatchObject({ line: 6, code: 'MALFORMED_LINE' });
    expect(lines[5]).toMatchObject({ line: 7, code: 'UNKNOWN_TRUNK', field: 'out_trunk' });
  });

  it('reads local times in the zone that it is told', async () => {
    const definition = aFormat({ startedAt: { column: 'started_at', type: 'LOCAL' } });
    const made = await createFormat('local', definition);
    const sample = 'h\nr1,voice,2026-07-01 12:00:00,+4930123456,0301234567,61,,';
    const variables = { formatId: made.data.createUsageFormat.id, sample };
    const berlin = await kontor.graphql(TRY, { ...variables, timeZone: 'Europe/Berlin' }, token);
    expect(berlin.data.tryUsageFormat[0].startedAt).toBe('2026-07-01T10:00:00.000Z');
    const mars = await kontor.graphql(TRY, { ...variables, timeZone: 'Mars/Olympus' }, token);
    expect(mars.codes).toEqual(['INVALID_TIME_ZONE']);
  });

  it('refuses more than 64 KiB', async () => {
    const variables = { formatId: await formatId('tried'), sample: 'é'.repeat(32_769) };
    const answer = await fetch(`${kontor.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: TRY, variables }),
    });
    expect(await answer.text()).toMatch(/USAGE_SAMPLE_TOO_LARGE|BAD_REQUEST/);
  });
});

describe('createUsageSource', () => {
  it('creates a source once per key', async () => {
    const input = {
      name: 'switch-1',
      formatId: await formatId('plain'),
      identityDomain: 'switches',
      timeZone: 'Europe/Berlin',
    };
    const answer = await createSource(input, token, 'source-key');
    expect(answer.errors).toEqual([]);
    expect(answer.data.createUsageSource).toMatchObject({
      name: 'switch-1',
      identityDomain: 'switches',
      timeZone: 'Europe/Berlin',
      defaultInTrunkId: null,
      format: { id: input.formatId, name: 'plain' },
    });
    expect((await createSource(input, token, 'source-key')).data).toEqual(answer.data);
    expect((await createSource(input)).codes).toEqual(['USAGE_SOURCE_NAME_TAKEN']);
  });

  it.each([
    [{ name: 'Upper' }, 'USAGE_SOURCE_NAME_INVALID'],
    [{ name: '../etc' }, 'USAGE_SOURCE_NAME_INVALID'],
    [{ name: '' }, 'USAGE_SOURCE_NAME_INVALID'],
    [{ identityDomain: 'a b' }, 'IDENTITY_DOMAIN_INVALID'],
    [{ timeZone: 'Mars/Olympus' }, 'INVALID_TIME_ZONE'],
    [{ formatId: 'VXNhZ2VGb3JtYXQ6OTk5OTk5' }, 'NOT_FOUND'],
    [{ formatId: 'nonsense' }, 'INVALID_ID'],
    [{ defaultInTrunkId: 'VHJ1bms6OTk5OTk5' }, 'TRUNK_NOT_FOUND_FOR_SOURCE'],
  ])('refuses %j', async (given, code) => {
    const input = {
      name: 'refused',
      formatId: await formatId('plain'),
      identityDomain: 'refused',
      ...given,
    };
    expect((await createSource(input)).codes).toEqual([code]);
    expect(await allRows(kontor, "SELECT 1 FROM usage_source WHERE name = 'refused'")).toEqual([]);
  });

  it('keeps an identity domain to the partner that named it first', async () => {
    const own = { formatId: await formatId('plain'), identityDomain: 'shared-domain' };
    expect((await createSource({ ...own, name: 'own-1' })).errors).toEqual([]);
    expect((await createSource({ ...own, name: 'own-2' })).errors).toEqual([]);
    const theirs = {
      name: 'theirs-1',
      formatId: await formatId('theirs', resellerToken),
      identityDomain: 'shared-domain',
    };
    expect((await createSource(theirs, resellerToken)).codes).toEqual(['IDENTITY_DOMAIN_TAKEN']);
  });
});

describe('formats and sources of another partner', () => {
  it('are not there for a partner below', async () => {
    const id = await formatId('secret format');
    const made = await createSource({ name: 'secret-1', formatId: id, identityDomain: 'secret' });
    const sourceId = made.data.createUsageSource.id;
    const seen = await kontor.graphql(
      `query ($id: ID!, $sourceId: ID!) {
        usageFormat(id: $id) { id } usageSource(id: $sourceId) { id }
        usageFormats { nodes { name } } usageSources { nodes { name } } }`,
      { id, sourceId },
      resellerToken,
    );
    expect(seen.data).toMatchObject({ usageFormat: null, usageSource: null });
    expect(seen.text).not.toContain('secret');
    const used = await createSource(
      { name: 'thief', formatId: id, identityDomain: 'thief' },
      resellerToken,
    );
    const absent = await createSource(
      { name: 'thief', formatId: 'VXNhZ2VGb3JtYXQ6OTk5OTk5', identityDomain: 'thief' },
      resellerToken,
    );
    expect(used.errors[0]?.message).toBe(absent.errors[0]?.message);
    expect(used.codes).toEqual(['NOT_FOUND']);
  });

  it('need their permissions', async () => {
    const reader = await aUser(kontor, { partnerId: hub.id, permissions: ['partner.read'] });
    const poor = await kontor.signIn(reader.email);
    expect((await createFormat('x', aFormat(), undefined, poor)).codes).toEqual(['FORBIDDEN']);
    const input = { name: 'x', formatId: 'x', identityDomain: 'x' };
    expect((await createSource(input, poor)).codes).toEqual(['FORBIDDEN']);
    for (const query of ['usageFormats', 'usageSources', 'usageFiles', 'suspenseRecords', 'xdrs']) {
      const filter =
        query === 'xdrs'
          ? '(filter: {from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z"})'
          : '';
      const answer = await kontor.graphql(`{ ${query}${filter} { nodes { id } } }`, null, poor);
      expect(answer.codes).toEqual(['FORBIDDEN']);
    }
  });
});
