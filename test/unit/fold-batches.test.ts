import { describe, expect, it } from 'vitest';
import { shardBatches } from '../../src/rating/fold.service.js';

const MIB = 1024 * 1024;

function shards(...mib: number[]) {
  return mib.map((size, shard) => ({ shard, bytes: String(size * MIB) }));
}

describe('batches of a fold', () => {
  it('are about as large as each other', () => {
    const batches = shardBatches(shards(5, 13, 5, 3));
    expect(batches.map(({ payload, units }) => [payload.shards, units / MIB])).toEqual([
      [[1], 13],
      [[0, 2, 3], 13],
    ]);
  });

  it('are one for little, and none without a shard', () => {
    expect(shardBatches(shards(1, 2, 3))).toEqual([
      { payload: { shards: [2, 1, 0] }, units: 6 * MIB },
    ]);
    expect(shardBatches([])).toEqual([]);
  });

  it('are not more than there are shards, and hold each once', () => {
    expect(shardBatches(shards(500))).toHaveLength(1);
    const many = shardBatches(shards(...Array.from({ length: 64 }, (_, n) => n)));
    const all = many.flatMap(({ payload }) => payload.shards);
    expect(all.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, n) => n));
    expect(many).toHaveLength(64);
  });
});
