import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createRun, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { allRows } from '../fixtures/mediation.js';
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

it('leaves a late record that an import is about to bring', async () => {
  const { database } = desk.kontor.app;
  const day = '2026-10-08';
  await desk.calls(['d', '08', CUSTOMER_NUMBER, FRANCE, 60]);
  const partners = await allRows<{ id: number }>(desk.kontor, 'SELECT id FROM partner');
  const partnerIds = partners.map(({ id }) => id);
  await database.write(SYSTEM_SCOPE, async (tx) => {
    // As finalised invoices have taken what there is.
    await tx.query('UPDATE usage_summary SET invoice_id = 1');
  });
  const client = new pg.Client({ connectionString: database.urls.ownerUrl });
  await client.connect();
  try {
    // One of the last things that a batch waits for; its records are stored by then.
    await client.query(`SELECT pg_advisory_lock(hashtext('credit watch'))`);
    const late = desk.calls(['e', '08', CUSTOMER_NUMBER, FRANCE, 90]);
    const isWaited = async (what: string) => {
      const waiting = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE d.datname = current_database() AND NOT granted AND locktype = $1`;
      return ((await client.query(waiting, [what])).rowCount ?? 0) > 0;
    };
    await vi.waitUntil(() => isWaited('advisory'), { timeout: 5_000 });
    await database.write(SYSTEM_SCOPE, (tx) =>
      createRun(tx, {
        ...{ kind: 'PURGE', partnerId: desk.world.hub.id, subject: 'purge:late', params: {} },
        ...{ requestedBy: null, unitsTotal: 1 },
        batches: [{ lane: 'purge', payload: { step: 'DAY', day, partnerIds }, units: 1 }],
      }),
    );
    const purge = desk.settled();
    await vi.waitUntil(() => isWaited('relation'), { timeout: 5_000 });
    await client.query(`SELECT pg_advisory_unlock(hashtext('credit watch'))`);
    await Promise.all([late, purge]);
  } finally {
    await client.end();
  }
  const records = `SELECT count(*)::int AS n FROM xdr WHERE started_at::date = '${day}'`;
  expect(await allRows(desk.kontor, records)).toEqual([{ n: 2 }]);
  expect(await database.read(SYSTEM_SCOPE, checkUsageSums)).toEqual([]);
});
