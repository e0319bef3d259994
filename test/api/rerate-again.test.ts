import { afterEach, beforeEach, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { allRows } from '../fixtures/mediation.js';
import { bucketInput, CREATE_BUCKET } from '../fixtures/pricing.js';
import { RerateDesk } from '../fixtures/rerate-desk.js';
import { CUSTOMER_NUMBER } from '../fixtures/traffic.js';

let desk: RerateDesk;

beforeEach(async () => {
  desk = await RerateDesk.open();
});

afterEach(async () => desk.close());

const aMinute = () =>
  desk.query(CREATE_BUCKET, {
    target: { contractId: desk.world.contracts.customer },
    bucket: bucketInput({ amount: '60' }),
  });
const aCall = () => desk.calls(['c1', '07', CUSTOMER_NUMBER, '33123456789', 90]);

async function expectSound(): Promise<void> {
  for (const { equal } of await desk.explained()) expect(equal).toBe(true);
  const findings = await desk.kontor.app.database.read(SYSTEM_SCOPE, checkBillingInvariants);
  expect(findings).toEqual([]);
}

it('a later change set of folded records is undone first, though nothing differs', async () => {
  await aMinute();
  await aCall();
  expect(await desk.retail()).toEqual(['0.10']);
  await desk.retailPrice('2.00');
  const first = await desk.applied();
  const second = await desk.applied();
  expect((await desk.shown(second, 'APPLY')).outcome).toMatchObject({ changed: '0' });
  expect(await desk.refused('undo', first)).toBe('RERATE_CHANGED_AGAIN');
  expect(await desk.retail()).toEqual(['1.00']);
  await expectSound();
  await desk.act('undo', second);
  expect(await desk.retail()).toEqual(['1.00']);
  await desk.act('undo', first);
  expect(await desk.retail()).toEqual(['0.10']);
  await expectSound();
  // Once undone, the same records are changed and restored again.
  const third = await desk.applied();
  expect(await desk.retail()).toEqual(['1.00']);
  await desk.act('undo', third);
  expect(await desk.retail()).toEqual(['0.10']);
  await expectSound();
});

it('so is one over another that changed only what a bucket covers', async () => {
  await aCall();
  const before = await desk.retail();
  await aMinute();
  const first = await desk.applied();
  expect(await desk.retail()).not.toEqual(before);
  const second = await desk.applied();
  expect(await desk.refused('undo', first)).toBe('RERATE_CHANGED_AGAIN');
  await desk.act('undo', second);
  await desk.act('undo', first);
  expect(await desk.retail()).toEqual(before);
  await expectSound();
});

it('and one that was the first to fold the records', async () => {
  await aCall();
  const before = await desk.retail();
  await desk.retailPrice('2.00');
  const first = await desk.applied();
  await aMinute();
  const second = await desk.applied();
  expect((await desk.shown(second, 'APPLY')).outcome).toMatchObject({ changed: '0' });
  expect(await desk.refused('undo', first)).toBe('RERATE_CHANGED_AGAIN');
  await desk.act('undo', second);
  await desk.act('undo', first);
  expect(await desk.retail()).toEqual(before);
  await expectSound();
});

it('a later change set of other records of the month stands in nobody’s way', async () => {
  await aMinute();
  await aCall();
  await desk.calls(['c2', '07', CUSTOMER_NUMBER, '33123456780', 90]);
  const before = await desk.retail();
  await desk.retailPrice('2.00');
  const files = await allRows<{ id: number }>(desk.kontor, 'SELECT id FROM usage_file ORDER BY id');
  const [one, other] = files.map(({ id }) => toGlobalId('UsageFile', id));
  const first = await desk.applied({ fileId: one });
  const later = await desk.applied({ fileId: other });
  expect((await desk.shown(later, 'APPLY')).outcome).toMatchObject({ records: '1', changed: '1' });
  expect(await desk.retail()).not.toEqual(before);
  await desk.act('undo', first);
  expect((await desk.shown(first)).state).toBe('UNDONE');
  await desk.act('undo', later);
  expect(await desk.retail()).toEqual(before);
  await expectSound();
});
