import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdentityTable, SEEN } from '../../src/mediation/index.js';
import { type ClaimJob, claimKey } from '../fixtures/claim-identities.worker.js';

type Key = readonly [number, number, number, number];

const SMALLEST = -2147483648;

// Few values and the ones with a meaning inside the table, so that keys meet and repeat.
const word = fc.oneof(
  fc.constantFrom(0, 1, 2, -1, SMALLEST, SMALLEST + 1, 2147483647),
  fc.integer({ min: -2147483648, max: 2147483647 }),
);
const key = fc.tuple(word, word, word, word);

// Two of the 2^32 values of a word stand for an empty and a released slot, and so are read as
// their neighbours.
function asKept([i0, i1, i2, i3]: Key): string {
  const first = i2 === 0 ? 1 : i2;
  const second = i3 === 0 ? 1 : i3;
  return [i0, i1, first, second].join(' ');
}

const script = new URL('../fixtures/claim-identities.worker.js', import.meta.url);

describe('the table of identities', () => {
  it('tells a key as new once, as a Set does', () => {
    fc.assert(
      fc.property(fc.array(key, { maxLength: 200 }), fc.nat(), (keys, pick) => {
        const table = IdentityTable.allocate(500);
        const seen = new Set<string>();
        const again = keys.slice(pick % (keys.length + 1));
        for (const each of [...keys, ...again]) {
          // Slots are compared by half of the key: another key with the same half in the same
          // neighbourhood would be taken for it, so keys are told apart by all they are kept as.
          const known = seen.has(asKept(each));
          const slot = table.claim(...each);
          if (known) expect(slot).toBe(SEEN);
          else if (slot === SEEN) expect(sharesHalf(each, seen)).toBe(true);
          seen.add(asKept(each));
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('tells every key of many as new, and none a second time', () => {
    const table = IdentityTable.allocate(100_000);
    const slots = new Set<number>();
    const claim = (n: number) =>
      table.claim(Math.imul(n, 0x9e3779b1), n % 5, Math.imul(n, 0x85ebca6b), n);
    for (let n = 0; n < 100_000; n += 1) slots.add(claim(n));
    expect(slots.size).toBe(100_000);
    expect(slots.has(SEEN)).toBe(false);
    expect([...slots].every((slot) => slot >= 0 && slot < table.slots)).toBe(true);
    for (let n = 0; n < 100_000; n += 1) if (claim(n) !== SEEN) expect(`${n} is new`).toBe('');
  });

  it.each([
    [[0, 0, 0, 0]],
    [[0, 0, 0, 1]],
    [[0, 0, 1, 0]],
    [[7, 0, 0, SMALLEST]],
    [[-1, -1, -1, -1]],
    [[SMALLEST, SMALLEST, SMALLEST, SMALLEST]],
  ] as [Key][])('remembers the key %j', (each) => {
    const table = IdentityTable.allocate(10);
    expect(table.claim(...each)).toBeGreaterThanOrEqual(0);
    expect(table.claim(...each)).toBe(SEEN);
  });

  it('fails rather than forget when it is full', () => {
    const table = IdentityTable.allocate(1);
    for (let n = 0; n < table.slots; n += 1) table.claim(n, 0, 1, n + 1);
    expect(() => table.claim(0, 0, 2, 1)).toThrow('full');
    expect(table.claim(5, 0, 1, 6)).toBe(SEEN);
  });

  it('waits for the thread that is just claiming the same place', async () => {
    // This thread is the claimer and stops between the two words of key 0.
    const plan = IdentityTable.allocate(10);
    const at = claimKey(plan, 0) * 2;
    const table = IdentityTable.allocate(10);
    table.words[at] = plan.words[at]!;
    const gate = new SharedArrayBuffer(4);
    new Int32Array(gate)[0] = 1;
    const worker = new Worker(script, {
      workerData: { table: table.buffer, gate, keys: 1, first: 0 } satisfies ClaimJob,
    });
    await once(worker, 'message');
    const answer = once(worker, 'message');
    const early = await Promise.race([answer, new Promise((done) => setTimeout(done, 100))]);
    expect(early).toBeUndefined();
    Atomics.store(table.words, at + 1, plan.words[at + 1]!);
    const [isNew] = (await answer) as [Uint8Array];
    expect([...isNew]).toEqual([0]);
  });

  it('tells each key as new to exactly one of several threads', async () => {
    // A busy machine may let one thread finish before the others begin: that is no race.
    let racers = 0;
    for (let trial = 0; trial < 20 && racers < 2; trial += 1) {
      const claimed = await claimAtOnce(200_000, 4);
      const winners = Array.from({ length: 200_000 }, (_, n) =>
        claimed.reduce((sum, isNew) => sum + isNew[n]!, 0),
      );
      expect(winners.findIndex((count) => count !== 1)).toBe(-1);
      racers = claimed.filter((isNew) => isNew.includes(1)).length;
    }
    expect(racers).toBeGreaterThan(1);
  }, 180_000);
});

/** Lets threads claim the same keys at once; says for each thread which keys were new to it. */
async function claimAtOnce(keys: number, threads: number): Promise<Uint8Array[]> {
  const table = IdentityTable.allocate(keys);
  const gate = new SharedArrayBuffer(4);
  let waiting = 0;
  return Promise.all(
    Array.from({ length: threads }, async (_, thread) => {
      // Two threads begin at the same key and race for every one; the others come across.
      const first = Math.floor(thread / 2) * 50_000;
      const workerData: ClaimJob = { table: table.buffer, gate, keys, first };
      const worker = new Worker(script, { workerData });
      await once(worker, 'message');
      waiting += 1;
      if (waiting === threads) {
        Atomics.store(new Int32Array(gate), 0, 1);
        Atomics.notify(new Int32Array(gate), 0);
      }
      const [isNew] = (await once(worker, 'message')) as [Uint8Array];
      await once(worker, 'exit');
      return isNew;
    }),
  );
}

function sharesHalf([, , i2, i3]: Key, seen: ReadonlySet<string>): boolean {
  const half = asKept([0, 0, i2, i3]).slice('0 0'.length);
  return [...seen].some((kept) => kept.endsWith(half));
}
