import { type Database, type Log, SYSTEM_SCOPE } from '../platform/index.js';
import type { Pass } from './viewer.store.js';

const FLUSH_MS = 10_000;
/** A pass that is used all the time is written down once a minute. */
const EVERY_MS = 60_000;

interface Use {
  readonly pass: Pass;
  readonly at: Date;
  readonly address: string;
  readonly userAgent: string;
}

const SESSIONS = `UPDATE session AS s
  SET last_used_at = used.at, address = used.address, user_agent = used.user_agent
  FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[])
    AS used (id, at, address, user_agent)
  WHERE s.id = used.id AND (s.last_used_at IS NULL OR s.last_used_at < used.at)`;
const API_KEYS = `UPDATE api_key AS k SET last_used_at = used.at, last_address = used.address
  FROM unnest($1::int[], $2::timestamptz[], $3::text[]) AS used (id, at, address)
  WHERE k.id = used.id AND (k.last_used_at IS NULL OR k.last_used_at < used.at)`;

/**
 * Writes down when sessions and API keys were used last, to about a minute: uses are gathered in
 * memory and written together, so that a request costs no UPDATE.
 */
export class LastUse {
  readonly #database: Database;
  readonly #log: Log;
  readonly #uses = new Map<string, Use>();
  readonly #written = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(database: Database, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  /** Notes a use; the newest one of a pass counts. */
  note(use: Use): void {
    const { pass, at } = use;
    const key = pass.kind === 'USER' ? pass.sessionId : `key ${pass.apiKeyId}`;
    const written = this.#written.get(key);
    if (written !== undefined && at.getTime() < written + EVERY_MS) return;
    this.#uses.set(key, use);
  }

  /** Writes what was noted since the last time. */
  async flush(): Promise<void> {
    const uses = [...this.#uses];
    this.#uses.clear();
    if (uses.length === 0) return;
    const newest = Math.max(...uses.map(([, { at }]) => at.getTime()));
    for (const [key, at] of this.#written) if (at + EVERY_MS <= newest) this.#written.delete(key);
    for (const [key, { at }] of uses) this.#written.set(key, at.getTime());
    const all = uses.map(([, use]) => use);
    await this.#database.write(SYSTEM_SCOPE, async (tx) => {
      const [sessions, keys] = [all.filter(isOfSession), all.filter(isOfKey)];
      if (sessions.length > 0) {
        const ids = sessions.map(({ pass }) => pass.sessionId);
        await tx.query(SESSIONS, [ids, ...columnsOf(sessions)]);
      }
      if (keys.length > 0) {
        const ids = keys.map(({ pass }) => pass.apiKeyId);
        await tx.query(API_KEYS, [ids, ...columnsOf(keys).slice(0, 2)]);
      }
    });
  }

  start(): void {
    this.#timer = setInterval(() => void this.#flushOrLog(), FLUSH_MS);
    this.#timer.unref();
  }

  /** Stops, and writes what was noted. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushOrLog();
  }

  // Nobody is refused because his last use could not be written.
  async #flushOrLog(): Promise<void> {
    await this.flush().catch((error) => this.#log.failure('last use not written', error));
  }
}

type SessionUse = Use & { readonly pass: { readonly sessionId: string } };
type KeyUse = Use & { readonly pass: { readonly apiKeyId: number } };

function isOfSession(use: Use): use is SessionUse {
  return use.pass.kind === 'USER';
}

function isOfKey(use: Use): use is KeyUse {
  return use.pass.kind === 'API_KEY';
}

function columnsOf(uses: readonly Use[]): [Date[], string[], string[]] {
  return [
    uses.map(({ at }) => at),
    uses.map(({ address }) => address),
    uses.map(({ userAgent }) => userAgent),
  ];
}
