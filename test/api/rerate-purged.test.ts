import pg from 'pg';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createRun, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { checkFigures } from '../fixtures/check-figures.js';
import { allRows } from '../fixtures/mediation.js';
import { refusal } from '../fixtures/partner.js';
import { RerateDesk } from '../fixtures/rerate-desk.js';
import { CUSTOMER_NUMBER, DIRECT_NUMBER } from '../fixtures/traffic.js';

const FRANCE = '33123456789';

let desk: RerateDesk;
let client: pg.Client;

beforeAll(async () => {
  desk = await RerateDesk.open();
  client = new pg.Client({ connectionString: desk.kontor.database.urls.ownerUrl });
  await client.connect();
}, 60_000);
afterAll(async () => {
  await client?.end();
  await desk.close();
});

/** Whether anybody waits for a lock of a kind. */
async function isWaitedFor(what: string): Promise<boolean> {
  const waiting = `SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
    WHERE d.datname = current_database() AND NOT granted AND locktype = $1`;
  return ((await client.query(waiting, [what])).rowCount ?? 0) > 0;
}

// As a shorter period for one partner does.
function purged(day: string, partnerId: number): Promise<unknown> {
  return desk.kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT purge_usage_day($1, ARRAY[$2::int])', [day, partnerId]),
  );
}

// As if finalised invoices had taken what there is.
function billed(): Promise<unknown> {
  return desk.kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('UPDATE usage_summary SET invoice_id = 1 WHERE invoice_id IS NULL'),
  );
}

/** Asks for a purge of all records of a day. */
async function purgeOf(day: string): Promise<void> {
  const partners = await allRows<{ id: number }>(desk.kontor, 'SELECT id FROM partner');
  const partnerIds = partners.map(({ id }) => id);
  await desk.kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    createRun(tx, {
      ...{ kind: 'PURGE', partnerId: desk.world.hub.id, subject: `purge:${day}`, params: {} },
      ...{ requestedBy: null, unitsTotal: 1 },
      batches: [{ lane: 'purge', payload: { step: 'DAY', day, partnerIds }, units: 1 }],
    }),
  );
}

function recordsOf(day: string): Promise<unknown[]> {
  const records = `SELECT count(*)::int AS n FROM xdr WHERE started_at::date = '${day}'`;
  return allRows(desk.kontor, records);
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
  await billed();
  // One of the last things that a batch waits for; its records are stored by then.
  await client.query(`SELECT pg_advisory_lock(hashtext('credit watch'))`);
  const late = desk.calls(['e', '08', CUSTOMER_NUMBER, FRANCE, 90]);
  await vi.waitUntil(() => isWaitedFor('advisory'), { timeout: 5_000 });
  await purgeOf(day);
  const purge = desk.settled();
  await vi.waitUntil(() => isWaitedFor('relation'), { timeout: 5_000 });
  await client.query(`SELECT pg_advisory_unlock(hashtext('credit watch'))`);
  await Promise.all([late, purge]);
  expect(await recordsOf(day)).toEqual([{ n: 2 }]);
  expect(await database.read(SYSTEM_SCOPE, checkUsageSums)).toEqual([]);
});

it('undoes and chooses nothing that a purge has found to be no longer needed', async () => {
  const day = '2026-10-12';
  const selection = { from: `${day}T00:00:00Z`, to: '2026-10-13T00:00:00Z' };
  await desk.calls(['g', '12', CUSTOMER_NUMBER, FRANCE, 60]);
  const changed = { price: '0.6', firstIncrement: 60, validFrom: selection.from };
  await desk.price(desk.world.lists.base, changed);
  const set = await desk.applied(selection);
  await billed();
  // The last thing that it looks at before it drops the day.
  await client.query('BEGIN; LOCK TABLE retention_hold');
  await purgeOf(day);
  const purge = desk.settled();
  await vi.waitUntil(() => isWaitedFor('relation'), { timeout: 5_000 });
  const input = { selection, reason: 'Again' };
  const create = 'mutation ($input: CreateRerateInput!) { createRerate(input: $input) { id } }';
  const refusals = [
    await desk.refused('undo', set),
    await refusal(desk.kontor, desk.world.token, create, { input }),
  ];
  await client.query('ROLLBACK');
  await purge;
  expect(refusals).toEqual(['RERATE_BUSY', 'RERATE_BUSY']);
  expect(await recordsOf(day)).toEqual([{ n: 0 }]);
  expect(await desk.refused('undo', set)).toBe('RERATE_PURGED');
  expect((await desk.shown(set)).state).toBe('APPLIED');
});

it('does not come between what the nightly check reads', async () => {
  await desk.calls(['f', '09', CUSTOMER_NUMBER, FRANCE, 60]);
  await client.query(`SET session_replication_role = replica;
    UPDATE usage_summary SET invoice_id = NULL; RESET session_replication_role`);
  await client.query('BEGIN; LOCK TABLE suspense_record');
  const checked = checkFigures(desk.kontor);
  await vi.waitUntil(() => isWaitedFor('relation'), { timeout: 20_000 });
  const purge = desk.kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(`SELECT purge_usage_day('2026-10-09', NULL)`),
  );
  const [purgeNow] = await Promise.allSettled([purge]);
  await client.query('ROLLBACK');
  expect([purgeNow.status, await checked]).toEqual(['rejected', { status: 0, findings: [] }]);
});
