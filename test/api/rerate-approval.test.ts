import { afterEach, beforeEach, expect, it } from 'vitest';
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
