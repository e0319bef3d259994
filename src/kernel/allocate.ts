import { DomainError } from './errors.js';

/**
 * Shares a total of whole units among weights so that the parts add up to exactly the total.
 * Each part is its exact share cut towards zero; the units left over go one by one to the largest
 * cut-off remainders, the earlier part first among equals. A negative total is shared as its
 * positive mirror, so a credit note undoes an invoice part by part. A zero weight gets nothing.
 * Refuses with INVALID_WEIGHTS when a weight is negative, or when there is none above zero.
 */
export function allocate(total: bigint, weights: readonly bigint[]): bigint[] {
  let sum = 0n;
  for (const weight of weights) {
    if (weight < 0n) throw invalidWeights(weights.length);
    sum += weight;
  }
  if (sum === 0n) throw invalidWeights(weights.length);

  const negative = total < 0n;
  const size = negative ? -total : total;
  const parts: bigint[] = [];
  const remainders: { place: number; remainder: bigint }[] = [];
  let left = size;
  for (const [place, weight] of weights.entries()) {
    const product = size * weight;
    const share = product / sum;
    parts.push(share);
    left -= share;
    remainders.push({ place, remainder: product % sum });
  }

  // Fewer units are left than parts were cut, so the exact shares at the end receive none.
  remainders.sort((a, b) => compare(b.remainder, a.remainder) || a.place - b.place);
  for (const { place } of remainders.slice(0, Number(left)))
    parts[place] = (parts[place] ?? 0n) + 1n;
  return negative ? parts.map((part) => -part) : parts;
}

function compare(a: bigint, b: bigint): -1 | 0 | 1 {
  return a < b ? -1 : a > b ? 1 : 0;
}

function invalidWeights(count: number): DomainError {
  return new DomainError(
    'INVALID_WEIGHTS',
    'The weights must not be negative and one of them must be above zero.',
    { count },
  );
}
