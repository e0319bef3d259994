import { invariant } from '../kernel/index.js';
import { IdentityTable, type IdentityTime } from '../mediation/index.js';
import { connectWorker, type Database, enterScope, SYSTEM_SCOPE } from '../platform/index.js';
import { awaitCommits, readIdentities, readSegments, waitingBytes } from './identity.store.js';
import { chooseSegments, type HourRange, isMissing } from './identity-cover.js';

/** Fewest bytes that a record with its line end takes; bounds how many a range can hold. */
const SMALLEST_RECORD_BYTES = 24;
/** Bytes of a usual record: what is still to be imported is estimated by it, not relied on. */
const USUAL_RECORD_BYTES = 96;
/** Identities that room is made for ahead of their batches, at most. */
const MOST_AHEAD = 32 * 1024 * 1024;
/**
 * The same where identities tell the time: then it costs little to leave old ones out when the
 * table is full.
 */
const MOST_AHEAD_BY_TIME = 3 * 1024 * 1024;
/** Identities that are loaded where not all are needed. */
const KEPT_IDENTITIES = 1024 * 1024;
/** Hours that are remembered as used. */
const KEPT_HOURS = 1_000;
/** Tables that no batch uses are kept up to so many bytes together; see {@link IdentityLanes}. */
const KEPT_BYTES = 256 * 1024 * 1024;

/** What a batch compares its records with. */
export interface LoadedIdentities {
  readonly table: IdentityTable;
  /** Hours in which no record may begin that is compared with it; rising, none where all are in. */
  readonly missing: readonly HourRange[];
}

/** What a batch is about to compare. */
export interface Comparing {
  /** Bytes that it reads. */
  readonly bytes: number;
  /** How its identities tell the time; null when they do not. */
  readonly time: IdentityTime | null;
  /** Hours in UTC that its records are known to begin in, since 1970. */
  readonly hours: readonly number[];
}

/** What a batch has added to the table, and the hours in which its records began. */
export interface Compared {
  readonly identities: number;
  readonly hours: readonly number[];
}

interface Lane {
  epoch: number;
  table: IdentityTable | null;
  /** As of {@link LoadedIdentities}, and how all identities tell the time where some are. */
  missing: readonly HourRange[];
  timeKey: string | null;
  /** Identities in the table, and those that running batches may add. */
  known: number;
  reserved: number;
  running: number;
  /** Set until it was built, and when a batch failed: claims of which nobody knows the fate. */
  stale: boolean;
  /** Entrances that have begun and batches that run. */
  users: number;
  /** Hours that batches used; those that were used last come last. */
  readonly used: Set<number>;
  /** One entrance at a time, so that a rebuild waits for the batches before it. */
  turn: Promise<unknown>;
  idle: (() => void)[];
}

/** Bounds of memory, for tests. */
export interface LaneBounds {
  /** See {@link KEPT_BYTES}. */
  readonly keptBytes?: number;
  /** See {@link KEPT_IDENTITIES}. */
  readonly keptIdentities?: number;
}

/**
 * The identity tables of the domains that this process works on. A table is rebuilt from the
 * committed segments when the lane was held by another process in between, when a batch failed,
 * when it grows too small, or when records of hours are to be compared that were left out; a
 * rebuild waits until no batch of the lane is running. Of the tables that nobody uses, those that
 * were used last are kept for the next file of their domain, so that memory does not grow with the
 * number of domains that a process has ever worked on.
 *
 * Where the identities of a domain tell when their records began, equal ones begin at nearly the
 * same time: then a table holds those of the hours that are worked on, and memory does not grow
 * with the time that records are kept either.
 */
export class IdentityLanes {
  /** Those that were used last come last. */
  readonly #lanes = new Map<string, Lane>();

  constructor(
    readonly database: Database,
    readonly bounds: LaneBounds = {},
  ) {}

  /** What a batch compares with; call `leave` when the batch has ended. */
  async enter(domain: string, epoch: number, comparing: Comparing): Promise<LoadedIdentities> {
    const lane = this.#laneOf(domain);
    lane.users += 1;
    const entered = lane.turn.then(() => this.#enter(domain, lane, epoch, comparing));
    lane.turn = entered.catch(() => {
      lane.users -= 1;
    });
    return entered;
  }

  /** Ends what `enter` began. `compared` is null when the batch failed. */
  leave(domain: string, { bytes }: Pick<Comparing, 'bytes'>, compared: Compared | null): void {
    const lane = this.#laneOf(domain);
    lane.running -= 1;
    lane.reserved -= recordsIn(bytes);
    if (compared === null) lane.stale = true;
    else {
      lane.known += compared.identities;
      use(lane, compared.hours);
    }
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
      if (bytes > (this.bounds.keptBytes ?? KEPT_BYTES)) this.#lanes.delete(domain);
    }
  }

  #laneOf(domain: string): Lane {
    let lane = this.#lanes.get(domain);
    if (lane === undefined) {
      lane = {
        epoch: 0,
        table: null,
        missing: [],
        timeKey: null,
        known: 0,
        reserved: 0,
        running: 0,
        users: 0,
        stale: true,
        used: new Set(),
        turn: Promise.resolve(),
        idle: [],
      };
      this.#lanes.set(domain, lane);
    }
    return lane;
  }

  async #enter(
    domain: string,
    lane: Lane,
    epoch: number,
    comparing: Comparing,
  ): Promise<LoadedIdentities> {
    const wanted = recordsIn(comparing.bytes);
    const needed = lane.known + lane.reserved + wanted;
    const isGood = !lane.stale && lane.epoch === epoch && lane.table?.holds(needed) === true;
    if (!isGood || !isCovered(lane, comparing)) {
      if (lane.running > 0) await new Promise<void>((resolve) => lane.idle.push(resolve));
      await this.#rebuild(domain, lane, comparing);
      lane.epoch = epoch;
    }
    lane.running += 1;
    lane.reserved += wanted;
    return { table: lane.table!, missing: lane.missing };
  }

  async #rebuild(domain: string, lane: Lane, { bytes, time, hours }: Comparing): Promise<void> {
    lane.stale = true;
    const client = await connectWorker(this.database.urls.url, 'kontor identities');
    try {
      await awaitCommits(client, domain);
      // Of segments purged meanwhile both are seen: that they are there, and what they hold.
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await enterScope(client, SYSTEM_SCOPE);
      const { chosen, missing } = chooseSegments(await readSegments(client, domain), {
        ...{ time, hours, used: [...lane.used].reverse() },
        most: this.bounds.keptIdentities ?? KEPT_IDENTITIES,
      });
      const records = chosen.reduce((sum, segment) => sum + segment.records, 0);
      // Room for what waits, and for the bounds of batches beside this one, spares rebuilding while
      // they come in.
      const most = time === null ? MOST_AHEAD : MOST_AHEAD_BY_TIME;
      const ahead = Math.min((await waitingBytes(client, domain)) / USUAL_RECORD_BYTES, most);
      const room = 2 * recordsIn(bytes) + Math.max(Math.min(records / 2, most), ahead);
      const table = emptied(lane, Math.max(records, time === null ? 0 : ahead / 3) + room);
      const ids = chosen.map(({ batchId }) => batchId);
      let restored = 0;
      await readIdentities(client, ids, (identities) => {
        restored += restore(table, identities);
      });
      invariant(restored === records, 'all identities of a segment are there');
      await client.query('COMMIT');
      lane.missing = missing;
      lane.timeKey = time?.key ?? null;
      lane.known = records;
    } finally {
      await client.end();
    }
    lane.stale = false;
  }
}

// The table that is there when it has room: one that is left behind stays in memory until all
// threads have collected it.
function emptied(lane: Lane, identities: number): IdentityTable {
  if (lane.table?.holds(identities)) lane.table.clear();
  else lane.table = IdentityTable.allocate(identities);
  return lane.table;
}

/** Whether all that records of a batch may equal is in the table, as far as is known of them. */
function isCovered({ missing, timeKey }: Lane, { time, hours }: Comparing): boolean {
  if (missing.length === 0) return true;
  return timeKey === time?.key && !hours.some((hour) => isMissing(missing, hour));
}

function use({ used }: Lane, hours: readonly number[]): void {
  for (const hour of hours) {
    used.delete(hour);
    used.add(hour);
  }
  for (const hour of used) {
    if (used.size <= KEPT_HOURS) break;
    used.delete(hour);
  }
}

function recordsIn(bytes: number): number {
  return Math.ceil(bytes / SMALLEST_RECORD_BYTES);
}

/** Answers how many identities the bytes hold. */
function restore(table: IdentityTable, bytes: Buffer): number {
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    table.claim(
      bytes.readInt32BE(at),
      bytes.readInt32BE(at + 4),
      bytes.readInt32BE(at + 8),
      bytes.readInt32BE(at + 12),
    );
  }
  return bytes.length / 16;
}
