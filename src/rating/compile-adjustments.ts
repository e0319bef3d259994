import { mergeList, type RateRow, type Timeline } from '../catalog/index.js';
import type { BookFacts, ListAdjustments } from './book.js';
import { ints } from './compile-arrays.js';
import type { Lineage } from './compile-lineage.js';
import type { ClassedRates } from './compile-rows.js';

/** What the lists do to what they inherit. */
export type CompiledAdjustments = Pick<ListAdjustments, 'adjuster' | 'above' | 'timelines'> & {
  /**
   * By list and class 1 where rows act on some of the inherited prices only, by prefix, band or
   * origin: these prices are worked out when the book is compiled. Null where there are none.
   */
  readonly covered: readonly (Uint8Array | null)[];
};

export function compileAdjustments(
  facts: BookFacts,
  rates: ClassedRates,
  lineage: Lineage,
): CompiledAdjustments {
  const { parent, order } = lineage;
  const timelines: (Timeline<RateRow> | null)[] = facts.lists.map(() => null);
  const covered: (Uint8Array | null)[] = facts.lists.map(() => null);
  rates.adjusting.forEach((rows, list) => {
    // A list that inherits from none has nothing to adjust.
    if (rows.length === 0 || parent[list]! < 0) return;
    const general = rows.filter((row) => actsOnAll(rates, row));
    if (general.length > 0) {
      timelines[list] = timelineOf(general.map((row) => rates.rateAt(row)));
    }
    const others = rows.filter((row) => !actsOnAll(rates, row));
    if (others.length > 0) covered[list] = classesBelow(rates, others);
  });
  const adjuster = facts.lists.map(() => -1);
  const above = facts.lists.map(() => -1);
  for (const list of order) {
    const inherited = parent[list]! < 0 ? -1 : adjuster[parent[list]!]!;
    above[list] = inherited;
    adjuster[list] = timelines[list] === null ? inherited : list;
  }
  const own = (value: number) => value;
  return { adjuster: ints(adjuster, own), above: ints(above, own), timelines, covered };
}

function actsOnAll({ table, emptyClass, classesOf }: ClassedRates, row: number): boolean {
  if (table.band[row] !== 0 || table.origin[row] !== 0 || table.destination[row] !== 0) {
    return false;
  }
  return classesOf(row)[0] === emptyClass;
}

// Which of several rows holds when is for the definition of inheritance to say.
function timelineOf(rows: readonly RateRow[]): Timeline<RateRow> {
  const byId = new Map(rows.map((row) => [row.id, row]));
  const alone = rows.map((row) => ({ ...row, kind: 'ABSOLUTE' as const }));
  const entry = mergeList(new Map(), alone, new Map()).get('');
  return (entry?.versions ?? []).map(({ from, to, value }) => {
    return { from, to, value: byId.get(value.path[0]!)! };
  });
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
