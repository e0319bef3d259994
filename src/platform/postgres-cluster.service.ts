import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  choosePostgresRunner,
  complete,
  locatePostgres,
  type PostgresBinaries,
  type PostgresRunner,
} from './postgres-binary.service.js';
import { isAlive } from './process-lock.service.js';

/** The files of one embedded server, by what they are for. */
export type Place = ReturnType<typeof placeOf>;

/** A postmaster that runs; the port is 0 until it has written one. */
export type Postmaster = { pid: number; port: number };

type Credentials = { admin: string; app: string };
type Settings = Readonly<Record<string, string>>;

/** Recovery after a crash may read gigabytes of log before the server answers. */
export const START_TIMEOUT_MS = 600_000;
// The kernel's limit for a socket path is 108 bytes on Linux and 104 on macOS, with the zero.
const SOCKET_PATH_MAX = 103;
const LOG_LIMIT_BYTES = 16 * 2 ** 20;
const PIPED = { stdio: ['ignore', 'pipe', 'pipe'] as ('ignore' | 'pipe')[] };

/** Names the files of the server in this directory, which must be a real path. */
export function placeOf(dataDir: string) {
  const socket = join(dataDir, 'socket');
  return {
    dataDir,
    cluster: join(dataDir, 'cluster'),
    credentials: join(dataDir, 'credentials.json'),
    initialPassword: join(dataDir, 'initial-password'),
    port: join(dataDir, 'port'),
    log: join(dataDir, 'server.log'),
    lock: join(dataDir, 'lock'),
    users: join(dataDir, 'users'),
    lib: join(dataDir, 'lib'),
    socket: `${socket}/.s.PGSQL.65535.lock`.length <= SOCKET_PATH_MAX ? socket : undefined,
  };
}

/**
 * The server that runs in this place, if any. PostgreSQL writes its number into line 1 of a
 * file and its port into line 4. A leftover whose number now belongs to another program would
 * keep PostgreSQL from starting, so it is removed.
 */
export function runningPostmaster(place: Place): Postmaster | undefined {
  const file = join(place.cluster, 'postmaster.pid');
  let lines: string[];
  try {
    lines = readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(
      `The data in ${place.cluster} belong to another account. Run as that account, ` +
        'or set KONTOR_DATA_DIR to another directory.',
      { cause: error },
    );
  }
  const pid = Number(lines[0]);
  if (!isAlive(pid)) return undefined;
  if (!mayServe(pid, place)) {
    rmSync(file, { force: true });
    return undefined;
  }
  return { pid, port: Number(lines[3] ?? 0) };
}

// Only a process that certainly is another one is ruled out: removing the file under a live
// server would end that server. The command line is readable for everybody, unlike the working
// directory, which root in a container may not see of another account's process.
function mayServe(pid: number, place: Place): boolean {
  let args: string[];
  try {
    args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return true;
  }
  // The children of a postmaster call themselves "postgres: checkpointer" and the like.
  if (basename(args[0] ?? '') !== 'postgres') return false;
  const directory = args[args.indexOf('-D') + 1] ?? '';
  if (!isAbsolute(directory)) return true;
  return existsSync(directory) && realpathSync(directory) === place.cluster;
}

/** Whether the server of this place, and no other, accepts connections on the port. */
export async function answers(place: Place, port: number): Promise<boolean> {
  const client = new pg.Client({
    connectionString: urlFor('kontor_admin', readCredentials(place).admin, port, 'postgres'),
    connectionTimeoutMillis: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory === place.cluster;
  } catch (error) {
    // A wrong password will not become right by waiting.
    if ((error as { code?: string }).code !== '28P01') return false;
    throw new Error(
      `The server on port ${port} does not accept the password in ${place.credentials}`,
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Starts the server of this place, after making its database if there is none. */
export async function startPostmaster(
  place: Place,
  settings: Settings,
  log: (line: string) => void,
): Promise<Postmaster> {
  const binaries = locatePostgres(place.lib);
  const made = existsSync(place.cluster) ? statSync(place.cluster) : undefined;
  const runner = await choosePostgresRunner(binaries, place.dataDir, made);
  if (made) {
    checkVersion(place, await complete(runner.spawn(binaries.postgres, ['--version'], PIPED)));
  } else {
    log('Making a new PostgreSQL database');
    await makeCluster(place, binaries, runner);
  }
  if (place.socket) giveDirectory(place.socket, runner);
  log('Starting PostgreSQL');
  return launch(place, binaries, runner, settings);
}

const MAKING = 'cluster.making-';

// The cluster is made beside its place and moved there when complete, so that a process that
// dies half way leaves nothing that looks like a database. Each attempt has its own directory:
// the initdb of a killed attempt may still be writing into the former one.
async function makeCluster(
  place: Place,
  binaries: PostgresBinaries,
  runner: PostgresRunner,
): Promise<void> {
  for (const name of readdirSync(place.dataDir)) {
    if (name.startsWith(MAKING)) discard(join(place.dataDir, name));
  }
  const making = join(place.dataDir, `${MAKING}${randomBytes(4).toString('hex')}`);
  const credentials = { admin: secret(), app: secret() };
  rmSync(place.initialPassword, { force: true });
  writeFileSync(place.credentials, JSON.stringify(credentials), { mode: 0o600, flush: true });
  giveDirectory(making, runner);
  writeFileSync(place.initialPassword, credentials.admin, { mode: 0o600 });
  if (runner.account) chownSync(place.initialPassword, runner.account.uid, runner.account.gid);
  const args = ['-D', making, '--username=kontor_admin', '--encoding=UTF8', '--locale=C'];
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8');
  args.push('--auth=scram-sha-256', `--pwfile=${place.initialPassword}`);
  const outcome = await complete(runner.spawn(binaries.initdb, args, PIPED));
  rmSync(place.initialPassword, { force: true });
  if (outcome.status !== 0) {
    discard(making);
    throw new Error(`PostgreSQL could not make a database: ${outcome.output}`);
  }
  renameSync(making, place.cluster);
}

// What a dying initdb adds while it is being removed stays until the next start.
function discard(directory: string): void {
  try {
    rmSync(directory, { recursive: true, force: true });
  } catch {}
}

function giveDirectory(path: string, runner: PostgresRunner): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (runner.account) chownSync(path, runner.account.uid, runner.account.gid);
}

function checkVersion(place: Place, version: { output: string }): void {
  const file = join(place.cluster, 'PG_VERSION');
  const data = existsSync(file) ? readFileSync(file, 'utf8').trim() : 'of an unknown version';
  const program = /\d+/.exec(version.output)?.[0];
  if (data === program) return;
  throw new Error(
    `The data in ${place.cluster} are PostgreSQL ${data}, the program is ${program}. ` +
      'Move the directory away, or load its dump into a new one.',
  );
}

async function launch(
  place: Place,
  binaries: PostgresBinaries,
  runner: PostgresRunner,
  settings: Settings,
): Promise<Postmaster> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let port = await freePort(rememberedPort(place));
  for (;;) {
    const args = ['-D', place.cluster, ...settingArgs(place, port, settings)];
    const log = openLog(place);
    // Its own session: Ctrl-C in our terminal is ours to handle, in our order.
    const child = runner.spawn(binaries.postgres, args, {
      stdio: ['ignore', log.fd, log.fd],
      detached: true,
    });
    closeSync(log.fd);
    child.unref();
    let ended = false;
    void complete(child).then(() => {
      ended = true;
    });
    while (!ended && Date.now() < deadline) {
      if (await answers(place, port)) {
        writeFileSync(place.port, String(port));
        return { pid: child.pid ?? 0, port };
      }
      await sleep(30);
    }
    if (!ended) child.kill('SIGINT');
    const text = readFileSync(place.log).subarray(log.offset).toString().trim();
    if (Date.now() > deadline) throw new Error(`PostgreSQL does not answer: ${text}`);
    if (text.includes('still in use')) await endOrphans(place, runner);
    else if (text.includes('Address already in use')) port = await freePort(undefined);
    else throw new Error(`PostgreSQL did not start: ${text || 'it left no message'}`);
  }
}

function openLog(place: Place): { fd: number; offset: number } {
  const size = existsSync(place.log) ? statSync(place.log).size : 0;
  if (size > LOG_LIMIT_BYTES) renameSync(place.log, `${place.log}.1`);
  const offset = size > LOG_LIMIT_BYTES ? 0 : size;
  return { fd: openSync(place.log, 'a', 0o600), offset };
}

// When a postmaster is killed, a busy child may live on and hold the shared memory; what it
// has committed is in the log, so it may be ended. Every process of a server works in its data
// directory. The search runs as the server's account, which alone may see that everywhere.
async function endOrphans(place: Place, runner: PostgresRunner): Promise<void> {
  const script =
    'for p in /proc/[0-9]*; do [ "$(readlink "$p/cwd")" = "$1" ] && ' +
    '[ "$(cat "$p/comm")" = postgres ] && kill -9 "$(basename "$p")"; done; true';
  await complete(runner.spawn('/bin/sh', ['-c', script, 'sh', place.cluster], PIPED));
  await sleep(200);
}

function settingArgs(place: Place, port: number, settings: Settings): string[] {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const buffersMiB = Math.max(32, Math.min(1024, Math.floor(memory / 8 / 2 ** 20)));
  const all: Record<string, string> = {
    shared_buffers: `${buffersMiB}MB`,
    max_wal_size: '4GB',
    wal_buffers: '64MB',
    checkpoint_timeout: '30min',
    max_connections: '100',
    wal_compression: 'off',
    fsync: 'on',
    synchronous_commit: 'on',
    timezone: 'UTC',
    log_timezone: 'UTC',
    jit: 'off',
    ...(hasSmallSharedMemory() ? { dynamic_shared_memory_type: 'mmap' } : {}),
    ...settings,
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: place.socket ?? '',
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

// Containers often have 64 MiB of it, which a parallel hash join exceeds.
function hasSmallSharedMemory(): boolean {
  if (process.platform !== 'linux') return false;
  try {
    const { blocks, bsize } = statfsSync('/dev/shm');
    return blocks * bsize < 512 * 2 ** 20;
  } catch {
    return true;
  }
}

function rememberedPort(place: Place): number | undefined {
  const port = existsSync(place.port) ? Number(readFileSync(place.port, 'utf8')) : 0;
  return port > 0 && port < 65_536 ? port : undefined;
}

async function freePort(preferred: number | undefined): Promise<number> {
  const attempt = (port: number): Promise<number> =>
    new Promise((done, fail) => {
      const server = createServer();
      server.once('error', fail);
      server.listen(port, '127.0.0.1', () => {
        const address = server.address();
        const found = typeof address === 'object' && address ? address.port : 0;
        server.close(() => done(found));
      });
    });
  if (preferred === undefined) return attempt(0);
  return attempt(preferred).catch(() => attempt(0));
}

function secret(): string {
  return randomBytes(24).toString('base64url');
}

/** The passwords of the two roles. */
export function readCredentials(place: Place): Credentials {
  try {
    return JSON.parse(readFileSync(place.credentials, 'utf8')) as Credentials;
  } catch (error) {
    throw new Error(`The credentials of the database are missing: ${place.credentials}`, {
      cause: error,
    });
  }
}

/** A connection string for a role of the embedded server. */
export function urlFor(role: string, password: string, port: number, database: string): string {
  return `postgres://${role}:${password}@127.0.0.1:${port}/${database}`;
}
