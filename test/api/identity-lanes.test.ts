import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type IdentityTable, laneOf } from '../../src/mediation/index.js';
import { connectWorker, createRun, enterScope, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { IdentityLanes } from '../../src/rating/identity-lanes.service.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { aTrafficWorld, DIRECT_NUMBER, importFile } from '../fixtures/traffic.js';

let kontor: TestApp;
let domain: string;

const LINES = [1, 2, 3].map(
  (n) => `lane-${n},voice,2026-10-0${n}T10:00:00Z,+${DIRECT_NUMBER},+33123456789,60,,\n`,
);
const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';

beforeAll(async () => {
  kontor = await testApp();
  const world = await aTrafficWorld(kontor);
  await importFile(kontor, world, 'kontor', HEADER + LINES.join(''));
  const [segment] = await kontor.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT identity_domain AS domain FROM identity_segment'),
  );
  domain = segment.domain;
});

afterAll(async () => kontor.stop());

const BATCH = { bytes: 64 * 1024, time: null, hours: [] };
const NOTHING = { identities: 0, hours: [] };

async function visited(lanes: IdentityLanes, name: string): Promise<IdentityTable> {
  const { table } = await lanes.enter(name, 1, BATCH);
  lanes.leave(name, BATCH, NOTHING);
  return table;
}

function held({ words }: IdentityTable): number {
  return words.filter((word, at) => at % 2 === 0 && word !== 0).length;
}

describe('tables of identities that no batch uses', () => {
  it('are kept as long as there is room, those that were used last', async () => {
    const probe = await visited(new IdentityLanes(kontor.app.database), domain);
    const lanes = new IdentityLanes(kontor.app.database, {
      keptBytes: 2 * probe.words.byteLength,
    });
    const [own, one] = [await visited(lanes, domain), await visited(lanes, 'one')];
    expect(await visited(lanes, domain)).toBe(own);
    await visited(lanes, 'another');
    expect(await visited(lanes, domain)).toBe(own);
    expect(await visited(lanes, 'one')).not.toBe(one);
  });

  it('are built again with all that is committed', async () => {
    const lanes = new IdentityLanes(kontor.app.database, { keptBytes: 0 });
    const first = await visited(lanes, domain);
    const second = await visited(lanes, domain);
    expect(second).not.toBe(first);
    expect([held(first), held(second)]).toEqual([LINES.length, LINES.length]);
  });

  it('stay while a batch uses them or waits for them', async () => {
    const lanes = new IdentityLanes(kontor.app.database, { keptBytes: 0 });
    const { table } = await lanes.enter(domain, 1, BATCH);
    await visited(lanes, 'one');
    expect(await visited(lanes, domain)).toBe(table);
    const waiting = lanes.enter(domain, 2, BATCH);
    table.claim(1, 2, 3, 4);
    lanes.leave(domain, BATCH, null);
    // What a failed batch has claimed is gone, and the memory is used again.
    expect((await waiting).table).toBe(table);
    expect(held(table)).toBe(LINES.length);
    lanes.leave(domain, BATCH, NOTHING);
  });

  it('are not built before a commit is through of which nobody has heard yet', async () => {
    const { database } = kontor.app;
    const lane = laneOf('slow');
    const { runId, hub } = await database.write(SYSTEM_SCOPE, async (tx) => {
      const [{ id }] = await tx.query('SELECT id FROM partner WHERE parent_id IS NULL');
      await tx.query('INSERT INTO run_lane (lane, epoch) VALUES ($1, 1)', [lane]);
      const run = await createRun(tx, {
        ...{ kind: 'IMPORT', partnerId: id, subject: 'slow', params: {}, requestedBy: null },
        ...{ unitsTotal: 1, batches: [{ payload: {}, units: 1 }] },
      });
      await tx.query(`UPDATE run_batch SET state = 'DONE' WHERE run_id = $1`, [run.runId]);
      return { runId: run.runId, hub: id };
    });
    // As a batch stands before its last statement: what follows is the commit alone.
    const client = await connectWorker(database.urls.url, 'test');
    await client.query('BEGIN');
    await enterScope(client, SYSTEM_SCOPE);
    await client.query(
      `WITH segment AS (INSERT INTO identity_segment
           (batch_id, identity_domain, partner_id, records)
         SELECT id, 'slow', $2, 1 FROM run_batch WHERE run_id = $1 RETURNING batch_id, partner_id)
       INSERT INTO identity_piece (batch_id, partner_id, piece, bytes)
       SELECT batch_id, partner_id, 0, decode(repeat('5a', 16), 'hex') FROM segment`,
      [runId, hub],
    );
    await client.query('SELECT epoch FROM run_lane WHERE lane = $1 FOR SHARE', [lane]);
    const table = visited(new IdentityLanes(database), 'slow');
    await delay(500);
    await client.query('COMMIT');
    await client.end();
    expect(held(await table)).toBe(1);
  });

  it('have room for what waits to be imported, so that they need not be built again', async () => {
    const { database } = kontor.app;
    const alone = await visited(new IdentityLanes(database), 'waited for');
    await database.write(SYSTEM_SCOPE, async (tx) => {
      const [hub] = await tx.query('SELECT id FROM partner WHERE parent_id IS NULL');
      const batch = { lane: laneOf('waited for'), payload: {}, units: 50_000_000 };
      const { runId } = await createRun(tx, {
        ...{ kind: 'IMPORT', partnerId: hub.id, subject: 'waits', params: {}, requestedBy: null },
        ...{ unitsTotal: 100_000_000, batches: [batch, batch] },
      });
      // Nobody begins with it.
      await tx.query(
        `UPDATE run_batch SET not_before = now() + interval '1 day' WHERE run_id = $1`,
        [runId],
      );
    });
    const lanes = new IdentityLanes(database);
    const table = await visited(lanes, 'waited for');
    // A million records of a hundred bytes, of which none is larger than is reckoned with.
    expect(table.holds(1_000_000)).toBe(true);
    expect(table.slots).toBeGreaterThan(10 * alone.slots);
    expect((await visited(new IdentityLanes(database), 'another')).slots).toBe(alone.slots);
  });

  it('hold the hours that are asked for, and all where the time is not told', async () => {
    const { database } = kontor.app;
    const hours = [0, 100, 200];
    await database.write(SYSTEM_SCOPE, async (tx) => {
      const [hub] = await tx.query('SELECT id FROM partner WHERE parent_id IS NULL');
      const { runId } = await createRun(tx, {
        ...{ kind: 'IMPORT', partnerId: hub.id, subject: 'hours', params: {}, requestedBy: null },
        ...{ unitsTotal: 3, batches: hours.map(() => ({ payload: {}, units: 1 })) },
      });
      await tx.query(`UPDATE run_batch SET state = 'DONE' WHERE run_id = $1`, [runId]);
      await tx.query(
        `WITH segment AS (INSERT INTO identity_segment (batch_id, identity_domain, partner_id,
           records, time_key, first_at, last_at)
         SELECT b.id, 'by hours', $2, 1, 'ISO 1', u.at, u.at
         FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM run_batch WHERE run_id = $1) b
         JOIN unnest($3::timestamptz[]) WITH ORDINALITY AS u (at, n) ON u.n = b.n
         RETURNING batch_id, partner_id)
         INSERT INTO identity_piece (batch_id, partner_id, piece, bytes)
         SELECT batch_id, partner_id, 0, decode(md5(batch_id::text), 'hex') FROM segment`,
        [runId, hub.id, hours.map((hour) => new Date(hour * 3_600_000))],
      );
    });
    const lanes = new IdentityLanes(database, { keptIdentities: 2 });
    const compare = async (given: object, used: readonly number[]) => {
      const comparing = { ...BATCH, time: { key: 'ISO 1', reachHours: 0 }, ...given };
      const { table, missing } = await lanes.enter('by hours', 1, comparing);
      lanes.leave('by hours', comparing, { identities: 0, hours: used });
      return { held: held(table), missing };
    };
    const newest = { held: 2, missing: [[0, 0]] };
    expect(await compare({}, [200])).toEqual(newest);
    expect(await compare({ hours: [100, 150, 300] }, [200])).toEqual(newest);
    expect(await compare({ hours: [0] }, [0])).toEqual({ held: 2, missing: [[100, 100]] });
    const all = { held: 3, missing: [] };
    expect(await compare({ time: null }, [])).toEqual(all);
    expect(await compare({ hours: [100] }, [])).toEqual(all);
  });

  it('takes the pieces along that a segment consists of', async () => {
    const owner = new pg.Client(kontor.database.urls.ownerUrl);
    await owner.connect();
    try {
      await owner.query('BEGIN');
      await owner.query(
        "SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL)",
      );
      const left = async () => {
        const { rows } = await owner.query('SELECT count(*)::int AS n FROM identity_piece');
        return rows[0].n;
      };
      const before = await left();
      const { rowCount } = await owner.query(
        "DELETE FROM identity_segment WHERE identity_domain = 'by hours'",
      );
      expect([rowCount, await left()]).toEqual([3, before - 3]);
    } finally {
      await owner.query('ROLLBACK');
      await owner.end();
    }
  });
});
