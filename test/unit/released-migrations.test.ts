import { describe, expect, it } from 'vitest';
import { rewriting } from '../fault/rewriting.js';
import {
  halfDone,
  type Migration,
  migrationNames,
  migrationOf,
  printOf,
  releasedMigrations,
  statementsOf,
  unreleased,
} from '../fixtures/released-migrations.js';

const released = releasedMigrations();
const names = migrationNames();

describe('migrations of a release', () => {
  // A database somewhere has run them: what is wrong with one is mended by a new one.
  it.each(Object.keys(released))('are those of release %s to the letter', async (version) => {
    for (const [name, print] of Object.entries(released[version] ?? {})) {
      expect(names, `${name} was removed`).toContain(name);
      expect(await printOf(name), `${name} was released and is frozen`).toEqual(print);
    }
  });

  it('are all of the first release', () => {
    expect(Object.keys(released)[0]).toBe('0.1.0');
    expect(Object.keys(released['0.1.0'] ?? {})).toHaveLength(22);
  });

  it('come before all that are not released yet, and so were run before them', () => {
    const last = Object.values(released)
      .flatMap((release) => Object.keys(release))
      .sort()
      .at(-1);
    for (const name of unreleased(names, released)) expect(name > (last ?? '')).toBe(true);
  });
});

describe('a migration', () => {
  it('is done whole or not at all', async () => {
    for (const name of names) {
      const migration = await migrationOf(name);
      expect([name, halfDone(migration, await statementsOf(migration))]).toEqual([name, null]);
    }
  });

  it.each([
    ['CREATE TABLE a (); COMMIT; CREATE TABLE b ()', 'it sends: ; COMMIT'],
    ['CREATE INDEX CONCURRENTLY i ON a (b)', 'it sends: INDEX CONCURRENTLY'],
    ["ALTER TYPE colour ADD VALUE 'red'", 'it sends: ADD VALUE'],
    ['VACUUM FULL', 'it sends: VACUUM'],
    ["SELECT 'COMMIT; -- no'; -- COMMIT;\nDO $b$ BEGIN NULL; COMMIT; END $b$", null],
  ])('with %j is told', async (sql, told) => {
    const migration: Migration = { name: 'One', up: async (runner) => void runner.query(sql) };
    expect(halfDone(migration, await statementsOf(migration))).toBe(told);
    expect(halfDone({ ...migration, transaction: false }, [])).toBe('it asks for no transaction');
  });

  it('that commits half of its work is told, as the planted one', async () => {
    const told = await Promise.all(
      rewriting.map(async (one) => {
        const migration = new one() as unknown as Migration;
        return halfDone(migration, await statementsOf(migration));
      }),
    );
    expect(told).toEqual([null, 'it sends: COMMIT']);
  });
});
