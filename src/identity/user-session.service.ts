import type { SelectQueryBuilder } from 'typeorm';
import { DomainError, fromGlobalId } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  type Page,
  pageOf,
  pageStart,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { ownerInView, userInView } from './grant.store.js';
import { revokeSession } from './session.store.js';
import { UserSession } from './user-session.entity.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Sessions that live, and their end. All transactions here are in the scope of the viewer's own
 * partner, where his sessions are.
 */
export class UserSessionService {
  readonly #now: () => Date;

  constructor(now: () => Date) {
    this.#now = now;
  }

  /** Sessions of a user, the viewer when none is named, newest first. */
  async list(
    tx: Tx,
    viewer: Viewer,
    user: string | null,
    page: Page,
  ): Promise<Connection<UserSession>> {
    const { userId } = await userInView(tx, viewer, user);
    const query = this.#living(tx, userId)
      .orderBy('session.createdAt', 'DESC')
      .addOrderBy('session.id', 'DESC')
      .take(page.first + 1);
    const start = startOf(page);
    if (start !== null) {
      const { at, id } = start;
      query.andWhere('(session.createdAt, session.id) < (:at::timestamptz, :id::uuid)', { at, id });
    }
    return pageOf(await query.getMany(), page, ({ createdAt, id }) => [
      createdAt.toISOString(),
      id,
    ]);
  }

  /** Ends one session. Refuses with NOT_FOUND, FORBIDDEN. */
  async revoke(tx: Tx, viewer: Viewer, globalId: string): Promise<void> {
    const id = fromGlobalId('UserSession', globalId);
    const session = UUID.test(id) ? await tx.findOneBy(UserSession, { id }) : null;
    if (session === null) throw notFound('UserSession', globalId);
    const { userId, partnerId } = session;
    await ownerInView(tx, viewer, { type: 'UserSession', globalId, userId, partnerId });
    await revokeSession(tx, id, this.#now());
  }

  /**
   * Ends all sessions of a user; of the viewer, when none is named, all but the one that asks.
   * Answers how many. Refuses with NOT_FOUND, FORBIDDEN.
   */
  async revokeAll(tx: Tx, viewer: Viewer, user: string | null): Promise<number> {
    const { userId } = await userInView(tx, viewer, user);
    const living = this.#living(tx, userId);
    const own = user === null ? viewer.sessionId : null;
    if (own !== null) living.andWhere('session.id <> :own', { own });
    const sessions = await living.getMany();
    for (const { id } of sessions) await revokeSession(tx, id, this.#now());
    return sessions.length;
  }

  #living(tx: Tx, userId: number): SelectQueryBuilder<UserSession> {
    return tx
      .createQueryBuilder(UserSession, 'session')
      .where('session.userId = :userId', { userId })
      .andWhere('session.revokedAt IS NULL')
      .andWhere('session.expiresAt > :now', { now: this.#now() });
  }
}

function startOf(page: Page): { at: string; id: string } | null {
  const start = pageStart(page, 2);
  if (start === null) return null;
  const [at, id] = start;
  const known = typeof at === 'string' && typeof id === 'string' && UUID.test(id);
  if (known && !Number.isNaN(Date.parse(at))) return { at, id };
  throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
}
