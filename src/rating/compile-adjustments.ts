import { type EffectiveTable, mergeList, type RateRow, type Timeline } from '../catalog/index.js';
import type { AdjustingStep, BookFacts, ListAdjustments } from './book.js';
import { ints } from './compile-arrays.js';
import type { Lineage } from './compile-lineage.js';
import type { ClassedRates } from './compile-rows.js';

/** A list that adjusts more prefixes is worked out when the book is compiled. */
const MOST_GROUPS = 4096;
/** So is one that has more together with those above, as classes name their groups by 16 bits. */
const MOST_JOINED = 65_536;

/** What the lists do to what they inherit. */
export type CompiledAdjustments = Pick<
  ListAdjustments,
  'adjuster' | 'above' | 'groupOf' | 'groups'
> & {
  /**
   * By list and class 1 where rows act on the inherited prices of some bands or origins only:
   * these prices are worked out when the book is compiled. Null where there are none.
   */
  readonly covered: readonly (Uint8Array | null)[];
};

/** The prefixes that a list adjusts: the timeline of each, and which one acts on each class. */
interface OwnGroups {
  readonly timelines: readonly Timeline<RateRow>[];
  /** Null: the first acts on all classes. */
  readonly groupOf: Uint16Array | null;
}

export function compileAdjustments(
  facts: BookFacts,
  rates: ClassedRates,
  { parent, order }: Lineage,
): CompiledAdjustments {
  const adjuster = facts.lists.map(() => -1);
  const above = facts.lists.map(() => -1);
  const covered: (Uint8Array | null)[] = facts.lists.map(() => null);
  const groupOf: (Uint16Array | null)[] = facts.lists.map(() => null);
  const groups: (readonly AdjustingStep[])[][] = facts.lists.map(() => []);
  for (const list of order) {
    // A list that inherits from none has nothing to adjust.
    if (parent[list]! < 0) continue;
    const next = adjuster[parent[list]!]!;
    above[list] = next;
    adjuster[list] = next;
    const rows = rates.adjusting[list]!;
    if (rows.length === 0) continue;
    const { table } = rates;
    const general = rows.filter((row) => table.band[row] === 0 && table.origin[row] === 0);
    const own = general.length === 0 ? null : ownGroups(rates, general);
    const joined =
      own && joinGroups(list, own, next < 0 ? null : groupOf[next]!, groups[next] ?? [[]]);
    if (joined === null || general.length < rows.length) {
      const others = rows.filter((row) => table.band[row] !== 0 || table.origin[row] !== 0);
      covered[list] = classesBelow(rates, joined === null ? rows : others);
    }
    if (joined === null) continue;
    adjuster[list] = list;
    groupOf[list] = joined.groupOf;
    groups[list] = joined.groups;
  }
  const itself = (value: number) => value;
  return { adjuster: ints(adjuster, itself), above: ints(above, itself), groupOf, groups, covered };
}

/** Null when there are too many. */
function ownGroups(rates: ClassedRates, rows: readonly number[]): OwnGroups | null {
  const byClass = new Map<number, number[]>();
  for (const row of rows) {
    for (const each of rates.classesOf(row)) {
      const known = byClass.get(each);
      if (known === undefined) byClass.set(each, [row]);
      else known.push(row);
    }
  }
  if (byClass.size > MOST_GROUPS) return null;
  const forAll = byClass.get(rates.emptyClass) ?? [];
  byClass.delete(rates.emptyClass);
  const rateAt = new Map(rows.map((row) => [row, rates.rateAt(row)]));
  const byId = new Map([...rateAt.values()].map((rate) => [rate.id, rate]));
  const tables = [laidOver(new Map(), forAll, rateAt)];
  let groupOf: Uint16Array | null = null;
  if (byClass.size > 0) {
    const { parentClass, classes } = rates.tree;
    groupOf = new Uint16Array(new SharedArrayBuffer(classes * 2));
    for (let each = 1; each < classes; each += 1) {
      const group = groupOf[parentClass[each]!]!;
      const own = byClass.get(each);
      if (own === undefined) groupOf[each] = group;
      else groupOf[each] = tables.push(laidOver(tables[group]!, own, rateAt)) - 1;
    }
  }
  return { timelines: tables.map((table) => timelineOf(table, byId)), groupOf };
}

// Which of several rows holds when is for the definition of inheritance to say: it is asked about
// rows with prices of their own for the prefix '', over those of the next shorter prefix.
function laidOver(
  shorter: EffectiveTable,
  rows: readonly number[],
  rateAt: ReadonlyMap<number, RateRow>,
): EffectiveTable {
  const alone = rows.map((row) => {
    const rate = rateAt.get(row)!;
    const where = rate.prefix === null ? { destinationId: 1 } : { prefix: '' };
    return { ...rate, ...where, kind: 'ABSOLUTE' as const };
  });
  return mergeList(shorter, alone, new Map([[1, ['']]]));
}

function timelineOf(table: EffectiveTable, byId: ReadonlyMap<number, RateRow>): Timeline<RateRow> {
  return (table.get('')?.versions ?? []).map(({ from, to, value }) => {
    return { from, to, value: byId.get(value.path[0]!)! };
  });
}

/** The groups of a list together with those of the adjusting list above it; null for too many. */
function joinGroups(
  list: number,
  own: OwnGroups,
  groupAbove: Uint16Array | null,
  groupsAbove: readonly (readonly AdjustingStep[])[],
): { groupOf: Uint16Array | null; groups: (readonly AdjustingStep[])[] } | null {
  const steps = own.timelines.map((timeline) => ({ list, timeline }));
  if (groupAbove === null) {
    return {
      groupOf: own.groupOf,
      groups: steps.map((step) => [step, ...groupsAbove[0]!]),
    };
  }
  const groupOf = new Uint16Array(new SharedArrayBuffer(groupAbove.length * 2));
  const groups: (readonly AdjustingStep[])[] = [];
  const known = new Map<number, number>();
  for (let each = 0; each < groupOf.length; each += 1) {
    const ours = own.groupOf?.[each] ?? 0;
    const theirs = groupAbove[each]!;
    const key = ours * 65_536 + theirs;
    let group = known.get(key);
    if (group === undefined) {
      if (groups.length === MOST_JOINED) return null;
      group = groups.push([steps[ours]!, ...groupsAbove[theirs]!]) - 1;
      known.set(key, group);
    }
    groupOf[each] = group;
  }
  return { groupOf, groups };
}

function classesBelow(rates: ClassedRates, rows: readonly number[]): Uint8Array {
  const { parentClass } = rates.tree;
  const covered = new Uint8Array(parentClass.length);
  for (const row of rows) for (const each of rates.classesOf(row)) covered[each] = 1;
  for (let each = 1; each < covered.length; each += 1) {
    if (covered[parentClass[each]!] === 1) covered[each] = 1;
  }
  return covered;
}
