import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import {
  type ClaimedBatch,
  completeBatchSql,
  createRun,
  type RunKind,
  SYSTEM_SCOPE,
  WorkService,
} from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type Subscriber, subscriberOf } from '../fixtures/subscriber.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const RUN = `query One($id: ID!) {
  run(id: $id) {
    id kind state subject batchesTotal batchesDone batchesParked unitsTotal unitsDone
    unitsPerSecond result parkedReason createdAt startedAt finishedAt
  }
}`;
const RUNS = `query Many($first: Int, $after: String, $filter: RunFilter) {
  runs(first: $first, after: $after, filter: $filter) { nodes { id } pageInfo { endCursor } }
}`;
const CANCEL = `mutation Cancel($id: ID!, $key: String) {
  cancelRun(id: $id, idempotencyKey: $key) { id state }
}`;
const RESUME = `mutation Resume($id: ID!, $key: String) {
  resumeRun(id: $id, idempotencyKey: $key) { id state batchesParked parkedReason }
}`;
const PROGRESSED = `subscription Steps($id: ID!, $after: ID) {
  runProgressed(runId: $id, after: $after) { id run { state batchesDone unitsDone } }
}`;

let app: TestApp;
let work: WorkService;
let hub: BuiltPartner;
let reseller: BuiltPartner;
let hubToken: string;
let resellerToken: string;
const subscribers: Subscriber[] = [];
let execute: (batch: ClaimedBatch) => Promise<void>;

beforeAll(async () => {
  app = await testApp({ start: false });
  await app.app.events.start();
  // Batches do what the test says, and only when a test lets them.
  work = new WorkService(app.app.database, { retryMs: 5, pollMs: 50 });
  work.register({ kind: 'RECYCLE', slots: 1, execute: (batch) => execute(batch) });
  hub = await aPartner(app);
  reseller = await aPartner(app, { parentId: hub.id });
  hubToken = await app.signIn((await aUser(app, { partnerId: hub.id })).email);
  resellerToken = await app.signIn((await aUser(app, { partnerId: reseller.id })).email);
});
beforeEach(() => {
  execute = (batch) =>
    app.app.database.write(SYSTEM_SCOPE, (tx) =>
      completeBatchSql(tx, batch, { totals: { records: 5 } }, batch.units),
    );
});
afterAll(async () => {
  for (const subscriber of subscribers) await subscriber.stop();
  await app.stop();
});

let serial = 0;
async function aRun(
  given: { partner?: BuiltPartner; kind?: RunKind; batches?: number } = {},
): Promise<{ runId: number; id: string }> {
  serial += 1;
  const { runId } = await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    createRun(tx, {
      kind: given.kind ?? 'RECYCLE',
      partnerId: (given.partner ?? hub).id,
      subject: `subject ${serial}`,
      params: {},
      requestedBy: null,
      unitsTotal: 100 * (given.batches ?? 2),
      batches: Array.from({ length: given.batches ?? 2 }, () => ({ payload: {}, units: 100 })),
    }),
  );
  return { runId, id: toGlobalId('Run', runId) };
}

function watchRun(token: string, id: string, after?: string): Subscriber {
  const subscriber = subscriberOf(app, token, PROGRESSED, { id, ...(after && { after }) });
  subscribers.push(subscriber);
  return subscriber;
}

async function stepsOf(subscriber: Subscriber) {
  const steps = [];
  for (;;) {
    const step = await subscriber.next();
    if (step.done) return steps;
    expect(step.value.errors).toBeUndefined();
    steps.push(step.value.runProgressed);
  }
}

describe('a run', () => {
  it('shows its progress and its result', async () => {
    const { id } = await aRun();
    const before = (await app.graphql(RUN, { id }, hubToken)).data.run;
    expect(before).toMatchObject({
      id,
      kind: 'RECYCLE',
      state: 'READY',
      batchesTotal: 2,
      unitsTotal: '200',
      unitsDone: '0',
      unitsPerSecond: 0,
      startedAt: null,
    });
    await work.runUntilIdle();
    const after = (await app.graphql(RUN, { id }, hubToken)).data.run;
    expect(after).toMatchObject({
      state: 'DONE',
      batchesDone: 2,
      unitsDone: '200',
      result: { records: 10 },
      parkedReason: null,
    });
    const seconds = (Date.parse(after.finishedAt) - Date.parse(after.startedAt)) / 1000;
    expect(after.unitsPerSecond).toBeCloseTo(200 / seconds, -1);
  });

  it('is seen by those who see its partner, and listed by kind and state', async () => {
    const own = await aRun({ partner: reseller, kind: 'BILL' });
    const foreign = await aRun({ kind: 'BILL' });
    expect((await app.graphql(RUN, { id: foreign.id }, resellerToken)).data).toEqual({ run: null });
    const ids = async (filter: object, token: string) =>
      (await app.graphql(RUNS, { filter }, token)).data.runs.nodes.map(
        (run: { id: string }) => run.id,
      );
    expect(await ids({ kind: 'BILL', state: 'READY' }, hubToken)).toEqual([foreign.id, own.id]);
    expect(await ids({ kind: 'BILL' }, resellerToken)).toEqual([own.id]);
    expect(await ids({ kind: 'BILL', state: 'DONE' }, hubToken)).toEqual([]);
    const first = (await app.graphql(RUNS, { first: 1, filter: { kind: 'BILL' } }, hubToken)).data;
    const after = first.runs.pageInfo.endCursor;
    const next = (await app.graphql(RUNS, { after, filter: { kind: 'BILL' } }, hubToken)).data;
    expect(next.runs.nodes).toEqual([{ id: own.id }]);
  });

  it('is cancelled as long as batches wait; those that run are finished', async () => {
    const { id } = await aRun({ batches: 3 });
    let begun = () => {};
    const running = new Promise<void>((resolve) => {
      begun = resolve;
    });
    let goOn = () => {};
    const gate = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const complete = execute;
    execute = async (batch) => {
      begun();
      await gate;
      await complete(batch);
    };
    const idle = work.runUntilIdle();
    await running;
    const cancelled = await app.graphql(CANCEL, { id, key: 'stop' }, hubToken);
    expect(cancelled.data).toEqual({ cancelRun: { id, state: 'CANCELLED' } });
    goOn();
    await idle;
    expect((await app.graphql(RUN, { id }, hubToken)).data.run).toMatchObject({
      state: 'CANCELLED',
      batchesDone: 1,
      unitsDone: '100',
    });
    expect((await app.graphql(CANCEL, { id, key: 'stop' }, hubToken)).data).toEqual(cancelled.data);
    expect((await app.graphql(RESUME, { id }, hubToken)).codes).toEqual(['RUN_NOT_RESUMABLE']);
  });

  it('does not take a failed batch up again after it was cancelled', async () => {
    const { id, runId } = await aRun({ batches: 1 });
    execute = async () => {
      await app.graphql(CANCEL, { id }, hubToken);
      throw new Error('failed meanwhile');
    };
    await work.runUntilIdle();
    const batches = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT state, attempts FROM run_batch WHERE run_id = $1', [runId]),
    );
    expect(batches).toEqual([{ state: 'CANCELLED', attempts: 1 }]);
  });

  it('is not cancelled when it is over, or is an import that has begun', async () => {
    const done = await aRun();
    await work.runUntilIdle();
    expect((await app.graphql(CANCEL, { id: done.id }, hubToken)).codes).toEqual([
      'RUN_NOT_CANCELLABLE',
    ]);
    const fresh = await aRun({ kind: 'IMPORT' });
    expect((await app.graphql(CANCEL, { id: fresh.id }, hubToken)).codes).toEqual([]);
    const begun = await aRun({ kind: 'IMPORT' });
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`UPDATE run_batch SET state = 'RUNNING' WHERE run_id = $1 AND ordinal = 1`, [
        begun.runId,
      ]),
    );
    expect((await app.graphql(CANCEL, { id: begun.id }, hubToken)).codes).toEqual([
      'RUN_NOT_CANCELLABLE',
    ]);
    expect((await app.graphql(CANCEL, { id: begun.id }, resellerToken)).codes).toEqual([
      'NOT_FOUND',
    ]);
    // An attempt that failed may have been the first to bring a record that another file has, too.
    const tried = await aRun({ kind: 'IMPORT' });
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('UPDATE run_batch SET epoch = 1, attempts = 1 WHERE run_id = $1 AND ordinal = 1', [
        tried.runId,
      ]),
    );
    expect((await app.graphql(CANCEL, { id: tried.id }, hubToken)).codes).toEqual([
      'RUN_NOT_CANCELLABLE',
    ]);
  });

  it('goes on with its parked batches when somebody resumes it', async () => {
    const { id, runId } = await aRun();
    await app.app.database.write(SYSTEM_SCOPE, async (tx) => {
      await tx.query('UPDATE run_batch SET attempts = 4 WHERE run_id = $1 AND ordinal = 1', [
        runId,
      ]);
    });
    const complete = execute;
    execute = async (batch) => {
      if (batch.ordinal === 1) throw new Error('text that nobody may read');
      await complete(batch);
    };
    await work.runUntilIdle();
    const parked = (await app.graphql(RUN, { id }, hubToken)).data.run;
    expect(parked).toMatchObject({ state: 'PARKED', batchesParked: 1, parkedReason: 'UNEXPECTED' });
    execute = complete;
    expect((await app.graphql(RESUME, { id }, hubToken)).data.resumeRun).toEqual({
      id,
      state: 'RUNNING',
      batchesParked: 0,
      parkedReason: null,
    });
    await work.runUntilIdle();
    expect((await app.graphql(RUN, { id }, hubToken)).data.run).toMatchObject({
      state: 'DONE',
      batchesDone: 2,
      unitsDone: '200',
    });
    expect((await app.graphql(RESUME, { id }, hubToken)).codes).toEqual(['RUN_NOT_RESUMABLE']);
  });

  it('needs permissions', async () => {
    const { id } = await aRun();
    const user = await aUser(app, { partnerId: hub.id, permissions: ['alarm.read'] });
    const token = await app.signIn(user.email);
    for (const operation of [RUN, RUNS, CANCEL, RESUME]) {
      expect((await app.graphql(operation, { id }, token)).codes).toEqual(['FORBIDDEN']);
    }
    const refused = [{ extensions: { code: 'FORBIDDEN' } }];
    await expect(watchRun(token, id).next()).rejects.toMatchObject(refused);
    await work.runUntilIdle();
  });
});

describe('runProgressed', () => {
  it('begins with the present state, shows every batch, and ends with the run', async () => {
    const { id } = await aRun({ batches: 4 });
    const watching = watchRun(hubToken, id);
    const { id: firstId, run } = (await watching.next()).value.runProgressed;
    expect(run).toEqual({ state: 'READY', batchesDone: 0, unitsDone: '0' });
    const steps = stepsOf(watching);
    await work.runUntilIdle();
    const seen = await steps;
    expect(seen.at(-1).run).toEqual({ state: 'DONE', batchesDone: 4, unitsDone: '400' });
    const resumed = await stepsOf(watchRun(hubToken, id, firstId));
    expect(BigInt(resumed[0].id)).toBeGreaterThan(BigInt(firstId));
  });

  it('of a run that is over gives its last state and ends', async () => {
    const { id } = await aRun();
    await work.runUntilIdle();
    const seen = await stepsOf(watchRun(hubToken, id));
    expect(seen.at(-1)).toMatchObject({ run: { state: 'DONE' } });
    expect(await stepsOf(watchRun(hubToken, id, seen.at(-1).id))).toEqual([]);
    expect(await stepsOf(watchRun(hubToken, id))).toEqual(seen.slice(-1));
  });

  it('is refused like a run that is not there when the partner is not seen', async () => {
    const { id } = await aRun();
    for (const other of [id, toGlobalId('Run', 1_999_999_999)]) {
      const { value } = await watchRun(resellerToken, other).next();
      expect(value.errors[0].extensions.code).toBe('NOT_FOUND');
    }
    await work.runUntilIdle();
  });
});
