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

const USER_AGENT_CHARACTERS = 200;

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
      return contextOf(parts, caller, found?.viewer ?? null, found?.read ?? null);
    },
    openFor: (viewer, caller) => contextOf(parts, caller, viewer, null),
    admit: (authorization) => authentication.admit(authorization),
    withdrawn: (viewers) => authentication.withdrawn(viewers),
  };
}

/**
 * The context of one operation. A plain object of closures: Apollo Server hands resolvers a
 * shallow copy of it, which would miss private fields and see assignments too late.
 */
function contextOf(
  parts: ContextParts,
  caller: Caller,
  viewer: Viewer | null,
  found: OpenRead | null,
): OperationContext {
  const { database, events, now } = parts;
  const { requestId, address, userAgent = '' } = caller;
  const loaders = new Map<symbol | object, unknown>();
  // The transaction that found out who asks is the first shared read.
  let shared: Promise<OpenRead> | null = found === null ? null : Promise.resolve(found);
  let closed = false;

  // What loaders remember was read in the transaction that ends here.
  const endRead = async (): Promise<void> => {
    const ending = shared;
    shared = null;
    loaders.clear();
    const open = await ending?.catch(() => null);
    await open?.close();
  };
  // Fields that still run when the answer is gone would open transactions that nobody closes.
  const assertOpen = (): void => {
    if (closed) throw new DomainError('OPERATION_ENDED', 'The operation is over.');
  };
  const scope = (): { partnerId: number } => {
    const { partnerId } = requireViewer({ viewer });
    assertOpen();
    return { partnerId };
  };
  const read = async (): Promise<Tx> => {
    const wanted = scope();
    shared ??= database.openRead(wanted);
    return (await shared).tx;
  };
  return {
    viewer,
    database,
    events,
    requestId,
    address,
    userAgent: userAgent.slice(0, USER_AGENT_CHARACTERS),
    now,
    read,
    write: async (work, at) => {
      const wanted = scope();
      await endRead();
      const { homePartnerId } = requireViewer({ viewer });
      return database.write(at?.atHome ? { partnerId: homePartnerId } : wanted, work);
    },
    writeAs: async ({ partnerId }, work) => {
      assertOpen();
      await endRead();
      return database.write({ partnerId }, work);
    },
    release: endRead,
    loader: <K, V>(key: symbol | object, make: (tx: () => Promise<Tx>) => DataLoader<K, V>) => {
      const known = loaders.get(key) as DataLoader<K, V> | undefined;
      const loader = known ?? make(read);
      loaders.set(key, loader);
      return loader;
    },
    close: async () => {
      closed = true;
      await endRead();
    },
  };
}
