import type DataLoader from 'dataloader';
import { type Act, type Actor, type AuditService, actorFound, actorOf } from './audit/index.js';
import type { AuthenticationService } from './identity/index.js';
import { Bug, DomainError, invariant } from './kernel/index.js';
import {
  type Caller,
  type Database,
  type EventStream,
  type Gate,
  type MutationField,
  type OpenRead,
  type OperationContext,
  type RequestContext,
  requireViewer,
  type Scope,
  type StatementClass,
  type Tx,
  type Viewer,
} from './platform/index.js';

/** What every operation is given besides the caller. */
export interface ContextParts {
  readonly database: Database;
  readonly events: EventStream;
  readonly authentication: AuthenticationService;
  readonly audit: AuditService;
  readonly now: () => Date;
}

/** Who comes into an operation, and the read transaction that found it out. */
interface Entry {
  readonly viewer: Viewer | null;
  readonly read: OpenRead | null;
  readonly refusal?: DomainError;
}

const NOBODY: Entry = { viewer: null, read: null };

/** Lets callers in: authenticates them and makes the contexts of their operations. */
export function buildGate(parts: ContextParts): Gate {
  const { authentication, now } = parts;
  return {
    now,
    open: async (caller) => {
      try {
        const found = await authentication.authenticate(caller);
        return contextOf(parts, caller, found ?? NOBODY);
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        return contextOf(parts, caller, { ...NOBODY, refusal: error });
      }
    },
    openFor: (viewer, caller) => contextOf(parts, caller, { viewer, read: null }, 'subscription'),
    admit: (credentials) => authentication.admit(credentials),
    isPresent: (viewer) => authentication.isPresent(viewer),
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
  entry: Entry,
  reads: StatementClass = 'query',
): OperationContext {
  const { viewer, read: found, refusal = null } = entry;
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
    const { partnerId } = requireViewer({ viewer, refusal });
    assertOpen();
    return { partnerId };
  };
  const read = async (): Promise<Tx> => {
    const wanted = scope();
    shared ??= database.openRead({ ...wanted, class: reads });
    return (await shared).tx;
  };
  const context: RequestContext = {
    viewer,
    refusal,
    database,
    events,
    requestId,
    address,
    userAgent,
    now,
    read,
    readHome: homeReader(database, viewer, read),
    write: () => refuseWrite(),
    writeAs: () => refuseWrite(),
    release: endRead,
    loader: loaderIn(loaders, read),
  };
  const writer = (field: MutationField) => {
    let entries = 0;
    const write = async <T>(where: Scope, actor: Actor, work: (tx: Tx) => Promise<T>) => {
      invariant(entries === 0, `${field.operation} writes in one transaction`);
      entries += 1;
      await endRead();
      return parts.audit.write(where, actOf(field, caller), actor, work);
    };
    return { write, written: () => entries === 1 };
  };
  return {
    ...context,
    act: async (field, resolve) => {
      const { write, written } = writer(field);
      const answer = await resolve({
        ...context,
        write: async (work, at) => {
          const wanted = scope();
          const { homePartnerId } = requireViewer({ viewer });
          const where = at?.atHome ? { partnerId: homePartnerId } : wanted;
          return write(where, actorOf(requireViewer({ viewer })), work);
        },
        writeAs: async (user, work) => {
          assertOpen();
          return write({ partnerId: user.partnerId }, actorFound(user), work);
        },
      });
      invariant(written(), `${field.operation} has its entry in the audit`);
      return answer;
    },
    rest: endRead,
    close: async () => {
      closed = true;
      await endRead();
    },
  };
}

function homeReader(
  database: Database,
  viewer: Viewer | null,
  read: () => Promise<Tx>,
): RequestContext['readHome'] {
  return async (work) => {
    if (viewer === null || viewer.homePartnerId === viewer.partnerId) return work(await read());
    return database.readAside({ partnerId: viewer.homePartnerId }, work);
  };
}

function loaderIn(
  loaders: Map<symbol | object, unknown>,
  read: () => Promise<Tx>,
): RequestContext['loader'] {
  return <K, V>(key: symbol | object, make: (tx: () => Promise<Tx>) => DataLoader<K, V>) => {
    const known = loaders.get(key) as DataLoader<K, V> | undefined;
    const loader = known ?? make(read);
    loaders.set(key, loader);
    return loader;
  };
}

async function refuseWrite(): Promise<never> {
  throw new Bug('only a field of a mutation writes');
}

function actOf(field: MutationField, caller: Caller): Act {
  const given = field.arguments();
  const told = [given, given.input].map((each) => (each as { reason?: unknown } | null)?.reason);
  const reason = caller.reason ?? told.find((each) => typeof each === 'string') ?? null;
  const { operation } = field;
  return { operation, arguments: given, reason, requestId: caller.requestId };
}
