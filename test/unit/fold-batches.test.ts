import { describe, expect, it } from 'vitest';
import { shardBatches } from '../../src/rating/fold.service.js';

const MIB = 1024 * 1024;

function shards(...mib: number[]) {
  return mib.map((size, shard) => ({ shard, bytes: String(size * MIB) }));
}

describe('batches of a fold', () => {
  it('are about as large as each other', () => {
    const batches = shardBatches(shards(25, 65, 25, 15));
    expect(batches.map(({ units }) => units / MIB)).toEqual([65, 25, 25, 15]);
    const many = shardBatches(shards(...Array.from({ length: 60 }, () => 2)));
    expect(many.map(({ units }) => units / MIB)).toEqual([16, 16, 16, 16, 14, 14, 14, 14]);
  });

  it('are some for a middling size, so that no thread is without', () => {
    const batches = shardBatches(shards(5, 13, 5, 3, 1));
    expect(batches.map(({ payload, units }) => [payload.shards, units / MIB])).toEqual([
      [[1], 13],
      [[0], 5],
      [[2], 5],
      [[3, 4], 4],
    ]);
    expect(shardBatches(shards(1, 1, 1)).map(({ units }) => units / MIB)).toEqual([1, 1, 1]);
  });

  it('are one for little, and none without a shard', () => {
    expect(shardBatches(shards(0.5, 0.25, 0.75))).toEqual([
      { payload: { shards: [2, 0, 1] }, units: 1.5 * MIB },
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
