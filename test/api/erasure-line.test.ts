import { afterAll, beforeAll, expect, it } from 'vitest';
import { aRate } from '../fixtures/catalog.js';
import { erase, linesWith } from '../fixtures/erasure.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  DIRECT_NUMBER,
  importFile,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const NATIONAL = DIRECT_NUMBER.slice(1);
let kontor: TestApp;
let world: TrafficWorld;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  for (const list of ['base', 'hubRetail'] as const) {
    await aRate(kontor, world.token, world.lists[list], { prefix: '1', price: '0.02' });
  }
  const line =
    `"","${NATIONAL}","01133612987654","ctx","""Doe"" <${NATIONAL}>","SIP/${NATIONAL}-0000001a",` +
    '"SIP/out-0000001b","Dial","x","2026-10-05 10:00:00","2026-10-05 10:00:02",' +
    '"2026-10-05 10:01:02",62,60,"ANSWERED","DOCUMENTATION","1697794800.1",""\n';
  const { file } = await importFile(kontor, world, 'asterisk-master', line);
  expect(file).toMatchObject({ rated: '1' });
  expect(linesWith(kontor, NATIONAL)).toHaveLength(1);
  await erase(kontor, world, world.subscriptions.direct);
});
afterAll(() => kontor?.stop());

it('an erasure takes the number out of every column, names of channels included', () => {
  expect(linesWith(kontor, NATIONAL)).toEqual([]);
  expect(linesWith(kontor, '2026-10-05 10:01:02')).toHaveLength(1);
});
