import { createReadStream } from 'node:fs';
import { pipeline as flow } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { effectiveTable, type RateRow } from '../../src/catalog/index.js';
import { formatAmount } from '../../src/kernel/index.js';
import { type Database, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { loadBookFacts } from '../../src/rating/price-book.store.js';
import type { Generated } from './generate.js';

/** What the statements of the peer came to. */
export interface PeerRun {
  readonly seconds: number;
  readonly rows: number;
  /** Sum of the final amounts of all levels, at scale 8. */
  readonly amounts: string;
}

/**
 * The best set-based SQL that we could write for the same work: staging by COPY, duplicates,
 * guiding, one longest prefix by hash joins of each length, all levels, tiers and minutes by
 * windows, rows and sums. Prices are given to it flat, indexed and analysed, outside of its time.
 */
export class SqlPeer {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async open(ownerUrl: string): Promise<SqlPeer> {
    const client = new pg.Client({ connectionString: ownerUrl });
    await client.connect();
    return new SqlPeer(client);
  }

  /** Gives the peer its flat prices, indexed and analysed. */
  async prepare(database: Database): Promise<void> {
    await this.#client.query(TABLES);
    await this.#flatten(database);
    await this.#client.query(PREPARE);
    await this.#client.query(`SET work_mem = '512MB'`);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async run(file: Generated): Promise<PeerRun> {
    await this.#client.query('TRUNCATE peer_staging, peer_xdr, peer_sum');
    const start = process.hrtime.bigint();
    await flow(
      createReadStream(file.path),
      this.#client.query(copyFrom('COPY peer_staging FROM STDIN (FORMAT csv, HEADER true)')),
    );
    await this.#client.query('ANALYZE peer_staging');
    await this.#client.query('BEGIN');
    await this.#client.query(RATE);
    await this.#client.query(SUM);
    await this.#client.query('COMMIT');
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    const { rows } = await this.#client.query(
      `SELECT count(*)::int AS rows, (SELECT (sum(a) * 100000000)::bigint::text
         FROM peer_xdr, unnest(amounts) a) AS amounts FROM peer_xdr`,
    );
    return { seconds, ...rows[0] };
  }

  // Effective prices by the definition of inheritance, one row a list and prefix.
  async #flatten(database: Database): Promise<void> {
    const facts = await database.read(SYSTEM_SCOPE, (tx) => loadBookFacts(tx, '2100-01-01'));
    const prefixes = new Map<number, string[]>();
    for (const { id, prefix } of facts.destinations) {
      prefixes.set(id, [...(prefixes.get(id) ?? []), prefix]);
    }
    const byId = new Map(facts.lists.map((list) => [list.id, list]));
    for (const list of facts.lists) {
      const chain: { listId: number; rows: readonly RateRow[] }[] = [];
      for (let at: typeof list | undefined = list; at; at = byId.get(at.parentId ?? 0)) {
        chain.unshift({ listId: at.id, rows: at.rows });
      }
      const rates = [...effectiveTable(chain, prefixes).values()];
      const value = (n: number) => rates[n]!.versions[0]!.value;
      const column = <T>(read: (n: number) => T) => rates.map((_, n) => read(n));
      await this.#client.query(
        `INSERT INTO peer_rate SELECT $1, * FROM unnest($2::text[], $3::numeric[], $4::numeric[],
           $5::int[], $6::int[], $7::int[])`,
        [
          list.id,
          column((n) => rates[n]!.prefix),
          column((n) => formatAmount(value(n).price)),
          column((n) => formatAmount(value(n).connectionFee)),
          column((n) => value(n).rateUnit),
          column((n) => value(n).firstIncrement),
          column((n) => value(n).nextIncrement),
        ],
      );
    }
  }
}

const TABLES = `
  DROP TABLE IF EXISTS peer_staging, peer_rate, peer_prefix, peer_level, peer_xdr, peer_sum;
  CREATE UNLOGGED TABLE peer_staging (record_id text, service text, started_at text, a_number text,
    b_number text, quantity text, in_trunk text, out_trunk text);
  CREATE TABLE peer_rate (list_id int, prefix text, price numeric, fee numeric, unit int,
    first_increment int, next_increment int);
  CREATE TABLE peer_xdr (record_id text, started_at timestamptz, subscription_id int,
    a_number bigint, b_number bigint, quantity int, destination_id int, versions int[],
    billed int[], amounts numeric[]);
  CREATE TABLE peer_sum (version_id int, usage_on date, destination_id int, records bigint,
    billed bigint, amount numeric)`;

// Levels of each retail contract from the top reseller's purchase down, and those of trunks.
const PREPARE = `
  CREATE TABLE peer_prefix AS
    SELECT u.prefix, (SELECT d.destination_id FROM destination_prefix d
      WHERE d.prefix = ANY (ARRAY(SELECT left(u.prefix, n) FROM generate_series(1, 7) n))
      ORDER BY length(d.prefix) DESC LIMIT 1) AS destination_id
    FROM (SELECT prefix FROM peer_rate WHERE prefix <> ''
      UNION SELECT prefix FROM destination_prefix) u;
  CREATE UNIQUE INDEX ON peer_prefix (prefix);
  CREATE TABLE peer_level AS
    WITH RECURSIVE terms AS (
      SELECT c.id, c.level, c.seller_partner_id AS seller, c.buyer_partner_id AS buyer,
        v.id AS version_id, p.price_list_id AS list_id
      FROM contract c JOIN contract_version v ON v.contract_id = c.id
      JOIN contract_price_list p ON p.contract_version_id = v.id),
    chain AS (
      SELECT id AS contract_id, version_id, list_id, seller, 0 AS up, true AS last
      FROM terms WHERE level = 'RETAIL'
      UNION ALL
      SELECT chain.contract_id, t.version_id, t.list_id, t.seller, up + 1, false FROM chain
      JOIN terms t ON t.level = 'WHOLESALE' AND t.buyer = chain.seller)
    SELECT contract_id, version_id, list_id, last, 9 - up AS level, NULL AS trunk FROM chain
    UNION ALL
    SELECT NULL, t.version_id, t.list_id, false, 0, k.name FROM trunk k
    JOIN terms t ON t.id = k.cost_contract_id;
  -- The list by tiers has one price for every number, so it is asked for by its empty prefix.
  ALTER TABLE peer_level ADD COLUMN tiered boolean;
  UPDATE peer_level l SET tiered = EXISTS (
    SELECT FROM rate r WHERE r.price_list_id = l.list_id AND r.model = 'GRADUATED');
  CREATE INDEX ON peer_rate (list_id, prefix);
  CREATE INDEX peer_owner ON subscription_identity (number_from);
  ANALYZE peer_rate; ANALYZE peer_prefix; ANALYZE peer_level; ANALYZE subscription_identity;
  ANALYZE subscription`;

const RATE = `
  INSERT INTO peer_xdr
  WITH record AS MATERIALIZED (
    SELECT DISTINCT ON (record_id) record_id, started_at::timestamptz AS started_at,
      substr(a_number, 2)::bigint AS a_number, substr(b_number, 2) AS b_number,
      quantity::int AS quantity, out_trunk
    FROM peer_staging WHERE started_at LIKE '20%'),
  guided AS (
    SELECT r.*, s.id AS subscription_id, s.contract_id, s.service_plan_id IS NOT NULL AS planned
    FROM record r CROSS JOIN LATERAL (
      SELECT subscription_id, number_to FROM subscription_identity i
      WHERE i.number_from <= r.a_number ORDER BY i.number_from DESC LIMIT 1) i
    JOIN subscription s ON s.id = i.subscription_id AND i.number_to >= r.a_number),
  classed AS MATERIALIZED (
    SELECT g.*, coalesce(p7.prefix, p6.prefix, p5.prefix, p4.prefix, p3.prefix) AS prefix,
      coalesce(p7.destination_id, p6.destination_id, p5.destination_id, p4.destination_id,
        p3.destination_id) AS destination_id
    FROM guided g
    LEFT JOIN peer_prefix p7 ON p7.prefix = left(b_number, 7)
    LEFT JOIN peer_prefix p6 ON p6.prefix = left(b_number, 6)
    LEFT JOIN peer_prefix p5 ON p5.prefix = left(b_number, 5)
    LEFT JOIN peer_prefix p4 ON p4.prefix = left(b_number, 4)
    LEFT JOIN peer_prefix p3 ON p3.prefix = left(b_number, 3)),
  leg AS (
    SELECT c.record_id, c.started_at, c.subscription_id, c.prefix, c.quantity, c.planned,
      l.level, l.list_id, l.version_id, l.last, l.tiered
    FROM classed c JOIN peer_level l ON l.contract_id = c.contract_id
    UNION ALL
    SELECT c.record_id, c.started_at, c.subscription_id, c.prefix, c.quantity, false,
      l.level, l.list_id, l.version_id, false, false
    FROM classed c JOIN peer_level l ON l.trunk = c.out_trunk),
  billed AS (
    SELECT leg.*, r.price, r.fee, r.unit, CASE
      WHEN quantity = 0 THEN 0
      WHEN quantity <= r.first_increment THEN r.first_increment
      ELSE r.first_increment + (quantity - r.first_increment + r.next_increment - 1)
        / r.next_increment * r.next_increment END AS billed
    FROM leg JOIN peer_rate r ON r.list_id = leg.list_id
      AND r.prefix = CASE WHEN tiered THEN '' ELSE leg.prefix END),
  counted AS (
    SELECT *, CASE WHEN last AND (planned OR tiered) THEN sum(billed) OVER (
      PARTITION BY version_id, subscription_id,
        date_trunc('month', started_at AT TIME ZONE 'Europe/Berlin')
      ORDER BY started_at, record_id) END AS used FROM billed),
  priced AS (
    SELECT record_id, version_id, level, billed, CASE
      WHEN billed = 0 OR left_over = 0 THEN 0
      WHEN tiered THEN round(fee
        + 0.12 * (least(used, 1800) - least(used - left_over, 1800)) / 60
        + 0.09 * (least(greatest(used, 1800), 7200) - least(greatest(used - left_over, 1800), 7200))
          / 60
        + 0.05 * (greatest(used, 7200) - greatest(used - left_over, 7200)) / 60, 4)
      ELSE round(fee + price * left_over / unit, 4) END AS amount
    FROM (SELECT *, CASE WHEN last AND planned AND NOT tiered
        THEN billed - (least(used, 3000) - least(used - billed, 3000))
        ELSE billed END AS left_over FROM counted) c)
  SELECT c.record_id, c.started_at, c.subscription_id, c.a_number, c.b_number::bigint, c.quantity,
    c.destination_id, p.versions, p.billed, p.amounts
  FROM classed c JOIN (
    SELECT record_id, array_agg(version_id ORDER BY level) AS versions,
      array_agg(billed ORDER BY level) AS billed, array_agg(amount ORDER BY level) AS amounts
    FROM priced GROUP BY record_id) p ON p.record_id = c.record_id`;

const SUM = `
  INSERT INTO peer_sum
  SELECT v.version_id, (x.started_at AT TIME ZONE 'Europe/Berlin')::date, x.destination_id,
    count(*), sum(v.billed), sum(v.amount)
  FROM peer_xdr x, unnest(x.versions, x.billed, x.amounts) AS v (version_id, billed, amount)
  GROUP BY 1, 2, 3`;
