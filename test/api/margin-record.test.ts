import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aRate } from '../fixtures/catalog.js';
import { call } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  DIRECT_NUMBER,
  fileCounts,
  importFile,
  runEnd,
  type TrafficWorld,
} from '../fixtures/traffic.js';

let kontor: TestApp;
let world: TrafficWorld;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  // Bought at 0.0177 a minute, sold at 0.0010.
  await aRate(kontor, world.token, world.lists.hubRetail, { prefix: '339', price: '0.001' });
});

afterAll(async () => kontor.stop());

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const call339 = (id: string) =>
  `${id},voice,2026-10-10T10:00:00Z,+${DIRECT_NUMBER},+33912345678,60,,CANARY-TRUNK-OUT\n`;

describe('a record that brings less than it costs', () => {
  it('is rated in silence unless its contract watches the margin', async () => {
    const { file } = await importFile(kontor, world, 'kontor', HEADER + call339('m1'));
    expect(file).toMatchObject({ rated: '1', held: '0', rejected: '0' });
    expect(await alarms()).toEqual([]);
  });

  it('is rated and raises one alarm of the contract that warns', async () => {
    await policy('WARN');
    const two = HEADER + call339('m2') + call339('m3');
    const { file } = await importFile(kontor, world, 'kontor', two);
    expect(file).toMatchObject({ rated: '2' });
    expect(await alarms()).toEqual([
      'Records were sold below cost: 2 in one batch, at a loss of 0.0334.',
    ]);
  });

  it('is held, to be rated when prices are mended', async () => {
    await policy('HOLD');
    const { file } = await importFile(kontor, world, 'kontor', HEADER + call339('m4'));
    expect(file).toMatchObject({ rated: '0', held: '1' });
  });

  it('is rejected by the contract that refuses it', async () => {
    await policy('REFUSE');
    const { file } = await importFile(kontor, world, 'kontor', HEADER + call339('m5'));
    expect(file).toMatchObject({ rated: '0', rejected: '1' });
  });

  it('is rated once its contract takes it again, and no duplicate of itself', async () => {
    await policy('REFUSE');
    const { fileId } = await importFile(kontor, world, 'kontor', HEADER + call339('m6'));
    const later = await importFile(kontor, world, 'kontor', HEADER + HEADER + call339('m6'));
    expect(later.file).toMatchObject({ duplicate: '1' });
    expect(await recycled(fileId)).toMatchObject({ rejected: 1 });
    await policy('WARN');
    expect(await recycled(fileId)).toMatchObject({ rated: 1, duplicate: 0 });
    expect(await fileCounts(kontor, world.token, fileId)).toMatchObject({ rated: '1' });
  });

  it('is rated in the end when it was held before it was refused', async () => {
    await policy('HOLD');
    const { fileId } = await importFile(kontor, world, 'kontor', HEADER + call339('m7'));
    await policy('REFUSE');
    expect(await recycled(fileId)).toMatchObject({ rejected: 1 });
    await policy('WARN');
    expect(await recycled(fileId)).toMatchObject({ rated: 1, duplicate: 0 });
    const again = await importFile(kontor, world, 'kontor', HEADER + HEADER + call339('m7'));
    expect(again.file).toMatchObject({ rated: '0', duplicate: '1' });
  });
});

const RECYCLE = `mutation ($filter: SuspenseFilter!) { recycleRecords(filter: $filter) { id } }`;

async function recycled(fileId: string): Promise<Record<string, number>> {
  const run = await call(kontor, world.token, RECYCLE, { filter: { fileId } });
  return (await runEnd(kontor, world.token, run.id)).result;
}

async function policy(name: string): Promise<void> {
  await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('UPDATE contract_version SET margin_policy = $1 WHERE contract_id = $2', [
      name,
      rowNumber('Contract', world.contracts.direct),
    ]),
  );
}

async function alarms(): Promise<string[]> {
  const found = await call(
    kontor,
    world.token,
    '{ alarms(first: 20) { nodes { text probableCause } } }',
    {},
  );
  return found.nodes
    .filter(({ probableCause }: { probableCause: string }) => probableCause === 'NEGATIVE_MARGIN')
    .map(({ text }: { text: string }) => text);
}
