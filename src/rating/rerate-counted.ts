import { SHARDS } from './allowance-entry.js';

/** Levels of records that a preview has found to differ and hands to the fold, by shard. */
export class CountedLevels {
  readonly #ofShard = new Map<number, number[]>();

  add(contractId: number, xdrId: number, level: number): void {
    const shard = contractId % SHARDS;
    const found = this.#ofShard.get(shard);
    if (found === undefined) this.#ofShard.set(shard, [xdrId, level]);
    else found.push(xdrId, level);
  }

  /** The shards with the bytes that {@link readCounted} takes. */
  finish(): { readonly shard: number; readonly levels: Buffer }[] {
    return [...this.#ofShard].map(([shard, found]) => ({
      shard,
      levels: Buffer.from(Float64Array.from(found).buffer),
    }));
  }
}

/** Adds levels as a record's id and level. */
export function readCounted(bytes: Buffer, into: Set<string>): void {
  for (let at = 0; at < bytes.length; at += 16) {
    into.add(`${bytes.readDoubleLE(at)} ${bytes.readDoubleLE(at + 8)}`);
  }
}
