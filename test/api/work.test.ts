import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ClaimedBatch,
  claimBatch,
  completeBatchSql,
  connectWorker,
  createRun,
  enterScope,
  Fenced,
  isFenced,
  keepLanes,
  type NewBatch,
  type RunKind,
  SYSTEM_SCOPE,
  WorkService,
} from '../../src/platform/index.js';
import { plainDatabase } from '../fixtures/plain-database.js';

let stage: Awaited<ReturnType<typeof plainDatabase>>;

beforeAll(async () => {
  stage = await plainDatabase();
});
afterAll(() => stage.drop());

function create(subject: string, batches: readonly NewBatch[], kind: RunKind = 'BILL') {
  return stage.database.write(SYSTEM_SCOPE, (tx) =>
    createRun(tx, {
      kind,
      partnerId: 1,
      subject,
      params: { subject },
      requestedBy: null,
      unitsTotal: batches.reduce((sum, batch) => sum + batch.units, 0),
      batches,
    }),
  );
}

function claim(worker: string, leaseMs = 60_000, kind: RunKind = 'BILL') {
  return stage.database.write(SYSTEM_SCOPE, (tx) =>
    claimBatch(tx, { kind, worker, leaseMs, inFlight: [] }),
  );
}

function complete(batch: ClaimedBatch, result: object = {}) {
  return stage.database.write(SYSTEM_SCOPE, (tx) =>
    completeBatchSql(tx, batch, result, batch.units),
  );
}

async function row<T>(sql: string, ...values: unknown[]): Promise<T> {
  const rows = await stage.database.read(SYSTEM_SCOPE, (tx) => tx.query(sql, values));
  return rows[0];
}

async function claimed(worker: string, leaseMs?: number): Promise<ClaimedBatch> {
  const batch = await claim(worker, leaseMs);
  if (batch === null) throw new Error('nothing to claim');
  return batch;
}

describe('a run', () => {
  it('is created once per kind and subject, however many ask at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => create('once', [{ payload: { a: 1 }, units: 3 }], 'RECYCLE')),
    );
    expect(new Set(answers.map((answer) => answer.runId)).size).toBe(1);
    expect(answers.filter((answer) => answer.created)).toHaveLength(1);
    expect(
      await row(`SELECT count(*)::int AS batches FROM run_batch WHERE kind = 'RECYCLE'`),
    ).toEqual({ batches: 1 });
  });

  it('without batches is done when it is created', async () => {
    const { runId } = await create('empty', []);
    expect(await row('SELECT state FROM run WHERE id = $1', runId)).toEqual({ state: 'DONE' });
  });

  it('adds up what its batches report, and ends with the last of them', async () => {
    const { runId } = await create('sums', [
      { payload: { from: 0 }, units: 10 },
      { payload: { from: 10 }, units: 5 },
    ]);
    const first = await claimed('w');
    expect(first).toMatchObject({ ordinal: 1, payload: { from: 0 }, units: 10, epoch: 1 });
    await complete(first, { book: 7, totals: { rated: 4, rejected: 1 } });
    const half = `SELECT state, batches_done, units_done, result, finished_at IS NULL AS open
      FROM run WHERE id = $1`;
    expect(await row(half, runId)).toEqual({
      state: 'RUNNING',
      batches_done: 1,
      units_done: '10',
      result: { rated: 4, rejected: 1 },
      open: true,
    });
    await complete(await claimed('w'), { book: 7, totals: { rated: 2 } });
    expect(await row(half, runId)).toEqual({
      state: 'DONE',
      batches_done: 2,
      units_done: '15',
      result: { rated: 6, rejected: 1 },
      open: false,
    });
  });

  it('goes on without a batch that fails five times, and parks with a code', async () => {
    const { runId } = await create('parks', [
      { payload: { bad: true }, units: 1 },
      { payload: { bad: false }, units: 1 },
    ]);
    const attempts: number[] = [];
    const work = new WorkService(stage.database, { retryMs: 5, pollMs: 20 });
    work.register({
      kind: 'BILL',
      slots: 1,
      async execute(batch) {
        if ((batch.payload as { bad: boolean }).bad) {
          attempts.push(batch.attempts);
          throw new Error('secret text of a record');
        }
        await complete(batch);
      },
    });
    await work.runUntilIdle();
    expect(attempts).toEqual([0, 1, 2, 3, 4]);
    expect(
      await row(
        `SELECT r.state, r.parked_reason, r.batches_done, r.batches_parked,
           (SELECT string_agg(b.parked_reason, '' ORDER BY ordinal) FROM run_batch b
            WHERE b.run_id = r.id) AS batch_reason FROM run r WHERE id = $1`,
        runId,
      ),
    ).toEqual({
      state: 'PARKED',
      parked_reason: 'UNEXPECTED',
      batches_done: 1,
      batches_parked: 1,
      batch_reason: 'UNEXPECTED',
    });
  });

  it('whose batches build upon one another waits with them behind one that fails', async () => {
    const { runId } = await create(
      'ordered',
      [1, 2, 3].map((step) => ({ payload: { step }, units: 1 })),
      'ERASE',
    );
    const done: number[] = [];
    let failing = true;
    const work = new WorkService(stage.database, { retryMs: 5, pollMs: 20 });
    work.register({
      kind: 'ERASE',
      slots: 2,
      async execute(batch) {
        const { step } = batch.payload as { step: number };
        if (failing && step === 2) throw new Error('not yet');
        await complete(batch);
        done.push(step);
      },
    });
    await work.runUntilIdle();
    const figures = 'SELECT state, batches_done, batches_parked FROM run WHERE id = $1';
    expect(done).toEqual([1]);
    expect(await row(figures, runId)).toEqual({
      state: 'PARKED',
      batches_done: 1,
      batches_parked: 2,
    });
    failing = false;
    await stage.database.write(SYSTEM_SCOPE, async (tx) => {
      await tx.query(`UPDATE run_batch SET state = 'READY', not_before = now(), attempts = 0
        WHERE run_id = ${runId} AND state = 'PARKED'`);
      await tx.query(`UPDATE run SET state = 'RUNNING', batches_parked = 0 WHERE id = ${runId}`);
    });
    await work.runUntilIdle();
    expect(done).toEqual([1, 2, 3]);
    expect(await row(figures, runId)).toMatchObject({ state: 'DONE', batches_done: 3 });
  });

  it('parks a batch that has killed every process so far', async () => {
    const { runId } = await create('killer', [{ payload: {}, units: 1 }]);
    await stage.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('UPDATE run_batch SET takeovers = 50 WHERE run_id = $1', [runId]),
    );
    expect(await claim('w')).toBeNull();
    expect(await row('SELECT state, parked_reason FROM run WHERE id = $1', runId)).toEqual({
      state: 'PARKED',
      parked_reason: 'WORKER_LOST',
    });
  });
});

describe('a claim', () => {
  it('is given to one of two that ask at the same moment', async () => {
    await create('race', [{ payload: {}, units: 1 }]);
    const claims = await Promise.all([claim('a'), claim('b'), claim('c'), claim('d')]);
    const given = claims.filter((batch) => batch !== null);
    expect(given).toHaveLength(1);
    await complete(given[0]!);
  });

  it('goes to another when its lease has run out, and is fenced then', async () => {
    await create('lease', [{ payload: {}, units: 1 }]);
    const lost = await claimed('slow', 0);
    const taken = await claimed('other');
    expect(taken).toMatchObject({ id: lost.id, epoch: lost.epoch + 1, attempts: 0 });
    await expect(complete(lost)).rejects.toThrow(Fenced);
    await complete(taken);
    await expect(complete(taken)).rejects.toThrow(Fenced);
  });

  it('waits for not_before', async () => {
    const { runId } = await create('later', [{ payload: {}, units: 1 }]);
    await stage.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`UPDATE run_batch SET not_before = now() + interval '1 hour' WHERE run_id = $1`, [
        runId,
      ]),
    );
    expect(await claim('w')).toBeNull();
    await stage.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`UPDATE run_batch SET not_before = '-infinity' WHERE run_id = $1`, [runId]),
    );
    await complete(await claimed('w'));
  });
});

describe('a lane', () => {
  const two = [
    { payload: {}, units: 1, lane: 'L' },
    { payload: {}, units: 1, lane: 'L' },
  ];

  it('is held by one process, which keeps its epoch', async () => {
    await create('lane', two);
    const first = await claimed('a');
    expect(await claim('b')).toBeNull();
    const second = await claimed('a');
    expect(second.laneEpoch).toBe(first.laneEpoch);
    await complete(first);
    await complete(second);
    expect(await claim('b')).toBeNull();
  });

  it('raises its epoch when it changes hands, and fences the old holder', async () => {
    await create('lane lost', two);
    await stage.database.write(SYSTEM_SCOPE, (tx) => keepLanes(tx, 'a', 1, []));
    const old = await claimed('a', 60_000);
    // The old holder still has its batch, but no longer the lane.
    await stage.database.write(SYSTEM_SCOPE, (tx) => keepLanes(tx, 'a', 1, []));
    const taken = await claimed('b');
    expect(taken.id).not.toBe(old.id);
    expect(taken.laneEpoch).toBe(old.laneEpoch + 1);
    await expect(complete(old)).rejects.toThrow(Fenced);
    await complete(taken);
    await stage.database.write(SYSTEM_SCOPE, (tx) => keepLanes(tx, 'b', 1, []));
    await stage.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`UPDATE run_batch SET lease_until = now() WHERE id = $1`, [old.id]),
    );
    await complete(await claimed('a'));
  });

  it('is not taken over before a commit in it is through', async () => {
    await create('lane commit', two);
    const mine = await claimed('a', 100);
    const client = await connectWorker(stage.url, 'test');
    try {
      await client.query('BEGIN');
      await enterScope(client, SYSTEM_SCOPE);
      await completeBatchSql(client, mine, {}, 1);
      let through = false;
      await delay(150);
      const taking = claimed('b').then((batch) => ({ batch, wasThrough: through }));
      await delay(200);
      through = true;
      await client.query('COMMIT');
      const { batch, wasThrough } = await taking;
      expect(wasThrough).toBe(true);
      expect(batch.laneEpoch).toBe(mine.laneEpoch + 1);
      await complete(batch);
    } finally {
      await client.end();
    }
  });
});

describe('fencing', () => {
  it('is recognised after an error crossed from a worker thread', () => {
    const copy = Object.assign(new Error('batch 1 was taken over'), { code: 'FENCED' });
    expect(isFenced(new Fenced(1))).toBe(true);
    expect(isFenced(copy)).toBe(true);
    expect(isFenced(new Error('other'))).toBe(false);
  });
});
