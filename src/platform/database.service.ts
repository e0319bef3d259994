import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import {
  DataSource,
  type EntityManager,
  type EntityTarget,
  type Logger,
  type QueryRunner,
} from 'typeorm';
import { type Cancellable, cancelStatement } from './cancel-statement.service.js';
import { ENTER_SCOPE_FOR, type Scope, type StatementClass, scopeRoot } from './scope.store.js';
import { sqlState } from './sql-state.js';
import { APP_ROLE, LOADER_ROLE, OWNER_ROLE } from './tenancy.js';
import { IDLE_IN_TRANSACTION_MS, RUN_STATEMENT_MS } from './worker-connection.service.js';

export { sqlState } from './sql-state.js';

/** A transaction. Its row visibility was fixed when it was opened. */
export type Tx = EntityManager;

export interface DatabaseUrls {
  /** Login of the application: member of the app and loader roles, nothing more. */
  readonly url: string;
  /** Login that may create roles and act as the owner role; used by migrations only. */
  readonly ownerUrl: string;
}

export interface DatabaseOptions extends DatabaseUrls {
  readonly entities: readonly EntityTarget<object>[];
  readonly poolSize: number;
  /** How long a statement may take, where no class says otherwise. */
  readonly statementTimeoutMs: number;
  readonly timeouts?: Partial<Record<StatementClass, number>>;
}

const RETRYABLE = new Set(['40001', '40P01']);
const ATTEMPTS = 4;
const ASIDE_CONNECTIONS = 2;

/**
 * The only door to the pool. Every statement runs inside a transaction whose visible partners
 * were read from the database and set transaction-locally, so a pooled connection never carries
 * one tenant's scope into another's request.
 */
export class Database {
  readonly #counter = new StatementCounter();
  readonly #dataSource: DataSource;
  /** Few connections apart, for {@link readAside}. */
  readonly #aside: DataSource;
  readonly #timeouts: Readonly<Record<StatementClass, number>>;
  readonly urls: DatabaseUrls;

  constructor(options: DatabaseOptions) {
    const { statementTimeoutMs: usual } = options;
    const each = { query: usual, mutation: usual, subscription: usual, run: RUN_STATEMENT_MS };
    this.#timeouts = { ...each, ...options.timeouts };
    this.urls = { url: options.url, ownerUrl: options.ownerUrl };
    this.#dataSource = this.#source(options, options.entities, options.poolSize);
    this.#aside = this.#source(options, options.entities, ASIDE_CONNECTIONS);
  }

  #source(
    options: DatabaseOptions,
    entities: DatabaseOptions['entities'],
    poolSize: number,
  ): DataSource {
    return new DataSource({
      type: 'postgres',
      url: options.url,
      entities: [...entities] as never,
      synchronize: false,
      logger: this.#counter,
      applicationName: 'kontor',
      poolSize,
      extra: {
        options: `-c role=${APP_ROLE} -c timezone=UTC`,
        statement_timeout: options.statementTimeoutMs,
        idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      },
    });
  }

  async connect(): Promise<this> {
    await this.#dataSource.initialize();
    await this.#aside.initialize();
    return this;
  }

  async close(): Promise<void> {
    for (const source of [this.#dataSource, this.#aside]) {
      if (source.isInitialized) await source.destroy();
    }
  }

  /** Statements sent by this process so far; tests take differences. */
  get statementCount(): number {
    return this.#counter.count;
  }

  /** Runs `work` in one read-only transaction that sees what `scope` may see. */
  async read<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#transaction(scope, 'READ ONLY', work);
  }

  /**
   * As {@link read}, for a request that already holds a connection: on connections
   * kept for this, so that requests that each hold one never wait for a second one for ever.
   * `work` may not ask for another connection in turn.
   */
  async readAside<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    const asked = { ...scope, class: scope.class ?? 'query' } as const;
    return this.#transaction(asked, 'READ ONLY', work, this.#aside);
  }

  /**
   * Runs `work` in one read-write transaction. Deadlocks and serialisation failures run it
   * again, so `work` must have no effect outside the transaction.
   */
  async write<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#writeOn(scope, work, this.#dataSource);
  }

  /**
   * As {@link write}, for a request that is in a transaction already, on the connections of
   * {@link readAside}: what it commits stays, whatever becomes of that transaction.
   */
  async writeAside<T>(scope: Scope, work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#writeOn(scope, work, this.#aside);
  }

  async #writeOn<T>(scope: Scope, work: (tx: Tx) => Promise<T>, source: DataSource): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#transaction(scope, 'READ WRITE', work, source);
      } catch (error) {
        if (attempt === ATTEMPTS || !RETRYABLE.has(sqlState(error) ?? '')) throw error;
      }
    }
  }

  /** Opens the read transaction that the fields of one GraphQL operation share. */
  async openRead(scope: Scope): Promise<OpenRead> {
    return this.#open(scope, oneAfterTheOther(this.#dataSource.createQueryRunner()));
  }

  /**
   * Opens a read transaction for rows that are handed out as they are read, which may take as
   * long as the reader takes them. It plans its cursors for all of their rows.
   */
  async openStream(scope: Scope): Promise<OpenStream> {
    const runner = this.#dataSource.createQueryRunner();
    const open = await this.#open(scope, runner);
    const client = (await runner.connect()) as Cancellable;
    let cancelling: Promise<void> = Promise.resolve();
    const close = async (): Promise<void> => {
      await cancelling;
      // A request to cancel that came late may have met this statement instead.
      await runner.query('ROLLBACK').catch(() => undefined);
      await open.close();
    };
    try {
      await runner.query("SELECT set_config('cursor_tuple_fraction', '1', true)");
    } catch (error) {
      await close();
      throw error;
    }
    return {
      tx: open.tx,
      close,
      cancel: () => {
        cancelling = cancelStatement(client);
      },
    };
  }

  async #open(scope: Scope, runner: QueryRunner): Promise<OpenRead> {
    try {
      await runner.connect();
      await runner.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await runner.query(ENTER_SCOPE_FOR, this.#entry(scope, 'READ ONLY'));
    } catch (error) {
      await runner.release();
      throw error;
    }
    return {
      tx: runner.manager,
      close: async () => {
        try {
          await runner.query('ROLLBACK');
        } finally {
          await runner.release();
        }
      },
    };
  }

  async #transaction<T>(
    scope: Scope,
    mode: 'READ ONLY' | 'READ WRITE',
    work: (tx: Tx) => Promise<T>,
    source: DataSource = this.#dataSource,
  ): Promise<T> {
    return source.transaction(async (tx) => {
      if (mode === 'READ ONLY') await tx.query('SET TRANSACTION READ ONLY');
      await tx.query(ENTER_SCOPE_FOR, this.#entry(scope, mode));
      return work(tx);
    });
  }

  #entry(scope: Scope, mode: 'READ ONLY' | 'READ WRITE'): [number | null, string] {
    const usual = mode === 'READ ONLY' ? 'query' : 'mutation';
    const kind = scope.class ?? (scope.system === true ? 'run' : usual);
    return [scopeRoot(scope), String(this.#timeouts[kind])];
  }
}

export interface OpenRead {
  readonly tx: Tx;
  close(): Promise<void>;
}

/** A read that can be broken off: `cancel` ends the statement that runs, `close` the rest. */
export interface OpenStream extends OpenRead {
  cancel(): void;
}

// Fields that are resolved at the same time share the transaction; the driver is about to refuse
// a statement while another one runs.
function oneAfterTheOther(runner: QueryRunner): QueryRunner {
  const send = runner.query.bind(runner) as (...given: unknown[]) => Promise<never>;
  let last: Promise<unknown> = Promise.resolve();
  runner.query = (...given: unknown[]) => {
    const sent = last.then(() => send(...given));
    last = sent.catch(() => undefined);
    return sent;
  };
  return runner;
}

/** Lets the current transaction see a partner it has just created below a visible one. */
export async function admitPartner(tx: Tx, partnerId: number): Promise<void> {
  await tx.query(
    `SELECT set_config('kontor.partner_ids',
       (current_setting('kontor.partner_ids')::int[] || $1::int)::text, true)`,
    [partnerId],
  );
}

/**
 * Creates the three roles if they are missing and lets the two logins act as them. `ownerUrl`
 * must belong to a role with CREATEROLE, or the roles must exist already.
 */
export async function prepareRoles(urls: DatabaseUrls): Promise<void> {
  const client = new pg.Client({ connectionString: urls.ownerUrl });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock(hashtext($1))', ['kontor roles']);
    const login = decodeURIComponent(new URL(urls.url).username);
    for (const role of [OWNER_ROLE, APP_ROLE, LOADER_ROLE]) {
      const found = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [role]);
      if (found.rowCount === 0) {
        await client.query(`CREATE ROLE ${role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT`);
      }
    }
    await client.query(`GRANT ${OWNER_ROLE} TO current_user`);
    if (login !== '') {
      await client.query(`GRANT ${APP_ROLE}, ${LOADER_ROLE} TO ${pg.escapeIdentifier(login)}`);
    }
    await client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${OWNER_ROLE}`);
    await client.query(`GRANT USAGE ON SCHEMA public TO ${APP_ROLE}, ${LOADER_ROLE}`);
  } finally {
    await client.end();
  }
}

/** Counts statements; per-operation budgets in tests rest on it. */
class StatementCounter implements Logger {
  count = 0;
  logQuery(): void {
    this.count += 1;
    const tally = statementTally.getStore();
    if (tally !== undefined) tally.count += 1;
  }
  logQueryError(): void {}
  logQuerySlow(): void {}
  logSchemaBuild(): void {}
  logMigration(): void {}
  log(): void {}
}

/** Statements sent within one asynchronous context (one request). */
export const statementTally = new AsyncLocalStorage<{ count: number }>();
