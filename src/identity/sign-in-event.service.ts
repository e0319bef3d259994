import { assertOrdered, DomainError } from '../kernel/index.js';
import {
  type Connection,
  type Page,
  pageOf,
  pageStart,
  rowNumber,
  type Tx,
} from '../platform/index.js';
import { SignInEvent } from './sign-in-event.entity.js';

/** Which events are wanted. */
export interface EventFilter {
  /** Opaque identifier of a user. */
  readonly userId?: string | null;
  readonly kind?: string | null;
  readonly outcome?: string | null;
  readonly from?: Date | null;
  readonly to?: Date | null;
}

/** What has happened to sign-ins, newest first. */
export class SignInEventService {
  /**
   * Events of the users in view; with those on addresses that nobody has, for the hub. Refuses
   * with INVALID_PERIOD.
   */
  async list(tx: Tx, filter: EventFilter, page: Page): Promise<Connection<SignInEvent>> {
    const { userId, kind = null, outcome = null, from = null, to = null } = filter;
    assertOrdered(from, to);
    const user = userId ? rowNumber('User', userId) : null;
    return listEvents(tx, [user, kind, outcome, from, to], page);
  }

  /** Events of one user, which he may see himself. */
  async own(tx: Tx, userId: number, page: Page): Promise<Connection<SignInEvent>> {
    return listEvents(tx, [userId, null, null, null, null], page);
  }
}

// By SQL alone, so that it can be read aside of the request's own transaction.
async function listEvents(
  tx: Tx,
  filter: readonly unknown[],
  page: Page,
): Promise<Connection<SignInEvent>> {
  const rows: object[] = await tx.query(
    `SELECT id, partner_id AS "partnerId", user_id AS "userId", at, kind, outcome, proof, address,
       user_agent AS "userAgent", device_id AS "deviceId", known_device AS "knownDevice"
     FROM sign_in_event
     WHERE ($1::int IS NULL OR user_id = $1) AND ($2::text IS NULL OR kind = $2)
       AND ($3::text IS NULL OR outcome = $3) AND ($4::timestamptz IS NULL OR at >= $4)
       AND ($5::timestamptz IS NULL OR at < $5) AND ($6::bigint IS NULL OR id < $6)
     ORDER BY id DESC LIMIT $7`,
    [...filter, startOf(page), page.first + 1],
  );
  const events = rows.map((row) => Object.assign(new SignInEvent(), row));
  return pageOf(events, page, (event) => [event.id]);
}

function startOf(page: Page): string | null {
  const start = pageStart(page, 1)?.[0] ?? null;
  if (start === null || (typeof start === 'string' && /^\d{1,18}$/.test(start))) return start;
  throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
}
