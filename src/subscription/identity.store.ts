import { DomainError } from '../kernel/index.js';
import { sqlState, type Tx } from '../platform/index.js';

/** An identity ready to be written. `index` is the place of its subscription in the request. */
export interface NewIdentity {
  readonly index: number;
  readonly partnerId: number;
  readonly subscriptionId: number;
  readonly kind: 'NUMBER' | 'RANGE' | 'TRUNK';
  readonly from: bigint | null;
  readonly to: bigint | null;
  readonly trunkId: number | null;
  readonly validFrom: Date;
  readonly validTo: Date | null;
  /** Where it would end by itself, when its subscription ends before. */
  readonly ownValidTo: Date | 'infinity' | null;
}

const EXCLUSION_VIOLATION = '23P01';

/**
 * Writes identities. Refuses with NUMBER_TAKEN or TRUNK_TAKEN when one belongs to a subscription
 * in that time, whosever it is; the refusal names what the caller asked for and nothing else.
 */
export async function insertIdentities(tx: Tx, identities: readonly NewIdentity[]): Promise<void> {
  if (identities.length === 0) return;
  await refuseTaken(tx, identities);
  await refusingTaken(() =>
    tx.query(
      `INSERT INTO subscription_identity (partner_id, subscription_id, kind, number_from, number_to,
         trunk_id, valid_from, valid_to, own_valid_to)
       SELECT * FROM unnest($1::int[], $2::int[], $3::text[], $4::bigint[], $5::bigint[],
         $6::int[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])`,
      [
        identities.map((one) => one.partnerId),
        identities.map((one) => one.subscriptionId),
        identities.map((one) => one.kind),
        identities.map((one) => one.from?.toString() ?? null),
        identities.map((one) => one.to?.toString() ?? null),
        identities.map((one) => one.trunkId),
        identities.map((one) => one.validFrom),
        identities.map((one) => one.validTo),
        identities.map((one) => one.ownValidTo),
      ],
    ),
  );
}

// An end that is moved on, or taken back, gives identities time that somebody may have by now.
const GIVEN_BACK = `SELECT number_from AS "from", number_to AS "to", valid_to AS "validFrom",
    nullif(least(own_valid_to, $2::timestamptz), 'infinity') AS "validTo"
  FROM subscription_identity WHERE subscription_id = $1 AND number_from IS NOT NULL
    AND own_valid_to IS NOT NULL AND valid_to < least(own_valid_to, $2::timestamptz)`;

// Each ends by itself or with the subscription, whichever is first; what would begin after that
// has no time, and keeps its place for an end that is moved.
const END_AT = `
  UPDATE subscription_identity i SET valid_to = n.valid_to, own_valid_to = n.own_valid_to
  FROM (SELECT id, nullif(greatest(valid_from, least(own, ends)), 'infinity') AS valid_to,
      CASE WHEN own > ends THEN own END AS own_valid_to
    FROM (SELECT id, valid_from, coalesce(own_valid_to, valid_to, 'infinity') AS own,
        coalesce($2::timestamptz, 'infinity') AS ends
      FROM subscription_identity WHERE subscription_id = $1) AS o) AS n
  WHERE i.id = n.id AND (i.valid_to, i.own_valid_to) IS DISTINCT FROM (n.valid_to, n.own_valid_to)`;

/**
 * Has the identities of a subscription end with it at an instant, or go on by themselves when it
 * has no end. Refuses with NUMBER_TAKEN or TRUNK_TAKEN as {@link insertIdentities} does.
 */
export async function endIdentitiesAt(
  tx: Tx,
  subscriptionId: number,
  endsAt: Date | null,
): Promise<void> {
  const back = await tx.query<(TimedNumber & { from: string; to: string })[]>(GIVEN_BACK, [
    subscriptionId,
    endsAt,
  ]);
  await refuseTaken(
    tx,
    back.map((one) => ({ ...one, index: 0, from: BigInt(one.from), to: BigInt(one.to) })),
  );
  await refusingTaken(() => tx.query(END_AT, [subscriptionId, endsAt]));
}

/**
 * Leaves the identities of a subscription no time, also those that would begin before it, so that
 * others may have them. What they were to be stays to be seen, and to be forgotten.
 */
export async function freeIdentities(tx: Tx, subscriptionId: number): Promise<void> {
  await tx.query(
    `UPDATE subscription_identity SET valid_to = valid_from,
       own_valid_to = coalesce(own_valid_to, valid_to, 'infinity')
     WHERE subscription_id = $1 AND valid_to IS DISTINCT FROM valid_from`,
    [subscriptionId],
  );
}

/** Refuses what was taken within the request itself, or by somebody else at the same moment. */
async function refusingTaken(write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (sqlState(error) !== EXCLUSION_VIOLATION) throw error;
    throw constraintOf(error).includes('trunk') ? trunkTaken() : numberTaken({});
  }
}

type TimedNumber = Pick<NewIdentity, 'index' | 'from' | 'to' | 'validFrom' | 'validTo'>;

async function refuseTaken(tx: Tx, identities: readonly TimedNumber[]): Promise<void> {
  const numbers = identities.filter((one) => one.from !== null);
  const taken = await tx.query<{ place: number }[]>(
    'SELECT place FROM taken_numbers($1, $2, $3, $4) AS place ORDER BY place LIMIT 10',
    [
      numbers.map((one) => String(one.from)),
      numbers.map((one) => String(one.to)),
      numbers.map((one) => one.validFrom),
      numbers.map((one) => one.validTo),
    ],
  );
  if (taken.length === 0) return;
  const found = taken.flatMap(({ place }) => numbers[place - 1] ?? []);
  throw numberTaken(named(found));
}

// Identities that a planned end leaves no time, and which have it again when it is taken back.
const WAITING = `SELECT u.place FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::int[],
    $5::timestamptz[], $6::timestamptz[]) WITH ORDINALITY
    AS u (subscription_id, low, high, trunk_id, since, own_till, place)
  WHERE EXISTS (SELECT FROM subscription_identity i WHERE i.subscription_id = u.subscription_id
    AND i.valid_to = i.valid_from AND i.valid_from < u.own_till AND i.own_valid_to > u.since
    AND (i.trunk_id = u.trunk_id OR i.number_from <= u.high AND i.number_to >= u.low))
  ORDER BY u.place LIMIT 10`;

/**
 * Refuses with NUMBER_TAKEN or TRUNK_TAKEN what a subscription, which is not new, has itself from
 * an instant on that lies after its planned end.
 */
export async function refuseWaiting(tx: Tx, identities: readonly NewIdentity[]): Promise<void> {
  const waiting = await tx.query<{ place: string }[]>(WAITING, [
    identities.map((one) => one.subscriptionId),
    identities.map((one) => one.from),
    identities.map((one) => one.to),
    identities.map((one) => one.trunkId),
    identities.map((one) => one.validFrom),
    identities.map((one) => one.ownValidTo ?? one.validTo ?? 'infinity'),
  ]);
  const found = waiting.flatMap(({ place }) => identities[Number(place) - 1] ?? []);
  if (found.some(({ trunkId }) => trunkId !== null)) throw trunkTaken();
  if (found.length > 0) throw numberTaken(named(found));
}

function named(found: readonly TimedNumber[]): Record<string, unknown> {
  return {
    numbers: found.map((one) => (one.from === one.to ? `${one.from}` : `${one.from}-${one.to}`)),
    indexes: [...new Set(found.map((one) => one.index))],
  };
}

function numberTaken(details: Record<string, unknown>): DomainError {
  return new DomainError(
    'NUMBER_TAKEN',
    'A number belongs to a subscription at that time already.',
    details,
  );
}

function trunkTaken(): DomainError {
  return new DomainError(
    'TRUNK_TAKEN',
    'The trunk identifies a subscription at that time already.',
  );
}

function constraintOf(error: unknown): string {
  const { driverError } = error as { driverError?: { constraint?: string } };
  return driverError?.constraint ?? '';
}
