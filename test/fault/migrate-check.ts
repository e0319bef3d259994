import { expect } from 'vitest';
import type { KillMoment, KillPoint } from './kill-preload.js';
import type { MigrateWorld, Print } from './migrate-world.js';

const MOMENTS: readonly KillMoment[] = ['before', 'sent', 'after'];

export interface Everywhere {
  /** What an undisturbed migration ends in. */
  readonly expected: Print;
  /** How many statements it takes. */
  readonly statements: number;
  /** A migration of the test that runs behind those of the product. */
  readonly rewriting?: string;
  /** So many points spread over all; every point when absent. */
  readonly most?: number;
}

/**
 * Kills the migration before, just after sending and after the answer of its statements, runs it
 * again, and expects what an undisturbed one ends in. Answers at how many points it was killed.
 */
export async function killedEverywhere(world: MigrateWorld, given: Everywhere): Promise<number> {
  const { expected, statements, rewriting = '', most } = given;
  const all = Array.from({ length: statements }, (_, n) => n + 1).flatMap((at) =>
    MOMENTS.map((moment): KillPoint => ({ thread: 'main', at, moment })),
  );
  // The first statements look whether there is anything to do, the last say that it was done.
  const step = most === undefined ? 1 : all.length / most;
  const points = all.filter((_, n) => Math.floor(n / step) > Math.floor((n - 1) / step));
  let killed = 0;
  for (const point of points) {
    const urls = await world.fresh();
    if (await world.kill(urls, point, rewriting)) killed += 1;
    await world.migrate(urls, rewriting);
    expect(await world.print(urls), JSON.stringify(point)).toEqual(expected);
    await world.drop(urls);
  }
  return killed;
}
