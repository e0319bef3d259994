import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { createRun, enterScope, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { decodePots } from '../../src/rating/allowance-result.js';
import { checkFolds, checkUsageSums } from '../../src/rating/index.js';
import { Draw } from '../fixtures/draw.js';
import { call, tokenOf } from '../fixtures/partner.js';
import { aRichWorld, type RichWorld, richFile, richLines } from '../fixtures/rich-world.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { importFile, runEnd } from '../fixtures/traffic.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 8_128);
const RECORDS = 1_300;
// The end of October and the beginning of November, in which buckets are rolled over.
const FROM = '2026-10-18T00:00:00Z';
const DAYS = 30;

/** One way in which the same records reach the same world. */
interface Way {
  readonly name: string;
  readonly env: Record<string, string>;
  readonly files: (lines: readonly string[], draw: Draw) => string[][];
}

const SMALL_BATCHES = { KONTOR_BATCH_BYTES: '65536' };

const WAYS: readonly Way[] = [
  { name: 'one file, two workers', env: { KONTOR_WORKERS: '2' }, files: (lines) => [[...lines]] },
  {
    name: 'six shuffled files in small batches, with late duplicates',
    env: { ...SMALL_BATCHES, KONTOR_WORKERS: '2' },
    files: (lines, draw) => {
      const shuffled = draw.shuffled(lines);
      const size = Math.ceil(lines.length / 6);
      return Array.from({ length: 6 }, (_, n) => [
        ...shuffled.slice(n * size, (n + 1) * size),
        // Of what came before, some comes again.
        ...shuffled.slice(0, n * size).filter(() => draw.chance(0.1)),
      ]);
    },
  },
  {
    name: 'backwards by one worker in small batches, twice',
    env: { ...SMALL_BATCHES, KONTOR_WORKERS: '1' },
    files: (lines) => [[...lines].reverse(), [...lines].slice(0, lines.length / 2)],
  },
];

interface Figures {
  readonly records: readonly string[];
  readonly summed: readonly unknown[];
  readonly pots: readonly unknown[];
  readonly invoices: readonly unknown[];
}

const apps: TestApp[] = [];
let expected: Figures;
let first: { app: TestApp; world: RichWorld };

async function arrive(way: Way): Promise<{ app: TestApp; world: RichWorld }> {
  const app = await testApp({ env: { KONTOR_POOL_SIZE: '4', ...way.env } });
  apps.push(app);
  const world = await aRichWorld(app);
  const lines = richLines(new Draw(SEED), RECORDS, FROM, DAYS);
  let rated = 0;
  for (const part of way.files(lines, new Draw(SEED + 1))) {
    const { file } = await importFile(app, world, 'rich', richFile(part));
    rated += Number(file.rated);
  }
  expect(rated).toBe(RECORDS);
  await settle(app);
  return { app, world };
}

const XDRS = `query ($filter: XdrFilter!, $after: String) {
  xdrs(filter: $filter, first: 250, after: $after) {
    nodes {
      startedAt aNumber bNumber quantity value destinationId subscriptionId
      prices { level amount baseAmount coveredQuantity contractVersionId rateId }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;

async function listed(app: TestApp, world: RichWorld): Promise<Listed[]> {
  const filter = { from: '2026-10-01T00:00:00Z', to: '2026-12-01T00:00:00Z' };
  const records: Listed[] = [];
  for (let after: string | null = null; ; ) {
    const page = await call(app, world.token, XDRS, { filter, after });
    records.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return records;
    after = page.pageInfo.endCursor;
  }
}

interface Listed {
  readonly startedAt: string;
  readonly destinationId: string | null;
  readonly prices: readonly {
    readonly level: string;
    readonly amount: string;
    readonly baseAmount: string;
    readonly coveredQuantity: string;
  }[];
}

async function billed(app: TestApp, world: RichWorld): Promise<unknown[]> {
  const isBilled = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT 1 FROM invoice LIMIT 1'),
  );
  for (const seller of isBilled.length > 0 ? [] : [world.hub, world.upper, world.lower]) {
    const run = await call(
      app,
      await tokenOf(app, seller),
      'mutation ($input: StartBillRunInput!) { startBillRun(input: $input) { id } }',
      { input: { period: '2026-10' } },
    );
    expect(await runEnd(app, world.token, run.id)).toMatchObject({ state: 'DONE' });
  }
  return app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `SELECT i.contract_id, l.service, l.destination_id, l.records, l.quantity,
         l.billed_quantity, l.basis, l.net
       FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id
       ORDER BY 1, 2, 3, l.basis`,
    ),
  );
}

async function figuresOf({ app, world }: { app: TestApp; world: RichWorld }): Promise<Figures> {
  const { database } = app.app;
  const records = await listed(app, world);
  const stored = await database.read(SYSTEM_SCOPE, async (tx) => ({
    unequal: await checkUsageSums(tx),
    summed: await tx.query(
      `SELECT contract_id, contract_version_id, usage_on::text, service, destination_id,
         sum(records)::text AS records, sum(quantity)::text AS quantity,
         sum(billed_quantity)::text AS billed, sum(amount)::text AS amount
       FROM usage_summary GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5`,
    ),
    results: await tx.query(
      `SELECT contract_id, month::text AS month, pots FROM allowance_result
       WHERE chunk = 0 ORDER BY 1, 2`,
    ),
    due: await tx.query('SELECT * FROM allowance_due'),
  }));
  expect(stored.due).toEqual([]);
  expect(stored.unequal).toEqual([]);
  return {
    records: records.map((record) => JSON.stringify(record)).sort(),
    summed: stored.summed,
    pots: stored.results.map(({ contract_id, month, pots }: PotRow) => {
      return { contract_id, month, ...decodePots(pots) };
    }),
    invoices: await billed(app, world),
  };
}

interface PotRow {
  readonly contract_id: number;
  readonly month: string;
  readonly pots: Buffer;
}

beforeAll(async () => {
  first = await arrive(WAYS[0] as Way);
  expected = await figuresOf(first);
}, 120_000);

afterAll(async () => {
  for (const app of apps) await app.stop();
});

describe(`the same records, in whatever order they arrive (seed ${SEED})`, () => {
  it('say something about buckets, tiers and roll-over', async () => {
    const records = await listed(first.app, first.world);
    const prices = records.flatMap((record) => record.prices);
    expect(prices.filter((one) => one.amount !== one.baseAmount).length).toBeGreaterThan(300);
    expect(prices.filter((one) => one.coveredQuantity !== '0').length).toBeGreaterThan(20);
    const pots = expected.pots.flatMap((month) => (month as { pots: object[] }).pots);
    const has = (key: string) =>
      pots.some((pot) => Number((pot as Record<string, unknown>)[key]) > 0);
    expect(['rolledIn', 'bonus', 'left'].filter(has)).toEqual(['rolledIn', 'bonus', 'left']);
    expect(JSON.stringify(expected.pots)).toMatch(/"points":\[\{/);
  });

  it.each(WAYS.slice(1))(
    'have the same prices, sums, buckets and invoices: $name',
    async (way) => {
      const figures = await figuresOf(await arrive(way));
      for (const topic of ['records', 'summed', 'pots', 'invoices'] as const) {
        expect(figures[topic], topic).toEqual(expected[topic]);
      }
    },
    120_000,
  );

  it('are billed by what is shown: each line is the sum of its records', async () => {
    const { app, world } = first;
    const { database } = app.app;
    const records = await listed(app, world);
    // October of the direct customer, by Berlin's calendar.
    const lines = await database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT l.destination_id AS id, l.basis::text AS basis, l.records
         FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id
         JOIN contract c ON c.id = i.contract_id WHERE c.buyer_partner_id = $1
         ORDER BY 1, 2`,
        [world.direct.id],
      ),
    );
    expect(lines.length).toBeGreaterThan(1);
    const cents = (text: string) => BigInt(Math.round(Number(text) * 1e8));
    const total = records
      .filter(({ startedAt, prices }) => {
        return prices.length === 2 && startedAt < '2026-10-31T23:00:00.000Z';
      })
      .reduce((sum, { prices }) => sum + cents(prices[1]?.amount ?? '0'), 0n);
    const basis = lines.reduce((sum: bigint, line: { basis: string }) => {
      return sum + cents(line.basis);
    }, 0n);
    expect(basis).toBe(total);
    expect(await database.read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);
  });

  it('are the same after everything was folded again by two runs at once', async () => {
    const { app, world } = first;
    const { database } = app.app;
    const runs = await database.write(SYSTEM_SCOPE, async (tx) => {
      await tx.query(
        `INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
         SELECT shard, month, batch_id, partner_id, bytes FROM allowance_entry`,
      );
      const shards = Array.from({ length: 64 }, (_, shard) => shard);
      const fold = (subject: string) =>
        createRun(tx, {
          ...{ kind: 'FOLD', partnerId: world.hub.id, subject, params: {}, requestedBy: null },
          ...{ unitsTotal: 1, batches: [{ payload: { shards }, units: 1 }] },
        });
      return [await fold('once'), await fold('at the same time')];
    });
    await settle(app);
    for (const { runId } of runs) {
      const run = await runEnd(app, world.token, toGlobalId('Run', runId));
      expect(run).toMatchObject({ state: 'DONE' });
    }
    const figures = await figuresOf(first);
    for (const topic of ['records', 'summed', 'pots', 'invoices'] as const) {
      expect(figures[topic], topic).toEqual(expected[topic]);
    }
  }, 60_000);

  it('would be found out if sums were not those of the records', async () => {
    const { database } = first.app.app;
    const found = await database
      .write(SYSTEM_SCOPE, async (tx) => {
        await tx.query(`DELETE FROM allowance_result WHERE adjustment <> 0`);
        throw Object.assign(new Error('back'), { found: await checkUsageSums(tx) });
      })
      .catch((error) => error.found);
    expect(found.length).toBeGreaterThan(0);
  });

  it('would be found out if folds kept something else of a record', async () => {
    const client = new pg.Client({ connectionString: first.app.database.urls.ownerUrl });
    await client.connect();
    // A fold that changes what a subscriber pays, and a row that folds have added to the sums.
    const one = `(contract_id, month, chunk) = (SELECT contract_id, month, chunk
      FROM (SELECT * FROM allowance_result WHERE length(records) > 0 OFFSET 0) AS r
      WHERE get_byte(records, 15) > 0 AND get_byte(records, 41) = 1 LIMIT 1)`;
    const added = `(tableoid, ctid) = (SELECT s.tableoid, s.ctid FROM usage_summary s
      JOIN run_batch b ON b.id = s.batch_id AND b.kind = 'FOLD' WHERE s.amount <> 0 LIMIT 1)`;
    const bytes = { id: 6, adjustment: 14, terms: 24, day: 28, destination: 32, service: 36 };
    const further = { level: 40, isLastLevel: 41, subscription: 44 };
    const planted = [
      `UPDATE usage_summary SET usage_on = usage_on + CASE extract(day FROM usage_on)
         WHEN 1 THEN 1 ELSE -1 END WHERE ${added}`,
      `UPDATE usage_summary SET amount = amount + 1 WHERE ${added}`,
      `UPDATE allowance_result SET adjustment = adjustment - 1 WHERE ${one}`,
      ...Object.values({ ...bytes, ...further }).map(
        (at) => `UPDATE allowance_result
          SET records = set_byte(records, ${at}, get_byte(records, ${at}) # 1) WHERE ${one}`,
      ),
    ];
    try {
      for (const sql of ['SELECT', ...planted]) {
        await client.query('BEGIN');
        await enterScope(client, SYSTEM_SCOPE);
        const { rowCount } = await client.query(sql);
        const found = await checkFolds(client);
        expect([sql, rowCount, found.length]).toEqual([sql, 1, sql === 'SELECT' ? 0 : 1]);
        await client.query('ROLLBACK');
      }
    } finally {
      await client.end();
    }
  });
});
