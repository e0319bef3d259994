import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import pg from 'pg';
import { migrateOptions } from '../../src/app.js';
import {
  createRun,
  Database,
  type DatabaseUrls,
  migrate,
  SYSTEM_SCOPE,
  type Tx,
} from '../../src/platform/index.js';
import { type Generated, generate } from '../bench/generate.js';
import { buildWorld, freshSource } from '../bench/world.js';
import { limitEvery } from '../fixtures/credit.js';
import { anchorDirOf, anchorIn } from '../fixtures/numbers.js';
import { trials } from '../fixtures/trials.js';

// As many batches either way; `npm run test:chaos` has more records in each.
const LONG = trials(1) > 1;
const RECORDS = LONG ? 12_000 : 4_000;
const BATCH_BYTES = LONG ? 128 * 1024 : 43 * 1024;

/** A database in which an import waits to be done, with fees and credit limits in play. */
export async function prepareWaitingImport(
  urls: DatabaseUrls,
  dir: string,
  records = RECORDS,
): Promise<Generated> {
  await migrate(migrateOptions(urls));
  const settings = { entities: [], poolSize: 3, statementTimeoutMs: 60_000 };
  const database = await new Database({ ...urls, ...settings }).connect();
  try {
    const world = await buildWorld(database, {
      ...{ prefixes: 800, subscriptions: 200 },
      tellsTime: true,
    });
    const file = generate(world, { path: `${dir}/kill.csv`, records, seed: 9, days: 3 });
    const sourceId = await freshSource(database, world, 'kill');
    await database.write(SYSTEM_SCOPE, async (tx) => {
      await addFeesAndLimits(tx);
      await addAllowances(tx);
      await addRun(tx, world.hubId, sourceId, file);
    });
    return file;
  } finally {
    await database.close();
  }
}

async function addFeesAndLimits(tx: Tx): Promise<void> {
  await tx.query(
    `WITH plans AS (
       INSERT INTO service_plan (partner_id, name, currency)
       SELECT DISTINCT seller_partner_id, 'Plan', 'EUR' FROM contract WHERE level = 'RETAIL'
       RETURNING id, partner_id),
     fees AS (
       INSERT INTO plan_fee (service_plan_id, partner_id, name, kind, amount, valid_from)
       SELECT id, partner_id, 'Monthly fee', 'PERIODIC', 4.99, '2026-01-01' FROM plans)
     UPDATE subscription s SET service_plan_id = p.id FROM plans p, contract c
     WHERE c.id = s.contract_id AND c.seller_partner_id = p.partner_id`,
  );
  await limitEvery(tx, 4, 5);
}

// Months whose records have a say in each other's prices, so that folds have something to lose.
async function addAllowances(tx: Tx): Promise<void> {
  await tx.query(
    `INSERT INTO bucket (partner_id, service_plan_id, name, kind, amount, sharing, rollover_cap,
       valid_from)
     SELECT p.partner_id, p.id, b.name, b.kind, b.amount, b.sharing, b.amount / 2, '2026-01-01'
     FROM service_plan p CROSS JOIN (VALUES ('Minutes', 'UNITS', 900, 'SUBSCRIPTION'),
       ('Money', 'MONEY', 2, 'CONTRACT')) AS b (name, kind, amount, sharing)`,
  );
  await tx.query(
    `INSERT INTO price_rule (partner_id, name, type, effect, amount, measure, volume_from, cap,
       valid_from)
     SELECT DISTINCT seller_partner_id, 'Much', 'DISCOUNT', 'PERCENT', 10, 'QUANTITY', 2000, 1,
       '2026-01-01'::timestamptz FROM contract WHERE level <> 'COST'`,
  );
}

async function addRun(tx: Tx, hubId: number, sourceId: number, file: Generated): Promise<void> {
  const [added] = await tx.query(
    `INSERT INTO usage_file (partner_id, usage_source_id, name, sha256, size_bytes, stored_as,
       state) VALUES ($1, $2, 'kill', $3, $4, $5, 'IMPORTING') RETURNING id`,
    [hubId, sourceId, '0'.repeat(64), file.bytes, basename(file.path)],
  );
  const batches = [];
  for (let from = 0; from < file.bytes; from += BATCH_BYTES) {
    const to = Math.min(from + BATCH_BYTES, file.bytes);
    batches.push({
      lane: 'identity:kill',
      payload: { fileId: added.id, from, to },
      units: to - from,
    });
  }
  await createRun(tx, {
    kind: 'IMPORT',
    partnerId: hubId,
    subject: 'kill',
    params: {},
    requestedBy: null,
    unitsTotal: file.bytes,
    batches,
  });
}

// Ids that depend on the order of commits stay out; everything that a partner is told is in.
const FIGURES: Readonly<Record<string, string>> = {
  files: 'SELECT state, received, rated, rejected, duplicate, held FROM usage_file ORDER BY id',
  xdrs: `SELECT identity, started_at, subscription_id, destination_id, quantity, amounts, legs
    FROM xdr ORDER BY identity, started_at`,
  sums: `SELECT contract_id, usage_on, service, destination_id, sum(records), sum(quantity),
    sum(billed_quantity), sum(amount) FROM usage_summary GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
  suspense: 'SELECT state, code, raw FROM suspense_record ORDER BY byte_offset',
  duplicates: 'SELECT identity FROM duplicate_record ORDER BY identity',
  credit: `SELECT subscription_id, period_on, used, warned_at IS NULL, blocked_at IS NULL
    FROM credit_balance ORDER BY 1, 2`,
  alarms: 'SELECT natural_key, severity FROM alarm ORDER BY natural_key',
  blocked: 'SELECT id, status FROM subscription ORDER BY id',
  invoices: `SELECT contract_id, state, currency, net, tax, gross FROM invoice
    ORDER BY contract_id`,
  numbers: 'SELECT seller_partner_id, number FROM invoice ORDER BY 1, 2',
  lines: `SELECT i.contract_id, l.kind, l.description, l.records, l.billed_quantity, l.basis, l.net
    FROM invoice_line l JOIN invoice i ON i.id = l.invoice_id ORDER BY 1, 2, 3, 6`,
  unbilled: 'SELECT count(*) FROM usage_summary WHERE invoice_id IS NULL',
  allowances: `SELECT contract_id, month, chunk, adjustment, convert_from(pots, 'UTF8')
    FROM allowance_result ORDER BY 1, 2, 3`,
  unfolded: 'SELECT shard, month FROM allowance_due',
  // How many folds it takes depends on what lay between them, and subjects name ids of runs.
  runs: `SELECT kind, state, batches_done, units_done FROM run WHERE kind <> 'FOLD'
    ORDER BY 1, 2, 3, 4`,
  folds: `SELECT DISTINCT kind, state FROM run WHERE kind = 'FOLD'`,
};

/** A hash of every figure that the job ends in, by topic. */
export async function figuresOf(ownerUrl: string): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const figures: Record<string, string> = {};
    for (const [topic, sql] of Object.entries(FIGURES)) {
      const { rows } = await client.query(`SELECT f::text AS row FROM (${sql}) f`);
      const hash = createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 12);
      figures[topic] = `${rows.length} rows ${hash}`;
    }
    return figures;
  } finally {
    await client.end();
  }
}

/** Numbers that invoices of a database show and that are not written down outside of it. */
export async function unwritten(ownerUrl: string, dir: string): Promise<string[]> {
  const anchor = anchorIn(anchorDirOf(dir, ownerUrl));
  const { records } = anchor.read([anchor.directory], new Set([anchor.publicKey]));
  const written = new Set(records.map(({ number, sha256 }) => `${number} ${sha256}`));
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const { rows } = await client.query<{ shown: string }>(
      `SELECT number || ' ' || pdf_sha256 AS shown FROM invoice WHERE number IS NOT NULL`,
    );
    return rows.flatMap(({ shown }) => (written.has(shown) ? [] : shown));
  } finally {
    await client.end();
  }
}
