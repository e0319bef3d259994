import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  AuditService,
  actorOfCommand,
  HeadFiles,
  HeadKey,
  HeadService,
} from '../../src/audit/index.js';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { checkFileCounts } from '../../src/mediation/index.js';
import { createLog, Database, RunService, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { entities } from '../../src/schema.js';
import { ANCHOR_SEED, anchorIn } from '../fixtures/numbers.js';
import { aViewer } from '../fixtures/viewer.js';
import { figuresOf, prepareWaitingImport } from './kill-world.js';
import { PointInTime } from './point-in-time.js';

const PRELOAD = new URL('./kill-preload.js', import.meta.url).href;
const JOB = fileURLToPath(new URL('./kill-process.js', import.meta.url));
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

/** A statement of the job, and where the log ended before it was sent. */
export interface Moment {
  readonly thread: string;
  readonly lsn: string;
  readonly text: string;
}

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/** A month that was imported, folded, billed and issued, on a database that can be set back. */
export class RestoreWorld {
  readonly moments: readonly Moment[];
  /** What the undisturbed job ended in. */
  readonly figures: Readonly<Record<string, string>>;
  #restored = 0;

  private constructor(
    readonly dir: string,
    readonly store: PointInTime,
    done: { moments: readonly Moment[]; figures: Readonly<Record<string, string>> },
  ) {
    this.moments = done.moments;
    this.figures = done.figures;
  }

  static async start(records: number): Promise<RestoreWorld> {
    const dir = mkdtempSync(join(tmpdir(), 'kontor-restore-'));
    const store = await PointInTime.start(dir);
    await prepareWaitingImport(store.urls, dir, records);
    await store.backUp();
    const lsnFile = join(dir, 'moments');
    const place = await Place.open(store.urls, dir);
    const job = place.job({ KONTOR_TEST_LSN: lsnFile });
    await place.act(job);
    const { output } = await job;
    if (!output.endsWith('FINISHED\n')) throw new Error(output);
    const figures = await figuresOf(store.urls.ownerUrl);
    await place.close();
    await store.archived();
    const lines = readFileSync(lsnFile, 'utf8').trim().split('\n');
    const moments = lines.map((line) => {
      const [thread = '', lsn = '', text = ''] = line.split('\t');
      return { thread, lsn, text };
    });
    return new RestoreWorld(dir, store, { moments, figures });
  }

  /** The n-th statement that begins so. */
  moment(begins: string, nth = 1): Moment {
    const found = this.moments.filter(({ text }) => text.startsWith(begins))[nth - 1];
    if (found === undefined) throw new Error(`the job never sent ${begins} so often`);
    return found;
  }

  /** The database as it was before a statement, with the anchors as they are today. */
  async restore(moment: Moment): Promise<Place> {
    this.#restored += 1;
    const server = await this.store.restore(moment.lsn, `restored-${this.#restored}`);
    const dir = join(this.dir, `files-${this.#restored}`);
    mkdirSync(dir);
    copyFileSync(join(this.dir, 'kill.csv'), join(dir, 'kill.csv'));
    cpSync(join(this.dir, 'anchor-kontor'), join(dir, 'anchor-kontor'), { recursive: true });
    return Place.open({ url: server.url, ownerUrl: server.ownerUrl }, dir, server.stop);
  }

  stop(): Promise<void> {
    return this.store.stop();
  }
}

/** A database of the world with its files and anchors. */
export class Place {
  readonly #heads: HeadService;

  private constructor(
    readonly urls: { url: string; ownerUrl: string },
    readonly dir: string,
    readonly database: Database,
    readonly stopServer: () => Promise<void>,
  ) {
    const key = new HeadKey(ANCHOR_SEED);
    const log = createLog({ level: 'silent' });
    const files = new HeadFiles(this.anchorDir);
    this.#heads = new HeadService(database, { key, files, minutes: 60, log });
  }

  static async open(
    urls: { url: string; ownerUrl: string },
    dir: string,
    stopServer = async (): Promise<void> => undefined,
  ): Promise<Place> {
    const settings = { entities, poolSize: 3, statementTimeoutMs: 60_000 };
    const database = await new Database({ ...urls, ...settings }).connect();
    return new Place(urls, dir, database, stopServer);
  }

  get anchorDir(): string {
    return join(this.dir, 'anchor-kontor');
  }

  async close(): Promise<void> {
    await this.database.close();
    await this.stopServer();
  }

  /** Runs the job to its end, whatever that is. */
  job(env: Record<string, string> = {}): Promise<Ended> {
    return run(['--import', PRELOAD, JOB, this.urls.url, this.dir, '1'], env);
  }

  /** Runs a command of Kontor on this database. */
  command(...words: string[]): Promise<Ended> {
    return run([MAIN, ...words], {
      DATABASE_URL: this.urls.url,
      DATABASE_OWNER_URL: this.urls.ownerUrl,
      KONTOR_DATA_DIR: this.dir,
      KONTOR_AUDIT_HEADS_DIR: this.anchorDir,
      KONTOR_AUDIT_KEY: ANCHOR_SEED.toString('base64'),
      KONTOR_LOG_LEVEL: 'error',
    });
  }

  /** Writes entries of the audit and signs heads until something has ended. */
  async act(until: Promise<unknown>): Promise<void> {
    let ended = false;
    until.then(
      () => {
        ended = true;
      },
      () => undefined,
    );
    const audit = new AuditService(this.database);
    const hub = await this.database.read(SYSTEM_SCOPE, async (tx) => {
      const [row] = await tx.query('SELECT id FROM partner WHERE parent_id IS NULL');
      return actorOfCommand(row.id);
    });
    for (let n = 0; !ended; n += 1) {
      const act = { operation: 'setup', arguments: { n }, reason: null, requestId: randomUUID() };
      await audit.write(SYSTEM_SCOPE, act, hub, async () => undefined);
      if (n % 5 === 4) await this.#heads.export();
      await delay(30);
    }
    await this.#heads.export();
  }

  /** Every difference between figures that have to agree. */
  async findings(): Promise<unknown[]> {
    return this.database.read(SYSTEM_SCOPE, async (tx) => [
      ...(await checkFileCounts(tx)),
      ...(await checkUsageSums(tx)),
      ...(await checkBillingInvariants(tx)),
    ]);
  }

  async figures(): Promise<Record<string, string>> {
    return figuresOf(this.urls.ownerUrl);
  }

  /** What is wrong with the chain of the audit, held against all heads that were signed. */
  async chain(): Promise<{ fault: string | null; entries: number; restores: number }> {
    const { finding, entries, restores } = await this.#heads.verify(this.#ownHeads(), null);
    return { fault: finding?.fault ?? null, entries, restores: restores.length };
  }

  #ownHeads() {
    return new HeadFiles(this.anchorDir).all().flatMap(({ head }) => {
      const { seq, hash, since } = JSON.parse(head);
      return [{ seq, hash, since, trail: null }];
    });
  }

  /** Numbers that were written down, with the hash of their documents. */
  written(): ReadonlyMap<string, string> {
    const anchor = anchorIn(this.anchorDir);
    const { records } = anchor.read([this.anchorDir], new Set([anchor.publicKey]));
    return new Map(records.map((record) => [`${record.seller} ${record.number}`, record.sha256]));
  }

  /** Numbers that were given, with the hash of their documents; LOST where there is none. */
  async given(): Promise<ReadonlyMap<string, string>> {
    const rows: { name: string; hash: string }[] = await this.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT partner_id || ' ' || number AS name, coalesce(pdf_sha256, state) AS hash
         FROM invoice_number
         UNION SELECT seller_partner_id || ' ' || number, pdf_sha256 FROM invoice
         WHERE number IS NOT NULL ORDER BY 1, 2`,
      ),
    );
    const given = new Map(rows.map(({ name, hash }) => [name, hash]));
    if (given.size < rows.length) throw new Error('a number has two documents');
    return given;
  }

  /** States of all runs. */
  async runStates(): Promise<string[]> {
    const rows: { state: string }[] = await this.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT DISTINCT state FROM run ORDER BY 1'),
    );
    return rows.map(({ state }) => state);
  }

  /** Has parked batches tried again, as an operator does once the cause is gone. */
  async resume(): Promise<void> {
    const runs = new RunService();
    await this.database.write(SYSTEM_SCOPE, async (tx) => {
      const parked: { id: number; hub: number }[] = await tx.query(
        'SELECT id, partner_id AS hub FROM run WHERE batches_parked > 0',
      );
      for (const { id, hub } of parked) {
        const viewer = aViewer({ userId: 1, partnerId: hub });
        await runs.resume(tx, viewer, toGlobalId('Run', id), null);
      }
    });
  }
}

function run(args: readonly string[], env: Record<string, string>): Promise<Ended> {
  const child = spawn(process.execPath, [...args], {
    env: { ...process.env, ...env, TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (text: Buffer) => {
    output += text;
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  return new Promise((resolve) => {
    child.once('close', (status) => resolve({ status, output }));
  });
}
