import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import {
  type DatabaseUrls,
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/platform/index.js';
import { withChildren } from '../bench/measure.js';
import type { KillPoint } from './kill-preload.js';

const PRELOAD = new URL('./kill-preload.js', import.meta.url).href;
const TEMPLATE = 'waiting';

/** A database server of its own, on which jobs are killed on copies of one waiting database. */
export class KillServer {
  #server: EmbeddedPostgres;
  readonly #process: string;
  #databases = 0;
  /** How the statements began that jobs sent which came to their end, behind main or worker. */
  readonly sent = new Set<string>();

  private constructor(
    readonly dir: string,
    server: EmbeddedPostgres,
    process: string,
  ) {
    this.#server = server;
    this.#process = process;
  }

  /** `prepare` fills the database that waits; `process` is the program of the job. */
  static async start(
    process: string,
    prepare: (urls: DatabaseUrls, dir: string) => Promise<unknown>,
  ): Promise<KillServer> {
    const dir = mkdtempSync(join(tmpdir(), 'kontor-kill-'));
    const server = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres') });
    const made = new KillServer(dir, server, process);
    await made.#admin(`CREATE DATABASE ${TEMPLATE}`);
    await prepare(made.#urlsOf(TEMPLATE), dir);
    return made;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A database in which the job waits. */
  async fresh(): Promise<DatabaseUrls> {
    this.#databases += 1;
    const name = `kill_${this.#databases}`;
    await this.#admin(`CREATE DATABASE ${name} TEMPLATE ${TEMPLATE}`);
    return this.#urlsOf(name);
  }

  async drop(urls: DatabaseUrls): Promise<void> {
    await this.#admin(`DROP DATABASE ${new URL(urls.url).pathname.slice(1)} WITH (FORCE)`);
  }

  /** Runs the job to its end; answers how many statements each kind of thread sent at most. */
  async finish(urls: DatabaseUrls): Promise<Record<KillPoint['thread'], number>> {
    const file = join(this.dir, `counts-${new URL(urls.url).pathname.slice(1)}`);
    const end = await this.#run(urls, { KONTOR_TEST_COUNT: file });
    if (end !== 'FINISHED') throw new Error(`the job ended with ${end}`);
    const found = { main: 0, worker: 0 };
    for (const line of linesOf(`${file}.texts`)) this.sent.add(line);
    for (const line of linesOf(file)) {
      const [thread, count] = line.split(' ');
      found[thread as 'main'] = Math.max(found[thread as 'main'], Number(count));
    }
    return found;
  }

  /** Runs the job until the point; answers FINISHED when it was not reached, else the signal. */
  kill(urls: DatabaseUrls, point: KillPoint, env: Record<string, string> = {}): Promise<string> {
    return this.#run(urls, { ...env, KONTOR_TEST_KILL: JSON.stringify(point) });
  }

  /** Kills all of PostgreSQL and the job so long after it has begun, and starts PostgreSQL. */
  async crash(urls: DatabaseUrls, afterMs: number): Promise<void> {
    const child = this.#start(urls, {});
    await once(child.stdout!, 'data');
    await delay(afterMs);
    for (const pid of withChildren(this.#server.pid)) kill(pid);
    child.kill('SIGKILL');
    await exited(child);
    this.#server = await startEmbeddedPostgres({ dataDir: join(this.dir, 'postgres') });
  }

  #start(urls: DatabaseUrls, env: Record<string, string>): ChildProcess {
    return spawn(process.execPath, ['--import', PRELOAD, this.#process, urls.url, this.dir, '1'], {
      env: { ...process.env, ...env, TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async #run(urls: DatabaseUrls, env: Record<string, string>): Promise<string> {
    const child = this.#start(urls, env);
    let output = '';
    const keep = (text: Buffer) => {
      output += text;
    };
    child.stdout!.on('data', keep);
    child.stderr!.on('data', keep);
    const { code, signal } = await exited(child);
    if (signal !== null) return signal;
    return code === 0 && output.endsWith('FINISHED\n') ? 'FINISHED' : `${code}: ${output}`;
  }

  #urlsOf(name: string): DatabaseUrls {
    const at = (text: string) => {
      const url = new URL(text);
      url.pathname = `/${name}`;
      return url.toString();
    };
    return { url: at(this.#server.url), ownerUrl: at(this.#server.ownerUrl) };
  }

  async #admin(sql: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#urlsOf('postgres').ownerUrl });
    await client.connect();
    await client.query(sql);
    await client.end();
  }
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

function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
}
