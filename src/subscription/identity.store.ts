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
}

const EXCLUSION_VIOLATION = '23P01';

/**
 * Writes identities. Refuses with NUMBER_TAKEN or TRUNK_TAKEN when one belongs to a subscription
 * in that time, whosever it is; the refusal names what the caller asked for and nothing else.
 */
export async function insertIdentities(tx: Tx, identities: readonly NewIdentity[]): Promise<void> {
  if (identities.length === 0) return;
  await refuseTaken(tx, identities);
  try {
    await tx.query(
      `INSERT INTO subscription_identity
         (partner_id, subscription_id, kind, number_from, number_to, trunk_id, valid_from, valid_to)
       SELECT * FROM unnest($1::int[], $2::int[], $3::text[], $4::bigint[], $5::bigint[],
         $6::int[], $7::timestamptz[], $8::timestamptz[])`,
      [
        identities.map((one) => one.partnerId),
        identities.map((one) => one.subscriptionId),
        identities.map((one) => one.kind),
        identities.map((one) => one.from?.toString() ?? null),
        identities.map((one) => one.to?.toString() ?? null),
        identities.map((one) => one.trunkId),
        identities.map((one) => one.validFrom),
        identities.map((one) => one.validTo),
      ],
    );
  } catch (error) {
    // Taken within the request itself, or by somebody else at the same moment.
    if (sqlState(error) !== EXCLUSION_VIOLATION) throw error;
    throw constraintOf(error).includes('trunk') ? trunkTaken() : numberTaken({});
  }
}

async function refuseTaken(tx: Tx, identities: readonly NewIdentity[]): Promise<void> {
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
  throw numberTaken({
    numbers: found.map((one) => (one.from === one.to ? `${one.from}` : `${one.from}-${one.to}`)),
    indexes: [...new Set(found.map((one) => one.index))],
  });
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
