import type DataLoader from 'dataloader';
import type { AuthenticationService } from './identity/index.js';
import { DomainError } from './kernel/index.js';
import {
  type Caller,
  type Database,
  type EventStream,
  type Gate,
  type OpenRead,
  type OperationContext,
  requireViewer,
  type Tx,
  type Viewer,
} from './platform/index.js';

/** What every operation is given besides the caller. */
export interface ContextParts {
  readonly database: Database;
  readonly events: EventStream;
  readonly authentication: AuthenticationService;
  readonly now: () => Date;
}

/** Lets callers in: authenticates them and makes the contexts of their operations. */
export function buildGate(parts: ContextParts): Gate {
  const { authentication, now } = parts;
  return {
    now,
    open: async (caller) => {
      const found = await authentication.authenticate(caller.authorization);
      return new Operation(parts, caller, found?.viewer ?? null, found?.read ?? null);
    },
    openFor: (viewer, caller) => new Operation(parts, caller, viewer, null),
    admit: (authorization) => authentication.admit(authorization),
    withdrawn: (viewers) => authentication.withdrawn(viewers),
  };
}

/** The context of one operation: one shared read transaction at a time, one set of loaders. */
class Operation implements OperationContext {
  readonly viewer: Viewer | null;
  readonly database: Database;
  readonly events: EventStream;
  readonly requestId: string;
  readonly address: string;
  readonly now: () => Date;
  readonly #loaders = new Map<symbol | object, DataLoader<unknown, unknown>>();
  #read: Promise<OpenRead> | null;
  #closed = false;

  constructor(parts: ContextParts, caller: Caller, viewer: Viewer | null, read: OpenRead | null) {
    this.viewer = viewer;
    this.database = parts.database;
    this.events = parts.events;
    this.now = parts.now;
    this.requestId = caller.requestId;
    this.address = caller.address;
    // The transaction that found out who asks is the first shared read.
    this.#read = read === null ? null : Promise.resolve(read);
  }

  async read(): Promise<Tx> {
    const { partnerId } = requireViewer(this);
    this.#refuseWhenClosed();
    this.#read ??= this.database.openRead({ partnerId });
    return (await this.#read).tx;
  }

  async write<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    const { partnerId } = requireViewer(this);
    this.#refuseWhenClosed();
    await this.#endRead();
    return this.database.write({ partnerId }, work);
  }

  loader<K, V>(
    key: symbol | object,
    make: (tx: () => Promise<Tx>) => DataLoader<K, V>,
  ): DataLoader<K, V> {
    const known = this.#loaders.get(key);
    if (known !== undefined) return known as DataLoader<K, V>;
    const made = make(() => this.read());
    this.#loaders.set(key, made as DataLoader<unknown, unknown>);
    return made;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#endRead();
  }

  // What loaders remember was read in the transaction that ends here.
  async #endRead(): Promise<void> {
    const read = this.#read;
    this.#read = null;
    this.#loaders.clear();
    if (read === null) return;
    const open = await read.catch(() => null);
    await open?.close();
  }

  // Fields that still run when the answer is gone would open transactions that nobody closes.
  #refuseWhenClosed(): void {
    if (!this.#closed) return;
    throw new DomainError('OPERATION_ENDED', 'The operation is over.');
  }
}
