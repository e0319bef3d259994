import { createHash } from 'node:crypto';
import pg from 'pg';
import { migrateOptions } from '../../src/app.js';
import { toGlobalId } from '../../src/kernel/index.js';
import {
  Database,
  type DatabaseUrls,
  migrate,
  SYSTEM_SCOPE,
  type Tx,
  type Viewer,
} from '../../src/platform/index.js';
import { RerateService } from '../../src/rating/index.js';
import { entities } from '../../src/schema.js';
import { generate } from '../bench/generate.js';
import { Pipeline } from '../bench/pipeline.js';
import { buildWorld } from '../bench/world.js';
import { limitEvery } from '../fixtures/credit.js';
import { aViewer } from '../fixtures/viewer.js';
import { rerateDesk } from './rerate-desk.js';

const RECORDS = 12_000;
const DAYS = [1, 2, 3, 4].map((day) => new Date(`2026-10-0${day}T00:00:00Z`)) as [
  Date,
  Date,
  Date,
  Date,
];

/**
 * A database in which one change set waits to be applied and another one, of another day, to be
 * undone; with credit limits, minutes and tiers in play.
 */
export async function prepareWaitingRerates(urls: DatabaseUrls, dir: string): Promise<void> {
  await migrate(migrateOptions(urls));
  const settings = { entities, poolSize: 4, statementTimeoutMs: 60_000 };
  const database = await new Database({ ...urls, ...settings }).connect();
  const desk = rerateDesk(database, dir);
  try {
    const world = await buildWorld(database, { prefixes: 800, subscriptions: 200 });
    await database.write(SYSTEM_SCOPE, (tx) => limitEvery(tx, 4, 5));
    const path = `${dir}/rerate.csv`;
    const pipeline = new Pipeline(database, world, dir, 1);
    await pipeline.run(generate(world, { path, records: RECORDS, seed: 9, days: 3 }));
    await pipeline.close();
    const scope = { partnerId: world.hubId };
    const [clerk, approver] = await database.write(scope, (tx) => viewers(tx, world.hubId));
    const service = new RerateService(database);
    const approved = async (from: Date, to: Date): Promise<string> => {
      await database.write(SYSTEM_SCOPE, changePrices);
      const input = { selection: { from, to }, reason: 'Kill' };
      const made = await database.write(scope, (tx) => service.create(tx, clerk, input, null));
      const id = toGlobalId('Rerate', made.id);
      await database.write(scope, (tx) => service.preview(tx, clerk, id, null));
      await desk.settle();
      await database.write(scope, (tx) => service.approve(tx, approver, { id, preview: 1 }, null));
      return id;
    };
    const undone = await approved(DAYS[2], DAYS[3]);
    await database.write(scope, (tx) => service.apply(tx, clerk, undone, null));
    await desk.settle();
    const applied = await approved(DAYS[0], DAYS[2]);
    await database.write(scope, (tx) => service.apply(tx, clerk, applied, null));
    await database.write(scope, (tx) => service.undo(tx, clerk, undone, null));
  } finally {
    await desk.close();
    await database.close();
  }
}

async function viewers(tx: Tx, hubId: number): Promise<[Viewer, Viewer]> {
  const rows: { id: number }[] = await tx.query(
    `INSERT INTO app_user (partner_id, email, display_name, password_hash)
     VALUES ($1, 'clerk@kill', 'Clerk', ''), ($1, 'approver@kill', 'Approver', '') RETURNING id`,
    [hubId],
  );
  const [clerk, approver] = rows.map(({ id }) => {
    return aViewer({ userId: id, partnerId: hubId });
  });
  return [clerk!, approver!];
}

// The wholesale list takes a little more off what it inherits.
async function changePrices(tx: Tx): Promise<void> {
  const [[old]] = await tx.query(
    `UPDATE rate r SET superseded_at = now() FROM price_list l
     WHERE l.id = r.price_list_id AND l.name = 'Wholesale' AND r.kind = 'PERCENT'
       AND r.superseded_at IS NULL
     RETURNING r.partner_id, r.price_list_id, r.valid_from, r.price - 1 AS price`,
  );
  await tx.query(
    `INSERT INTO rate (partner_id, price_list_id, prefix, kind, price, valid_from)
     VALUES ($1, $2, '', 'PERCENT', $3, $4)`,
    [old.partner_id, old.price_list_id, old.price, old.valid_from],
  );
}

// Ids that depend on the order of commits stay out; everything that a partner is told is in.
const FIGURES: Readonly<Record<string, string>> = {
  records: `SELECT identity, started_at, amounts, legs, batches IS NULL FROM seen_xdr
    ORDER BY identity, started_at`,
  corrections: 'SELECT id, started_at, amounts, legs FROM seen_correction ORDER BY 1, 2, 4, 3',
  sums: `SELECT contract_id, usage_on, service, destination_id, sum(records), sum(quantity),
    sum(billed_quantity), sum(amount) FROM usage_summary GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
  months: `SELECT contract_id, month, chunk, adjustment FROM allowance_result
    ORDER BY 1, 2, 3`,
  due: 'SELECT count(*) FROM allowance_due',
  credit: 'SELECT subscription_id, period_on, used FROM credit_balance ORDER BY 1, 2',
  differences: `SELECT r.subject, d.contract_id, d.destination_id, d.currency, sum(d.records),
    sum(d.before), sum(d.after) FROM rerate_difference d JOIN run r ON r.id = d.run_id
    GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`,
  sets: `SELECT c.id, c.state, a.state AS applied, u.state AS undone FROM rerate c
    LEFT JOIN run a ON a.id = c.apply_run_id LEFT JOIN run u ON u.id = c.undo_run_id ORDER BY 1`,
};

/** A hash of every figure that the job ends in, by topic, and whether sums and records agree. */
export async function rerateFigures(ownerUrl: string): Promise<Record<string, string>> {
  const client = new pg.Client({ connectionString: ownerUrl });
  await client.connect();
  try {
    const figures: Record<string, string> = {};
    await client.query(
      `SELECT set_config('kontor.partner_ids', ids, false),
         set_config('kontor.depth', depth, false) FROM visible_partners(NULL)`,
    );
    for (const [topic, sql] of Object.entries(FIGURES)) {
      const { rows } = await client.query(`SELECT f::text AS row FROM (${sql}) f`);
      const hash = createHash('sha256').update(JSON.stringify(rows)).digest('hex').slice(0, 12);
      figures[topic] = `${rows.length} rows ${hash}`;
    }
    const { rows } = await client.query(
      `SELECT (SELECT sum(a) FROM seen_xdr, unnest(amounts) a)
         + (SELECT sum(adjustment) FROM allowance_result)
         - (SELECT sum(amount) FROM usage_summary) AS off`,
    );
    figures.off = String(rows[0].off);
    return figures;
  } finally {
    await client.end();
  }
}
