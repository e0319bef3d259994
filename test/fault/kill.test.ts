import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DatabaseUrls,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/index.js';
import { withChildren } from '../bench/measure.js';
import { Random } from '../bench/random.js';
import type { KillMoment, KillPoint } from './kill-preload.js';
import { figuresOf, prepareWaitingImport } from './kill-world.js';

const PRELOAD = new URL('./kill-preload.js', import.meta.url).href;
const PROCESS = fileURLToPath(new URL('./kill-process.js', import.meta.url));
const SEED = Number(process.env.KONTOR_TEST_SEED ?? 20_261_121);
const STATEMENT_KILLS = 26;
const DATABASE_KILLS = 6;
const MOMENTS: readonly KillMoment[] = ['before', 'sent', 'after'];
// Statements after which half of something could be on disk if the transaction were not one.
const CRITICAL = [
  'COMMIT',
  "UPDATE run_batch SET state = 'DONE'",
  'INSERT INTO identity_segment',
  'WITH gone AS (DELETE FROM allowance_result',
  'INSERT INTO allowance_result',
  'DELETE FROM allowance_due',
];

let dir: string;
let server: EmbeddedPostgres;
let expected: Record<string, string>;
let counts: Record<KillPoint['thread'], number>;
let databases = 0;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kontor-kill-'));
  server = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres') });
  await admin('CREATE DATABASE waiting');
  await prepareWaitingImport(urlsOf('waiting'), dir);
  const undisturbed = await fresh();
  const countFile = join(dir, 'counts');
  await finish(undisturbed, { KONTOR_TEST_COUNT: countFile });
  expected = await figuresOf(undisturbed.ownerUrl);
  counts = countsIn(countFile);
});

afterAll(async () => {
  await server?.stop();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

describe('a job that is killed', () => {
  it('has something to lose', () => {
    expect(expected.files).toMatch(/^1 rows/);
    expect(Number.parseInt(expected.xdrs!, 10)).toBeGreaterThan(10_000);
    expect(Number.parseInt(expected.invoices!, 10)).toBe(6);
    expect(Number.parseInt(expected.alarms!, 10)).toBeGreaterThan(0);
    expect(Number.parseInt(expected.allowances!, 10)).toBeGreaterThan(5);
    expect(Number.parseInt(expected.unfolded!, 10)).toBe(0);
  });

  it(`ends in the same figures wherever it is killed (${STATEMENT_KILLS} statements)`, async () => {
    const random = new Random(SEED);
    let [killed, tried] = [0, 0];
    // Two at a time, since a job waits for leases of its killed predecessor most of the time.
    const lane = async (): Promise<void> => {
      while (killed < STATEMENT_KILLS && tried < STATEMENT_KILLS * 3) {
        const point = pointOf(tried++, random);
        const urls = await fresh();
        const end = await run(urls, { KONTOR_TEST_KILL: JSON.stringify(point) });
        if (end === 'SIGKILL') killed += 1;
        await finish(urls);
        expect(await figuresOf(urls.ownerUrl), `seed ${SEED}, ${JSON.stringify(point)}`).toEqual(
          expected,
        );
        await drop(urls);
      }
    };
    await Promise.all([lane(), lane()]);
    expect(killed).toBeGreaterThanOrEqual(STATEMENT_KILLS);
  }, 600_000);

  it(`ends in the same figures when the database is killed (${DATABASE_KILLS} times)`, async () => {
    const random = new Random(SEED + 1);
    for (let n = 0; n < DATABASE_KILLS; n += 1) {
      const urls = await fresh();
      const child = start(urls, {});
      await once(child.stdout!, 'data');
      await delay(random.below(1_200));
      for (const pid of withChildren(server.pid)) kill(pid);
      child.kill('SIGKILL');
      await exited(child);
      server = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres') });
      await finish(urls);
      expect(await figuresOf(urls.ownerUrl), `seed ${SEED}, database kill ${n}`).toEqual(expected);
      await drop(urls);
    }
  }, 200_000);

  it('would be caught when it completed batches in a second transaction', async () => {
    const urls = await fresh();
    const point: KillPoint = {
      thread: 'worker',
      at: 2,
      begins: "UPDATE run_batch SET state = 'DONE'",
      moment: 'before',
    };
    const plant = { KONTOR_TEST_PLANT: 'two-transactions' };
    const end = await run(urls, { ...plant, KONTOR_TEST_KILL: JSON.stringify(point) });
    expect(end).toBe('SIGKILL');
    await finish(urls);
    expect(await figuresOf(urls.ownerUrl)).not.toEqual(expected);
    await drop(urls);
  }, 60_000);
});

// Every third point is one of the critical statements; the others are anywhere.
function pointOf(n: number, random: Random): KillPoint {
  const moment = MOMENTS[random.below(MOMENTS.length)]!;
  if (n % 3 === 0) {
    const begins = CRITICAL[random.below(CRITICAL.length)]!;
    return { thread: 'worker', at: 1 + random.below(6), begins, moment };
  }
  const thread = n % 3 === 1 ? 'worker' : 'main';
  return { thread, at: 1 + random.below(counts[thread]), moment };
}

/** A database in which the import waits. */
async function fresh(): Promise<DatabaseUrls> {
  databases += 1;
  const name = `kill_${databases}`;
  await admin(`CREATE DATABASE ${name} TEMPLATE waiting`);
  return urlsOf(name);
}

async function drop(urls: DatabaseUrls): Promise<void> {
  await admin(`DROP DATABASE ${new URL(urls.url).pathname.slice(1)} WITH (FORCE)`);
}

async function finish(urls: DatabaseUrls, env: Record<string, string> = {}): Promise<void> {
  const end = await run(urls, env);
  if (end !== 'FINISHED') throw new Error(`the job ended with ${end}`);
}

/** Runs the job; answers FINISHED, the signal that ended it, or its exit code and output. */
async function run(urls: DatabaseUrls, env: Record<string, string>): Promise<string> {
  const child = start(urls, env);
  let output = '';
  child.stdout!.on('data', (text) => {
    output += text;
  });
  child.stderr!.on('data', (text) => {
    output += text;
  });
  const { code, signal } = await exited(child);
  if (signal !== null) return signal;
  return code === 0 && output.endsWith('FINISHED\n') ? 'FINISHED' : `${code}: ${output}`;
}

function start(urls: DatabaseUrls, env: Record<string, string>): ChildProcess {
  return spawn(process.execPath, ['--import', PRELOAD, PROCESS, urls.url, dir, '1'], {
    env: { ...process.env, ...env, TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function exited(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return Promise.resolve({ code: child.exitCode, signal: child.signalCode });
  }
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself, since its parent was killed before it.
  }
}

function countsIn(file: string): Record<KillPoint['thread'], number> {
  const found = { main: 0, worker: 0 };
  for (const line of existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []) {
    const [thread, count] = line.split(' ');
    found[thread as KillPoint['thread']] = Math.max(found[thread as 'main'], Number(count));
  }
  return found;
}

function urlsOf(name: string): DatabaseUrls {
  const at = (text: string) => {
    const url = new URL(text);
    url.pathname = `/${name}`;
    return url.toString();
  };
  return { url: at(server.url), ownerUrl: at(server.ownerUrl) };
}

async function admin(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: urlsOf('postgres').ownerUrl });
  await client.connect();
  await client.query(sql);
  await client.end();
}
