import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RateRow } from '../../src/catalog/index.js';
import { connectWorker, enterScope, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { compileBook } from '../../src/rating/compile-book.js';
import { copyOut } from '../../src/rating/copy-out.store.js';
import { PriceBookService } from '../../src/rating/price-book.service.js';
import {
  type BookMoment,
  bookMoment,
  loadBook,
  loadBookFacts,
  lockPriceBook,
} from '../../src/rating/price-book.store.js';
import { NO_NODE } from '../../src/rating/rate-table.js';
import { type PlainDatabase, plainDatabase } from '../fixtures/plain-database.js';

let plain: PlainDatabase;
let client: pg.Client;

const STEPS = JSON.stringify([
  { upTo: 600, price: '0.1', rateUnit: 60, flatFee: '0', block: false },
  { upTo: null, price: '0.05', rateUnit: 60, flatFee: '1.5', block: true },
]);

// Prices of every length, on both sides of what a number says exactly; instants of all kinds.
const FILL = `
  INSERT INTO partner (id, parent_id, path, depth, kind, name, country)
  SELECT n, 1, array[1, n], 1, 'RESELLER', 'Reseller ' || n, 'DE' FROM generate_series(2, 9) n;
  INSERT INTO destination (id, name) VALUES (70, 'Germany'), (71, 'Berlin');
  INSERT INTO destination_prefix (destination_id, prefix) VALUES (70, '49'), (71, '4930');
  INSERT INTO time_profile (id, name) VALUES (5, 'Business');
  INSERT INTO time_band (id, time_profile_id, name) VALUES (51, 5, 'Peak');
  INSERT INTO price_list (id, partner_id, parent_id, time_profile_id, name, currency)
  SELECT n, 1 + n % 9, CASE WHEN n > 4 THEN n - 4 END, 5, 'List ' || n, 'EUR'
  FROM generate_series(1, 12) n;
  INSERT INTO tier_schedule (id, partner_id, name, scope, period, steps)
  SELECT n, n, 'Tiers', 'CONTRACT', 'MONTH', '${STEPS}' FROM generate_series(1, 9) n;
  INSERT INTO origin_set (id, partner_id, name) SELECT n, n, 'Set' FROM generate_series(1, 9) n;
  INSERT INTO rate (partner_id, price_list_id, prefix, price, connection_fee, rate_unit,
    first_increment, next_increment, minimum, grace, valid_from, valid_to, recorded_at)
  SELECT 1 + l % 9, l, (100 + n)::text, (array[0, 0.00000001, 0.1, 12.5, 99999999.99999999,
      90071992.54740991, 90071992.54740992, 9999999999.99999999, 10000])[1 + n % 9],
    (array[0, 0.03, 0.0001, 90071992.54740992])[1 + n % 4], 1 + n, n % 5, 1 + n % 7, n % 3, n % 2,
    timestamptz '2026-01-01' + n * interval '1 microsecond',
    (array[NULL, '9999-12-31 23:59:59.999999', '2027-01-01 12:34:56.789012', 'infinity']
      ::timestamptz[])[1 + n % 4], now()
  FROM generate_series(1, 12) l, generate_series(1, 150) n;
  INSERT INTO rate (partner_id, price_list_id, destination_id, time_band_id, origin_set_id, kind,
    price, valid_from)
  SELECT 1 + l % 9, l, 70 + l % 2, 51, 1 + l % 9, (array['ABSOLUTE', 'PERCENT', 'DIFFERENCE'])[k],
    (array[0.5, -12.34567891, -9999999999.99999999])[k],
    timestamptz '1900-01-01' + k * interval '1 s'
  FROM generate_series(1, 12) l, generate_series(1, 3) k;
  INSERT INTO rate (partner_id, price_list_id, prefix, price, model, min_charge, max_charge,
    tier_schedule_id, valid_from)
  SELECT 1 + l % 9, l, m::text, 0, (array['PER_UNIT', 'PER_UNIT', 'PER_EVENT', 'VOLUME'])[m],
    (array[0.01, 0, 0, 0.5])[m], (array[NULL, 7, NULL, 9999999999.99999999])[m],
    CASE WHEN m = 4 THEN 1 + l % 9 END, '2026-01-01'
  FROM generate_series(1, 12) l, generate_series(1, 4) m;
  UPDATE rate SET superseded_at = now() WHERE prefix = '107'`;

beforeAll(async () => {
  plain = await plainDatabase();
  await plain.database.write(SYSTEM_SCOPE, async (tx) => {
    await tx.query(`SELECT set_config('kontor.partner_ids', '{1,2,3,4,5,6,7,8,9}', true)`);
    await tx.query(FILL);
  });
  client = await connectWorker(plain.url, 'price book test');
});
afterAll(async () => {
  await client.end();
  await plain.drop();
});

async function begin(): Promise<BookMoment> {
  await client.query('BEGIN');
  await enterScope(client, SYSTEM_SCOPE);
  await lockPriceBook(client);
  return bookMoment(client);
}

describe('the rows of price lists', () => {
  it('are the same whether read as objects or in columns', async () => {
    const { knownAt } = await begin();
    const objects = await loadBookFacts(client, knownAt);
    const { facts, rates } = await loadBook(client, knownAt);
    await client.query('ROLLBACK');
    expect({ ...facts, lists: [] }).toEqual({ ...objects, lists: [] });
    const { tree, prefixOf } = rates.prefixes.finish();
    const rows: RateRow[][] = facts.lists.map(() => []);
    for (let row = 0; row < rates.count; row += 1) {
      const node = rates.node[row]!;
      const prefix = node === NO_NODE ? '' : prefixOf(tree.nodeClass[node]!);
      rows[rates.list[row]!]!.push(rates.rateAt(row, prefix));
    }
    const inOrder = rows.map((each) => each.sort((a, b) => a.id - b.id));
    const finite = objects.lists.map((list) => list.rows.map(withoutInfinity));
    expect(inOrder.flat()).toHaveLength(12 * (149 + 3 + 4));
    expect(inOrder).toEqual(finite);
  });

  it('are read in a scope that is the whole again afterwards', async () => {
    const { knownAt } = await begin();
    await loadBook(client, knownAt);
    const { rows } = await client.query('SELECT count(*)::int AS count FROM partner');
    await client.query('ROLLBACK');
    expect(rows).toEqual([{ count: 9 }]);
  });

  it('make the same book', async () => {
    const moment = await plain.database.write(SYSTEM_SCOPE, async (tx) => {
      await lockPriceBook(tx);
      return bookMoment(tx);
    });
    const facts = await plain.database.read(SYSTEM_SCOPE, (tx) => {
      return loadBookFacts(tx, moment.knownAt);
    });
    const book = await new PriceBookService(plain.database).compiled(moment);
    const expected = compileBook(moment.id, facts);
    expect(bytesOf(book.tree.table).equals(bytesOf(expected.tree.table))).toBe(true);
    expect(book.tree.parentClass).toEqual(expected.tree.parentClass);
    expect(book.origins.rank).toEqual(expected.origins.rank);
    expect(book.slots.words.length).toBe(expected.slots.words.length);
    expect(book.tariffs.length).toBe(expected.tariffs.length);
    expect({ ...book, ...NOT_COMPARED }).toEqual({ ...expected, ...NOT_COMPARED });
  });
});

// Rows come in another order, so slots and tariffs are numbered differently.
const NUMBERED = { slotOf: 0, slots: 0, tariffs: 0, terms: 0, adjustments: 0 };
const NOT_COMPARED = { ...NUMBERED, tree: 0, origins: 0 };

// Comparing a million numbers one by one takes its time.
function bytesOf(array: Int32Array): Buffer {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

// A row whose end is infinite has none.
function withoutInfinity(row: RateRow): RateRow {
  return row.validTo === Number.POSITIVE_INFINITY ? { ...row, validTo: null } : row;
}

const GUIDED = `
  INSERT INTO account (id, partner_id, number, name) VALUES (20, 2, 'A-2', 'Reseller');
  INSERT INTO account (id, partner_id, parent_id, number, name) VALUES (21, 2, 20, 'A-3', 'Shop');
  INSERT INTO contract (id, partner_id, account_id, seller_partner_id, buyer_partner_id, level,
    number, name) VALUES (30, 2, 20, 1, 2, 'WHOLESALE', 'C-1', 'Wholesale');
  INSERT INTO subscription (id, partner_id, account_id, contract_id, label, starts_at)
  VALUES (40, 2, 21, 30, 'Line', '2026-01-01'), (41, 2, 20, 30, 'Other', '2026-01-01');
  INSERT INTO subscription_identity (id, partner_id, subscription_id, kind, number_from,
    number_to, valid_from)
  VALUES (50, 2, 40, 'RANGE', 4930100, 4930199, '2026-01-01'),
    (51, 2, 41, 'NUMBER', 4930200, 4930200, '2026-01-01')`;

// Twice in one transaction: the state in between was never known.
const CHANGED = `
  UPDATE subscription_identity SET valid_to = '2026-07-01' WHERE id = 50;
  UPDATE subscription_identity SET valid_to = '2026-08-01' WHERE id = 50;
  UPDATE subscription SET ends_at = '2026-08-01' WHERE id = 40;
  DELETE FROM subscription_identity WHERE id = 51;
  INSERT INTO subscription_identity (id, partner_id, subscription_id, kind, number_from,
    number_to, valid_from) VALUES (60, 2, 40, 'NUMBER', 4930200, 4930200, '2026-01-01');
  INSERT INTO destination_prefix (destination_id, prefix) VALUES (71, '49301')`;

describe('a book of the past', () => {
  it('guides by what was known then, whatever has been changed in place since', async () => {
    const change = (sql: string) =>
      plain.database.write(SYSTEM_SCOPE, async (tx) => {
        await tx.query(sql);
      });
    const moment = async () => {
      const { knownAt } = await begin();
      await client.query('COMMIT');
      return knownAt;
    };
    const facts = (knownAt: string) =>
      plain.database.read(SYSTEM_SCOPE, (tx) => loadBookFacts(tx, knownAt));
    await change(GUIDED);
    const before = await moment();
    const known = await facts(before);
    expect(known.subscriptions).toMatchObject([
      { id: 40, rootAccountId: 20, endsAt: null },
      { id: 41, rootAccountId: 20 },
    ]);
    await change(CHANGED);
    const after = await facts(await moment());
    expect(await facts(before)).toEqual(known);
    expect(after.subscriptions[0]).toMatchObject({
      id: 40,
      endsAt: Date.parse('2026-08-01'),
    });
    expect(after.identities).toMatchObject([
      { subscriptionId: 40, numberTo: 4_930_199, validTo: Date.parse('2026-08-01') },
      { subscriptionId: 40, numberTo: 4_930_200, validTo: null },
    ]);
    expect(after.destinations).toHaveLength(known.destinations.length + 1);
    await change('UPDATE subscription SET ends_at = NULL WHERE id = 40');
    const end = (book: typeof known) => book.subscriptions.map(({ endsAt }) => endsAt);
    expect(end(await facts(await moment()))).toEqual([null, null]);
    expect(end(await facts(before))).toEqual([null, null]);
  });
});

describe('a COPY out of the database', () => {
  it('hands over each message once, however the socket cuts them', async () => {
    const lengths: number[] = [];
    await copyOut(
      client,
      `COPY (SELECT repeat('x', n % 300 * (n % 7)) FROM generate_series(1, 20000) n) TO STDOUT`,
      (bytes, from, to) => lengths.push(bytes.subarray(from, to).toString().length - 1),
    );
    const expected = Array.from({ length: 20_000 }, (_, n) => ((n + 1) % 300) * ((n + 1) % 7));
    expect(lengths).toEqual(expected);
  });

  it('takes messages longer than a block of the socket', async () => {
    const lengths: number[] = [];
    await copyOut(
      client,
      `COPY (SELECT repeat('y', n * 300000) FROM generate_series(1, 5) n) TO STDOUT`,
      (_, from, to) => lengths.push(to - from - 1),
    );
    expect(lengths).toEqual([300_000, 600_000, 900_000, 1_200_000, 1_500_000]);
  });

  it('that fails half-way says why and leaves the connection as it was', async () => {
    const broken = `COPY (SELECT 1 / (9000 - n) FROM generate_series(1, 10000) n) TO STDOUT`;
    await expect(copyOut(client, broken, () => {})).rejects.toThrow('division by zero');
    await expect(copyOut(client, 'COPY nowhere TO STDOUT', () => {})).rejects.toThrow('nowhere');
    const refuse = () => {
      throw new Error('no such row');
    };
    const fine = 'COPY (SELECT generate_series(1, 10000)) TO STDOUT';
    await expect(copyOut(client, fine, refuse)).rejects.toThrow('no such row');
    expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
