import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killedEverywhere } from '../fault/migrate-check.js';
import { MigrateWorld } from '../fault/migrate-world.js';
import { releasedMigrations } from '../fixtures/released-migrations.js';
import { trials } from '../fixtures/trials.js';

const REWRITING = 'RewriteAccounts1999000000000';
/** More than there are; a smaller factor looks at some of them only. */
const POINTS = trials(600);

const worlds = new Map<string, MigrateWorld>();

beforeAll(async () => {
  for (const release of Object.keys(releasedMigrations())) {
    worlds.set(release, await MigrateWorld.start(release));
  }
}, 300_000);
afterAll(async () => {
  for (const world of worlds.values()) await world.stop();
});

describe.each(Object.keys(releasedMigrations()))('migrations after release %s', (release) => {
  it('end in the same wherever they are killed, and one that rewrites data does', async () => {
    const world = worlds.get(release) as MigrateWorld;
    const calm = await world.fresh();
    const { statements } = await world.migrate(calm, REWRITING);
    const expected = await world.print(calm);
    await world.drop(calm);
    const most = Math.min(POINTS, statements * 3);
    const killed = await killedEverywhere(world, {
      expected,
      statements,
      rewriting: REWRITING,
      most,
    });
    console.log(`killed at ${killed} points of ${statements} statements`);
    // The very last is sent when nothing more is waited for.
    expect(killed).toBeGreaterThanOrEqual(most - 3);
  }, 3_600_000);

  it('would be caught when one commits half of its work', async () => {
    const world = worlds.get(release) as MigrateWorld;
    const rewriting = 'RewriteByHalves1999000001000';
    const calm = await world.fresh();
    await world.migrate(calm, rewriting);
    const expected = await world.print(calm);
    const killed = await world.fresh();
    const begins = 'UPDATE account SET name';
    const point = { thread: 'main', at: 1, begins, moment: 'before' } as const;
    expect(await world.kill(killed, point, rewriting)).toBe(true);
    await world.migrate(killed, rewriting);
    expect((await world.print(killed)).rows).not.toEqual(expected.rows);
    await world.drop(killed);
    await world.drop(calm);
  }, 600_000);
});
