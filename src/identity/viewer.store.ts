import { invariant } from '../kernel/index.js';
import { enterScope, type Tx, type Viewer } from '../platform/index.js';
import { withImplied } from './permission.js';

/** What lets a caller in: his session, or his API key. */
export type Pass =
  | { readonly kind: 'USER'; readonly sessionId: string }
  | { readonly kind: 'API_KEY'; readonly apiKeyId: number };

/** A pass and the partner that its holder wants to act at; null lets the pass decide. */
export type Request = Pass & { readonly at: number | null };

/** A pass that lives, and who its holder is at the partner; null when that is out of reach. */
export interface Found {
  readonly viewer: Viewer | null;
  /** From the hub down to the partner that the viewer acts at. */
  readonly path: string | null;
}

interface ViewerRow {
  readonly place: string;
  readonly user_id: number;
  readonly home_partner_id: number;
  readonly partner_id: number | null;
  readonly path: string | null;
  readonly stepped_up_until: Date | null;
  readonly permissions: string[];
  /** What an API key is limited to. */
  readonly scopes: string[] | null;
}

// Where a user acts who does not say it: at his own partner, unless he has no role there and all
// his roles are at one other.
const BY_ROLES = `(SELECT CASE WHEN bool_or(given.at_partner_id = given.partner_id)
        OR count(DISTINCT given.at_partner_id) <> 1 THEN min(given.partner_id)
        ELSE min(given.at_partner_id) END
      FROM app_user_role AS given JOIN partner AS p ON p.id = given.at_partner_id
        AND p.path @> ARRAY[given.partner_id]
      WHERE given.user_id = u.id)`;

// Roles hold from the partner that they are given at downwards, inside of the subtree of the
// user's own partner. A partner is in reach when it is the user's own, or a role holds there.
const sessionViewers = viewersSql({
  id: 'uuid',
  table: 'session',
  top: 'u.partner_id',
  at: `coalesce(${BY_ROLES}, u.partner_id)`,
  steppedUpUntil: 'pass.stepped_up_until',
  scopes: 'NULL::text[]',
  // Without second factor it lives only as long as no role of the user demands one.
  also: `AND (pass.second_factor OR NOT EXISTS (SELECT 1 FROM app_user_role AS held
      JOIN role AS r ON r.id = held.role_id WHERE held.user_id = u.id AND r.requires_totp))`,
});
const apiKeyViewers = viewersSql({
  id: 'int',
  table: 'api_key',
  top: 'pass.at_partner_id',
  at: 'pass.at_partner_id',
  steppedUpUntil: 'NULL::timestamptz',
  scopes: 'pass.scopes',
  also: '',
});

function viewersSql(of: {
  readonly id: string;
  readonly table: string;
  readonly top: string;
  readonly at: string;
  readonly steppedUpUntil: string;
  readonly scopes: string;
  readonly also: string;
}): string {
  const held = `held.user_id = u.id AND held.at_partner_id =
        ANY (acting.path[array_position(acting.path, u.partner_id):])`;
  return `SELECT asked.place, u.id AS user_id, u.partner_id AS home_partner_id,
      acting.id AS partner_id, acting.path::text AS path, ${of.steppedUpUntil} AS stepped_up_until,
      ARRAY(SELECT DISTINCT permission FROM app_user_role AS held
        JOIN role AS r ON r.id = held.role_id
        CROSS JOIN unnest(r.permissions) AS of_role (permission)
        WHERE ${held}) AS permissions, ${of.scopes} AS scopes
    FROM unnest($1::${of.id}[], $2::int[]) WITH ORDINALITY AS asked (id, at, place)
    JOIN ${of.table} AS pass ON pass.id = asked.id AND pass.revoked_at IS NULL
      AND pass.expires_at > $3
    JOIN app_user AS u ON u.id = pass.user_id AND u.partner_id = pass.partner_id
      AND u.status = 'ACTIVE' ${of.also}
    LEFT JOIN partner AS acting ON acting.id = coalesce(asked.at, ${of.at})
      AND acting.path @> ARRAY[u.partner_id, ${of.top}]
      AND (acting.id = ${of.top} OR EXISTS (SELECT 1 FROM app_user_role AS held WHERE ${held}))`;
}

/**
 * Who the holders of these passes are, in the order asked; undefined for a pass that has ended
 * or whose user is no longer active. Sees passes of partners in view only.
 */
export async function viewersOf(
  tx: Tx,
  requests: readonly Request[],
  now: Date,
): Promise<(Found | undefined)[]> {
  const found: (Found | undefined)[] = new Array(requests.length).fill(undefined);
  for (const [kind, sql] of [
    ['USER', sessionViewers],
    ['API_KEY', apiKeyViewers],
  ] as const) {
    const places = requests.flatMap((request, place) => (request.kind === kind ? [place] : []));
    if (places.length === 0) continue;
    const of = places.map((place) => requests[place] as Request);
    const ids = of.map((one) => (one.kind === 'USER' ? one.sessionId : one.apiKeyId));
    const rows: ViewerRow[] = await tx.query(sql, [ids, of.map(({ at }) => at), now]);
    for (const row of rows) {
      const index = Number(row.place) - 1;
      const viewer = viewerOf(of[index] as Request, row);
      found[places[index] as number] = { viewer, path: row.path };
    }
  }
  return found;
}

/**
 * The viewer as he is now, or null when what let him in has ended or he is out of reach. The
 * transaction sees the subtree of `partnerId` afterwards, by default that of the partner that the
 * viewer acts at.
 */
export async function presentViewer(
  tx: Tx,
  viewer: Viewer,
  now: Date,
  partnerId: number = viewer.partnerId,
): Promise<Viewer | null> {
  const { homePartnerId } = viewer;
  // What the viewer holds is written at his own partner, which may lie above where he acts.
  if (homePartnerId !== partnerId) await enterScope(tx, { partnerId: homePartnerId });
  const [found] = await viewersOf(tx, [requestOf(viewer)], now);
  if (homePartnerId !== partnerId) await enterScope(tx, { partnerId });
  return found?.viewer ?? null;
}

/** With what a viewer came in, and where he acts. */
export function requestOf(viewer: Viewer): Request {
  const { sessionId, apiKeyId, partnerId: at } = viewer;
  if (apiKeyId !== null) return { kind: 'API_KEY', apiKeyId, at };
  invariant(sessionId !== null, 'a viewer has a session or a key');
  return { kind: 'USER', sessionId, at };
}

function viewerOf(request: Request, row: ViewerRow): Viewer | null {
  if (row.partner_id === null) return null;
  return {
    kind: request.kind,
    userId: row.user_id,
    partnerId: row.partner_id,
    homePartnerId: row.home_partner_id,
    permissions: permissionsOf(row),
    sessionId: request.kind === 'USER' ? request.sessionId : null,
    apiKeyId: request.kind === 'API_KEY' ? request.apiKeyId : null,
    steppedUpUntil: row.stepped_up_until,
  };
}

// A key never permits more than its scopes, and those never more than its user holds now.
function permissionsOf({ permissions, scopes }: ViewerRow): ReadonlySet<string> {
  const held = withImplied(permissions);
  if (scopes === null) return held;
  return new Set([...withImplied(scopes)].filter((name) => held.has(name)));
}
