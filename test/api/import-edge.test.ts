import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  importFile,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const SUSPENSE = `query ($filter: SuspenseFilter!) {
  suspenseRecords(filter: $filter) { nodes { code field line byteOffset raw } }
}`;
const MARK = '\ufeff';

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
  const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
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
