import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sendBytes } from '../../src/rating/send-bytes.store.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

const INSERT = 'INSERT INTO kept (n, word, flag, bytes) VALUES ($1, $2, $3, $4)';

let database: TestDatabase;
let client: pg.Client;

beforeAll(async () => {
  database = await testDatabase();
  const owner = new pg.Client({ connectionString: database.urls.ownerUrl });
  await owner.connect();
  await owner.query('CREATE TABLE kept (n int PRIMARY KEY, word text, flag boolean, bytes bytea)');
  await owner.end();
});

afterAll(() => database.drop());

beforeEach(async () => {
  client = new pg.Client({ connectionString: database.urls.ownerUrl });
  client.on('error', () => undefined);
  await client.connect();
  await client.query('TRUNCATE kept');
});

afterEach(async () => client.end().catch(() => undefined));

const stored = async () =>
  (
    await client.query(
      `SELECT n, word, flag, length(bytes) AS length, encode(sha256(bytes), 'hex') AS sha256
       FROM kept ORDER BY n`,
    )
  ).rows;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('a statement with large bytes', () => {
  it('stores them beside its other values, as often as it is sent', async () => {
    const large = randomBytes(9_000_001);
    await sendBytes(client, INSERT, [1, "O'Brien ünd {x}", true], large);
    await sendBytes(client, INSERT, [2, '', false], new Uint8Array(0));
    expect(await stored()).toEqual([
      { n: 1, word: "O'Brien ünd {x}", flag: true, length: large.length, sha256: sha256(large) },
      { n: 2, word: '', flag: false, length: 0, sha256: sha256(Buffer.alloc(0)) },
    ]);
  });

  it('lets the memory be used again once it is done', async () => {
    const memory = randomBytes(3_000_000);
    const expected = sha256(memory);
    await sendBytes(client, INSERT, [1, 'a', true], memory);
    memory.fill(0);
    expect((await stored())[0].sha256).toBe(expected);
  });

  it.each([
    ['a value that the table refuses', INSERT, [1, 'b', true], '23505'],
    ['a value of another type', INSERT, ['one', 'b', true], '22P02'],
    [
      'a table that does not exist',
      'INSERT INTO nowhere VALUES ($1, $2, $3, $4)',
      [1, 'b', true],
      '42P01',
    ],
  ] as const)('fails with %s, and the connection goes on', async (_, sql, values, code) => {
    await sendBytes(client, INSERT, [1, 'a', true], Buffer.from('a'));
    const failed = sendBytes(client, sql, values, randomBytes(2_000_000));
    await expect(failed).rejects.toMatchObject({ code });
    expect(await stored()).toHaveLength(1);
  });

  it('fails when the connection is cut', async () => {
    await client.query('BEGIN');
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const slow = `INSERT INTO kept SELECT $1, $2, $3, $4 FROM pg_sleep(30)`;
    const failed = expect(
      sendBytes(client, slow, [1, 'a', true], randomBytes(1000)),
    ).rejects.toThrow();
    const other = new pg.Client({ connectionString: database.urls.ownerUrl });
    await other.connect();
    await other.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
    await failed;
    await other.end();
  });
});
