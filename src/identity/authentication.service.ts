import {
  type Admission,
  type Database,
  type OpenRead,
  SYSTEM_SCOPE,
  type Viewer,
} from '../platform/index.js';
import { verifyAccessToken } from './access-token.js';
import type { KeySource } from './key-ring.service.js';
import { viewersOf } from './session.store.js';

/** An authenticated request: who asks, and the read transaction that found it out. */
export interface Authenticated extends Admission {
  /** In the viewer's scope; the caller goes on using it and closes it. */
  readonly read: OpenRead;
}

/**
 * Tells who a bearer is. The token only names a session: whether it lives, whether its user is
 * active and what he may do is read from the database every time.
 */
export class AuthenticationService {
  readonly #database: Database;
  readonly #keys: KeySource;
  readonly #now: () => Date;

  constructor(database: Database, keys: KeySource, now: () => Date) {
    this.#database = database;
    this.#keys = keys;
    this.#now = now;
  }

  /** The viewer with an open read transaction in his scope, or null for anything but his token. */
  async authenticate(authorization: string | undefined): Promise<Authenticated | null> {
    const token = /^Bearer ([\w.-]+)$/i.exec(authorization ?? '')?.[1];
    const claims = token ? verifyAccessToken(this.#keys(), token, this.#now()) : null;
    if (claims === null) return null;
    const read = await this.#database.openRead({ partnerId: claims.partnerId });
    let viewer: Viewer | undefined;
    try {
      viewer = (await viewersOf(read.tx, [claims.sessionId], this.#now())).get(claims.sessionId);
    } catch (error) {
      await read.close();
      throw error;
    }
    if (viewer?.userId === claims.userId && viewer.partnerId === claims.partnerId) {
      return { viewer, read, expiresAt: claims.expiresAt };
    }
    await read.close();
    return null;
  }

  /** Who the bearer is, without keeping a transaction open. */
  async admit(authorization: string | undefined): Promise<Admission | null> {
    const found = await this.authenticate(authorization);
    if (found === null) return null;
    await found.read.close();
    return { viewer: found.viewer, expiresAt: found.expiresAt };
  }

  /** Those viewers whose session has ended or whose permissions are not what they were. */
  async withdrawn(viewers: readonly Viewer[]): Promise<Set<Viewer>> {
    const sessionIds = viewers.flatMap(({ sessionId }) => sessionId ?? []);
    const present = await this.#database.read(SYSTEM_SCOPE, (tx) =>
      viewersOf(tx, sessionIds, this.#now()),
    );
    return new Set(
      viewers.filter((viewer) => !isSame(viewer, present.get(viewer.sessionId ?? ''))),
    );
  }
}

function isSame(before: Viewer, after: Viewer | undefined): boolean {
  return (
    after !== undefined &&
    before.partnerId === after.partnerId &&
    before.permissions.size === after.permissions.size &&
    [...before.permissions].every((name) => after.permissions.has(name))
  );
}
