import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allRows, aSource, upload } from '../fixtures/mediation.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const BATCH = 65_536;

let kontor: TestApp;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let token: string;
let resellerToken: string;
let source: { id: number; globalId: string; name: string };
let serial = 0;

beforeAll(async () => {
  // Nobody takes work here: the tests look at runs as they are asked for.
  kontor = await testApp({ start: false, env: { KONTOR_BATCH_BYTES: '64KiB' } });
  await kontor.app.services.uploads.open(new Date());
  hub = await aPartner(kontor);
  reseller = await aPartner(kontor, { kind: 'RESELLER' });
  token = await kontor.signIn((await aUser(kontor, { partnerId: hub.id })).email);
  resellerToken = await kontor.signIn((await aUser(kontor, { partnerId: reseller.id })).email);
  source = await aSource(kontor, { partnerId: hub.id, domain: 'main' });
});

afterAll(async () => kontor.stop());

const IMPORT = `mutation ($fileId: ID!, $sourceId: ID!, $key: String) {
  importUsageFile(fileId: $fileId, sourceId: $sourceId, idempotencyKey: $key) {
    id kind state batchesTotal unitsTotal unitsDone } }`;
const FILE = `query ($id: ID!) { usageFile(id: $id) {
  id name sha256 sizeBytes state received rated rejected duplicate held finishedAt
  source { name } run { id state unitsDone unitsTotal } } }`;

async function stored(content?: string, as = token): Promise<string> {
  serial += 1;
  const answer = await upload(kontor, as, `file-${serial}.csv`, content ?? `content ${serial}`);
  return answer.body.fileId;
}

const importFile = (fileId: string, sourceId = source.globalId, as = token, key?: string) =>
  kontor.graphql(IMPORT, { fileId, sourceId, key }, as);
const show = async (id: string, as = token) =>
  (await kontor.graphql(FILE, { id }, as)).data.usageFile;

describe('importUsageFile', () => {
  it('starts a run whose batches cover the file without gap or overlap', async () => {
    const size = 3 * BATCH + 17;
    const fileId = await stored('x'.repeat(size));
    const answer = await importFile(fileId);
    expect(answer.errors).toEqual([]);
    expect(answer.data.importUsageFile).toMatchObject({
      kind: 'IMPORT',
      state: 'READY',
      batchesTotal: 4,
      unitsTotal: String(size),
      unitsDone: '0',
    });
    const batches = await allRows<{
      payload: { from: number; to: number };
      lane: string;
      units: string;
    }>(
      kontor,
      `SELECT b.payload, b.lane, b.units FROM run_batch b JOIN run r ON r.id = b.run_id
       WHERE r.units_total = $1 ORDER BY b.ordinal`,
      [size],
    );
    const edges = [0, 1, 2, 3, 4].map((part) => Math.floor((size * part) / 4));
    expect(batches.map(({ payload }) => [payload.from, payload.to])).toEqual(
      edges.slice(1).map((to, part) => [edges[part], to]),
    );
    expect(batches.map(({ units }) => Number(units))).toEqual(
      edges.slice(1).map((to, part) => to - edges[part]!),
    );
    expect(new Set(batches.map(({ lane }) => lane))).toEqual(new Set(['identity:main']));
    expect(await show(fileId)).toMatchObject({
      state: 'IMPORTING',
      source: { name: source.name },
      run: { id: answer.data.importUsageFile.id, unitsTotal: String(size) },
    });
  });

  it('keeps the terms of the source with the run', async () => {
    const fileId = await stored();
    await importFile(fileId);
    const [run] = await allRows<{ params: object; subject: string }>(
      kontor,
      'SELECT r.params, r.subject FROM run r JOIN usage_file f ON f.run_id = r.id ORDER BY r.id DESC LIMIT 1',
    );
    expect(run?.subject).toMatch(/^file:[0-9a-f]{64}$/);
    expect(run?.params).toEqual({
      fileId: expect.any(Number),
      sourceId: source.id,
      formatId: expect.any(Number),
      identityDomain: 'main',
      timeZone: 'UTC',
      defaultInTrunkId: null,
      defaultOutTrunkId: null,
    });
  });

  it('finds the same run when asked again, with or without key, also by many at once', async () => {
    const fileId = await stored();
    const answers = await Promise.all(
      ['k1', 'k1', undefined, undefined].map((key) =>
        importFile(fileId, source.globalId, token, key),
      ),
    );
    for (const answer of answers) expect(answer.errors).toEqual([]);
    expect(new Set(answers.map((answer) => answer.data.importUsageFile.id)).size).toBe(1);
    const other = await importFile(await stored(), source.globalId, token, 'k1');
    expect(other.codes).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  });

  it('refuses the same file as usage of another source', async () => {
    const fileId = await stored();
    await importFile(fileId);
    const second = await aSource(kontor, { partnerId: hub.id });
    const answer = await importFile(fileId, second.globalId);
    expect(answer.codes).toEqual(['FILE_ALREADY_IMPORTED']);
    expect(answer.errors[0]?.extensions.details).toEqual({ fileId });
  });

  it('refuses content imported as another file, and names it to who may see it', async () => {
    const theirs = await stored('bytes of both', resellerToken);
    const theirSource = await aSource(kontor, { partnerId: reseller.id });
    expect((await importFile(theirs, theirSource.globalId, resellerToken)).errors).toEqual([]);
    const ours = await stored('bytes of both');
    const answer = await importFile(ours);
    expect(answer.codes).toEqual(['FILE_ALREADY_IMPORTED']);
    expect(answer.errors[0]?.extensions.details).toEqual({ fileId: theirs });
    expect(await show(ours)).toMatchObject({ state: 'STORED', run: null });

    const first = await stored('bytes of the hub');
    await importFile(first);
    const again = await stored('bytes of the hub', resellerToken);
    const hidden = await importFile(again, theirSource.globalId, resellerToken);
    expect(hidden.codes).toEqual(['FILE_ALREADY_IMPORTED']);
    expect(hidden.text).not.toContain(first);
  });

  it('makes room again when the run was cancelled before it began', async () => {
    const fileId = await stored();
    const first = (await importFile(fileId)).data.importUsageFile;
    const cancelled = await kontor.graphql(
      'mutation ($id: ID!) { cancelRun(id: $id) { state } }',
      { id: first.id },
      token,
    );
    expect(cancelled.data.cancelRun.state).toBe('CANCELLED');
    expect(await show(fileId)).toMatchObject({ state: 'STORED' });
    const second = await aSource(kontor, { partnerId: hub.id });
    const again = (await importFile(fileId, second.globalId)).data.importUsageFile;
    expect(again.id).not.toBe(first.id);
    expect(await show(fileId)).toMatchObject({ state: 'IMPORTING', source: { name: second.name } });
  });

  it('ends at once for an empty file', async () => {
    const fileId = await stored('');
    const answer = await importFile(fileId);
    expect(answer.data.importUsageFile).toMatchObject({ state: 'DONE', batchesTotal: 0 });
    expect(await show(fileId)).toMatchObject({
      state: 'DONE',
      received: '0',
      rated: '0',
      rejected: '0',
      duplicate: '0',
      held: '0',
      finishedAt: expect.any(String),
    });
  });

  it('takes an empty file of each partner: nobody has imported its records before', async () => {
    await importFile(await stored(''));
    const fileId = await stored('', resellerToken);
    const own = await aSource(kontor, { partnerId: reseller.id });
    const answer = await importFile(fileId, own.globalId, resellerToken);
    expect(answer.errors).toEqual([]);
    expect(await show(fileId, resellerToken)).toMatchObject({ state: 'DONE', received: '0' });
  });

  it('refuses a file that was set aside, and what is not there', async () => {
    const fileId = await stored('to set aside');
    await kontor.app.database.write({ partnerId: hub.id }, (tx) =>
      tx.query(
        `UPDATE usage_file SET state = 'QUARANTINED', quarantine_reason = 'cut short'
         WHERE sha256 = encode(sha256('to set aside'), 'hex')`,
      ),
    );
    expect((await importFile(fileId)).codes).toEqual(['FILE_QUARANTINED']);
    expect((await importFile('VXNhZ2VGaWxlOjk5OTk5OQ')).codes).toEqual(['NOT_FOUND']);
    expect((await importFile(fileId, 'VXNhZ2VTb3VyY2U6OTk5OTk5')).codes).toEqual(['NOT_FOUND']);
    expect((await importFile(source.globalId)).codes).toEqual(['INVALID_ID']);
  });

  it('needs its permission', async () => {
    const reader = await aUser(kontor, { partnerId: hub.id, permissions: ['usage.read'] });
    const fileId = await stored();
    const answer = await importFile(fileId, source.globalId, await kontor.signIn(reader.email));
    expect(answer.codes).toEqual(['FORBIDDEN']);
    expect(await show(fileId)).toMatchObject({ state: 'STORED' });
  });

  it("does not reach another partner's file or source", async () => {
    const fileId = await stored();
    const own = await aSource(kontor, { partnerId: reseller.id });
    const foreign = await importFile(fileId, own.globalId, resellerToken);
    const absent = await importFile('VXNhZ2VGaWxlOjk5OTk5OQ', own.globalId, resellerToken);
    expect(foreign.codes).toEqual(['NOT_FOUND']);
    expect(foreign.errors[0]?.message).toBe(absent.errors[0]?.message);
    const theirs = await stored(undefined, resellerToken);
    expect((await importFile(theirs, source.globalId, resellerToken)).codes).toEqual(['NOT_FOUND']);
    expect(await show(fileId, resellerToken)).toBeNull();
  });
});

describe("a file of one partner and another's source", () => {
  it('go together where one of them is above the other, and nowhere else', async () => {
    const other = await aPartner(kontor, { kind: 'RESELLER', parentId: hub.id });
    const below = await aPartner(kontor, { kind: 'RESELLER', parentId: reseller.id });
    const [ofOther, ofReseller] = [
      await aSource(kontor, { partnerId: other.id }),
      await aSource(kontor, { partnerId: reseller.id }),
    ];
    const fileOf = async (partner: BuiltPartner) =>
      stored(
        undefined,
        await kontor.signIn((await aUser(kontor, { partnerId: partner.id })).email),
      );
    const pairs: [string, string, string[]][] = [
      [await fileOf(reseller), ofOther.globalId, ['SOURCE_OF_OTHER_PARTNER']],
      [await fileOf(below), ofOther.globalId, ['SOURCE_OF_OTHER_PARTNER']],
      [await fileOf(below), ofReseller.globalId, []],
      [await fileOf(hub), ofOther.globalId, []],
      [await fileOf(other), source.globalId, []],
    ];
    for (const [fileId, sourceId, codes] of pairs) {
      expect((await importFile(fileId, sourceId)).codes).toEqual(codes);
    }
  });
});

describe('usageFiles', () => {
  it('lists newest first, page by page, each file once', async () => {
    const own = await aPartner(kontor, { kind: 'RESELLER' });
    const as = await kontor.signIn((await aUser(kontor, { partnerId: own.id })).email);
    const ids: string[] = [];
    for (let n = 0; n < 7; n += 1) ids.unshift(await stored(`page ${n}`, as));
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const answer = await kontor.graphql(
        `query ($after: String) { usageFiles(first: 3, after: $after) {
          nodes { id } pageInfo { hasNextPage endCursor } } }`,
        { after },
        as,
      );
      const page = answer.data.usageFiles;
      seen.push(...page.nodes.map((node: { id: string }) => node.id));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen).toEqual(ids);
  });

  it('narrows by source and by the state that is shown', async () => {
    const own = await aSource(kontor, { partnerId: hub.id });
    const parked = await stored();
    const waiting = await stored();
    for (const fileId of [parked, waiting]) await importFile(fileId, own.globalId);
    const runId = (await show(parked)).run.id;
    await kontor.app.database.write({ partnerId: hub.id }, (tx) =>
      tx.query(`UPDATE run SET state = 'PARKED' WHERE id = $1`, [
        Number(Buffer.from(runId, 'base64url').toString().split(':')[1]),
      ]),
    );
    const list = async (state: string) => {
      const filter = { sourceId: own.globalId, state };
      const answer = await kontor.graphql(
        'query ($filter: UsageFileFilter!) { usageFiles(filter: $filter) { nodes { id state } } }',
        { filter },
        token,
      );
      return answer.data.usageFiles.nodes;
    };
    expect(await list('PARKED')).toEqual([{ id: parked, state: 'PARKED' }]);
    expect(await list('IMPORTING')).toEqual([{ id: waiting, state: 'IMPORTING' }]);
    expect(await list('DONE')).toEqual([]);
  });

  it('asks the database as often for many files as for one', async () => {
    const query = `query ($first: Int!) { usageFiles(first: $first) {
      nodes { id state run { state } source { name format { name } }
        duplicateDeliveries { name } } } }`;
    const cost = async (first: number) => {
      return kontor.statements(await kontor.graphql(query, { first }, token));
    };
    await importFile(await stored());
    expect(await cost(10)).toBe(await cost(1));
  });

  it('refuses a cursor of another list', async () => {
    const after = Buffer.from('["x"]').toString('base64url');
    const query = `{ usageFiles(after: "${after}") { nodes { id } } }`;
    expect((await kontor.graphql(query, null, token)).codes).toEqual(['INVALID_CURSOR']);
  });
});
