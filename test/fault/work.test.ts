import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createRun, type NewBatch, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { plainDatabase } from '../fixtures/plain-database.js';
import { trials } from '../fixtures/trials.js';

const PROGRAM = fileURLToPath(new URL('./work-process.js', import.meta.url));

let stage: Awaited<ReturnType<typeof plainDatabase>>;
// More in `npm run test:chaos`.
const KILLS = trials(1) > 1 ? 30 : 12;
const alive = new Set<ChildProcess>();

beforeAll(async () => {
  stage = await plainDatabase();
});
afterEach(() => {
  for (const child of alive) child.kill('SIGKILL');
});
afterAll(() => stage.drop());

interface Worker {
  readonly child: ChildProcess;
  /** Resolves when the process tells this step, of any batch. */
  step(name: string): Promise<void>;
}

function startWorker(
  mode: 'whole' | 'torn',
  lingerMs: number,
  onStep: (step: string, child: ChildProcess) => void = () => {},
): Worker {
  const child = spawn(process.execPath, [PROGRAM, stage.url, mode, String(lingerMs)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  alive.add(child);
  child.once('exit', () => alive.delete(child));
  const waiting = new Map<string, (() => void)[]>();
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const [step = ''] = line.split(' ');
    onStep(step, child);
    for (const resolve of waiting.get(step) ?? []) resolve();
    waiting.delete(step);
  });
  return {
    child,
    step: (name) =>
      new Promise((resolve) => waiting.set(name, [...(waiting.get(name) ?? []), resolve])),
  };
}

async function newRun(subject: string, batches: readonly NewBatch[]): Promise<number> {
  const { runId } = await stage.database.write(SYSTEM_SCOPE, (tx) =>
    createRun(tx, {
      kind: 'BILL',
      partnerId: 1,
      subject,
      params: {},
      requestedBy: null,
      unitsTotal: batches.length,
      batches,
    }),
  );
  return runId;
}

function batchesOf(count: number, lane?: (ordinal: number) => string): NewBatch[] {
  return Array.from({ length: count }, (_, at) => ({
    payload: { at },
    units: 1,
    ...(lane && { lane: lane(at) }),
  }));
}

async function runRow(id: number) {
  const rows = await stage.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT state, batches_done, units_done, result FROM run WHERE id = $1', [id]),
  );
  return rows[0];
}

async function finished(id: number, withinMs: number): Promise<void> {
  const end = Date.now() + withinMs;
  while ((await runRow(id)).state !== 'DONE') {
    if (Date.now() > end) throw new Error(`run ${id} is not done: ${(await runRow(id)).state}`);
    await delay(50);
  }
}

async function effects(): Promise<{ key: string; payload: Record<string, unknown> }[]> {
  return stage.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(`SELECT key, payload FROM event WHERE topic = 'test.effect' ORDER BY id`),
  );
}

async function forgetEffects(): Promise<void> {
  await stage.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(`UPDATE event SET topic = 'test.old' WHERE topic = 'test.effect'`),
  );
}

interface Fire {
  readonly mode: 'whole' | 'torn';
  readonly subject: string;
  readonly kills: number;
  /** Whether a process is killed at this step. */
  readonly hits: (step: string) => boolean;
}

/** Any step but the first of a process, at random. */
function anyStep(seed: number): Fire['hits'] {
  let state = seed;
  return (step) => {
    if (step === 'started') return false;
    state = (state * 1103515245 + 12345) % 2147483648;
    return state / 2147483648 <= 0.25;
  };
}

/** Two processes do a run while they are killed; answers effects and kills. */
async function runUnderFire({ mode, subject, kills, hits }: Fire) {
  await forgetEffects();
  const batches = 40;
  const runId = await newRun(
    subject,
    batchesOf(batches, (at) => (at % 2 === 0 ? 'even' : '')),
  );
  let killed = 0;
  let over = false;
  const replace = () => {
    const { child } = startWorker(mode, 5, (step, victim) => {
      if (killed >= kills || victim.killed || !hits(step)) return;
      killed += 1;
      victim.kill('SIGKILL');
    });
    child.once('exit', () => {
      if (!over) replace();
    });
  };
  replace();
  replace();
  await finished(runId, 160_000);
  over = true;
  for (const child of [...alive]) child.kill('SIGKILL');
  return { runId, batches, killed, found: await effects() };
}

describe('a run whose processes die', () => {
  it(`has every effect once after ${KILLS} kills`, { timeout: 180_000 }, async () => {
    const { runId, batches, killed, found } = await runUnderFire({
      mode: 'whole',
      subject: 'fire',
      kills: KILLS,
      hits: anyStep(7),
    });
    expect(killed).toBe(KILLS);
    expect(found.map((row) => Number(row.key)).sort((a, b) => a - b)).toEqual(
      Array.from({ length: batches }, (_, at) => at + 1),
    );
    expect(await runRow(runId)).toMatchObject({
      batches_done: batches,
      units_done: String(batches),
      result: { effects: batches },
    });
  });

  it('shows repeated effects when completion is a second transaction', {
    timeout: 180_000,
  }, async () => {
    const { batches, found } = await runUnderFire({
      mode: 'torn',
      subject: 'torn fire',
      kills: 2,
      hits: (step) => step === 'torn',
    });
    expect(found.length).toBeGreaterThan(batches);
  });
});

describe('a process that stood still longer than its lease', () => {
  it.each([
    ['without lane', ''],
    ['in a lane', 'identity:frozen'],
  ])('finds its commit fenced off %s', async (_, lane) => {
    await forgetEffects();
    const runId = await newRun(
      `frozen ${lane}`,
      batchesOf(1, () => lane),
    );
    const first = startWorker('whole', 300);
    await first.step('effect');
    first.child.kill('SIGSTOP');

    const second = startWorker('whole', 0);
    await second.step('committed');
    const fenced = first.step('fenced');
    first.child.kill('SIGCONT');
    await fenced;

    await finished(runId, 5_000);
    expect(await effects()).toHaveLength(1);
    expect(await runRow(runId)).toMatchObject({ batches_done: 1, result: { effects: 1 } });
  });

  it('does not lose a commit that it had begun', async () => {
    await forgetEffects();
    const runId = await newRun('begun', batchesOf(1));
    const first = startWorker('whole', 0, (step, child) => {
      if (step === 'completed') child.kill('SIGSTOP');
    });
    await first.step('completed');
    startWorker('whole', 0);
    await delay(2_500);
    first.child.kill('SIGCONT');
    await finished(runId, 5_000);
    expect(await effects()).toHaveLength(1);
  });
});

describe('lanes', () => {
  it('belong to one process per epoch, and go over when it dies', { timeout: 60_000 }, async () => {
    await forgetEffects();
    const lane = (at: number) => `lane ${at % 3}`;
    const runId = await newRun('lanes', batchesOf(60, lane));
    const workers = [startWorker('whole', 20), startWorker('whole', 20)];
    const early = await Promise.any(workers.map((w) => w.step('effect').then(() => w)));
    await delay(400);
    early.child.kill('SIGKILL');
    await finished(runId, 20_000);

    const found = await effects();
    expect(found).toHaveLength(60);
    const holders = new Map<string, Set<unknown>>();
    for (const { payload } of found) {
      const tenure = `${payload.lane} ${payload.laneEpoch}`;
      holders.set(tenure, (holders.get(tenure) ?? new Set()).add(payload.worker));
    }
    expect([...holders.values()].map((workers) => workers.size)).toEqual([...holders].map(() => 1));
    expect(new Set(found.map(({ payload }) => payload.worker)).size).toBe(2);
  });
});

describe('a process that is asked to end', () => {
  it('finishes what it does and gives its lanes back', async () => {
    await forgetEffects();
    const runId = await newRun(
      'asked',
      batchesOf(20, () => 'asked'),
    );
    const first = startWorker('whole', 100);
    await first.step('effect');
    first.child.kill('SIGTERM');
    const [status] = await once(first.child, 'exit');
    expect(status).toBe(0);
    const states = await stage.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT count(*) FILTER (WHERE state = 'RUNNING')::int AS running,
           (SELECT holder FROM run_lane WHERE lane = 'asked') AS holder
         FROM run_batch WHERE run_id = $1`,
        [runId],
      ),
    );
    expect(states).toEqual([{ running: 0, holder: null }]);
    startWorker('whole', 0);
    await finished(runId, 10_000);
    expect(await effects()).toHaveLength(20);
  });
});
