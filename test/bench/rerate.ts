import { join } from 'node:path';
import pg from 'pg';
import { toGlobalId } from '../../src/kernel/index.js';
import {
  Database,
  type DatabaseUrls,
  OutboxWorker,
  SYSTEM_SCOPE,
  type Viewer,
  WorkService,
} from '../../src/platform/index.js';
import { DataPlane, FOLD_TOPIC, RerateService, startFold } from '../../src/rating/index.js';
import { entities } from '../../src/schema.js';
import { aViewer } from '../fixtures/viewer.js';
import { generate } from './generate.js';
import { type BenchOptions, type Measured, measure, median, rounded } from './measure.js';
import { Pipeline } from './pipeline.js';
import { Replay } from './replay.js';
import { buildWorld, type World } from './world.js';

const STEPS = ['preview', 'apply', 'again', 'undo'] as const;

/** What each step of one round took. */
interface Round extends Readonly<Record<'rating' | (typeof STEPS)[number], Measured>> {
  readonly changed: number;
  readonly records: number;
}

/** Medians: what a step does in a second, of what the first rating does in the same round. */
export interface RerateFigures {
  readonly records: number;
  /** Share of the records that a change set changes. */
  readonly changed: number;
  readonly ratios: Readonly<Record<(typeof STEPS)[number], number>>;
}

const SETTINGS = { entities, poolSize: 6, statementTimeoutMs: 600_000 };

/**
 * Rates a file, changes a price that two in five of the records have at two levels or three,
 * and rates them anew: preview, apply with its fold, a second change over the first, undo. Each
 * round does all of it, so that other load moves the ratios less than times.
 */
export async function measureRerates(
  urls: DatabaseUrls,
  dir: string,
  options: BenchOptions,
): Promise<RerateFigures> {
  const database = await new Database({ ...urls, ...SETTINGS }).connect();
  const owner = new pg.Client({ connectionString: urls.ownerUrl });
  await owner.connect();
  const replay = new Replay(urls.ownerUrl);
  await replay.connect();
  const world = await buildWorld(database, options);
  const path = join(dir, 'rerate.csv');
  const file = generate(world, { path, records: options.records, seed: 42, days: 4 });
  const pipeline = new Pipeline(database, world, dir, options.workers);
  const pids = replay.backendPids;
  const desk = new Desk(database, world, dir, options.workers, pids);
  try {
    const rounds: Round[] = [];
    for (let round = 0; round <= options.rounds; round += 1) {
      await replay.clear();
      await owner.query(
        'TRUNCATE xdr_correction, rerate_difference, rerate_finding, rerate_entry, rerate_counted',
      );
      const rating = await measure(pids, () => pipeline.run(file));
      const rows = await pipeline.verify(file);
      const done = await desk.round(rows);
      if (round > 0) rounds.push({ rating, ...done });
      console.log(round === 0 ? 'warming up' : line(options.records, rounds.at(-1)!));
    }
    return print(options, rounds);
  } finally {
    await desk.close();
    await pipeline.close();
    await replay.close();
    await owner.end();
    await database.close();
  }
}

/** Change sets of the bench world, from the request to the last batch of the fold. */
class Desk {
  readonly #plane: DataPlane;
  readonly #work: WorkService;
  readonly #outbox: OutboxWorker;
  readonly #service: RerateService;
  #percent = 40;

  constructor(
    readonly database: Database,
    readonly world: World,
    filesDir: string,
    workers: number,
    readonly serverPids: () => Promise<number[]>,
  ) {
    this.#plane = new DataPlane({ database, workers, filesDir });
    this.#work = new WorkService(database);
    this.#work.register(this.#plane.rerateExecutor);
    this.#work.register(this.#plane.foldExecutor);
    this.#outbox = new OutboxWorker(database);
    this.#outbox.register(FOLD_TOPIC, startFold);
    this.#service = new RerateService(database);
  }

  async round(rows: number): Promise<Omit<Round, 'rating'>> {
    await this.#changePrices();
    const first = await this.#changeSet();
    const [preview, apply] = [await first.step('preview'), await first.step('apply')];
    const { records, changed } = await first.counts();
    if (records !== rows) throw new Error(`${records} records of ${rows} were looked at`);
    if (changed < rows / 3) throw new Error(`only ${changed} records of ${rows} have changed`);
    await this.#verify();
    await this.#changePrices();
    const second = await this.#changeSet();
    await second.step('preview');
    const again = await second.step('apply');
    await this.#verify();
    const undo = await second.step('undo');
    await this.#verify();
    return { preview, apply, again, undo, records, changed };
  }

  async close(): Promise<void> {
    await this.#work.stop();
    await this.#plane.close();
  }

  // Replaces what the wholesale list takes off all that it inherits.
  async #changePrices(): Promise<void> {
    this.#percent += 1;
    await this.database.write(SYSTEM_SCOPE, async (tx) => {
      const [old] = await tx.query(
        `UPDATE rate r SET superseded_at = now() FROM price_list l
         WHERE l.id = r.price_list_id AND l.name = 'Wholesale' AND r.kind = 'PERCENT'
           AND r.superseded_at IS NULL
         RETURNING r.partner_id, r.price_list_id, r.valid_from`,
      );
      const { partner_id, price_list_id, valid_from } = old[0];
      await tx.query(
        `INSERT INTO rate (partner_id, price_list_id, prefix, kind, price, valid_from)
         VALUES ($1, $2, '', 'PERCENT', $3, $4)`,
        [partner_id, price_list_id, `-${this.#percent}`, valid_from],
      );
    });
  }

  async #changeSet() {
    const [clerk, approver] = [await this.#viewer('clerk'), await this.#viewer('approver')];
    const scope = { partnerId: this.world.hubId };
    const selection = { from: new Date('2026-10-01'), to: new Date('2026-11-01') };
    const made = await this.database.write(scope, (tx) =>
      this.#service.create(tx, clerk, { selection, reason: 'Bench' }, null),
    );
    const id = toGlobalId('Rerate', made.id);
    const act = (viewer: Viewer, name: 'preview' | 'apply' | 'undo') =>
      this.database.write(scope, (tx) => this.#service[name](tx, viewer, id, null));
    return {
      step: async (name: 'preview' | 'apply' | 'undo') => {
        if (name === 'apply') {
          await this.database.write(scope, (tx) =>
            this.#service.approve(tx, approver, { id, preview: 1 }, null),
          );
        }
        return measure(this.serverPids, async () => {
          await act(clerk, name);
          await this.#settle();
        });
      },
      counts: async (): Promise<{ records: number; changed: number }> => {
        const [run] = await this.database.read(SYSTEM_SCOPE, (tx) =>
          tx.query(
            `SELECT (r.result ->> 'records')::int AS records,
               (r.result ->> 'changed')::int AS changed
             FROM rerate c JOIN run r ON r.id = c.apply_run_id WHERE c.id = $1`,
            [made.id],
          ),
        );
        return run;
      },
    };
  }

  async #settle(): Promise<void> {
    await this.#work.runUntilIdle();
    await this.#outbox.runUntilIdle();
    await this.#work.runUntilIdle();
  }

  async #viewer(name: string): Promise<Viewer> {
    const rows: { id: number }[] = await this.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `WITH made AS (INSERT INTO app_user (partner_id, email, display_name, password_hash)
           VALUES ($1, $2 || '@bench', $2, '') ON CONFLICT DO NOTHING
           RETURNING id)
         SELECT id FROM made UNION SELECT id FROM app_user WHERE email = $2 || '@bench'`,
        [this.world.hubId, name],
      ),
    );
    const partnerId = this.world.hubId;
    return aViewer({ userId: rows[0]!.id, partnerId });
  }

  async #verify(): Promise<void> {
    const [sums] = await this.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT ((SELECT sum(a) FROM seen_xdr, unnest(amounts) a)
             + (SELECT sum(adjustment) FROM allowance_result))::text AS records,
           (SELECT sum(amount) FROM usage_summary)::text AS sums,
           (SELECT count(*)::int FROM allowance_due) AS due`,
      ),
    );
    if (sums.records !== sums.sums || sums.due !== 0) {
      throw new Error(`re-rating is wrong: ${JSON.stringify(sums)}`);
    }
  }
}

function line(records: number, round: Round): string {
  const rate = (each: Measured) => Math.round(records / each.seconds).toLocaleString('en');
  return (['rating', ...STEPS] as const).map((step) => `${step} ${rate(round[step])}/s`).join(', ');
}

function print(options: BenchOptions, rounds: readonly Round[]): RerateFigures {
  const of = (value: (round: Round) => number) => median(rounds.map(value));
  const ratio = (step: (typeof STEPS)[number]) =>
    rounded(of((round) => round.rating.seconds / round[step].seconds));
  const rate = (step: 'rating' | (typeof STEPS)[number]) =>
    Math.round(options.records / of((round) => round[step].seconds)).toLocaleString('en');
  const cpu = (step: 'rating' | (typeof STEPS)[number]) => {
    const micros = (seconds: (measured: Measured) => number) =>
      ((of((round) => seconds(round[step])) * 1e6) / options.records).toFixed(2);
    const [node, server] = [
      micros((one) => one.nodeCpuSeconds),
      micros((one) => one.postgresCpuSeconds),
    ];
    return `CPU a record ${node} us Node, ${server} us PostgreSQL`;
  };
  const changed = rounded(of((round) => round.changed / round.records));
  const [preview, apply, again, undo] = STEPS.map(ratio) as [number, number, number, number];
  const ratios = { preview, apply, again, undo };
  console.log(`records               ${options.records.toLocaleString('en')}`);
  console.log(`changed               ${Math.round(changed * 100)} %`);
  console.log(`first rating          ${rate('rating')} records/s; ${cpu('rating')}`);
  for (const step of STEPS) {
    const figures = `${rate(step)} records/s, ${ratios[step]} of first rating`;
    console.log(`${step.padEnd(22)}${figures}; ${cpu(step)}`);
  }
  return { records: options.records, changed, ratios };
}
