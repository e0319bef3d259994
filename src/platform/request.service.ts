import type DataLoader from 'dataloader';
import { DomainError } from '../kernel/index.js';
import type { Database, Tx } from './database.service.js';
import type { EventStream } from './event-stream.service.js';

/** Who asks, as the database knows him at the moment of the request. */
export interface Viewer {
  /** A signed-in person, or an integration with a key that a person made. */
  readonly kind: 'USER' | 'API_KEY';
  /** The user; of an API key the one who made it. */
  readonly userId: number;
  /** The partner that the request acts at; its subtree is what the transaction sees. */
  readonly partnerId: number;
  /** The partner that the user belongs to: the acting partner or one above it. */
  readonly homePartnerId: number;
  /** What may be done at the acting partner. */
  readonly permissions: ReadonlySet<string>;
  /** The session, null for an API key. */
  readonly sessionId: string | null;
  /** The API key, null for a session. */
  readonly apiKeyId: number | null;
  /** Until when the session may do what needs a second proof of the user; never for API keys. */
  readonly steppedUpUntil: Date | null;
}

/**
 * Somebody whom an operation has found, by himself or by his session, and his partner; nobody at
 * a partner when neither is told.
 */
export type KnownUser = Pick<Viewer, 'partnerId'> &
  (Partial<Pick<Viewer, 'userId'>> | { readonly sessionId: string });

/** What every resolver gets: who asks, the clock, and the doors to the database. */
export interface RequestContext {
  readonly viewer: Viewer | null;
  /** Why there is no viewer, when it is not for want of a valid token. */
  readonly refusal?: DomainError | null;
  readonly database: Database;
  /** The process's event stream, for subscriptions. */
  readonly events: EventStream;
  /** Correlation id: in the log, in the response header and in internal errors. */
  readonly requestId: string;
  /** Address of the client, for throttling. */
  readonly address: string;
  /** What the client calls itself, at most 200 characters; empty when it does not say. */
  readonly userAgent: string;
  /** The only clock of resolvers and services. */
  now(): Date;
  /**
   * The operation's one shared read-only transaction, opened at the first call in the viewer's
   * scope; its statements run one after the other. Refuses with UNAUTHENTICATED without viewer.
   */
  read(): Promise<Tx>;
  /**
   * Runs `work` on what belongs to the user himself, in the scope of his own partner, wherever he
   * acts: in the shared read when he acts there, else in a short transaction beside it.
   */
  readHome<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in a transaction of its own in the viewer's scope, and writes the audit entry of
   * the mutation in it, so a mutation calls this or {@link writeAs} once. An open shared read is
   * closed before, so fields read afterwards see the effect. `atHome` is for what belongs to the
   * user himself: the scope is then his own partner's, wherever he acts.
   */
  write<T>(work: (tx: Tx) => Promise<T>, scope?: { readonly atHome: true }): Promise<T>;
  /**
   * As `write`, for a caller who is nobody yet, such as one who signs in: in the scope of the user
   * that the operation has found, who is named in the audit.
   */
  writeAs<T>(user: KnownUser, work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Closes an open shared read, before work that takes connections by itself: who holds one
   * while he waits for another can bring everybody to a standstill.
   */
  release(): Promise<void>;
  /** The request's own loader of a kind; `make` is called once per request. */
  loader<K, V>(
    key: symbol | object,
    make: (tx: () => Promise<Tx>) => DataLoader<K, V>,
  ): DataLoader<K, V>;
}

/** The viewer, or why there is none: UNAUTHENTICATED, or a partner where he cannot act. */
export function requireViewer(context: Pick<RequestContext, 'viewer' | 'refusal'>): Viewer {
  if (context.viewer === null) {
    if (context.refusal) throw context.refusal;
    throw new DomainError('UNAUTHENTICATED', 'Sign in and send the access token.');
  }
  return context.viewer;
}

/** Refuses with FORBIDDEN, naming the permission, unless the viewer holds it. */
export function requirePermission(viewer: Viewer, permission: string): void {
  if (!viewer.permissions.has(permission)) {
    throw new DomainError('FORBIDDEN', `This needs the permission ${permission}.`, { permission });
  }
}

/**
 * Refuses unless the caller is somebody and holds all of these; {@link STEP_UP} among them asks
 * for a session that has just proven its user again.
 */
export function authorise(
  context: Pick<RequestContext, 'viewer' | 'refusal' | 'now'>,
  demands: readonly string[],
): void {
  const viewer = requireViewer(context);
  for (const demand of demands) {
    if (demand === STEP_UP) requireStepUp(viewer, context.now());
    else requirePermission(viewer, demand);
  }
}

/**
 * Stands beside the permissions of an operation that needs a step-up:
 * `@Authorized('role.manage', STEP_UP)`.
 */
export const STEP_UP = 'step-up';

/** The session of a signed-in person; refuses with SESSION_REQUIRED an API key. */
export function requireSession(viewer: Viewer): string {
  if (viewer.kind === 'USER' && viewer.sessionId !== null) return viewer.sessionId;
  throw new DomainError('SESSION_REQUIRED', 'Only a signed-in person can do this.');
}

/**
 * Refuses with STEP_UP_REQUIRED unless the session has proven a moment ago, with a one-time
 * password of its own, that its user still sits there; with SESSION_REQUIRED an API key, which
 * nobody can ask.
 */
function requireStepUp(viewer: Viewer, now: Date): void {
  requireSession(viewer);
  const { steppedUpUntil } = viewer;
  if (steppedUpUntil === null || steppedUpUntil <= now) {
    throw new DomainError('STEP_UP_REQUIRED', 'Call stepUp with a new one-time password first.');
  }
}
