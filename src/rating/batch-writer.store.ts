import type pg from 'pg';
import { isoFromEpochDay } from '../kernel/index.js';
import {
  APP_ROLE,
  type BatchTicket,
  completeBatchSql,
  enterScope,
  LOADER_ROLE,
  SYSTEM_SCOPE,
} from '../platform/thread.js';
import type { BatchFindings } from './batch-findings.js';
import { CopyIn } from './copy-in.store.js';
import type { ChunkPool, CopyRows } from './copy-rows.js';
import { XDR_COLUMNS } from './encode-xdr.js';
import { SUMMARY_COLUMNS } from './summarise.js';

/** Bytes that may wait for another leaf before the open COPY makes room for it. */
const WAITING_LIMIT = 4 * 1024 * 1024;

/**
 * Writes one batch in one transaction: COPY into the leaves while records are still being read,
 * then everything that belongs to the batch, its completion last.
 */
export class BatchWriter {
  readonly #client: pg.Client;
  /** A second connection, since leaves are made in transactions of their own. */
  readonly #side: pg.Client;
  readonly #knownLeaves: Set<string>;
  readonly #pool: ChunkPool;
  #open: { day: number; copy: CopyIn } | null = null;
  #begun = false;

  constructor(client: pg.Client, side: pg.Client, knownLeaves: Set<string>, pool: ChunkPool) {
    this.#client = client;
    this.#side = side;
    this.#knownLeaves = knownLeaves;
    this.#pool = pool;
  }

  /** Begins the transaction with statements that the app role must run before any row is sent. */
  async prepare(statements: (client: pg.Client) => Promise<void>): Promise<void> {
    await this.#begin(statements);
  }

  /** Sends what has filled up; returns when the socket has taken it. */
  async send(leaves: ReadonlyMap<number, CopyRows>): Promise<void> {
    for (;;) {
      const open = this.#open;
      if (open !== null) {
        await open.copy.send(leaves.get(open.day)?.takeFull() ?? []);
      }
      const next = fullest(leaves);
      const limit = open === null ? 1 : WAITING_LIMIT;
      if (next === null || next.rows.waitingBytes < limit) return;
      await this.#switchTo(next.day, leaves);
    }
  }

  /** Sends the rest, stores the findings and completes the batch in the same transaction. */
  async commit(
    ticket: BatchTicket,
    leaves: ReadonlyMap<number, CopyRows>,
    summaries: ReadonlyMap<number, CopyRows>,
    findings: BatchFindings,
    store: (client: pg.Client) => Promise<void>,
  ): Promise<void> {
    for (const day of leaves.keys()) {
      await this.#switchTo(day, leaves);
      await this.#open!.copy.send(leaves.get(day)!.finish());
      await this.#end();
    }
    await this.#begin();
    for (const [day, rows] of summaries) {
      const month = isoFromEpochDay(day).slice(0, 7).replace('-', '');
      await this.#ensureLeaf(`usage_summary_${month}`, day);
      const copy = await this.#startCopy(`usage_summary_${month}`, SUMMARY_COLUMNS);
      await copy.send(rows.finish());
      await copy.end();
    }
    await this.#client.query(`SET LOCAL ROLE ${APP_ROLE}`);
    await store(this.#client);
    await completeBatchSql(this.#client, ticket, findings.result(), findings.bytes);
    await this.#client.query('COMMIT');
    this.#begun = false;
    findings.release();
  }

  /** Ends the transaction without effect, whatever state it is in. */
  async abort(): Promise<void> {
    await this.#open?.copy.cancel('batch aborted');
    this.#open = null;
    if (this.#begun) await this.#client.query('ROLLBACK');
    this.#begun = false;
  }

  // A leaf whose COPY was ended before may be opened again: a table can be copied into twice.
  async #switchTo(day: number, leaves: ReadonlyMap<number, CopyRows>): Promise<void> {
    if (this.#open?.day === day) return;
    if (this.#open !== null) {
      const rows = leaves.get(this.#open.day)!;
      await this.#open.copy.send(rows.finish());
      await this.#end();
    }
    const leaf = `xdr_${isoFromEpochDay(day).replaceAll('-', '')}`;
    await this.#ensureLeaf(leaf, day);
    await this.#begin();
    this.#open = { day, copy: await this.#startCopy(leaf, XDR_COLUMNS) };
  }

  async #begin(first?: (client: pg.Client) => Promise<void>): Promise<void> {
    if (this.#begun) return;
    await this.#client.query('BEGIN');
    this.#begun = true;
    await enterScope(this.#client, SYSTEM_SCOPE);
    await first?.(this.#client);
    await this.#client.query(`SET LOCAL ROLE ${LOADER_ROLE}`);
  }

  #startCopy(leaf: string, columns: readonly string[]): Promise<CopyIn> {
    const statement = `COPY ${leaf} (${columns.join(', ')}) FROM STDIN (FORMAT binary)`;
    return CopyIn.begin(this.#client, statement, this.#pool.give);
  }

  async #end(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    await open?.copy.end();
  }

  async #ensureLeaf(leaf: string, day: number): Promise<void> {
    if (this.#knownLeaves.has(leaf)) return;
    await this.#side.query('SELECT ensure_usage_partitions(ARRAY[$1::date])', [
      isoFromEpochDay(day),
    ]);
    this.#knownLeaves.add(leaf);
  }
}

function fullest(leaves: ReadonlyMap<number, CopyRows>): { day: number; rows: CopyRows } | null {
  let most: { day: number; rows: CopyRows } | null = null;
  for (const [day, rows] of leaves) {
    if (rows.waitingBytes > (most?.rows.waitingBytes ?? 0)) most = { day, rows };
  }
  return most;
}
