import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connectWorker,
  enterScope,
  rowsOf,
  type SqlClient,
  SYSTEM_SCOPE,
} from '../../src/platform/index.js';
import { decodePots, decodeRecords } from '../../src/rating/allowance-result.js';
import type { RerateUndoJob } from '../../src/rating/batch-job.js';
import { forgetDue, planMonth } from '../../src/rating/fold-plan.store.js';
import { type FoldCounts, type FoldSizes, foldShards } from '../../src/rating/fold-shard.store.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { undoBatch } from '../../src/rating/rerate-undo.store.js';
import { Draw } from '../fixtures/draw.js';
import {
  aRichWorld,
  importedUnfolded,
  lastTicket,
  type RichWorld,
  richLines,
} from '../fixtures/rich-world.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 4_711);
const RECORDS = 900;
const FILES = 6;
const AT_ONCE: FoldSizes = { windowBytes: 2 ** 30, chunkRecords: 8192, recordsASum: 4 };
const ALL_DUE = `INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
  SELECT shard, month, batch_id, partner_id, bytes FROM allowance_entry
  WHERE NOT withdrawn ON CONFLICT DO NOTHING`;
/** A few records make a chunk, and a few chunks a window. */
const SMALL: FoldSizes = { windowBytes: 4096, chunkRecords: 16, recordsASum: 0.5 };

let app: TestApp;
let world: RichWorld;
let files: string[][];
let late: string[];

beforeAll(async () => {
  app = await testApp({ start: false, env: { KONTOR_POOL_SIZE: '4' } });
  // Folds come when a test says so.
  await app.app.services.uploads.open(new Date());
  // Contracts of one shard go on from different instants.
  await asOwner('ALTER SEQUENCE contract_id_seq INCREMENT BY 32');
  world = await aRichWorld(app);
  const lines = richLines(new Draw(SEED), RECORDS, '2026-10-20T00:00:00Z', 25);
  const inOrder = lines.sort((one, other) => startedAt(one).localeCompare(startedAt(other)));
  late = inOrder.filter((_, n) => n % 97 === 50);
  const rest = inOrder.filter((line) => !late.includes(line));
  const size = Math.ceil(rest.length / FILES);
  files = Array.from({ length: FILES }, (_, n) => rest.slice(n * size, (n + 1) * size));
  // The first come so close that windows are cut where records begin.
  files[0] = files[0]!.map((line, n) => {
    const at = new Date(Date.parse('2026-10-20T08:00:00Z') + n).toISOString();
    return line.replace(startedAt(line), at);
  });
}, 120_000);

afterAll(() => app?.stop());

function startedAt(line: string): string {
  return line.split(',')[2]!;
}

const imported = (lines: readonly string[]) => importedUnfolded(app, world, lines);

/** The groups of contracts that have records at all: two of 64. */
async function shardsIn(client: SqlClient): Promise<number[]> {
  const found = await client.query('SELECT DISTINCT shard FROM allowance_entry ORDER BY 1');
  return rowsOf<{ shard: number }>(found).map(({ shard }) => shard);
}

/** What a fold of whole months would say, in place of what is stored. */
async function figuresAtOnce() {
  const client = await connectWorker(app.database.urls.url, 'test fold');
  try {
    await client.query('BEGIN');
    await enterScope(client, SYSTEM_SCOPE);
    await client.query(ALL_DUE);
    await foldShards(client, await lastTicket(client), await shardsIn(client), AT_ONCE);
    return await figuresIn(client);
  } finally {
    await client.query('ROLLBACK');
    await client.end();
  }
}

/** Folds all months again with everything as if it had just come in, by parts of some size. */
async function foldAll(sizes: FoldSizes, asWhole: boolean): Promise<FoldCounts> {
  await makeDue(asWhole);
  return fold(sizes);
}

async function fold(sizes: FoldSizes): Promise<FoldCounts> {
  const client = await connectWorker(app.database.urls.url, 'test fold');
  try {
    await client.query('BEGIN');
    await enterScope(client, SYSTEM_SCOPE);
    const shards = await shardsIn(client);
    const counts = await foldShards(client, await lastTicket(client), shards, sizes);
    await client.query('COMMIT');
    await settle(app);
    return counts;
  } finally {
    await client.end();
  }
}

async function makeDue(asWhole: boolean): Promise<void> {
  await app.app.database.write(SYSTEM_SCOPE, (tx) => tx.query(ALL_DUE));
  if (!asWhole) return;
  await asOwner('UPDATE allowance_entry SET started_from = NULL, started_to = NULL');
}

async function asOwner(sql: string): Promise<void> {
  const owner = new pg.Client(app.database.urls.ownerUrl);
  await owner.connect();
  await owner.query(sql);
  await owner.end();
}

interface Row {
  readonly contract_id: number;
  readonly month: string;
  readonly chunk: number;
  readonly records: Buffer;
  readonly pots: Buffer;
  readonly state: Buffer | null;
}

function figures() {
  return app.app.database.read(SYSTEM_SCOPE, figuresIn);
}

async function figuresIn(tx: SqlClient) {
  const rows = rowsOf<Row>(
    await tx.query(
      `SELECT contract_id, month::text AS month, chunk, records, pots, state
       FROM allowance_result ORDER BY 1, 2, 3`,
    ),
  );
  return {
    records: rows.flatMap(({ contract_id, month, records }) =>
      decodeRecords(records).map((record) => ({ contract_id, month, ...record })),
    ),
    pots: rows
      .filter(({ chunk }) => chunk === 0)
      .map(({ contract_id, month, pots }) => ({ contract_id, month, ...decodePots(pots) })),
    sums: rowsOf(
      await tx.query(
        `SELECT contract_version_id AS version, usage_on::text, service, destination_id,
           sum(records)::text AS records, sum(amount)::text AS amount
         FROM usage_summary GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
      ),
    ),
    due: rowsOf(await tx.query('SELECT * FROM allowance_due')),
  };
}

async function creditUsed(): Promise<unknown[]> {
  return app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `SELECT subscription_id, period_on::text, used::text FROM credit_balance ORDER BY 1, 2`,
    ),
  );
}

async function states(): Promise<number> {
  const [{ count }] = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT count(state)::int AS count FROM allowance_result'),
  );
  return count;
}

/** How many records the newest fold of the product priced. */
async function lastFold(): Promise<number> {
  const [{ records }] = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(`SELECT sum((result -> 'totals' ->> 'records')::int)::int AS records FROM run_batch
      WHERE run_id = (SELECT max(id) FROM run WHERE kind = 'FOLD')`),
  );
  return records;
}

const XDRS = `query ($filter: XdrFilter!) {
  xdrs(filter: $filter, first: 250) { nodes { id } }
}`;

const MONTH = `level amount month {
  pending tierBefore tierTotal formula
  covered { bucketId granted rolledIn bonus used left }
  paid { bucketId granted rolledIn bonus used left }
  amount coveredQuantity
  rules { name acted amount volumeBefore capLeft }
}`;
const EXPLAIN = `query ($id: ID!) {
  explainXdr(id: $id) { levels { recomputedFinal equal ${MONTH} } }
}`;
const QUOTE = `query ($input: QuoteInput!) { quote(input: $input) { levels { ${MONTH} } } }`;

/** What a line of a file would come to in its month. */
async function quoted(line: string): Promise<object[]> {
  const [, service, startedAt, from, to, quantity, , out, value] = line.trim().split(',');
  const { trunks } = (
    await app.graphql('{ trunks(first: 50) { nodes { id name } } }', {}, world.token)
  ).data;
  const input = {
    ...{ startedAt, aNumber: from?.slice(1), bNumber: to?.slice(1), quantity, value },
    ...{ service: service?.toUpperCase(), inMonth: true },
    outTrunkId: trunks.nodes.find(({ name }: { name: string }) => name === out).id,
  };
  const answer = await app.graphql(QUOTE, { input }, world.token);
  expect(answer.errors).toEqual([]);
  return answer.data.quote.levels;
}

interface Explained {
  readonly levels: readonly {
    readonly equal: boolean | null;
    readonly recomputedFinal: string;
    readonly month: object | null;
  }[];
}

async function ids(from = '2026-10-01T00:00:00Z'): Promise<string[]> {
  const filter = { from, to: '2026-12-01T00:00:00Z' };
  const { xdrs } = (await app.graphql(XDRS, { filter }, world.token)).data;
  return xdrs.nodes.map(({ id }: { id: string }) => id);
}

async function explain(asked: readonly string[]): Promise<Explained[]> {
  const explained: Explained[] = [];
  for (const id of asked) {
    const answer = await app.graphql(EXPLAIN, { id }, world.token);
    expect(answer.errors).toEqual([]);
    explained.push(answer.data.explainXdr);
  }
  return explained;
}

describe(`folds that go on from each other (KONTOR_TEST_SEED=${SEED})`, () => {
  it('price what comes in order of time by itself, to the same figures', async () => {
    const shares: number[] = [];
    for (const [n, file] of files.entries()) {
      await imported(file);
      await settle(app);
      const priced = await lastFold();
      const before = await figures();
      // The next file finds the states that this one leaves.
      const { records } = await foldAll(SMALL, false);
      expect(await figures(), `file ${n}`).toEqual(before);
      expect(await states(), `file ${n}`).toBeGreaterThan(3);
      shares.push(priced / records);
    }
    expect(shares[0]).toBe(1);
    expect(shares.at(-1)).toBeLessThan(0.5);
  }, 120_000);

  it.each([
    { ...SMALL, chunkRecords: 2, recordsASum: 2 },
    { ...SMALL, chunkRecords: 3, recordsASum: 0.2, windowBytes: 1500 },
  ])(
    'keep the pots of each fold, wherever its last chunk ends: %j',
    async (sizes) => {
      await foldAll(sizes, false);
      // A few records each, in any order, after those that were folded.
      for (let n = 0; n < 10; n += 1) {
        const again = new Draw(SEED + sizes.chunkRecords * 100 + n);
        const at = new Date(Date.UTC(2026, 10, 14 + sizes.chunkRecords) + n * 7_200_000);
        const some = richLines(again, 1 + again.below(4), at.toISOString(), 1);
        await imported(some.map((line) => line.replace(startedAt(line), at.toISOString())));
        await fold(sizes);
        expect(await figures(), `file ${n}`).toEqual(await figuresAtOnce());
      }
    },
    120_000,
  );

  it('begin anew where something else is rolled over by now, and are quoted so', async () => {
    await foldAll(SMALL, false);
    const rolledIn = async () =>
      (await figures()).pots.flatMap(({ pots }) => pots.map((pot) => pot.rolledIn));
    const before = await rolledIn();
    const at = '2026-10-31T21:00:00.000Z';
    const line = `quoted,voice,${at},+4930111222,+3120123456,182,,CANARY-TRUNK-OUT,11.69\n`;
    const usedUp = await quoted(line);
    await asOwner('UPDATE bucket SET rollover_cap = rollover_cap * 1000');
    const foretold = await quoted(line);
    expect(foretold).not.toEqual(usedUp);
    await imported([line]);
    await fold(SMALL);
    const { levels } = (await explain((await ids(at)).slice(0, 1)))[0]!;
    expect(levels).toMatchObject(foretold);
    expect(levels.some(({ month }) => month !== null)).toBe(true);
    // Records of all contracts in the month that begins with what is rolled over, late in it.
    const lines = richLines(new Draw(SEED + 1), 20, at, 1);
    await imported(lines.map((line) => line.replace(startedAt(line), at)));
    await fold(SMALL);
    expect(await rolledIn()).not.toEqual(before);
    expect(await figures()).toEqual(await figuresAtOnce());
    await asOwner('UPDATE bucket SET rollover_cap = rollover_cap / 1000');
    await foldAll(SMALL, false);
  }, 120_000);

  it('are explained from the last state before each record', async () => {
    const asked = (await ids()).filter((_, n) => n % 9 === 0);
    const explained = await explain(asked);
    const levels = explained.flatMap((one) => one.levels);
    expect(levels.filter(({ equal }) => equal !== true)).toEqual([]);
    expect(levels.filter(({ month }) => month !== null).length).toBeGreaterThan(15);
    // The same as from the whole month.
    await asOwner('UPDATE allowance_result SET resumes_at = NULL, state = NULL');
    expect(await explain(asked)).toEqual(explained);
    await foldAll(SMALL, false);
  }, 120_000);

  it('go on when records are replaced', async () => {
    const before = await figures();
    await asOwner(`WITH again AS (INSERT INTO allowance_entry (batch_id, partner_id, shard, month,
        replaces, started_from, started_to, bytes)
      SELECT batch_id + 1000, partner_id, shard, month, true, started_from, started_to, bytes
      FROM allowance_entry WHERE batch_id = (SELECT DISTINCT batch_id FROM allowance_entry
        ORDER BY batch_id DESC OFFSET 1 LIMIT 1)
      RETURNING *),
      pieces AS (INSERT INTO entry_piece (batch_id, partner_id, shard, month, piece, bytes)
        SELECT a.batch_id, a.partner_id, a.shard, a.month, p.piece, p.bytes FROM again a
        JOIN entry_piece p ON p.shard = a.shard AND p.month = a.month
          AND p.batch_id = a.batch_id - 1000)
      INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
      SELECT shard, month, batch_id, partner_id, bytes FROM again`);
    const { records } = await fold(SMALL);
    expect(await figures()).toEqual(before);
    expect(await states()).toBeGreaterThan(3);
    expect(records).toBeGreaterThan(0);
    expect(records).toBeLessThan((await foldAll(SMALL, false)).records);
    expect(await figures()).toEqual(before);
  }, 120_000);

  it('price anew what came after a late record, and nothing before it', async () => {
    const [first, ...others] = late;
    await imported([others.pop()!]);
    await settle(app);
    const afterLast = await lastFold();
    const hold = await connectWorker(app.database.urls.url, 'holds folds');
    await hold.query(`SELECT pg_advisory_lock_shared(hashtext('fold'), n)
      FROM generate_series(0, 63) n`);
    await imported([first!, ...others]);
    const asked = (await ids()).filter((_, n) => n % 5 === 0);
    const foretold = await explain(asked);
    await hold.end();
    await settle(app);
    // What was not folded yet was no part of any state, and yet explained.
    expect(JSON.stringify(foretold)).toContain('"pending":true');
    const amounts = (all: Explained[]) => {
      return all.map(({ levels }) => levels.map((level) => [level.recomputedFinal, level.month]));
    };
    const settledNow = JSON.stringify(amounts(await explain(asked)));
    expect(JSON.stringify(amounts(foretold)).replaceAll('"pending":true', '"pending":false')).toBe(
      settledNow,
    );
    expect(await lastFold()).toBeGreaterThan(afterLast);
    const found = await figures();
    expect(await app.app.database.read(SYSTEM_SCOPE, checkUsageSums)).toEqual([]);
    const credit = await creditUsed();
    expect(found.due).toEqual([]);
    // Whole months by the way that keeps and uses no states.
    await foldAll(SMALL, true);
    expect(await figures()).toEqual(found);
    expect(await creditUsed()).toEqual(credit);
    expect(await states()).toBe(0);
    expect(found.records.length).toBeGreaterThan(200);
    expect(found.pots.flatMap(({ pots }) => pots).length).toBeGreaterThan(5);
  }, 120_000);

  it('leave due what was withdrawn after they had read it', async () => {
    const client = await connectWorker(app.database.urls.url, 'test fold');
    try {
      await makeDue(false);
      await client.query('BEGIN');
      await enterScope(client, SYSTEM_SCOPE);
      const { rows } = await client.query(
        'SELECT shard, month::text AS month, batch_id AS batch FROM allowance_due LIMIT 1',
      );
      const { shard, month, batch } = rows[0];
      const plan = await planMonth(client, shard, month, {
        carried: new Set(),
        beginOtherwise: async () => [],
        windowBytes: SMALL.windowBytes,
      });
      expect(plan.segments.length).toBeGreaterThan(1);
      await asOwner(`UPDATE allowance_entry SET withdrawn = true
        WHERE shard = ${shard} AND month = '${month}' AND batch_id = ${batch}`);
      await forgetDue(client, plan);
      const left = await client.query(
        'SELECT batch_id AS batch FROM allowance_due WHERE shard = $1 AND month = $2',
        [shard, month],
      );
      expect(left.rows).toEqual([{ batch }]);
    } finally {
      await client.query('ROLLBACK');
      await client.end();
    }
  });

  it('lose the pieces of entries with them', async () => {
    const pieces = () =>
      app.app.database.read(SYSTEM_SCOPE, (tx) =>
        tx.query('SELECT DISTINCT batch_id AS batch FROM entry_piece ORDER BY 1'),
      );
    const before = await pieces();
    await asOwner('DELETE FROM allowance_entry WHERE batch_id > 1000');
    const gone = before.filter(({ batch }: { batch: number }) => batch > 1000);
    expect(gone).not.toEqual([]);
    expect(await pieces()).toEqual(before.filter((one: object) => !gone.includes(one)));
  });

  it('are waited for by an undo of what they may have read', async () => {
    const fold = await connectWorker(app.database.urls.url, 'test fold');
    const undo = await connectWorker(app.database.urls.url, 'test undo');
    try {
      const { rows } = await undo.query('SELECT pg_backend_pid() AS pid');
      await fold.query('BEGIN');
      await enterScope(fold, SYSTEM_SCOPE);
      const { rows: entries } = await fold.query(
        'SELECT batch_id AS batch, shard FROM allowance_entry ORDER BY shard DESC LIMIT 1',
      );
      const { batch, shard } = entries[0];
      await fold.query(`SELECT pg_advisory_xact_lock(hashtext('fold'), $1)`, [shard]);
      const job = {
        ...{ kind: 'RERATE', step: 'UNDO', ticket: await lastTicket(fold), undoneBatchId: batch },
        ...{ fromMs: 0, toMs: Date.UTC(2027, 0, 1), bytes: 0 },
      } as unknown as RerateUndoJob;
      const end = undoBatch(undo, job).then(
        () => 'done',
        () => 'failed',
      );
      expect(await Promise.race([end, delay(500, 'waits')])).toBe('waits');
      await asOwner(`SELECT pg_terminate_backend(${rows[0].pid})`);
      expect(await end).toBe('failed');
    } finally {
      await fold.query('ROLLBACK');
      await Promise.allSettled([fold.end(), undo.end()]);
    }
  });
});
