import { afterAll, beforeAll, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { RerateDesk } from '../fixtures/rerate-desk.js';
import { CUSTOMER_NUMBER, DIRECT_NUMBER } from '../fixtures/traffic.js';

const FRANCE = '33123456789';

let desk: RerateDesk;

beforeAll(async () => {
  desk = await RerateDesk.open();
}, 60_000);
afterAll(() => desk.close());

// As a shorter period for one partner does.
function purged(day: string, partnerId: number): Promise<unknown> {
  return desk.kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT purge_usage_day($1, ARRAY[$2::int])', [day, partnerId]),
  );
}

it('undoes nothing of which a part has been purged', async () => {
  const { lists, direct } = desk.world;
  await desk.calls(
    ['a', '05', CUSTOMER_NUMBER, FRANCE, 60],
    ['b', '05', DIRECT_NUMBER, FRANCE, 60],
    ['c', '06', CUSTOMER_NUMBER, FRANCE, 60],
  );
  const price = (given: string) => desk.price(lists.base, { price: given, firstIncrement: 60 });
  await price('0.5');
  const first = await desk.applied({ to: '2026-10-06T00:00:00Z' });
  const second = await desk.applied({ from: '2026-10-06T00:00:00Z' });
  await purged('2026-10-05', direct.id);
  expect(await desk.refused('undo', first)).toBe('RERATE_PURGED');
  expect(await desk.act('undo', second)).toMatchObject({ state: 'UNDOING' });
  expect((await desk.shown(second)).state).toBe('UNDONE');
  const sums = await desk.kontor.app.database.read(SYSTEM_SCOPE, checkUsageSums);
  expect(sums).toEqual([]);
});
