import { IdentityTable } from '../mediation/index.js';
import { connectWorker, type Database, enterScope, SYSTEM_SCOPE } from '../platform/index.js';
import { awaitCommits, domainSize, readIdentities } from './identity.store.js';

/** Fewest bytes that a record with its line end takes; bounds how many a range can hold. */
const SMALLEST_RECORD_BYTES = 24;
/** Bytes of a usual record: what is still to be imported is estimated by it, not relied on. */
const USUAL_RECORD_BYTES = 96;
/** Identities that room is made for ahead of their batches, at most. */
const MOST_AHEAD = 32 * 1024 * 1024;
/** Tables that no batch uses are kept up to so many bytes together; see {@link IdentityLanes}. */
const KEPT_BYTES = 256 * 1024 * 1024;

interface Lane {
  epoch: number;
  table: IdentityTable | null;
  /** Identities in the table, and those that running batches may add. */
  known: number;
  reserved: number;
  running: number;
  /** Set when a batch failed: the table holds claims of which nobody knows the fate. */
  stale: boolean;
  /** Entrances that have begun and batches that run. */
  users: number;
  /** One entrance at a time, so that a rebuild waits for the batches before it. */
  turn: Promise<unknown>;
  idle: (() => void)[];
}

/**
 * The identity tables of the domains that this process works on. A table is rebuilt from the
 * committed segments when the lane was held by another process in between, when a batch failed,
 * or when it grows too small; a rebuild waits until no batch of the lane is running. Of the tables
 * that nobody uses, those that were used last are kept for the next file of their domain, so that
 * memory does not grow with the number of domains that a process has ever worked on.
 */
export class IdentityLanes {
  /** Those that were used last come last. */
  readonly #lanes = new Map<string, Lane>();

  constructor(
    readonly database: Database,
    readonly keptBytes: number = KEPT_BYTES,
  ) {}

  /** The table for a batch that reads so many bytes; call `leave` when the batch has ended. */
  async enter(domain: string, epoch: number, bytes: number): Promise<IdentityTable> {
    const lane = this.#laneOf(domain);
    lane.users += 1;
    const entered = lane.turn.then(() => this.#enter(domain, lane, epoch, bytes));
    lane.turn = entered.catch(() => {
      lane.users -= 1;
    });
    return entered;
  }

  /** Ends what `enter` began. `added` is null when the batch failed. */
  leave(domain: string, bytes: number, added: number | null): void {
    const lane = this.#laneOf(domain);
    lane.running -= 1;
    lane.reserved -= recordsIn(bytes);
    if (added === null) lane.stale = true;
    else lane.known += added;
    if (lane.running === 0) for (const wake of lane.idle.splice(0)) wake();
    lane.users -= 1;
    this.#lanes.delete(domain);
    this.#lanes.set(domain, lane);
    this.#forget();
  }

  // A lane that is used next builds its table again from what is committed.
  #forget(): void {
    const unused = [...this.#lanes].filter(([, { users }]) => users === 0).reverse();
    let bytes = 0;
    for (const [domain, lane] of unused) {
      bytes += lane.table?.words.byteLength ?? 0;
      if (bytes > this.keptBytes) this.#lanes.delete(domain);
    }
  }

  #laneOf(domain: string): Lane {
    let lane = this.#lanes.get(domain);
    if (lane === undefined) {
      lane = {
        epoch: 0,
        table: null,
        known: 0,
        reserved: 0,
        running: 0,
        users: 0,
        stale: true,
        turn: Promise.resolve(),
        idle: [],
      };
      this.#lanes.set(domain, lane);
    }
    return lane;
  }

  async #enter(domain: string, lane: Lane, epoch: number, bytes: number): Promise<IdentityTable> {
    const wanted = recordsIn(bytes);
    const needed = lane.known + lane.reserved + wanted;
    if (lane.stale || lane.epoch !== epoch || !lane.table?.holds(needed)) {
      if (lane.running > 0) await new Promise<void>((resolve) => lane.idle.push(resolve));
      await this.#rebuild(domain, lane, wanted);
      lane.epoch = epoch;
    }
    lane.running += 1;
    lane.reserved += wanted;
    return lane.table!;
  }

  async #rebuild(domain: string, lane: Lane, room: number): Promise<void> {
    lane.table = null;
    const client = await connectWorker(this.database.urls.url, 'kontor identities');
    try {
      await awaitCommits(client, domain);
      await client.query('BEGIN READ ONLY');
      await enterScope(client, SYSTEM_SCOPE);
      const { records, waitingBytes } = await domainSize(client, domain);
      // Room for what waits, and for the bounds of batches beside this one, spares rebuilding while
      // they come in: each table that is left behind stays in memory until the threads collect it.
      const ahead = Math.min(waitingBytes / USUAL_RECORD_BYTES, MOST_AHEAD);
      const table = IdentityTable.allocate(records + 2 * room + Math.max(records / 2, ahead));
      await readIdentities(client, domain, (identities) => restore(table, identities));
      await client.query('COMMIT');
      lane.table = table;
      lane.known = records;
    } finally {
      await client.end();
    }
    lane.stale = false;
  }
}

function recordsIn(bytes: number): number {
  return Math.ceil(bytes / SMALLEST_RECORD_BYTES);
}

function restore(table: IdentityTable, bytes: Buffer): void {
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    table.claim(
      bytes.readInt32BE(at),
      bytes.readInt32BE(at + 4),
      bytes.readInt32BE(at + 8),
      bytes.readInt32BE(at + 12),
    );
  }
}
