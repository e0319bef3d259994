import { basename } from 'node:path';
import { byteRanges } from '../../src/mediation/import-plan.js';
import {
  createLog,
  createRun,
  type Database,
  OutboxWorker,
  SYSTEM_SCOPE,
  WorkService,
} from '../../src/platform/index.js';
import type { PriceBook } from '../../src/rating/book.js';
import { DataPlane, FOLD_TOPIC, startFold } from '../../src/rating/index.js';
import type { Generated } from './generate.js';
import { freshSource, type World } from './world.js';

const BATCH_BYTES = 48 * 1024 * 1024;

/** Runs the product's own import over a generated file, as often as asked. */
export class Pipeline {
  readonly #plane: DataPlane;
  readonly #work: WorkService;
  readonly #outbox: OutboxWorker;
  #round: number;
  #fileId = 0;
  #runId = 0;

  constructor(
    readonly database: Database,
    readonly world: World,
    filesDir: string,
    readonly workers: number,
    /** How many files others have imported into this database. */
    round = 0,
  ) {
    this.#round = round;
    this.#plane = new DataPlane({ database, workers, filesDir });
    this.#work = new WorkService(database, { log: createLog({ level: 'error' }) });
    this.#work.register(this.#plane.importExecutor);
    this.#work.register(this.#plane.foldExecutor);
    this.#outbox = new OutboxWorker(database);
    this.#outbox.register(FOLD_TOPIC, startFold);
  }

  /** From the bytes of the file to committed rows and folded months. */
  async run(file: Generated): Promise<void> {
    await this.import(file);
    await this.fold();
  }

  /** From the bytes of the file to committed rows. */
  async import(file: Generated): Promise<void> {
    this.#round += 1;
    const name = `bench-${this.#round}`;
    const sourceId = await freshSource(this.database, this.world, name);
    await this.database.write(SYSTEM_SCOPE, async (tx) => {
      const [added] = await tx.query(
        `INSERT INTO usage_file (partner_id, usage_source_id, name, sha256, size_bytes, stored_as,
           state)
         VALUES ($1, $2, $3, $4, $5, $6, 'IMPORTING') RETURNING id`,
        [
          this.world.hubId,
          sourceId,
          name,
          String(this.#round).padStart(64, '0'),
          file.bytes,
          basename(file.path),
        ],
      );
      this.#fileId = added.id;
      const sizes = { batchBytes: BATCH_BYTES, workers: this.workers };
      const batches = byteRanges(file.bytes, sizes).map(({ from, to }) => ({
        ...{ lane: `identity:${name}`, payload: { fileId: added.id, from, to }, units: to - from },
      }));
      const { runId } = await createRun(tx, {
        kind: 'IMPORT',
        partnerId: this.world.hubId,
        subject: name,
        params: {},
        requestedBy: null,
        unitsTotal: file.bytes,
        batches,
      });
      this.#runId = runId;
    });
    await this.#work.runUntilIdle();
  }

  /** What the import left to do: months with allowances and tiers are folded. */
  async fold(): Promise<void> {
    await this.#outbox.runUntilIdle();
    await this.#work.runUntilIdle();
  }

  /** The prices that the last import was rated with. */
  book(): Promise<PriceBook> {
    return this.#plane.books.bookOfRun(this.#runId);
  }

  /** Checks counts and the sums of the summaries against the rows; answers the rated rows. */
  async verify(file: Generated): Promise<number> {
    return this.database.read(SYSTEM_SCOPE, async (tx) => {
      const [counts] = await tx.query(
        `SELECT state, received::int, rated::int, rejected::int, duplicate::int, held::int
         FROM usage_file WHERE id = $1`,
        [this.#fileId],
      );
      const [rows] = await tx.query(
        `SELECT count(*)::int AS rows, count(DISTINCT identity)::int AS identities,
           (SELECT sum(a) FROM seen_xdr, unnest(amounts) a)::text AS amounts,
           (SELECT sum(amount) FROM usage_summary)::text AS summed,
           (SELECT sum(adjustment) FROM allowance_result)::text AS adjusted,
           (SELECT count(*)::int FROM allowance_due) AS due FROM seen_xdr`,
      );
      const expected = {
        state: 'DONE',
        received: file.lines,
        rated: file.lines - file.duplicates - file.malformed,
        rejected: file.malformed,
        duplicate: file.duplicates,
        held: 0,
      };
      const wrong =
        JSON.stringify(counts) !== JSON.stringify(expected) ||
        rows.rows !== expected.rated ||
        rows.identities !== expected.rated ||
        rows.due !== 0 ||
        BigInt(rows.adjusted) === 0n ||
        BigInt(rows.amounts) + BigInt(rows.adjusted) !== BigInt(rows.summed);
      if (wrong) {
        throw new Error(`the import is wrong: ${JSON.stringify({ counts, expected, rows })}`);
      }
      return rows.rows;
    });
  }

  /** Sum of what all levels of all rows cost in the end, at scale 8. */
  async amounts(): Promise<string> {
    return this.database.read(SYSTEM_SCOPE, async (tx) => {
      const [sum] = await tx.query('SELECT sum(amount)::text AS amounts FROM usage_summary');
      return sum.amounts;
    });
  }

  async close(): Promise<void> {
    await this.#work.stop();
    await this.#plane.close();
  }
}
