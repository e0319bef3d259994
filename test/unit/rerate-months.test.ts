import { describe, expect, it } from 'vitest';
import type { AdjustedRecord } from '../../src/rating/allowance-result.js';
import { CountedLevels, readCounted } from '../../src/rating/rerate-counted.js';
import { addDifferences } from '../../src/rating/rerate-months.js';
import { RerateSums } from '../../src/rating/rerate-sums.js';

const BATCH = 7;

function record(adjustment: number, covered: number): AdjustedRecord {
  return {
    ...{ xdrId: BATCH * 2 ** 24 + 1, level: 1, adjustment, covered, versionId: 3, day: 20_000 },
    ...{ destinationId: 5, service: 1, subscriptionId: 9, isLastLevel: true },
  };
}

/** What comes of one record that was and is adjusted, or was not or is not kept. */
function differences(
  was: AdjustedRecord | null,
  is: AdjustedRecord | null,
  counted: ReadonlySet<string> = new Set(),
) {
  const sums = new RerateSums();
  const side = (one: AdjustedRecord | null) => new Map(one === null ? [] : [['key', one]]);
  const count = addDifferences(sums, side(was), side(is), counted);
  const deltas = sums.sources.flatMap((source) => {
    return sums.deltasOf(source).map((delta) => ({ source, ...delta }));
  });
  return { count, deltas };
}

describe('what a month says about a record that is rated anew', () => {
  it.each([
    ['covered at no price, and not covered', record(0, 60), null],
    ['not covered, and covered at no price', null, record(0, 60)],
    ['covered otherwise for the same amount', record(-500, 60), record(-500, 30)],
  ])('does not differ: %s', (_, was, is) => {
    expect(differences(was, is)).toEqual({ count: 0, deltas: [] });
  });

  it.each([
    ['another amount', record(-500, 60), record(-200, 60), -500n, -200n],
    ['not covered any more', record(-500, 60), null, -500n, 0n],
    ['covered now', null, record(-300, 20), 0n, -300n],
    ['covered at no price now', record(-500, 60), record(0, 60), -500n, 0n],
  ])('differs: %s', (_, was, is, before, after) => {
    expect(differences(was, is)).toEqual({
      count: 1,
      deltas: [
        {
          ...{ source: BATCH, version: 3, day: 20_000, service: 1, destination: 5 },
          ...{ recordsBefore: 1, recordsAfter: 1, quantity: 0n, billed: 0n, before, after },
        },
      ],
    });
  });

  it('goes with the record to other terms, though it is as much as before', () => {
    const moved = { ...record(-500, 60), versionId: 4 };
    expect(differences(record(-500, 60), moved, new Set(['key']))).toMatchObject({
      count: 0,
      deltas: [
        { version: 3, recordsBefore: 0, before: -500n, recordsAfter: 0, after: 0n },
        { version: 4, recordsBefore: 0, before: 0n, recordsAfter: 0, after: -500n },
      ],
    });
    const free = { ...record(0, 60), versionId: 4 };
    expect(differences(record(0, 60), free)).toEqual({ count: 0, deltas: [] });
  });

  it('is added without being counted where its own price counts it', () => {
    const { deltas } = differences(record(-500, 60), record(-200, 60), new Set(['key']));
    expect(deltas).toMatchObject([
      { recordsBefore: 0, recordsAfter: 0, before: -500n, after: -200n },
    ]);
  });

  it('is counted by the very levels that the preview has kept', () => {
    const counted = new CountedLevels();
    counted.add(64 + 3, BATCH * 2 ** 24 + 1, 2);
    counted.add(3, BATCH * 2 ** 24 + 2, 0);
    counted.add(4, 5, 1);
    const found = new Set<string>();
    for (const { shard, levels } of counted.finish()) if (shard === 3) readCounted(levels, found);
    expect([...found]).toEqual([`${BATCH * 2 ** 24 + 1} 2`, `${BATCH * 2 ** 24 + 2} 0`]);
  });
});
