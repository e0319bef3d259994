import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FormatDefinition, formatPresets } from '../../src/mediation/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aRate } from '../fixtures/catalog.js';
import { allRows, aSource, upload } from '../fixtures/mediation.js';
import { call, tokenOf } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  fileCounts,
  IMPORT,
  importFile,
  runEnd,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const SUSPENSE = `query ($filter: SuspenseFilter!) {
  suspenseRecords(filter: $filter) { nodes { code field line byteOffset raw } }
}`;
const RECYCLE = `mutation ($filter: SuspenseFilter!) { recycleRecords(filter: $filter) { id } }`;
const MARK = '\ufeff';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';

let kontor: TestApp;
let world: TrafficWorld;
beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
});
afterAll(() => kontor?.stop());

async function suspended(fileId: string): Promise<unknown[]> {
  const found = await call(kontor, world.token, SUSPENSE, { filter: { fileId } });
  return found.nodes;
}

describe('a file that begins with a byte order mark', () => {
  const record = (sequence: number, called = '33612345678') =>
    `SW1;${sequence};1;20261020100000;20261020100000;20261020100100;${CUSTOMER_NUMBER};` +
    `${called};;;60000;16\n`;

  it('holds the same records as without', async () => {
    const first = await importFile(kontor, world, 'wholesale-switch', record(1) + record(2));
    expect(first.file).toMatchObject({ rated: '2' });
    const content = `${MARK}${record(1)}${record(2)}${record(3)}`;
    const { file } = await importFile(kontor, world, 'wholesale-switch', content);
    expect(file).toMatchObject({ received: '3', rated: '1', duplicate: '2' });
  });

  it('keeps a rejected record where it stands, without the mark', async () => {
    const content = `${MARK}${record(7, '?')}`;
    const { fileId } = await importFile(kontor, world, 'wholesale-switch', content);
    const raw = record(7, '?').trim();
    expect(await suspended(fileId)).toEqual([
      { code: 'INVALID_B_NUMBER', field: 'called', line: '1', byteOffset: '3', raw },
    ]);
  });
});

describe('a file without its header', () => {
  const record = (id: string, trunk: string) =>
    `${id},voice,2026-10-20T10:00:00Z,+${CUSTOMER_NUMBER},+33612345678,60,,${trunk}\n`;

  it('keeps its first record, which cannot be rated yet', async () => {
    const content = record('h1', 'NOT-REGISTERED-YET') + record('h2', 'CANARY-TRUNK-OUT');
    const { file, fileId } = await importFile(kontor, world, 'kontor', content);
    expect(file).toMatchObject({ received: '2', rejected: '1', rated: '1' });
    expect(await suspended(fileId)).toMatchObject([{ code: 'UNKNOWN_TRUNK', line: '1' }]);
  });
});

describe('records without an identity', () => {
  const record = (second: number) =>
    `,voice,2026-10-20T11:00:0${second}Z,+${CUSTOMER_NUMBER},+33612345678,60,,CANARY-TRUNK-OUT\n`;

  it('are kept and no duplicates of each other', async () => {
    const content = HEADER + record(0) + record(1) + record(2);
    const { file, fileId } = await importFile(kontor, world, 'kontor', content);
    expect(file).toMatchObject({ received: '3', duplicate: '0', rejected: '3' });
    const kept = { code: 'MALFORMED_LINE', field: 'record_id' };
    expect(await suspended(fileId)).toMatchObject([kept, kept, kept]);
  });
});

describe('a record that is purged between the recycling and its batch', () => {
  let owner: pg.Client;
  beforeAll(async () => {
    owner = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
    await owner.connect();
  });
  afterAll(() => owner?.end());

  // What a batch of the purge does with all that is older than the period.
  async function purgeOne(code: string): Promise<unknown> {
    await owner.query(
      `UPDATE suspense_record SET created_at = now() - interval '181 days'
       WHERE id = (SELECT min(id) FROM suspense_record WHERE code = $1 AND purged_at IS NULL)`,
      [code],
    );
    const partners = await allRows<{ id: number }>(kontor, 'SELECT id FROM partner');
    return kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`SELECT purge_rows('SUSPENSE', $1, now() - interval '180 days', 100) AS n`, [
        partners.map(({ id }) => id),
      ]),
    );
  }

  it('is passed over, and the others of the run are taken up', async () => {
    const record = (id: string) =>
      `${id},voice,2026-10-05T10:00:00Z,+${CUSTOMER_NUMBER},+441234567,60,,CANARY-TRUNK-OUT\n`;
    const content = HEADER + record('a') + record('b');
    const { fileId, file } = await importFile(kontor, world, 'kontor', content);
    expect(file).toMatchObject({ held: '2' });
    for (const list of ['cost', 'base', 'upperSells', 'lowerRetail'] as const) {
      await aRate(kontor, world.token, world.lists[list], { prefix: '44', price: '0.02' });
    }
    await kontor.app.work.stop();
    const { id } = await call(kontor, world.token, RECYCLE, { filter: { fileId } });
    expect(await purgeOne('NO_RATE')).toEqual([{ n: 1 }]);
    await kontor.app.work.start();
    const ended = await runEnd(kontor, world.token, id);
    expect(ended).toMatchObject({ state: 'DONE', result: { rated: 1 } });
    const counts = await fileCounts(kontor, world.token, fileId);
    expect(counts).toMatchObject({ rated: '1', held: '1' });
    // Its text is gone and it is never charged, but it stays known.
    const again = await importFile(kontor, world, 'kontor', `${HEADER}\n${record('a')}`);
    expect(again.file).toMatchObject({ rated: '0', duplicate: '1' });
  }, 60_000);
});

describe('records that are taken up again as they are', () => {
  const record = (id: string, end: string) =>
    `${id},voice,2026-10-20T12:00:00Z,+${CUSTOMER_NUMBER},+33612345678,60,,${end}\n`;

  async function recycled(fileId: string) {
    const { id } = await call(kontor, world.token, RECYCLE, { filter: { fileId } });
    return runEnd(kontor, world.token, id);
  }

  it('come from their file for its partner, too, when somebody above took them up', async () => {
    const { lower } = world;
    const token = await tokenOf(kontor, lower);
    const source = await aSource(kontor, { partnerId: lower.id });
    const later = (id: string) => record(id, 'LATER-OUT');
    const sent = await upload(kontor, token, 'of-lower.csv', HEADER + later('f1') + later('f2'));
    const { fileId } = sent.body;
    const run = await call(kontor, token, IMPORT, { fileId, sourceId: source.globalId });
    await runEnd(kontor, token, run.id);
    const trunk = { name: 'LATER-OUT', costContractId: world.contracts.cost };
    await call(
      kontor,
      world.token,
      'mutation ($input: CreateTrunkInput!) { createTrunk(input: $input) { id } }',
      { input: trunk },
    );
    expect(await recycled(fileId)).toMatchObject({ result: { rated: 2 } });
    const filter = { from: '2026-10-20T00:00:00Z', to: '2026-10-21T00:00:00Z', fileId };
    const { nodes } = await call(
      kontor,
      token,
      'query ($filter: XdrFilter!) { xdrs(filter: $filter) { nodes { file { id } } } }',
      { filter },
    );
    expect(nodes).toEqual([{ file: { id: fileId } }, { file: { id: fileId } }]);
  });

  it('are those of whose file they are in, whoever has imported it', async () => {
    const token = await tokenOf(kontor, world.lower);
    const content = HEADER + record('for-lower', 'NOBODY-OUT');
    const { fileId } = (await upload(kontor, token, 'for-lower.csv', content)).body;
    // As the hub's own source, which the reseller does not see.
    const run = await call(kontor, world.token, IMPORT, { fileId, sourceId: world.sources.kontor });
    await runEnd(kontor, world.token, run.id);
    const { id } = await call(kontor, token, RECYCLE, { filter: { fileId } });
    expect(await runEnd(kontor, token, id)).toMatchObject({ result: { rejected: 1 } });
  });

  it('stay too long when they were', async () => {
    const definition = {
      ...(formatPresets.kontor as FormatDefinition),
      columns: [...(formatPresets.kontor as FormatDefinition).columns, 'note'],
    };
    const { globalId } = await aSource(kontor, { partnerId: world.hub.id, definition });
    const line = record('long', `CANARY-TRUNK-OUT,${'x'.repeat(70_000)}`);
    const sent = await upload(kontor, world.token, 'long.csv', HEADER + line);
    const { fileId } = sent.body;
    const { id } = await call(kontor, world.token, IMPORT, { fileId, sourceId: globalId });
    await runEnd(kontor, world.token, id);
    expect(await suspended(fileId)).toMatchObject([{ code: 'LINE_TOO_LONG' }]);
    expect(await recycled(fileId)).toMatchObject({ state: 'DONE', result: { rejected: 1 } });
    expect(await suspended(fileId)).toMatchObject([{ code: 'LINE_TOO_LONG' }]);
  });

  it('stay what they were when they end in carriage returns', async () => {
    const content = `${HEADER}\r\r\n${record('cr', 'CANARY-TRUNK-OUT\r\r')}`;
    const { fileId, file } = await importFile(kontor, world, 'kontor', content);
    expect(file).toMatchObject({ received: '2', rejected: '2' });
    const codes = [{ code: 'MALFORMED_LINE' }, { code: 'UNKNOWN_TRUNK' }];
    expect(await suspended(fileId)).toMatchObject(codes);
    expect(await recycled(fileId)).toMatchObject({ state: 'DONE', result: { rejected: 2 } });
    expect(await suspended(fileId)).toMatchObject(codes);
  });
});
