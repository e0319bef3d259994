import { afterAll, beforeAll, expect, it } from 'vitest';
import { aRate } from '../fixtures/catalog.js';
import { erase, linesWith } from '../fixtures/erasure.js';
import { aFormat, aSource } from '../fixtures/mediation.js';
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
  await asterisk();
  await blanks();
  expect(linesWith(kontor, NATIONAL)).toHaveLength(2);
  await erase(kontor, world, world.subscriptions.direct);
});
afterAll(() => kontor?.stop());

async function asterisk(): Promise<void> {
  const line =
    `"","${NATIONAL}","01133612987654","ctx","""Doe"" <${NATIONAL}>","SIP/${NATIONAL}-0000001a",` +
    '"SIP/out-0000001b","Dial","x","2026-10-05 10:00:00","2026-10-05 10:00:02",' +
    '"2026-10-05 10:01:02",62,60,"ANSWERED","DOCUMENTATION","1697794800.1",""\n';
  const { file } = await importFile(kontor, world, 'asterisk-master', line);
  expect(file).toMatchObject({ rated: '1' });
}

/** A file whose columns stand apart by blanks. */
async function blanks(): Promise<void> {
  const { inTrunk: _in, outTrunk: _out, quantity: _none, ...rest } = aFormat();
  const definition = {
    ...rest,
    delimiter: ' ',
    quote: null,
    headerLines: 0,
    columns: ['id', 'at', 'from', 'to', 'seconds'],
    identity: ['id'],
    startedAt: { column: 'at', type: 'EPOCH_SECONDS' },
    service: { constant: 'VOICE' },
    duration: { column: 'seconds', unit: 'SECONDS' },
    aNumber: { column: 'from' },
    bNumber: { column: 'to' },
  } as const;
  const source = await aSource(kontor, { partnerId: world.hub.id, definition });
  const at = Date.parse('2026-10-05T10:00:00Z') / 1000;
  const { file } = await importFile(
    kontor,
    { ...world, sources: { blanks: source.globalId } },
    'blanks',
    `1001 ${at} ${DIRECT_NUMBER} 33612987654 60\n`,
  );
  expect(file).toMatchObject({ received: '1', rated: '1' });
}

it('an erasure takes the number out of every column, names of channels included', () => {
  expect(linesWith(kontor, NATIONAL)).toEqual([]);
  expect(linesWith(kontor, '2026-10-05 10:01:02')).toHaveLength(1);
});

it('an erasure takes the number out of columns that stand apart by blanks', () => {
  const [line = '', ...more] = linesWith(kontor, '1001 ');
  expect(more).toEqual([]);
  expect(line).toMatch(/^1001 1791194400 1\d{10} 336\d{8} 60$/);
  expect(line).not.toContain(NATIONAL);
});
