import {
  chmodSync,
  chownSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/platform/index.js';

/** Small enough for several servers at once; durable, or there is nothing to restore. */
const SMALL = { shared_buffers: '32MB', max_wal_size: '1GB' };

/**
 * A PostgreSQL whose log is archived, and servers restored from a copy of its files and that
 * archive to any place of the log: what an operator does with a tool for it.
 */
export class PointInTime {
  readonly #server: EmbeddedPostgres;
  readonly #restored: EmbeddedPostgres[] = [];

  private constructor(
    readonly dir: string,
    server: EmbeddedPostgres,
  ) {
    this.#server = server;
  }

  static async start(dir: string): Promise<PointInTime> {
    chmodSync(dir, 0o755);
    const archive = join(dir, 'archive');
    mkdirSync(archive);
    // PostgreSQL may run as another account.
    chmodSync(archive, 0o777);
    const settings = {
      ...SMALL,
      archive_mode: 'on',
      archive_command: `cp %p ${archive}/%f.part && mv ${archive}/%f.part ${archive}/%f`,
    };
    const server = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres'), settings });
    return new PointInTime(dir, server);
  }

  get urls(): { url: string; ownerUrl: string } {
    const { url, ownerUrl } = this.#server;
    return { url, ownerUrl };
  }

  /** Copies the files of the running server. */
  async backUp(): Promise<void> {
    const client = await connect(this.#server.ownerUrl);
    try {
      await client.query(`SELECT pg_backup_start('restore', true)`);
      const cluster = join(this.dir, 'postgres', 'cluster');
      copyTree(cluster, join(this.dir, 'backup'));
      const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop(false)');
      writeFileSync(join(this.dir, 'backup', 'backup_label'), rows[0].labelfile);
    } finally {
      await client.end();
    }
  }

  /** Has what was written so far archived. */
  async archived(): Promise<void> {
    const client = await connect(this.#server.ownerUrl);
    try {
      const { rows } = await client.query(
        'SELECT pg_walfile_name(pg_current_wal_lsn()) AS file, pg_switch_wal()',
      );
      const deadline = Date.now() + 60_000;
      while (!existsSync(join(this.dir, 'archive', rows[0].file))) {
        if (Date.now() > deadline) throw new Error('the log was not archived');
        await delay(20);
      }
    } finally {
      await client.end();
    }
  }

  /** A server with everything that was committed before a place of the log, and nothing after. */
  async restore(lsn: string, name: string): Promise<EmbeddedPostgres> {
    const dataDir = join(this.dir, name);
    mkdirSync(dataDir, { mode: 0o755 });
    const cluster = join(dataDir, 'cluster');
    copyTree(join(this.dir, 'backup'), cluster);
    copyFileSync(join(this.dir, 'postgres', 'credentials.json'), join(dataDir, 'credentials.json'));
    const owner = statSync(join(this.dir, 'postgres', 'cluster'));
    writeFileSync(join(cluster, 'recovery.signal'), '');
    giveTree(cluster, owner);
    const server = await startEmbeddedPostgres({
      dataDir,
      settings: {
        ...SMALL,
        restore_command: `cp ${join(this.dir, 'archive')}/%f %p`,
        recovery_target_lsn: lsn,
        recovery_target_action: 'promote',
      },
    });
    this.#restored.push(server);
    await promoted(server.ownerUrl);
    return server;
  }

  async stop(): Promise<void> {
    for (const server of [...this.#restored, this.#server]) await server.stop();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function promoted(ownerUrl: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const client = await connect(ownerUrl);
    const { rows } = await client.query('SELECT pg_is_in_recovery() AS recovering');
    await client.end();
    if (!rows[0].recovering) return;
    if (Date.now() > deadline) throw new Error('the server does not end its recovery');
    await delay(30);
  }
}

/** Files that come and go under a running server; the log comes from the archive. */
function isWanted(cluster: string, path: string): boolean {
  const name = path.slice(cluster.length + 1);
  return !/^(postmaster\.(pid|opts)|pg_wal\/.+|pg_stat_tmp\/.+|pg_replslot\/.+)$/.test(name);
}

function copyTree(from: string, to: string): void {
  // A file that vanishes meanwhile is one that the log makes again, or removes.
  cpSync(from, to, { recursive: true, filter: (path) => isWanted(from, path) && existsSync(path) });
  chmodSync(to, 0o700);
  mkdirSync(join(to, 'pg_wal', 'archive_status'), { recursive: true, mode: 0o700 });
}

function giveTree(path: string, owner: Stats): void {
  if (process.getuid?.() !== 0) return;
  chownSync(path, owner.uid, owner.gid);
  if (!statSync(path).isDirectory()) return;
  for (const name of readdirSync(path)) giveTree(join(path, name), owner);
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
