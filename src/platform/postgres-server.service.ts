import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import {
  answers,
  type Place,
  type Postmaster,
  placeOf,
  readCredentials,
  runningPostmaster,
  START_TIMEOUT_MS,
  startPostmaster,
  urlFor,
} from './postgres-cluster.service.js';
import {
  isAlive,
  isTokenAlive,
  lock,
  type ProcessLock,
  processToken,
  tryLock,
} from './process-lock.service.js';

const STOP_TIMEOUT_MS = 120_000;

/** How to start the embedded PostgreSQL. */
export type EmbeddedPostgresOptions = {
  /**
   * Directory of this server alone. Holds `cluster/` (the data of PostgreSQL, the only part
   * given to another account when we are root), the credentials, the log, the lock and the port.
   */
  dataDir: string;
  /** PostgreSQL settings that replace ours, e.g. `{ shared_buffers: '256MB' }`. */
  settings?: Readonly<Record<string, string>>;
  /** Receives one sentence per phase. */
  log?: (line: string) => void;
  /** Leave the server running when this process ends; `stop()` still stops it. */
  keepRunning?: boolean;
};

/** A running embedded PostgreSQL. */
export type EmbeddedPostgres = {
  /**
   * For the application: login `kontor_login`, which may do nothing until the migrations have
   * made it a member of the roles of the application. Database `kontor`.
   */
  url: string;
  /** For migrations and tests: role `kontor_admin`, superuser. Database `kontor`. */
  ownerUrl: string;
  port: number;
  /** The postmaster. */
  pid: number;
  /** True when a server was running in the directory already and was taken over. */
  adopted: boolean;
  /** Directory of the Unix socket; undefined where the path would be too long for one. */
  socketDirectory: string | undefined;
  /** Ends our use; the last user of the directory shuts the server down and waits for it. */
  stop(): Promise<void>;
};

/**
 * Starts PostgreSQL in the directory, or adopts the one that runs there already: also after
 * this process, the server or the machine died at any moment. Of several processes that call
 * this at once exactly one starts the server. Throws an Error that names the remedy when the
 * machine cannot run it.
 */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const dataDir = resolve(options.dataDir);
  if (!existsSync(dataDir)) mkdirSync(dataDir, { recursive: true, mode: 0o755 });
  const place = placeOf(realpathSync(dataDir));
  const held = await lock(place.lock, START_TIMEOUT_MS);
  try {
    const running = await adopt(place);
    const log = options.log ?? (() => undefined);
    const server = running ?? (await startPostmaster(place, options.settings ?? {}, log));
    await provision(place, server.port);
    return use(place, server, running !== undefined, options.keepRunning ?? false);
  } finally {
    held.release();
  }
}

/**
 * Shuts down the server of a directory, whoever started it and whoever uses it.
 * Returns false when none was running.
 */
export async function stopEmbeddedPostgres(dataDir: string): Promise<boolean> {
  if (!existsSync(dataDir)) return false;
  const place = placeOf(realpathSync(dataDir));
  const held = await lock(place.lock, START_TIMEOUT_MS);
  try {
    const server = runningPostmaster(place);
    if (server) await shutDown(server.pid);
    return server !== undefined;
  } finally {
    held.release();
  }
}

async function adopt(place: Place): Promise<Postmaster | undefined> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    // Read again each time: a server that is stopping ends by itself and is then started anew.
    const server = runningPostmaster(place);
    if (!server) return undefined;
    if (server.port > 0 && (await answers(place, server.port))) return server;
    if (Date.now() > deadline) {
      throw new Error(
        `A PostgreSQL (process ${server.pid}) runs in ${place.cluster} but does not answer. ` +
          `See ${place.log}; stop that process and start again.`,
      );
    }
    await sleep(100);
  }
}

async function provision(place: Place, port: number): Promise<void> {
  const { admin, app } = readCredentials(place);
  const client = new pg.Client({
    connectionString: urlFor('kontor_admin', admin, port, 'postgres'),
  });
  await client.connect();
  try {
    const { rows } = await client.query<{ role: boolean; database: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'kontor_login') AS role,
              EXISTS (SELECT 1 FROM pg_database WHERE datname = 'kontor') AS database`,
    );
    if (!rows[0]?.role) {
      const password = client.escapeLiteral(app);
      await client.query(
        `CREATE ROLE kontor_login LOGIN NOINHERIT NOBYPASSRLS PASSWORD ${password}`,
      );
    }
    if (!rows[0]?.database) await client.query('CREATE DATABASE kontor');
  } finally {
    await client.end();
  }
}

// ---- Using and leaving

// Each process that uses the server leaves a file with its name. The last one to leave, and
// only it, stops the server; those that died do not count.
function use(
  place: Place,
  server: Postmaster,
  adopted: boolean,
  keepRunning: boolean,
): EmbeddedPostgres {
  mkdirSync(place.users, { recursive: true, mode: 0o700 });
  const mine = join(place.users, `${processToken()}:${randomBytes(4).toString('hex')}`);
  writeFileSync(mine, '');
  const onExit = (): void => {
    rmSync(mine, { force: true });
    // Whoever removed the directory has ended its server, or PostgreSQL ends for want of it.
    if (!existsSync(place.users)) return;
    // Whoever holds the lock now is about to use the server, or is leaving and looks himself.
    const held = keepRunning ? undefined : tryLockBriefly(place.lock);
    if (!held) return;
    if (!hasUsers(place) && runningPostmaster(place)) process.kill(server.pid, 'SIGINT');
    held.release();
  };
  process.once('exit', onExit);
  let stopped: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    process.removeListener('exit', onExit);
    rmSync(mine, { force: true });
    const held = await lock(place.lock, START_TIMEOUT_MS);
    try {
      if (!hasUsers(place) && runningPostmaster(place)) await shutDown(server.pid);
    } finally {
      held.release();
    }
  };
  const { admin, app } = readCredentials(place);
  return {
    url: urlFor('kontor_login', app, server.port, 'kontor'),
    ownerUrl: urlFor('kontor_admin', admin, server.port, 'kontor'),
    port: server.port,
    pid: server.pid,
    adopted,
    socketDirectory: place.socket,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}

function hasUsers(place: Place): boolean {
  return readdirSync(place.users).some((name) => {
    if (isTokenAlive(name)) return true;
    rmSync(join(place.users, name), { force: true });
    return false;
  });
}

function tryLockBriefly(path: string): ProcessLock | undefined {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let i = 0; i < 10; i++) {
    const held = tryLock(path);
    if (held) return held;
    Atomics.wait(pause, 0, 0, 30);
  }
  return undefined;
}

// SIGINT is PostgreSQL's fast shutdown: open transactions are rolled back, all is written.
async function shutDown(pid: number): Promise<void> {
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  process.kill(pid, 'SIGINT');
  while (isAlive(pid)) {
    if (Date.now() > deadline) {
      // Immediate shutdown: nothing is lost, the next start recovers.
      process.kill(pid, 'SIGQUIT');
      return;
    }
    await sleep(20);
  }
}
