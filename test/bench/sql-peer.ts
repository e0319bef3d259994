import { createReadStream } from 'node:fs';
import { pipeline as flow } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { effectiveTable, type RateRow } from '../../src/catalog/index.js';
import { formatAmount } from '../../src/kernel/index.js';
import { formatPresets } from '../../src/mediation/index.js';
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
 * The best set-based SQL that we could write for the same results: staging by COPY, lines that
 * cannot be read and duplicates kept aside, also those of files before, guiding, one longest prefix
 * by hash joins of each length, the terms and prices of all levels at the time of the record, tiers
 * and minutes by windows, rows with every fact that ours hold, identities, sums and what minutes
 * were used. Prices are given to it flat, indexed and analysed, outside of its time, and tiers and
 * minutes stand in its text.
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
    // Of what a CTE comes to PostgreSQL knows nothing, and would pair it row by row.
    await this.#client.query(`SET work_mem = '512MB'; SET enable_nestloop = off`);
  }

  async close(): Promise<void> {
    await this.#client.end();
  }

  async run(file: Generated): Promise<PeerRun> {
    await this.#client.query(`TRUNCATE ${RESULTS.join(', ')}`);
    const start = process.hrtime.bigint();
    await flow(
      createReadStream(file.path),
      this.#client.query(
        copyFrom(`COPY peer_staging (${FIELDS.join(', ')}) FROM STDIN (FORMAT csv, HEADER true)`),
      ),
    );
    await this.#client.query('ANALYZE peer_staging');
    await this.#client.query('BEGIN');
    for (const statement of [RATE, IDENTITIES, SUM, USE]) {
      await this.#client.query(statement);
    }
    await this.#client.query('COMMIT');
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    const { rows } = await this.#client.query(
      `SELECT count(*)::int AS rows, (SELECT (sum(a) * 100000000)::bigint::text
         FROM peer_xdr, unnest(amounts) a) AS amounts FROM peer_xdr`,
    );
    return { seconds, ...rows[0] };
  }

  /**
   * How many sums, and minutes that subscriptions used, are not those of the pipeline, and by how
   * many records each kept aside more than the other.
   */
  async differences(): Promise<number> {
    const { rows } = await this.#client.query(DIFFERENCES);
    return rows[0].differences;
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
      const rates = [...effectiveTable(chain, prefixes).values()].flatMap(({ prefix, versions }) =>
        versions.map((version) => ({ prefix, ...version })),
      );
      type Rate = (typeof rates)[number];
      const column = <T>(read: (rate: Rate) => T) => rates.map(read);
      const instant = (ms: number | null) =>
        ms === null ? 'infinity' : new Date(ms).toISOString();
      await this.#client.query(
        `INSERT INTO peer_rate SELECT $1, * FROM unnest($2::text[], $3::timestamptz[],
           $4::timestamptz[], $5::int[], $6::numeric[], $7::numeric[], $8::int[], $9::int[],
           $10::int[])`,
        [
          list.id,
          column(({ prefix }) => prefix),
          column(({ from }) => instant(from)),
          column(({ to }) => instant(to)),
          column(({ value }) => value.path[0]),
          column(({ value }) => formatAmount(value.price)),
          column(({ value }) => formatAmount(value.connectionFee)),
          column(({ value }) => value.rateUnit),
          column(({ value }) => value.firstIncrement),
          column(({ value }) => value.nextIncrement),
        ],
      );
    }
  }
}

const FIELDS = formatPresets.kontor!.columns;
const RESULTS = [
  'peer_staging',
  'peer_suspense',
  'peer_duplicate',
  'peer_xdr',
  'peer_identity',
  'peer_sum',
  'peer_use',
];

const TABLES = `
  DROP TABLE IF EXISTS ${RESULTS.join(', ')}, peer_rate, peer_prefix, peer_level, peer_owner;
  CREATE UNLOGGED TABLE peer_staging (line int GENERATED ALWAYS AS IDENTITY (CACHE 1000),
    ${FIELDS.map((name) => `${name} text`).join(', ')});
  CREATE TABLE peer_rate (list_id int, prefix text, valid_from timestamptz, valid_to timestamptz,
    rate_id int, price numeric, fee numeric, unit int, first_increment int, next_increment int);
  CREATE TABLE peer_suspense (line int, code text, field text, raw text);
  CREATE TABLE peer_duplicate (line int, identity uuid);
  CREATE TABLE peer_xdr (line int, started_at timestamptz, identity uuid, partner_id int,
    account_id int, subscription_id int, service smallint, a_number bigint, b_number bigint,
    quantity bigint, in_trunk_id int, out_trunk_id int, destination_id int, value bigint,
    versions int[], rates int[], billed bigint[], amounts numeric[], month date, of_minutes bigint);
  CREATE TABLE peer_identity (identity uuid);
  CREATE TABLE peer_sum (version_id int, contract_id int, partner_id int, account_id int,
    usage_on date, service smallint, destination_id int, records bigint, quantity bigint,
    billed bigint, amount numeric);
  CREATE TABLE peer_use (subscription_id int, month date, used bigint)`;

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
        c.partner_id, c.account_id, v.id AS version_id, v.valid_from,
        coalesce(v.valid_to, 'infinity') AS valid_to, v.time_zone AS zone,
        v.rounding_decimals AS decimals, p.price_list_id AS list_id
      FROM contract c JOIN contract_version v ON v.contract_id = c.id
      JOIN contract_price_list p ON p.contract_version_id = v.id),
    chain AS (
      SELECT id AS sold_by, terms.*, 0 AS up, true AS last FROM terms WHERE level = 'RETAIL'
      UNION ALL
      SELECT chain.sold_by, t.*, up + 1, false FROM chain
      JOIN terms t ON t.level = 'WHOLESALE' AND t.buyer = chain.seller)
    SELECT sold_by, NULL AS trunk, 9 - up AS place, last, id AS contract_id, partner_id, account_id,
      version_id, valid_from, valid_to, zone, decimals, list_id FROM chain
    UNION ALL
    SELECT NULL, k.name, 0, false, t.id, t.partner_id, t.account_id, t.version_id, t.valid_from,
      t.valid_to, t.zone, t.decimals, t.list_id
    FROM trunk k JOIN terms t ON t.id = k.cost_contract_id;
  -- The list by tiers has one price for every number, so it is asked for by its empty prefix.
  ALTER TABLE peer_level ADD COLUMN tiered boolean;
  UPDATE peer_level l SET tiered = EXISTS (
    SELECT FROM rate r WHERE r.price_list_id = l.list_id AND r.model = 'GRADUATED');
  CREATE INDEX ON peer_rate (list_id, prefix);
  CREATE TABLE peer_owner AS
    SELECT i.number_from, i.number_to, greatest(i.valid_from, s.starts_at) AS valid_from,
      coalesce(least(i.valid_to, s.ends_at), 'infinity') AS valid_to, s.id AS subscription_id,
      s.partner_id, s.account_id, s.contract_id, s.service_plan_id IS NOT NULL AS planned
    FROM subscription_identity i JOIN subscription s ON s.id = i.subscription_id;
  CREATE INDEX ON peer_owner (number_from);
  ANALYZE peer_rate; ANALYZE peer_prefix; ANALYZE peer_level; ANALYZE peer_owner`;

// Patterns take longer than what is asked of the records that they let pass.
const IS_TIME = `started_at LIKE '20__-__-__T__:__:__%Z'`;
const isNumber = (field: string) =>
  `left(${field}, 1) = '+' AND translate(${field}, '+0123456789', '') = ''`;
const READABLE = `service = 'voice' AND ${IS_TIME} AND ${isNumber('a_number')}
  AND ${isNumber('b_number')} AND translate(quantity, '0123456789', '') = ''`;

// What was seen before is a duplicate, in a file before as well as in this one.
const RATE = `
  WITH staged AS MATERIALIZED (SELECT *, (${READABLE}) IS TRUE AS readable FROM peer_staging),
  suspended AS (
    INSERT INTO peer_suspense
    SELECT line, 'BAD_FIELD', CASE WHEN service <> 'voice' THEN 'service'
        WHEN NOT ${IS_TIME} THEN 'started_at'
        WHEN NOT (${isNumber('a_number')}) THEN 'a_number'
        WHEN NOT (${isNumber('b_number')}) THEN 'b_number' ELSE 'quantity' END,
      concat_ws(',', ${FIELDS.join(', ')})
    FROM staged WHERE NOT readable),
  counted_off AS MATERIALIZED (
    SELECT n.*, EXISTS (SELECT FROM peer_identity p WHERE p.identity = n.identity) AS seen
    FROM (
      SELECT line, md5(record_id)::uuid AS identity, started_at::timestamptz AS started_at,
        substr(a_number, 2)::bigint AS a_number, substr(b_number, 2) AS b_number,
        quantity::bigint AS quantity, in_trunk, out_trunk,
        row_number() OVER (PARTITION BY record_id ORDER BY line) AS nth
      FROM staged WHERE readable) n),
  kept_aside AS (
    INSERT INTO peer_duplicate SELECT line, identity FROM counted_off WHERE nth > 1 OR seen),
  classed AS MATERIALIZED (
    SELECT r.*, o.subscription_id, o.partner_id, o.account_id, o.contract_id, o.planned,
      coalesce(p7.prefix, p6.prefix, p5.prefix, p4.prefix, p3.prefix) AS prefix,
      coalesce(p7.destination_id, p6.destination_id, p5.destination_id, p4.destination_id,
        p3.destination_id) AS destination_id
    FROM counted_off r CROSS JOIN LATERAL (
      SELECT * FROM peer_owner o WHERE o.number_from <= r.a_number
      ORDER BY o.number_from DESC LIMIT 1) o
    LEFT JOIN peer_prefix p7 ON p7.prefix = left(b_number, 7)
    LEFT JOIN peer_prefix p6 ON p6.prefix = left(b_number, 6)
    LEFT JOIN peer_prefix p5 ON p5.prefix = left(b_number, 5)
    LEFT JOIN peer_prefix p4 ON p4.prefix = left(b_number, 4)
    LEFT JOIN peer_prefix p3 ON p3.prefix = left(b_number, 3)
    WHERE nth = 1 AND NOT seen AND o.number_to >= r.a_number
      AND r.started_at >= o.valid_from AND r.started_at < o.valid_to),
  leg AS (
    SELECT c.line, c.started_at, c.subscription_id, c.prefix, c.quantity, c.planned,
      l.place, l.list_id, l.version_id, l.last, l.tiered, l.zone, l.decimals
    FROM classed c JOIN peer_level l ON l.sold_by = c.contract_id
      AND c.started_at >= l.valid_from AND c.started_at < l.valid_to
    UNION ALL
    SELECT c.line, c.started_at, c.subscription_id, c.prefix, c.quantity, false,
      l.place, l.list_id, l.version_id, false, false, l.zone, l.decimals
    FROM classed c JOIN peer_level l ON l.trunk = c.out_trunk
      AND c.started_at >= l.valid_from AND c.started_at < l.valid_to),
  billed AS (
    SELECT leg.*, r.rate_id, r.price, r.fee, r.unit, CASE
      WHEN quantity = 0 THEN 0
      WHEN quantity <= r.first_increment THEN r.first_increment
      ELSE r.first_increment + (quantity - r.first_increment + r.next_increment - 1)
        / r.next_increment * r.next_increment END AS billed
    FROM leg JOIN peer_rate r ON r.list_id = leg.list_id
      AND r.prefix = CASE WHEN tiered THEN '' ELSE leg.prefix END
      AND leg.started_at >= r.valid_from AND leg.started_at < r.valid_to),
  counted AS (
    SELECT *, date_trunc('month', started_at AT TIME ZONE zone)::date AS month,
      CASE WHEN last AND (planned OR tiered) THEN sum(billed) OVER (
        PARTITION BY version_id, subscription_id, date_trunc('month', started_at AT TIME ZONE zone)
        ORDER BY started_at, line)::bigint END AS used FROM billed),
  priced AS (
    SELECT line, version_id, rate_id, place, billed, month, billed - left_over AS of_minutes, CASE
      WHEN billed = 0 OR left_over = 0 THEN 0
      WHEN tiered THEN round(fee
        + 0.12 * (least(used, 1800) - least(used - left_over, 1800)) / 60
        + 0.09 * (least(greatest(used, 1800), 7200) - least(greatest(used - left_over, 1800), 7200))
          / 60
        + 0.05 * (greatest(used, 7200) - greatest(used - left_over, 7200)) / 60, decimals)
      ELSE round(fee + price * left_over / unit, decimals) END AS amount
    FROM (SELECT *, CASE WHEN last AND planned AND NOT tiered
        THEN billed - (least(used, 3000) - least(used - billed, 3000))
        ELSE billed END AS left_over FROM counted) c)
  INSERT INTO peer_xdr
  SELECT c.line, c.started_at, c.identity, c.partner_id, c.account_id, c.subscription_id, 1,
    c.a_number, c.b_number::bigint, c.quantity, i.id, o.id, c.destination_id, 0,
    p.versions, p.rates, p.billed, p.amounts, p.month, p.of_minutes
  FROM classed c LEFT JOIN trunk i ON i.name = c.in_trunk LEFT JOIN trunk o ON o.name = c.out_trunk
  JOIN (
    SELECT line, array_agg(version_id ORDER BY place) AS versions,
      array_agg(rate_id ORDER BY place) AS rates, array_agg(billed ORDER BY place) AS billed,
      array_agg(amount ORDER BY place) AS amounts, max(month) AS month,
      max(of_minutes) AS of_minutes
    FROM priced GROUP BY line) p ON p.line = c.line`;

const IDENTITIES = 'INSERT INTO peer_identity SELECT identity FROM peer_xdr';

const SUM = `
  INSERT INTO peer_sum
  SELECT v.version_id, l.contract_id, l.partner_id, l.account_id,
    (x.started_at AT TIME ZONE l.zone)::date, x.service, x.destination_id, count(*),
    sum(x.quantity), sum(v.billed), sum(v.amount)
  FROM peer_xdr x, unnest(x.versions, x.billed, x.amounts) AS v (version_id, billed, amount)
  JOIN (SELECT DISTINCT version_id, contract_id, partner_id, account_id, zone FROM peer_level) l
    ON l.version_id = v.version_id
  GROUP BY 1, 2, 3, 4, 5, 6, 7`;

const USE = `
  INSERT INTO peer_use SELECT subscription_id, month, sum(of_minutes) FROM peer_xdr
  WHERE of_minutes > 0 GROUP BY 1, 2`;

const DIFFERENCES = `
  WITH ours AS (
    SELECT contract_version_id, contract_id, partner_id, account_id, usage_on, service,
      destination_id, sum(records)::bigint, sum(quantity)::bigint, sum(billed_quantity)::bigint,
      sum(amount) / 100000000
    FROM usage_summary GROUP BY 1, 2, 3, 4, 5, 6, 7),
  sums AS (
    (TABLE ours EXCEPT TABLE peer_sum) UNION ALL (TABLE peer_sum EXCEPT TABLE ours)),
  uses AS (
    SELECT (used ->> 0)::int, month, sum((used ->> 1)::bigint)::bigint FROM allowance_result,
      jsonb_array_elements(convert_from(pots, 'UTF8')::jsonb -> 'pots') AS pot,
      jsonb_array_elements(pot -> 'usedBy') AS used
    WHERE chunk = 0 AND pots <> '' GROUP BY 1, 2),
  minutes AS (
    (TABLE uses EXCEPT TABLE peer_use) UNION ALL (TABLE peer_use EXCEPT TABLE uses)),
  aside AS (
    SELECT abs((SELECT count(*) FROM suspense_record) - (SELECT count(*) FROM peer_suspense))
      + abs((SELECT count(*) FROM duplicate_record) - (SELECT count(*) FROM peer_duplicate)) AS n)
  SELECT ((SELECT count(*) FROM sums) + (SELECT count(*) FROM minutes) + n)::int AS differences
  FROM aside`;
