import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { Database, SYSTEM_SCOPE, type Tx, type Viewer } from '../../src/platform/index.js';
import { RerateService } from '../../src/rating/index.js';
import { entities } from '../../src/schema.js';
import { generate } from '../bench/generate.js';
import { Pipeline } from '../bench/pipeline.js';
import { buildWorld, type World } from '../bench/world.js';
import { rerateDesk } from '../fault/rerate-desk.js';
import { limitEvery } from '../fixtures/credit.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';
import { aViewer } from '../fixtures/viewer.js';

const SIZE = { prefixes: 400, subscriptions: 120 };
const PERIOD = { from: new Date('2026-10-01'), to: new Date('2026-11-01') };

/** A world of its own in a database of its own, the same every time. */
class Twin {
  private constructor(
    readonly dir: string,
    readonly store: TestDatabase,
    readonly database: Database,
    readonly world: World,
    readonly desk: ReturnType<typeof rerateDesk>,
  ) {}

  static async build(): Promise<Twin> {
    const dir = mkdtempSync(join(tmpdir(), 'kontor-twin-'));
    const store = await testDatabase();
    const settings = { entities, poolSize: 4, statementTimeoutMs: 60_000 };
    const database = await new Database({ ...store.urls, ...settings }).connect();
    const world = await buildWorld(database, SIZE);
    await database.write(SYSTEM_SCOPE, (tx) => limitEvery(tx, 3, 1000));
    return new Twin(dir, store, database, world, rerateDesk(database, dir));
  }

  async rate(): Promise<void> {
    const path = join(this.dir, 'twin.csv');
    const file = generate(this.world, { path, records: 5_000, seed: 5, days: 3 });
    const pipeline = new Pipeline(this.database, this.world, this.dir, 1);
    await pipeline.run(file);
    await pipeline.close();
    await this.desk.settle();
  }

  async changePrices(): Promise<void> {
    await this.database.write(SYSTEM_SCOPE, changePrices);
  }

  /** Rates everything anew; answers how to undo it. */
  async rerate(): Promise<() => Promise<void>> {
    const scope = { partnerId: this.world.hubId };
    const service = new RerateService(this.database);
    const [clerk, approver] = await this.#viewers();
    const input = { selection: PERIOD, reason: 'Everything was wrong' };
    const made = await this.database.write(scope, (tx) => service.create(tx, clerk, input, null));
    const id = toGlobalId('Rerate', made.id);
    await this.database.write(scope, (tx) => service.preview(tx, clerk, id, null));
    await this.desk.settle();
    const given = { id, preview: 1 };
    await this.database.write(scope, (tx) => service.approve(tx, approver, given, null));
    await this.database.write(scope, (tx) => service.apply(tx, clerk, id, null));
    await this.desk.settle();
    return async () => {
      await this.database.write(scope, (tx) => service.undo(tx, clerk, id, null));
      await this.desk.settle();
    };
  }

  /** Everything that anybody is told, without ids that depend on how it came about. */
  async figures(): Promise<Record<string, unknown[]>> {
    return this.database.read(SYSTEM_SCOPE, async (tx) => {
      const figures: Record<string, unknown[]> = {};
      for (const [topic, sql] of Object.entries(FIGURES)) figures[topic] = await tx.query(sql);
      return figures;
    });
  }

  /** What previews and applications said: the differences of a kind of run by currency. */
  differences(name: string): Promise<{ difference: string }[]> {
    return this.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT sum(d.after - d.before)::text AS difference FROM rerate_difference d
         JOIN run r ON r.id = d.run_id WHERE r.subject LIKE '%:' || $1 || '%'`,
        [name],
      ),
    );
  }

  async close(): Promise<void> {
    await this.desk.close();
    await this.database.close();
    await this.store.drop();
    rmSync(this.dir, { recursive: true, force: true });
  }

  async #viewers(): Promise<[Viewer, Viewer]> {
    const { hubId } = this.world;
    const rows: { id: number }[] = await this.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `INSERT INTO app_user (partner_id, email, display_name, password_hash)
         VALUES ($1, 'clerk@twin', 'Clerk', ''), ($1, 'approver@twin', 'Approver', '')
         RETURNING id`,
        [hubId],
      ),
    );
    const [clerk, approver] = rows.map(({ id }) => {
      return aViewer({ userId: id, partnerId: hubId });
    });
    return [clerk!, approver!];
  }
}

const FIGURES: Readonly<Record<string, string>> = {
  records: `SELECT identity, encode(legs, 'hex') AS legs, amounts FROM seen_xdr ORDER BY identity`,
  sums: `SELECT * FROM (SELECT contract_version_id AS version, usage_on, service, destination_id,
      sum(records) AS records, sum(quantity) AS quantity, sum(billed_quantity) AS billed,
      sum(amount) AS amount FROM usage_summary GROUP BY 1, 2, 3, 4) s
    WHERE (records, quantity, billed, amount) <> (0, 0, 0, 0) ORDER BY 1, 2, 3, 4`,
  months: `SELECT contract_id, month::text, sum(adjustment) AS adjustment FROM allowance_result
    GROUP BY 1, 2 HAVING sum(adjustment) <> 0 ORDER BY 1, 2`,
  credit: `SELECT subscription_id, period_on::text, used FROM credit_balance WHERE used <> 0
    ORDER BY 1, 2`,
  due: 'SELECT count(*) FROM allowance_due',
};

// A margin, a zone with its rounding, increments with prices, and the minutes of a plan: what
// changes prices, civil days, billed units and months.
async function changePrices(tx: Tx): Promise<void> {
  await replace(tx, 'rate', `kind = 'PERCENT' AND price < 0`, { price: 'price - 1' });
  await replace(tx, 'rate', `kind = 'ABSOLUTE' AND model = 'PER_UNIT' AND id % 3 = 0`, {
    price: 'round(price * 1.17, 8)',
    first_increment: '60',
    next_increment: '7',
  });
  await replace(tx, 'bucket', 'true', { amount: 'amount * 2' });
  const [old] = await tx.query(
    `SELECT v.id FROM contract_version v JOIN contract c ON c.id = v.contract_id
     WHERE c.level = 'RETAIL' ORDER BY v.id LIMIT 1`,
  );
  await replace(tx, 'contract_version', `id = ${old.id}`, {
    time_zone: `'America/New_York'`,
    rounding_decimals: '3',
  });
  await tx.query(
    `INSERT INTO contract_price_list (contract_version_id, partner_id, service, price_list_id)
     SELECT (SELECT max(id) FROM contract_version), partner_id, service, price_list_id
     FROM contract_price_list WHERE contract_version_id = $1`,
    [old.id],
  );
}

// Supersedes rows and records them again with some columns changed.
async function replace(
  tx: Tx,
  table: string,
  where: string,
  changes: Readonly<Record<string, string>>,
): Promise<void> {
  const columns: { name: string }[] = await tx.query(
    `SELECT column_name AS name FROM information_schema.columns WHERE table_name = $1
       AND column_name NOT IN ('id', 'recorded_at', 'superseded_at')`,
    [table],
  );
  const names = columns.map(({ name }) => name);
  const values = names.map((name) => changes[name] ?? name);
  const rows = `SELECT * FROM ${table} WHERE superseded_at IS NULL AND (${where}) ORDER BY id`;
  await tx.query(`CREATE TEMPORARY TABLE replaced ON COMMIT DROP AS ${rows}`);
  await tx.query(`UPDATE ${table} SET superseded_at = now() WHERE id IN (SELECT id FROM replaced)`);
  await tx.query(
    `INSERT INTO ${table} (${names.join(', ')}) SELECT ${values.join(', ')} FROM replaced
     ORDER BY id`,
  );
  await tx.query('DROP TABLE replaced');
}

let rerated: Twin;
let rated: Twin;

beforeAll(async () => {
  rerated = await Twin.build();
  rated = await Twin.build();
}, 120_000);

afterAll(async () => {
  await rerated?.close();
  await rated?.close();
});

describe('rating everything anew', () => {
  it('ends where the first rating would have ended with these prices, and back', async () => {
    await rerated.rate();
    const before = await rerated.figures();
    await rerated.changePrices();
    const undo = await rerated.rerate();
    await rated.changePrices();
    await rated.rate();
    const [found, expected] = [await rerated.figures(), await rated.figures()];
    for (const topic of Object.keys(expected)) {
      expect(found[topic], topic).toEqual(expected[topic]);
      if (topic !== 'due') expect(found[topic], topic).not.toEqual(before[topic]);
    }
    expect(found.due).toEqual([{ count: '0' }]);
    await undo();
    expect(await rerated.figures()).toEqual(before);
  }, 240_000);

  it('has changed by what its preview said', async () => {
    const [sums] = await rerated.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT (SELECT sum(amount) FROM usage_summary WHERE batch_id IN (SELECT b.id
           FROM run_batch b JOIN run r ON r.id = b.run_id WHERE r.subject LIKE '%:apply'))::text
           AS applied`,
      ),
    );
    expect(await rerated.differences('apply')).toEqual([{ difference: sums.applied }]);
    expect(await rerated.differences('preview')).toEqual([{ difference: sums.applied }]);
  });
});
