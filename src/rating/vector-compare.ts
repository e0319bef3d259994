import { formatAmount, parseAmount } from '../kernel/index.js';
import type { FoldedBook } from './fold-book.js';
import type { Pot } from './pots.js';
import type { VectorExpectation } from './vector-format.js';
import { refused } from './vector-shape.js';
import type { BuiltWorld } from './vector-world.js';

/** Where the engine says something else than a vector expects. */
export interface VectorDifference {
  readonly where: string;
  readonly expected: string;
  readonly answered: string;
  /** What the engine did, step by step. */
  readonly explanation: readonly string[];
}

type Names = BuiltWorld['names'];
type WantedPot = NonNullable<VectorExpectation['buckets']>[number];
type WantedPoints = NonNullable<VectorExpectation['points']>[number];

/** Compares buckets and points at the ends of their months. */
export function comparedMonths(
  { names }: BuiltWorld,
  folded: FoldedBook,
  expect: VectorExpectation,
): VectorDifference[] {
  const months = folded.contracts.flatMap(({ contractId, months: all }) =>
    all.map(({ month, folded: done }) => ({ contractId, month, ...done })),
  );
  const pots = (expect.buckets ?? []).flatMap((wanted, place) => {
    const path = `expect.buckets[${place}]`;
    const bucketId = names.id('bucket', wanted.bucket, `${path}.bucket`);
    const found = months
      .filter((month) => isWanted(names, wanted, month, path))
      .flatMap((month) => month.pots)
      .filter(({ bucketLineageId }) => bucketLineageId === bucketId)
      .filter((pot) => isHolder(names, wanted.holder, pot));
    return potDifferences(wanted, found, path);
  });
  const points = (expect.points ?? []).flatMap((wanted, place) => {
    const path = `expect.points[${place}]`;
    const bonusId = names.id('bonus', wanted.bonus, `${path}.bonus`);
    const found = months
      .filter((month) => isWanted(names, wanted, month, path))
      .flatMap((month) => month.points)
      .filter(({ bonusLineageId }) => bonusLineageId === bonusId)
      .filter(({ holderId }) => isNamed(names, wanted.holder, holderId));
    const answered = found.map((one) => formatAmount(BigInt(one.points), 0)).join(' and ');
    const expected = formatAmount(parseAmount(wanted.points), 0);
    const where = `points of ${wanted.bonus} in ${wanted.month}`;
    return difference(where, expected, answered === '' ? '0' : answered);
  });
  return [...pots, ...points];
}

function difference(where: string, expected: string, answered: string): VectorDifference[] {
  return expected === answered ? [] : [{ where, expected, answered, explanation: [] }];
}

function isWanted(
  names: Names,
  wanted: WantedPot | WantedPoints,
  month: { readonly contractId: number; readonly month: string },
  path: string,
): boolean {
  if (month.month !== wanted.month) return false;
  const contract = names.optional('contract', wanted.contract, `${path}.contract`);
  return contract === null || contract === month.contractId;
}

function isHolder(names: Names, holder: string | undefined, pot: Pot): boolean {
  if (holder === undefined) return true;
  const kinds = { SUBSCRIPTION: 'subscription', ACCOUNT: 'account', CONTRACT: 'contract' } as const;
  return names.nameOf(kinds[pot.holder], pot.holderId) === holder;
}

// What holds points is one of three kinds, whose names are told apart by who writes them.
function isNamed(names: Names, holder: string | undefined, holderId: number): boolean {
  if (holder === undefined) return true;
  const kinds = ['subscription', 'account', 'contract'] as const;
  return kinds.some((kind) => names.nameOf(kind, holderId) === holder);
}

function potDifferences(
  wanted: WantedPot,
  found: readonly Pot[],
  path: string,
): VectorDifference[] {
  const where = `bucket ${wanted.bucket} in ${wanted.month}`;
  const [pot, ...others] = found;
  if (pot === undefined) return difference(where, 'is used', 'nothing used it');
  if (others.length > 0) throw refused(path, 'fits several holders or contracts; name them');
  const available = pot.granted + pot.rolledIn + pot.bonus;
  const sums = { available, left: pot.left, used: available - pot.left };
  return (['available', 'used', 'left'] as const).flatMap((what) => {
    const expected = wanted[what];
    if (expected === undefined) return [];
    const own = BigInt(sums[what]) * (pot.kind === 'UNITS' ? 100_000_000n : 1n);
    const text = formatAmount(parseAmount(expected), 0);
    return difference(`${where}, ${what}`, text, formatAmount(own, 0));
  });
}
