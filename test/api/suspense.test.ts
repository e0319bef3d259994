import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { allRows, aSource, upload } from '../fixtures/mediation.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

let kontor: TestApp;
let hub: BuiltPartner;
let token: string;
let resellerToken: string;

interface BuiltFile {
  readonly id: number;
  readonly globalId: string;
  readonly batches: readonly number[];
  readonly sourceId: string;
  readonly domain: string;
}

let first: BuiltFile;
let second: BuiltFile;
let serial = 0;

beforeAll(async () => {
  kontor = await testApp({ start: false, env: { KONTOR_BATCH_BYTES: '64KiB' } });
  await kontor.app.services.uploads.open(new Date());
  hub = await aPartner(kontor);
  const reseller = await aPartner(kontor, { kind: 'RESELLER' });
  token = await kontor.signIn((await aUser(kontor, { partnerId: hub.id })).email);
  resellerToken = await kontor.signIn((await aUser(kontor, { partnerId: reseller.id })).email);
  first = await anImport(hub.id, token);
  second = await anImport(hub.id, token);
  await done(first.batches[0] as number, 100);
  await done(first.batches[1] as number, 50);
  await suspend(first, 0, 7, 'REJECTED', 'INVALID_TIME', Buffer.from('r1;ü;\t;x'));
  await suspend(first, 2, 3, 'HELD', 'NO_RATE', Buffer.from([0x61, 0xff, 0x00, 0xe2, 0x82, 0x1b]));
  await suspend(first, 1, 1, 'HELD', 'NO_RATE', Buffer.from('held'));
  await suspend(first, 1, 2, 'RECYCLED', 'NO_RATE', Buffer.from('once held'));
  await suspend(second, 2, 9, 'HELD', 'NO_CONTRACT', Buffer.from('of the second'));
});

afterAll(async () => kontor.stop());

/** A file of three batches whose import was asked for. */
async function anImport(partnerId: number, as: string): Promise<BuiltFile> {
  serial += 1;
  const source = await aSource(kontor, { partnerId });
  const body = `${serial}`.repeat(2 * 65_536 + 10);
  const fileId = (await upload(kontor, as, `suspense-${serial}.csv`, body)).body.fileId;
  const run = await kontor.graphql(
    'mutation ($f: ID!, $s: ID!) { importUsageFile(fileId: $f, sourceId: $s) { id } }',
    { f: fileId, s: source.globalId },
    as,
  );
  expect(run.errors).toEqual([]);
  const id = Number(Buffer.from(fileId, 'base64url').toString().split(':')[1]);
  const batches = await allRows<{ id: number }>(
    kontor,
    `SELECT b.id FROM run_batch b JOIN usage_file f ON f.run_id = b.run_id
     WHERE f.id = $1 ORDER BY b.ordinal`,
    [id],
  );
  return {
    id,
    globalId: fileId,
    batches: batches.map((batch) => batch.id),
    sourceId: source.globalId,
    domain: source.name,
  };
}

async function done(batchId: number, lines: number): Promise<void> {
  await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(`UPDATE run_batch SET state = 'DONE', result = $2 WHERE id = $1`, [
      batchId,
      { lines },
    ]),
  );
}

async function suspend(
  file: BuiltFile,
  batch: number,
  line: number,
  state: string,
  code: string,
  raw: Buffer,
): Promise<void> {
  await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `INSERT INTO suspense_record (partner_id, usage_file_id, batch_id, byte_offset, batch_line,
         state, code, field, message, raw)
       SELECT partner_id, id, $2, $3, $4, $5, $6, 'started_at', 'what is wrong', $7
       FROM usage_file WHERE id = $1`,
      [file.id, file.batches[batch], batch * 65_536 + line, line, state, code, raw],
    ),
  );
}

const LIST = `query ($filter: SuspenseFilter! = {}, $first: Int! = 50, $after: String) {
  suspenseRecords(filter: $filter, first: $first, after: $after) {
    nodes { id state code field message raw rawBase64 line byteOffset file { id name } }
    pageInfo { hasNextPage endCursor } } }`;

async function list(filter: object, as = token) {
  const answer = await kontor.graphql(LIST, { filter }, as);
  expect(answer.errors).toEqual([]);
  return answer.data.suspenseRecords.nodes;
}

describe('suspenseRecords', () => {
  it('shows what is wrong, where, and the line as text and as bytes', async () => {
    const records = await list({ fileId: first.globalId });
    expect(records).toMatchObject([
      {
        state: 'REJECTED',
        code: 'INVALID_TIME',
        field: 'started_at',
        message: 'what is wrong',
        raw: 'r1;ü;\t;x',
        byteOffset: '7',
        line: '7',
        file: { id: first.globalId },
      },
      {
        state: 'HELD',
        raw: 'a\\xff\\x00\\xe2\\x82\\x1b',
        rawBase64: Buffer.from([0x61, 0xff, 0x00, 0xe2, 0x82, 0x1b]).toString('base64'),
        line: '153',
      },
      { state: 'HELD', code: 'NO_RATE', line: '101', byteOffset: String(65_536 + 1) },
    ]);
  });

  it('has no line number while lines before it are not counted', async () => {
    expect(await list({ fileId: second.globalId })).toMatchObject([
      { raw: 'of the second', line: null },
    ]);
  });

  it('narrows by source, codes and state', async () => {
    const texts = async (filter: object) =>
      (await list(filter)).map((record: { raw: string }) => record.raw);
    expect(await texts({ sourceId: second.sourceId })).toEqual(['of the second']);
    expect(await texts({ codes: ['NO_CONTRACT', 'INVALID_TIME'] })).toEqual([
      'r1;ü;\t;x',
      'of the second',
    ]);
    expect(await texts({ state: 'RECYCLED' })).toEqual(['once held']);
    expect(await texts({ fileId: first.globalId, state: 'REJECTED' })).toEqual(['r1;ü;\t;x']);
  });

  it('goes on behind a cursor', async () => {
    const page = await kontor.graphql(LIST, { first: 2 }, token);
    const { endCursor, hasNextPage } = page.data.suspenseRecords.pageInfo;
    expect(hasNextPage).toBe(true);
    const rest = await kontor.graphql(LIST, { first: 50, after: endCursor }, token);
    const all = (await list({})).map((record: { id: string }) => record.id);
    const both = [page, rest].flatMap((answer) => answer.data.suspenseRecords.nodes);
    expect(both.map((record: { id: string }) => record.id)).toEqual(all);
  });

  it('asks the database as often for many records as for one', async () => {
    const cost = async (count: number) => {
      return kontor.statements(await kontor.graphql(LIST, { first: count }, token));
    };
    expect(await cost(50)).toBe(await cost(1));
  });
});

describe('suspenseSummary', () => {
  it('counts by code, state and source, most first', async () => {
    const answer = await kontor.graphql(
      '{ suspenseSummary { code state records source { id } } }',
      null,
      token,
    );
    expect(answer.data.suspenseSummary).toEqual([
      { code: 'NO_RATE', state: 'HELD', records: '2', source: { id: first.sourceId } },
      { code: 'INVALID_TIME', state: 'REJECTED', records: '1', source: { id: first.sourceId } },
      { code: 'NO_CONTRACT', state: 'HELD', records: '1', source: { id: second.sourceId } },
    ]);
  });
});

describe('duplicateRecords', () => {
  it('lists where the duplicates of a file stood', async () => {
    await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `INSERT INTO duplicate_record
           (partner_id, usage_file_id, batch_id, byte_offset, batch_line, identity)
         VALUES ($1, $2, $3, 65600, 4, '00000000-0000-0000-0000-0000000000ff')`,
        [hub.id, first.id, first.batches[1]],
      ),
    );
    const query = `query ($id: ID!) { duplicateRecords(fileId: $id) {
      nodes { line byteOffset identity } } }`;
    const answer = await kontor.graphql(query, { id: first.globalId }, token);
    expect(answer.data.duplicateRecords.nodes).toEqual([
      { line: '104', byteOffset: '65600', identity: '00000000-0000-0000-0000-0000000000ff' },
    ]);
    const foreign = await kontor.graphql(query, { id: first.globalId }, resellerToken);
    expect(foreign.data.duplicateRecords.nodes).toEqual([]);
  });
});

describe('recycleRecords', () => {
  const RECYCLE = `mutation ($filter: SuspenseFilter!, $key: String) {
    recycleRecords(filter: $filter, idempotencyKey: $key) {
      id kind state unitsTotal batchesTotal } }`;
  const recycle = (filter: object, key?: string, as = token) =>
    kontor.graphql(RECYCLE, { filter, key }, as);
  const batchesOf = (runId: string) =>
    allRows<{ payload: { fileId: number; ids: number[] }; lane: string; units: string }>(
      kontor,
      'SELECT payload, lane, units FROM run_batch WHERE run_id = $1 ORDER BY ordinal',
      [Number(Buffer.from(runId, 'base64url').toString().split(':')[1])],
    );

  it('starts a run with batches of one file and its identity domain each', async () => {
    const answer = await recycle({ state: 'HELD' });
    expect(answer.data.recycleRecords).toMatchObject({
      kind: 'RECYCLE',
      state: 'READY',
      unitsTotal: '3',
      batchesTotal: 2,
    });
    const held = (await list({ state: 'HELD' })).map((record: { id: string }) => record.id);
    const batches = await batchesOf(answer.data.recycleRecords.id);
    expect(batches.map(({ payload }) => payload.fileId)).toEqual([first.id, second.id]);
    expect(batches.map(({ lane }) => lane)).toEqual(
      [first, second].map((file) => `identity:${file.domain}`),
    );
    const ids = batches.flatMap(({ payload }) => payload.ids);
    expect(ids.map((id) => toGlobalId('SuspenseRecord', id))).toEqual(held);
  });

  it('never takes up what was recycled, nor what does not fit', async () => {
    expect((await recycle({ state: 'RECYCLED' })).codes).toEqual(['NOTHING_TO_RECYCLE']);
    expect((await recycle({ codes: ['UNHEARD_OF'] })).codes).toEqual(['NOTHING_TO_RECYCLE']);
    const answer = await recycle({ codes: ['INVALID_TIME'] });
    expect(answer.data.recycleRecords.unitsTotal).toBe('1');
  });

  it('repeats its answer for a key', async () => {
    const once = await recycle({ state: 'HELD' }, 'recycle-key');
    expect((await recycle({ state: 'HELD' }, 'recycle-key')).data).toEqual(once.data);
    expect((await recycle({ state: 'REJECTED' }, 'recycle-key')).codes).toEqual([
      'IDEMPOTENCY_KEY_REUSED',
    ]);
  });

  it('cuts many records of a file into batches of 50,000', async () => {
    const file = await anImport(hub.id, token);
    await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `INSERT INTO suspense_record (partner_id, usage_file_id, batch_id, byte_offset, batch_line,
           state, code, message, raw)
         SELECT $1, $2, $3, n, n, 'HELD', 'NO_RATE', 'm', 'r' FROM generate_series(1, 120000) n`,
        [hub.id, file.id, file.batches[0]],
      ),
    );
    const answer = await recycle({ fileId: file.globalId });
    expect(answer.data.recycleRecords).toMatchObject({ unitsTotal: '120000', batchesTotal: 3 });
    const batches = await batchesOf(answer.data.recycleRecords.id);
    expect(batches.map(({ units }) => Number(units))).toEqual([50_000, 50_000, 20_000]);
    expect(new Set(batches.flatMap(({ payload }) => payload.ids)).size).toBe(120_000);
  });

  it('needs its permission and reaches only what is visible', async () => {
    const reader = await aUser(kontor, { partnerId: hub.id, permissions: ['usage.read'] });
    const poor = await kontor.signIn(reader.email);
    expect((await recycle({}, undefined, poor)).codes).toEqual(['FORBIDDEN']);
    expect((await recycle({}, undefined, resellerToken)).codes).toEqual(['NOTHING_TO_RECYCLE']);
    expect(await list({}, resellerToken)).toEqual([]);
    const summary = await kontor.graphql('{ suspenseSummary { code } }', null, resellerToken);
    expect(summary.data.suspenseSummary).toEqual([]);
  });
});
