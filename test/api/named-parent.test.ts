import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aWorld } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

/** One partner's rows that others name. */
interface Parents {
  readonly partner: number;
  readonly price_list: number;
  readonly rate_sheet: number;
  readonly usage_file: number;
}

const PARENTS = ['price_list', 'rate_sheet', 'usage_file'] as const;

/** Rows of a partner that name others: $1 the partner, then what they name. */
const CHILDREN: readonly { sql: string; names: readonly (typeof PARENTS)[number][] }[] = [
  {
    names: ['price_list', 'rate_sheet'],
    sql: `INSERT INTO rate (partner_id, price_list_id, rate_sheet_id, prefix, price, valid_from)
      SELECT $1, $2, $3, n::text, 1, '2026-01-01' FROM generate_series(1, 3) n`,
  },
  {
    names: ['rate_sheet'],
    sql: `INSERT INTO rate_sheet_row (partner_id, rate_sheet_id, raw) VALUES ($1, $2, '')`,
  },
  {
    names: ['usage_file'],
    sql: `INSERT INTO suspense_record (partner_id, usage_file_id, batch_id, byte_offset, batch_line,
      state, code, message, raw) VALUES ($1, $2, 1, 0, 1, 'HELD', 'NO_RATE', '', '')`,
  },
  {
    names: ['usage_file'],
    sql: `INSERT INTO duplicate_record (partner_id, usage_file_id, batch_id, byte_offset,
      batch_line, identity) VALUES ($1, $2, 1, 0, 1, gen_random_uuid())`,
  },
];

let kontor: TestApp;
let owner: pg.Client;
let one: Parents;
let other: Parents;

async function parentsOf(partner: number): Promise<Parents> {
  const { rows } = await owner.query(
    `WITH list AS (INSERT INTO price_list (partner_id, name, currency) VALUES ($1, 'List', 'EUR')
        RETURNING id),
      sheet AS (INSERT INTO rate_sheet (partner_id, price_list_id, name, content_hash,
          effective_from) SELECT $1, id, 'Sheet', '', now() FROM list RETURNING id),
      file AS (INSERT INTO usage_file (partner_id, name, sha256, size_bytes, stored_as)
        VALUES ($1, 'File', repeat('0', 64), 1, 'file') RETURNING id)
    SELECT $1::int AS partner, list.id AS price_list, sheet.id AS rate_sheet, file.id AS usage_file
    FROM list, sheet, file`,
    [partner],
  );
  return rows[0];
}

/** The code with which the database refuses, or null. */
async function refusalOf(sql: string, values: readonly unknown[] = []): Promise<string | null> {
  await owner.query('SAVEPOINT tried');
  try {
    await owner.query(sql, [...values]);
    return null;
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await owner.query('ROLLBACK TO tried');
  }
}

beforeAll(async () => {
  kontor = await testApp({ start: false });
  const world = await aWorld(kontor);
  owner = new pg.Client(kontor.database.urls.ownerUrl);
  await owner.connect();
  await owner.query('BEGIN');
  await owner.query(
    "SELECT set_config('kontor.partner_ids', ids, true) FROM visible_partners(NULL)",
  );
  one = await parentsOf(world.resellerA.id);
  other = await parentsOf(world.resellerB.id);
});
afterAll(async () => {
  await owner?.end();
  await kontor?.stop();
});

describe('rows that come by the thousand', () => {
  it.each(CHILDREN)('name $names of their own partner: $sql', async ({ sql, names }) => {
    const own = names.map((name) => one[name]);
    expect(await refusalOf(sql, [one.partner, ...own])).toBeNull();
    for (const [at, name] of names.entries()) {
      for (const id of [other[name], 2_000_000_000]) {
        const values = [one.partner, ...own.with(at, id)];
        expect([name, id, await refusalOf(sql, values)]).toEqual([name, id, '23503']);
      }
    }
  });

  it('are refused together where one names what is not there', async () => {
    const sql = `INSERT INTO rate_sheet_row (partner_id, rate_sheet_id, raw)
      SELECT $1, id, '' FROM unnest($2::int[]) id`;
    const sheets = [one.rate_sheet, one.rate_sheet, other.rate_sheet];
    expect(await refusalOf(sql, [one.partner, sheets])).toBe('23503');
  });

  it.each(CHILDREN)('stay with what they name: $sql', async ({ sql, names }) => {
    const table = /INTO (\w+)/.exec(sql)![1]!;
    await owner.query('SAVEPOINT made');
    await owner.query(sql, [one.partner, ...names.map((name) => one[name])]);
    for (const column of ['partner_id', ...names.map((name) => `${name}_id`)]) {
      const value = other[column.replace('_id', '') as keyof Parents];
      const moved = `UPDATE ${table} SET ${column} = ${value}`;
      expect([column, await refusalOf(moved)]).toEqual([column, '23503']);
    }
    await owner.query('ROLLBACK TO made');
  });

  it.each(PARENTS)('keep what they name: %s', async (table) => {
    // Without its list's own key, which would keep the list anyway.
    await owner.query('SAVEPOINT alone');
    await owner.query('ALTER TABLE rate_sheet DROP CONSTRAINT rate_sheet_price_list_id_fkey');
    const where = `WHERE id = ${one[table]}`;
    const [gone, moved, given] = [
      `DELETE FROM ${table} ${where}`,
      `UPDATE ${table} SET id = 4711 ${where}`,
      `UPDATE ${table} SET partner_id = ${other.partner} ${where}`,
    ];
    for (const sql of [gone, moved, given]) {
      expect([sql, await refusalOf(sql)]).toEqual([sql, '23503']);
    }
    await owner.query('ROLLBACK TO alone');
  });
});
