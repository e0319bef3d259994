import {
  type Admission,
  type Credentials,
  type Database,
  enterScope,
  notFound,
  type OpenRead,
  rowNumber,
  SYSTEM_SCOPE,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { verifyAccessToken } from './access-token.js';
import { type ApiKeyParts, apiKeyParts } from './api-key.js';
import { isSecretOf } from './api-key.service.js';
import type { KeySource } from './key-ring.service.js';
import type { LastUse } from './last-use.service.js';
import { type Pass, requestOf, viewersOf } from './viewer.store.js';

/** Nobody's partner: a transaction in this scope sees no tenant's rows. */
const NOBODY = { partnerId: 0 };

/** An authenticated request: who asks, and the read transaction that found it out. */
export interface Authenticated extends Admission {
  /** In the scope of the partner that the viewer acts at; the caller goes on and closes it. */
  readonly read: OpenRead;
}

/** A bearer whose token or key is genuine; whether it lives the database says. */
interface Bearer {
  readonly pass: Pass;
  readonly homePartnerId: number;
  /** Whose a token is; a key does not say it. */
  readonly userId: number | null;
  readonly expiresAt: Date;
}

/** What somebody who acts at a partner sees, to notice when some of it is taken away. */
interface Reach {
  readonly path: string;
  readonly ids: string;
}

/**
 * Tells who a bearer is. A token or key only names a session or a row: whether it lives, whether
 * its user is active and what he may do where is read from the database every time.
 */
export class AuthenticationService {
  readonly #database: Database;
  readonly #keys: KeySource;
  readonly #now: () => Date;
  readonly #lastUse: LastUse;
  /** What admitted viewers saw when they were looked at last. */
  readonly #reach = new WeakMap<Viewer, Reach>();

  constructor(database: Database, keys: KeySource, now: () => Date, lastUse: LastUse) {
    this.#lastUse = lastUse;
    this.#database = database;
    this.#keys = keys;
    this.#now = now;
  }

  /**
   * The viewer with an open read transaction in his scope, or null for anything but a token or
   * key that lives. Refuses with INVALID_ID and NOT_FOUND a partner where he can't act.
   */
  async authenticate(given: Credentials): Promise<Authenticated | null> {
    const bearer = await this.#bearer(given.authorization);
    if (bearer === null) return null;
    const { pass, homePartnerId, userId, expiresAt } = bearer;
    const at = given.partner === undefined ? null : rowNumber('Partner', given.partner);
    const read = await this.#database.openRead({ partnerId: homePartnerId });
    try {
      const [found] = await viewersOf(read.tx, [{ ...pass, at }], this.#now());
      if (found?.viewer === null) throw notFound('Partner', given.partner ?? '');
      const viewer = found?.viewer ?? null;
      const genuine = viewer?.homePartnerId === homePartnerId;
      if (viewer === null || !genuine || (userId !== null && userId !== viewer.userId)) {
        await read.close();
        return null;
      }
      const { address, userAgent = '' } = given;
      this.#lastUse.note({ pass, at: this.#now(), address, userAgent });
      const { partnerId } = viewer;
      if (partnerId !== homePartnerId) await enterScope(read.tx, { partnerId });
      return { viewer, read, expiresAt };
    } catch (error) {
      await read.close();
      throw error;
    }
  }

  /** Who the bearer is, without keeping a transaction open; refuses as {@link authenticate}. */
  async admit(given: Credentials): Promise<Admission | null> {
    const found = await this.authenticate(given);
    if (found === null) return null;
    const { viewer, read, expiresAt } = found;
    try {
      const reach = (await reachOf(read.tx, [viewer.partnerId])).get(viewer.partnerId);
      if (reach !== undefined) this.#reach.set(viewer, reach);
    } finally {
      await read.close();
    }
    return { viewer, expiresAt };
  }

  /** Whether a viewer's session or key lives, and permits what it did when he was admitted. */
  async isPresent(viewer: Viewer): Promise<boolean> {
    const { homePartnerId: partnerId } = viewer;
    const [found] = await this.#database.read({ partnerId }, (tx) =>
      viewersOf(tx, [requestOf(viewer)], this.#now()),
    );
    if (this.#reach.get(viewer)?.path !== found?.path) return false;
    return isSame(viewer, found?.viewer ?? null);
  }

  /**
   * Those viewers whose session or key has ended, whose permissions are not what they were, or
   * who would no longer see all that they saw.
   */
  async withdrawn(viewers: readonly Viewer[]): Promise<Set<Viewer>> {
    const partnerIds = [...new Set(viewers.map(({ partnerId }) => partnerId))];
    const [present, reach] = await this.#database.read(SYSTEM_SCOPE, async (tx) => [
      await viewersOf(tx, viewers.map(requestOf), this.#now()),
      await reachOf(tx, partnerIds),
    ]);
    return new Set(
      viewers.filter((viewer, place) => {
        const seen = this.#seesAll(viewer, reach.get(viewer.partnerId));
        return !seen || !isSame(viewer, present[place]?.viewer ?? null);
      }),
    );
  }

  #seesAll(viewer: Viewer, present: Reach | undefined): boolean {
    if (!isWithin(this.#reach.get(viewer), present)) return false;
    // What was added since may be taken away next; viewers of one partner share the text.
    if (present !== undefined) this.#reach.set(viewer, present);
    return true;
  }

  async #bearer(authorization: string | undefined): Promise<Bearer | null> {
    const text = /^Bearer ([\w.-]{1,2048})$/i.exec(authorization ?? '')?.[1];
    if (text === undefined) return null;
    const parts = apiKeyParts(text);
    if (parts !== null) return this.#keyBearer(parts);
    const claims = verifyAccessToken(this.#keys(), text, this.#now());
    if (claims === null) return null;
    const { sessionId, partnerId: homePartnerId, userId, expiresAt } = claims;
    return { pass: { kind: 'USER', sessionId }, homePartnerId, userId, expiresAt };
  }

  async #keyBearer(parts: ApiKeyParts): Promise<Bearer | null> {
    const [row] = await this.#database.read(
      NOBODY,
      (tx): Promise<{ id: number; partner_id: number; secret_hash: Buffer; expires_at: Date }[]> =>
        tx.query('SELECT * FROM find_api_key($1)', [parts.prefix]),
    );
    if (row === undefined || !isSecretOf(row.secret_hash, parts.secret)) return null;
    const { id: apiKeyId, partner_id: homePartnerId, expires_at: expiresAt } = row;
    return { pass: { kind: 'API_KEY', apiKeyId }, homePartnerId, userId: null, expiresAt };
  }
}

async function reachOf(tx: Tx, partnerIds: readonly number[]): Promise<Map<number, Reach>> {
  const rows: (Reach & { id: number })[] = await tx.query(
    `SELECT p.id, p.path::text AS path, seen.ids FROM partner AS p
     CROSS JOIN visible_partners(p.id) AS seen WHERE p.id = ANY ($1)`,
    [partnerIds],
  );
  return new Map(rows.map(({ id, path, ids }) => [id, { path, ids }]));
}

// Partners that are added below take nothing away from anybody.
function isWithin(before: Reach | undefined, after: Reach | undefined): boolean {
  if (before === undefined || after === undefined) return after !== undefined;
  if (before.path !== after.path) return false;
  if (before.ids === after.ids) return true;
  const left = new Set(idsIn(after));
  return idsIn(before).every((id) => left.has(id));
}

function idsIn({ ids }: Reach): string[] {
  return ids.slice(1, -1).split(',');
}

function isSame(before: Viewer, after: Viewer | null): boolean {
  return (
    after !== null &&
    before.partnerId === after.partnerId &&
    before.homePartnerId === after.homePartnerId &&
    before.permissions.size === after.permissions.size &&
    [...before.permissions].every((name) => after.permissions.has(name))
  );
}
