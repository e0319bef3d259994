import type { Database, KnownUser, Scope, Tx, Viewer } from '../platform/index.js';
import type { Act, Actor } from './act.js';
import { appendEntry, beginNotes, takeNotes, userOfSession } from './entry.store.js';
import { bodyText, entryBody } from './entry-body.js';

/** Writes together with the entries that tell of them. */
export class AuditService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Runs `work` in one transaction that ends with the entry of the act: both or neither. The end
   * of the chain is locked from the entry to the commit and no longer. Who acts may be known only
   * when the work is done.
   */
  async write<T>(
    scope: Scope,
    act: Act,
    actor: Actor | ((answer: T) => Actor),
    work: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    return this.#database.write(scope, async (tx) => {
      await beginNotes(tx);
      const answer = await work(tx);
      const who = await named(tx, typeof actor === 'function' ? actor(answer) : actor);
      const body = entryBody(act, who, await takeNotes(tx));
      await appendEntry(tx, who, act.operation, bodyText(body), body.subjects);
      return answer;
    });
  }
}

/** The viewer as the audit names him. */
export function actorOf(viewer: Viewer): Actor {
  const { kind, userId, partnerId, homePartnerId, sessionId, apiKeyId } = viewer;
  return { kind, userId, partnerId, homePartnerId, sessionId, apiKeyId };
}

/** Somebody whom an operation found although its caller was nobody yet. */
export function actorFound(user: KnownUser): Actor {
  const { partnerId } = user;
  return {
    kind: 'NOBODY',
    userId: ('userId' in user ? user.userId : undefined) ?? null,
    partnerId,
    homePartnerId: partnerId,
    sessionId: 'sessionId' in user ? user.sessionId : null,
    apiKeyId: null,
  };
}

/** Whoever may start programs on the server, acting at a partner. */
export function actorOfCommand(partnerId: number): Actor {
  const nobody = { userId: null, apiKeyId: null, sessionId: null, homePartnerId: null };
  return { kind: 'COMMAND', partnerId, ...nobody };
}

// Sessions are forgotten long before entries are, so the entry names the user himself.
async function named(tx: Tx, actor: Actor): Promise<Actor> {
  if (actor.userId !== null || actor.sessionId === null) return actor;
  return { ...actor, userId: await userOfSession(tx, actor.sessionId) };
}
