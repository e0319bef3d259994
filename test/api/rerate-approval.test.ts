import { afterEach, beforeEach, expect, it } from 'vitest';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { tokenOf } from '../fixtures/partner.js';
import { bucketInput, CREATE_BUCKET } from '../fixtures/pricing.js';
import { RerateDesk } from '../fixtures/rerate-desk.js';
import { CUSTOMER_NUMBER } from '../fixtures/traffic.js';

let desk: RerateDesk;

beforeEach(async () => {
  desk = await RerateDesk.open();
});

afterEach(async () => desk.close());

it('a key that approved one preview does not answer for another', async () => {
  await desk.calls(['c1', '05', CUSTOMER_NUMBER, '33123456789', 90]);
  await desk.retailPrice('0.80');
  const id = await desk.previewed();
  expect(await desk.approve(id, 1, 'the key')).toEqual(['APPROVED']);
  expect(await desk.approve(id, 1, 'the key')).toEqual(['APPROVED']);
  await desk.act('preview', id);
  expect(await desk.approve(id, 2, 'the key')).toEqual(['IDEMPOTENCY_KEY_REUSED']);
  expect((await desk.shown(id)).state).toBe('PREVIEWED');
  expect(await desk.approve(id, 2, 'another key')).toEqual(['APPROVED']);
});

it('late records that move what was approved make it stale until the next preview', async () => {
  await desk.query(CREATE_BUCKET, {
    target: { contractId: desk.world.contracts.customer },
    bucket: bucketInput({ amount: '60' }),
  });
  await desk.calls(['c1', '07', CUSTOMER_NUMBER, '33123456789', 90]);
  await desk.retailPrice('2.00');
  const id = await desk.previewed({ levels: ['RETAIL'] });
  expect(await desk.shown(id)).toMatchObject({
    stale: false,
    outcome: { totals: [{ records: '1', difference: '0.90' }] },
  });
  await desk.approve(id);
  // It uses up the bucket before the other call.
  await desk.calls(['l1', '06', CUSTOMER_NUMBER, '49123456789', 60]);
  expect(await desk.shown(id)).toMatchObject({ state: 'APPROVED', stale: true });
  await desk.act('preview', id);
  expect(await desk.shown(id)).toMatchObject({
    stale: false,
    outcome: { totals: [{ records: '1', difference: '2.70' }] },
  });
  await desk.approve(id, 2);
  await desk.act('apply', id);
  expect(await desk.shown(id)).toMatchObject({ state: 'APPLIED', stale: false });
});

it('so does another change set of the month, undone since or applied meanwhile', async () => {
  await desk.query(CREATE_BUCKET, {
    target: { contractId: desk.world.contracts.customer },
    bucket: bucketInput({ kind: 'MONEY', amount: '0.20' }),
  });
  await desk.calls(
    ['c1', '07', CUSTOMER_NUMBER, '33123456789', 90],
    ['c2', '09', CUSTOMER_NUMBER, '33123456789', 90],
  );
  expect(await desk.retail()).toEqual(['0.10', '0.30']);
  await desk.retailPrice('0.02');
  const [first, second] = [{ to: '2026-10-08T00:00:00Z' }, { from: '2026-10-08T00:00:00Z' }];
  const before = await desk.applied(first);
  expect(await desk.retail()).toEqual(['0.00', '0.13']);
  const id = await desk.previewed(second);
  expect(await desk.shown(id)).toMatchObject({
    stale: false,
    outcome: { totals: [{ difference: '-0.13' }] },
  });
  // The first call takes all of the bucket again.
  await desk.act('undo', before);
  expect(await desk.shown(id)).toMatchObject({ stale: true });
  await desk.act('preview', id);
  expect(await desk.shown(id)).toMatchObject({
    stale: false,
    outcome: { totals: [{ difference: '-0.27' }] },
  });
  const lower = await tokenOf(desk.kontor, desk.world.lower);
  const theirs = await desk.previewed(second, lower);
  expect(await desk.shown(theirs, 'PREVIEW', lower)).toMatchObject({ stale: false });
  await desk.applied({ ...second, levels: ['RETAIL'] });
  expect(await desk.shown(id)).toMatchObject({ stale: true });
  // Also to whoever does not see the change set of the hub.
  expect(await desk.shown(theirs, 'PREVIEW', lower)).toMatchObject({ stale: true });
  // As if the last part of the preview had been worked out only then.
  await desk.kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      'UPDATE rerate SET previewed_at = clock_timestamp(), fold_run_id = NULL WHERE id = $1',
      [rowNumber('Rerate', id)],
    ),
  );
  expect(await desk.shown(id)).toMatchObject({ stale: true });
});
