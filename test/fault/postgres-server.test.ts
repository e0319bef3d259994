import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
  stopEmbeddedPostgres,
} from '../../src/platform/index.js';

const MODULE = new URL('../../src/platform/postgres-server.service.js', import.meta.url).href;
const SMALL = { shared_buffers: '32MB' };

let dataDir: string;
let starters: ChildProcess[];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'kontor-pg-'));
  chmodSync(dataDir, 0o755);
  starters = [];
});

afterEach(async () => {
  for (const starter of starters) starter.kill('SIGKILL');
  await stopEmbeddedPostgres(dataDir);
  rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 });
});

describe.runIf(process.platform === 'linux')('the embedded PostgreSQL', () => {
  it('keeps what was committed, and nothing else, when all its processes are killed', async () => {
    const first = await start();
    await query(first.ownerUrl, 'CREATE TABLE note (id int); INSERT INTO note VALUES (1)');
    const open = await connect(first.ownerUrl);
    await open.query('BEGIN; INSERT INTO note VALUES (2)');
    killTree(first.pid);
    const second = await start();
    expect(second).toMatchObject({ adopted: false, port: first.port });
    expect(second.pid).not.toBe(first.pid);
    expect(await query(second.ownerUrl, 'SELECT id FROM note')).toEqual([{ id: 1 }]);
  });

  it('starts again when the postmaster was killed below a busy session', async () => {
    const first = await start();
    const busy = await connect(first.ownerUrl);
    busy.query('SELECT count(*) FROM generate_series(1, 100000000000)').catch(() => undefined);
    await sleep(200);
    const children = childrenOf(first.pid);
    process.kill(first.pid, 'SIGKILL');
    await sleep(300);
    expect(children.some(isRunning), 'the busy session outlives its postmaster').toBe(true);
    const second = await start();
    expect(await query(second.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(children.some(isRunning)).toBe(false);
  });

  it('adopts the server of a process that was killed, and stops it as its last user', async () => {
    const starter = startElsewhere();
    const found = await starter.answer;
    starter.process.kill('SIGKILL');
    await starter.ended;
    expect(isRunning(found.pid)).toBe(true);
    const server = await start();
    expect(server).toMatchObject({ adopted: true, pid: found.pid, url: found.url });
    await server.stop();
    expect(isRunning(found.pid)).toBe(false);
  });

  it('is started by one of several processes and stopped by the last to leave', async () => {
    const all = [startElsewhere(), startElsewhere(), startElsewhere()];
    const found = await Promise.all(all.map(({ answer }) => answer));
    expect(new Set(found.map(({ pid }) => pid)).size).toBe(1);
    expect(found.map(({ adopted }) => adopted).sort()).toEqual([false, true, true]);
    // Who started it leaves first.
    const order = all.toSorted((a, b) => rank(found, all, a) - rank(found, all, b));
    for (const [index, starter] of order.entries()) {
      starter.process.stdin?.end('stop\n');
      await starter.ended;
      expect(isRunning(found[0]?.pid ?? 0)).toBe(index < order.length - 1);
    }
  });

  it('is left quietly by who ends after its directory was removed', async () => {
    await start();
    const leave = process.listeners('exit').at(-1)!;
    await stopEmbeddedPostgres(dataDir);
    rmSync(dataDir, { recursive: true });
    expect(() => leave(0)).not.toThrow();
    process.removeListener('exit', leave);
  });

  it('makes the database anew when making it was cut off', async () => {
    const starter = startElsewhere();
    starter.answer.catch(() => undefined);
    while (!hasHalfCluster()) await sleep(1);
    starter.process.kill('SIGKILL');
    await starter.ended;
    expect(existsSync(join(dataDir, 'cluster'))).toBe(false);
    const server = await start();
    expect(await query(server.url, 'SELECT current_user::text AS me')).toEqual([
      { me: 'kontor_login' },
    ]);
    await server.stop();
    expect((await start()).adopted).toBe(false);
  });

  it('does not take another program with the number of the former server for it', async () => {
    const first = await start();
    await query(first.ownerUrl, 'CREATE TABLE note (id int)');
    const pidFile = join(dataDir, 'cluster', 'postmaster.pid');
    const lines = readFileSync(pidFile, 'utf8').split('\n');
    await first.stop();
    // Of the same account: PostgreSQL itself ignores a program that it may not signal.
    const { uid, gid } = statSync(join(dataDir, 'cluster'));
    const as = process.getuid?.() === 0 ? { uid, gid } : {};
    const stranger = spawn('sleep', ['600'], { stdio: 'ignore', ...as });
    starters.push(stranger);
    writeFileSync(pidFile, [stranger.pid, ...lines.slice(1)].join('\n'));
    const second = await start();
    expect(second.adopted).toBe(false);
    expect(await query(second.ownerUrl, 'SELECT id FROM note')).toEqual([]);
  });

  it('takes another port when its former one is in use', async () => {
    const first = await start();
    await first.stop();
    const occupant = createServer().listen(first.port, '127.0.0.1');
    try {
      const second = await start();
      expect(second.port).not.toBe(first.port);
      expect(await query(second.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      occupant.close();
    }
  });

  it('ends with the process that started it, unless told to stay', async () => {
    const leaving = startElsewhere();
    const first = await leaving.answer;
    leaving.process.stdin?.end('exit\n');
    await leaving.ended;
    await vanishing(first.pid);
    const staying = startElsewhere({ keepRunning: true });
    const second = await staying.answer;
    staying.process.stdin?.end('exit\n');
    await staying.ended;
    await sleep(300);
    expect(isRunning(second.pid)).toBe(true);
    expect(await stopEmbeddedPostgres(dataDir)).toBe(true);
    expect(await stopEmbeddedPostgres(dataDir)).toBe(false);
  });

  it('lets nobody in without the password and does durable commits', async () => {
    const server = await start();
    const wrong = new URL(server.ownerUrl);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    const local = new pg.Client({
      host: server.socketDirectory ?? '',
      port: server.port,
      user: 'kontor_admin',
      password: 'wrong',
      database: 'kontor',
    });
    await expect(local.connect()).rejects.toMatchObject({ code: '28P01' });
    expect(
      await query(
        server.ownerUrl,
        `SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'synchronous_commit',
           'listen_addresses', 'TimeZone', 'server_encoding') ORDER BY name COLLATE "C"`,
      ),
    ).toEqual([
      { name: 'TimeZone', setting: 'UTC' },
      { name: 'fsync', setting: 'on' },
      { name: 'listen_addresses', setting: '127.0.0.1' },
      { name: 'server_encoding', setting: 'UTF8' },
      { name: 'synchronous_commit', setting: 'on' },
    ]);
  });

  it.runIf(process.getuid?.() === 0 && hasSetpriv())(
    'serves root from a directory that only root may enter',
    async () => {
      chmodSync(dataDir, 0o700);
      const server = await start();
      expect(uidOf(server.pid)).not.toBe(0);
      expect(await query(server.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    },
  );
});

function start(): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, settings: SMALL });
}

type Found = { pid: number; url: string; adopted: boolean };
type Elsewhere = { process: ChildProcess; answer: Promise<Found>; ended: Promise<unknown> };

// Starts the server from a process of its own, which then does what its input says.
function startElsewhere(extra: { keepRunning?: boolean } = {}): Elsewhere {
  const options = { dataDir, settings: SMALL, ...extra };
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(MODULE)};
    import { createInterface } from 'node:readline';
    const server = await startEmbeddedPostgres(${JSON.stringify(options)});
    console.log(JSON.stringify(server));
    for await (const line of createInterface({ input: process.stdin })) {
      if (line === 'stop') await server.stop();
      process.exit(0);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  starters.push(child);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const answer = new Promise<Found>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line)));
    child.once('exit', () => reject(new Error('The starter ended without an answer')));
  });
  return { process: child, answer, ended };
}

function rank(found: Found[], all: Elsewhere[], one: Elsewhere): number {
  return found[all.indexOf(one)]?.adopted ? 1 : 0;
}

function hasHalfCluster(): boolean {
  return readdirSync(dataDir).some(
    (name) => name.startsWith('cluster.') && existsSync(join(dataDir, name, 'PG_VERSION')),
  );
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = await connect(url);
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  const state = statOf(pid)[0];
  return state !== undefined && state !== 'Z';
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((candidate) => candidate > 0 && statOf(candidate)[1] === String(pid));
}

function killTree(pid: number): void {
  for (const victim of [pid, ...childrenOf(pid)]) process.kill(victim, 'SIGKILL');
}

async function vanishing(pid: number): Promise<void> {
  for (let i = 0; i < 500 && isRunning(pid); i++) await sleep(20);
  expect(isRunning(pid)).toBe(false);
}

function uidOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function hasSetpriv(): boolean {
  try {
    execFileSync('setpriv', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
