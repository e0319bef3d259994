/**
 * What the numbers of a range begin with: the fewest beginnings that all of them have and no
 * number of that length outside of it has.
 */
export function blocksOf(from: string, to: string): string[] {
  const blocks: string[] = [];
  const last = BigInt(to);
  for (let low = BigInt(from); low <= last; ) {
    let [size, open] = [1n, 0];
    while (low % (size * 10n) === 0n && low + size * 10n - 1n <= last) {
      size *= 10n;
      open += 1;
    }
    const number = String(low);
    blocks.push(number.slice(0, number.length - open));
    low += size;
  }
  return blocks;
}
