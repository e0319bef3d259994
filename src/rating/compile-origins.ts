import type { BookFacts, Origins } from './book.js';
import { buildPrefixTree } from './prefix-tree.js';

/** Ranks the sets of origins for each class of a tree over all their prefixes. */
export function compileOrigins(facts: Pick<BookFacts, 'originSets'>): {
  readonly origins: Origins;
  /** Place of each set by its id; the lower id has the lower place. */
  readonly originPlace: ReadonlyMap<number, number>;
} {
  const originSets = [...facts.originSets].sort((a, b) => a.id - b.id);
  const prefixes = [...new Set(originSets.flatMap((set) => set.prefixes))].sort(
    (a, b) => a.length - b.length || (a < b ? -1 : 1),
  );
  const tree = buildPrefixTree(prefixes);
  const sets = originSets.length;
  const rank = new Uint8Array(new SharedArrayBuffer(Math.max(1, tree.classes * sets)));
  const members = originSets.map((set) => new Set(set.prefixes));
  prefixes.forEach((prefix, index) => {
    const own = (index + 1) * sets;
    const above = tree.parentClass[index + 1]! * sets;
    members.forEach((member, set) => {
      rank[own + set] = member.has(prefix) ? prefix.length + 1 : rank[above + set]!;
    });
  });
  const originPlace = new Map(originSets.map(({ id }, place) => [id, place]));
  return { origins: { tree, sets, rank }, originPlace };
}
