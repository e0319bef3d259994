import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CopyIn } from '../../src/rating/copy-in.store.js';
import { ChunkPool, type CopyChunk, CopyRows, putInt4 } from '../../src/rating/copy-rows.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

const COPY = 'COPY copied (n, text) FROM STDIN (FORMAT binary)';
/** More than a socket and its reader take in while the reader sleeps. */
const MANY = 400_000;

let database: TestDatabase;
let client: pg.Client;
let other: pg.Client;
const pool = new ChunkPool();

beforeAll(async () => {
  database = await testDatabase();
  other = await connect();
  await other.query(`
    CREATE TABLE copied (n int, text text);
    CREATE TABLE checked (n int CHECK (n <> 100000), text text);
    CREATE TABLE patient (n int, text text);
    CREATE FUNCTION sleepy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM pg_advisory_xact_lock(4711);
      RETURN NEW;
    END $$;
    CREATE TRIGGER sleepy BEFORE INSERT ON patient FOR EACH ROW EXECUTE FUNCTION sleepy()`);
});

afterAll(async () => {
  await other.end();
  await database.drop();
});

beforeEach(async () => {
  client = await connect();
  await other.query('TRUNCATE copied, patient');
});

afterEach(async () => client.end().catch(() => undefined));

async function connect(): Promise<pg.Client> {
  const made = new pg.Client({ connectionString: database.urls.ownerUrl });
  made.on('error', () => undefined);
  await made.connect();
  return made;
}

function write(rows: CopyRows, n: number): void {
  const text = Buffer.from(textOf(n));
  const at = rows.row(14 + text.length);
  rows.view.setInt16(at, 2);
  putInt4(rows.view, at + 2, n);
  rows.view.setInt32(at + 10, text.length);
  new Uint8Array(rows.view.buffer).set(text, at + 14);
}

/** Sends so many rows a few at a time; answers the chunks that it took for that. */
async function sendRows(copy: CopyIn, count: number): Promise<Set<CopyChunk>> {
  const rows = new CopyRows(pool);
  const used = new Set<CopyChunk>();
  for (let n = 0; n < count; n += 1) {
    write(rows, n);
    if (n % 1000 === 0) await copy.send(noted(rows.takeFull(), used));
  }
  await copy.send(noted(rows.finish(), used));
  return used;
}

function noted(chunks: CopyChunk[], used: Set<CopyChunk>): CopyChunk[] {
  for (const chunk of chunks) used.add(chunk);
  return chunks;
}

const textOf = (n: number) => `row ${n} ${'*'.repeat(n % 90)}`;

async function sumOf(table: string): Promise<{ rows: number; sum: string; right: boolean }> {
  const { rows } = await other.query(
    `SELECT count(*)::int AS rows, coalesce(sum(n), 0)::text AS sum,
       coalesce(bool_and(text = 'row ' || n || ' ' || repeat('*', n % 90)), true) AS right
     FROM ${table}`,
  );
  return rows[0];
}

describe('a COPY of our own', () => {
  it('brings every row as it was, though chunks are filled again while it runs', async () => {
    const copy = await CopyIn.begin(client, COPY, pool.give);
    const used = await sendRows(copy, 250_000);
    await copy.end();
    const sum = String((250_000 * 249_999) / 2);
    expect(await sumOf('copied')).toEqual({ rows: 250_000, sum, right: true });
    // The rows take more than a hundred chunks; what was sent is used again.
    expect(used.size).toBeLessThan(60);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('waits when the server does not keep up', async () => {
    await other.query('SELECT pg_advisory_lock(4711)');
    const copy = await CopyIn.begin(client, COPY.replace('copied', 'patient'), pool.give);
    let sent = false;
    const sending = sendRows(copy, MANY).then((used) => {
      sent = true;
      return used;
    });
    await delay(1500);
    expect(sent).toBe(false);
    await other.query('SELECT pg_advisory_unlock(4711)');
    const used = await sending;
    await copy.end();
    expect(await sumOf('patient')).toMatchObject({ rows: MANY, right: true });
    // Two megabytes in flight and what a row generator has at hand, out of thirty.
    expect(used.size).toBeLessThan(60);
  });

  it('throws what the server says, and the transaction can be rolled back', async () => {
    await client.query('BEGIN');
    const copy = await CopyIn.begin(client, COPY.replace('copied', 'checked'), pool.give);
    const failure = await sendRows(copy, MANY)
      .then(() => copy.end())
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: '23514' });
    // However often it is asked.
    await expect(copy.send([pool.take()])).rejects.toMatchObject({ code: '23514' });
    await expect(copy.end()).rejects.toMatchObject({ code: '23514' });
    await copy.cancel('no need');
    await client.query('ROLLBACK');
    expect((await sumOf('checked')).rows).toBe(0);
    const again = await CopyIn.begin(client, COPY, pool.give);
    await sendRows(again, 10);
    await again.end();
    expect(await sumOf('copied')).toMatchObject({ rows: 10, right: true });
  });

  it('refuses a statement that the server refuses', async () => {
    await expect(
      CopyIn.begin(client, COPY.replace('copied', 'nowhere'), pool.give),
    ).rejects.toMatchObject({ code: '42P01' });
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('leaves nothing behind when it is cancelled', async () => {
    await client.query('BEGIN');
    const copy = await CopyIn.begin(client, COPY, pool.give);
    const rows = new CopyRows(pool);
    for (let n = 0; n < 50_000; n += 1) write(rows, n);
    await copy.send(rows.takeFull());
    await copy.cancel('thought better of it');
    await client.query('ROLLBACK');
    expect((await sumOf('copied')).rows).toBe(0);
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });

  it('fails when its connection is cut, and cancelling it then does not wait', async () => {
    const copy = await CopyIn.begin(client, COPY, pool.give);
    const found = await other.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY copied%'`,
    );
    expect(found.rowCount).toBe(1);
    await expect(sendRows(copy, MANY).then(() => copy.end())).rejects.toThrow();
    await copy.cancel('gone');
    await expect(CopyIn.begin(client, COPY, pool.give)).rejects.toThrow();
  });
});
