import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FormatDefinition, formatPresets, laneOf } from '../../src/mediation/index.js';
import {
  createLog,
  createRun,
  Database,
  SYSTEM_SCOPE,
  type Tx,
  WorkService,
} from '../../src/platform/index.js';
import { DataPlane } from '../../src/rating/index.js';
import { buildWorld, type World } from '../bench/world.js';
import { Draw } from '../fixtures/draw.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

const seed = Number(process.env.KONTOR_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
const DOMAINS = Number(process.env.KONTOR_TEST_DOMAINS ?? 3);
const DAY_MS = 86_400_000;
const FIRST_MS = Date.UTC(2026, 2, 20);
/** As far apart as zones are, and two whose clocks turn within the days. */
const ZONES = ['Pacific/Kiritimati', 'Etc/GMT+12', 'Europe/Berlin', 'America/New_York'];

type Clock = 'ISO' | 'LOCAL';

let dir: string;
let store: TestDatabase;
let database: Database;
let world: World;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kontor-hours-'));
  store = await testDatabase();
  const settings = { entities: [], poolSize: 4, statementTimeoutMs: 60_000 };
  database = await new Database({ ...store.urls, ...settings }).connect();
  world = await buildWorld(database, { prefixes: 40, subscriptions: 12 });
});

afterAll(async () => {
  await database.close();
  await store.drop();
  rmSync(dir, { recursive: true, force: true });
});

const { kontor } = formatPresets as { kontor: FormatDefinition };
const IDENTITY = ['record_id', 'started_at'];

function tellingTime(type: Clock): FormatDefinition {
  return { ...kontor, identity: IDENTITY, startedAt: { column: 'started_at', type } };
}

/** The same identities, of records that begin at another time than these tell. */
const notTellingTime: FormatDefinition = {
  ...kontor,
  columns: kontor.columns.map((name) => (name === 'in_trunk' ? 'began_at' : name)),
  inTrunk: { column: 'out_trunk' },
  identity: IDENTITY,
  startedAt: { column: 'began_at', type: 'ISO' },
};

interface DrawnRecord {
  readonly id: string;
  readonly at: string;
  readonly beganAt: string;
}

/** Records of some days; many are of an identity that was there, with the same time or another. */
class Records {
  readonly #made: DrawnRecord[] = [];
  #ms = FIRST_MS;

  constructor(
    readonly draw: Draw,
    readonly domain: string,
    readonly clock: Clock,
  ) {}

  next(): DrawnRecord {
    const { draw } = this;
    this.#ms += draw.below(DAY_MS / 20);
    const late = draw.chance(0.05) ? draw.below(this.#ms - FIRST_MS + 1) : 0;
    const text = new Date(this.#ms - late).toISOString().slice(0, 19);
    const beganAt = new Date(this.#ms - draw.below(20 * DAY_MS)).toISOString();
    const made = this.#made.length;
    let record = {
      ...{ id: `${this.domain}-${made}`, beganAt },
      at: this.clock === 'LOCAL' ? text : `${text}Z`,
    };
    if (made > 0 && draw.chance(0.4)) {
      // Most of what comes twice comes soon.
      const back = draw.chance(0.5) ? draw.below(Math.min(made, 10)) : draw.below(made);
      const { id, at } = this.#made[made - 1 - back]!;
      record = draw.chance(0.8) ? { id, at, beganAt } : { ...record, id };
    }
    this.#made.push(record);
    return record;
  }
}

/** A line that now and then names a trunk that is not known yet. */
function lineOf(
  draw: Draw,
  { id, at, beganAt }: DrawnRecord,
  format: FormatDefinition,
  laterTrunk: string,
): string {
  const { callers, prefixes } = world;
  const called = draw.pick(prefixes).padEnd(11, '5');
  const caller = callers[draw.below(callers.length)]!;
  const began = format === notTellingTime ? beganAt : '';
  const trunk = format !== notTellingTime && draw.chance(0.1) ? laterTrunk : '';
  return `${id},voice,${at},+${caller},+${called},${draw.below(600)},${began},${trunk}\n`;
}

async function aSource(
  tx: Tx,
  domain: string,
  name: string,
  format: FormatDefinition,
  zone: string,
) {
  const [made] = await tx.query(
    `WITH f AS (INSERT INTO usage_format (partner_id, name, definition) VALUES ($1, $3, $4::jsonb)
       RETURNING id)
     INSERT INTO usage_source (partner_id, usage_format_id, name, identity_domain, time_zone)
     SELECT $1, id, $3, $2, $5 FROM f RETURNING id`,
    [world.hubId, domain, name, JSON.stringify(format), zone],
  );
  return made.id as number;
}

async function aWaitingFile(tx: Tx, of: WaitingFile): Promise<void> {
  const bytes = Buffer.byteLength(of.content);
  writeFileSync(join(dir, of.name), of.content);
  const [file] = await tx.query(
    `INSERT INTO usage_file
       (partner_id, usage_source_id, name, sha256, size_bytes, stored_as, state)
     VALUES ($1, $2, $3::text, encode(sha256(convert_to($3::text, 'UTF8')), 'hex'), $4, $3,
       'IMPORTING') RETURNING id`,
    [world.hubId, of.sourceId, of.name, bytes],
  );
  const starts = [0];
  while (starts.at(-1)! < bytes) starts.push(Math.min(bytes, starts.at(-1)! + of.batchBytes));
  const batches = starts.slice(1).map((to, place) => ({
    ...{ lane: laneOf(of.domain), units: to - starts[place]! },
    payload: { fileId: file.id, from: starts[place], to },
  }));
  await createRun(tx, {
    ...{ kind: 'IMPORT', partnerId: world.hubId, subject: of.name, params: {}, requestedBy: null },
    ...{ unitsTotal: bytes, batches },
  });
}

interface WaitingFile {
  readonly domain: string;
  readonly sourceId: number;
  readonly name: string;
  readonly content: string;
  readonly batchBytes: number;
}

/** A process that holds a few identities besides those that must be there. */
class Importer {
  readonly #plane: DataPlane;

  constructor(keptIdentities: number) {
    this.#plane = new DataPlane({ database, workers: 2, filesDir: dir, lanes: { keptIdentities } });
  }

  /** Imports what waits, and recycles. */
  async run(): Promise<void> {
    const work = new WorkService(database, { log: createLog({ level: 'error' }) });
    work.register(this.#plane.importExecutor);
    work.register(this.#plane.recycleExecutor);
    await work.runUntilIdle();
    await work.stop();
  }

  close(): Promise<void> {
    return this.#plane.close();
  }
}

/** A domain with sources of several formats, and what came of it so far. */
class Domain {
  readonly #name: string;
  readonly #records: Records;
  readonly #formats: readonly FormatDefinition[];
  #sources: readonly number[] = [];
  readonly #seen = new Set<string>();
  #received = 0;

  constructor(
    readonly draw: Draw,
    n: number,
  ) {
    this.#name = `d${n}`;
    const clock = n % 3 === 0 ? 'LOCAL' : 'ISO';
    this.#records = new Records(draw, this.#name, clock);
    this.#formats = [tellingTime(clock), n % 3 === 2 ? notTellingTime : tellingTime(clock)];
  }

  async addSources(): Promise<void> {
    const { draw } = this;
    this.#sources = await database.write(SYSTEM_SCOPE, async (tx) => {
      const name = this.#name;
      await tx.query('INSERT INTO identity_domain (name, partner_id) VALUES ($1, $2)', [
        name,
        world.hubId,
      ]);
      const ids: number[] = [];
      for (const [place, format] of this.#formats.entries()) {
        ids.push(await aSource(tx, name, `${name}-${place}`, format, draw.pick(ZONES)));
      }
      return ids;
    });
  }

  /** Files that wait to be imported, of one source or the other, some not in order of time. */
  async addFiles(round: number): Promise<void> {
    const { draw } = this;
    const files = draw.many(1, 2, (file): WaitingFile => {
      const source = draw.below(this.#sources.length);
      const drawn = draw.many(20, 120, () => this.#records.next());
      for (const { id, at } of drawn) this.#seen.add(`${id} ${at}`);
      this.#received += drawn.length;
      const lines = drawn.map((record) =>
        lineOf(draw, record, this.#formats[source]!, this.#laterTrunk),
      );
      return {
        domain: this.#name,
        sourceId: this.#sources[source]!,
        name: `${this.#name}-${round}-${file}`,
        content: (draw.chance(0.2) ? draw.shuffled(lines) : lines).join(''),
        batchBytes: 500 + draw.below(4_000),
      };
    });
    await database.write(SYSTEM_SCOPE, async (tx) => {
      for (const file of files) await aWaitingFile(tx, file);
    });
  }

  get #laterTrunk(): string {
    return `LATER-${this.#name}`;
  }

  /** Makes the trunk known that lines named, and tries again what was rejected for it. */
  async recycle(): Promise<void> {
    await database.write(SYSTEM_SCOPE, async (tx) => {
      await tx.query(
        `INSERT INTO trunk (partner_id, name, cost_contract_id)
         SELECT partner_id, $1, cost_contract_id FROM trunk ORDER BY id LIMIT 1`,
        [this.#laterTrunk],
      );
      const files: { readonly fileId: number; readonly ids: number[] }[] = await tx.query(
        `SELECT s.usage_file_id AS "fileId", array_agg(s.id::int ORDER BY s.id) AS ids
         FROM suspense_record s JOIN usage_file f ON f.id = s.usage_file_id
         WHERE f.usage_source_id = ANY ($1::int[]) GROUP BY 1 ORDER BY 1`,
        [this.#sources],
      );
      const batches = files.map(({ fileId, ids }) => {
        return { lane: laneOf(this.#name), payload: { fileId, ids }, units: ids.length };
      });
      await createRun(tx, {
        ...{ kind: 'RECYCLE', partnerId: world.hubId, subject: this.#name, params: {} },
        ...{ requestedBy: null, unitsTotal: batches.length, batches },
      });
    });
  }

  get expected(): object {
    const [received, rated] = [this.#received, this.#seen.size];
    return { received, rated, duplicate: received - rated, others: 0 };
  }

  async counts(): Promise<object> {
    const [counts] = await database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT sum(f.received)::int AS received, sum(f.rated)::int AS rated,
           sum(f.duplicate)::int AS duplicate, sum(f.rejected + f.held)::int AS others
         FROM usage_file f WHERE f.usage_source_id = ANY ($1::int[])`,
        [this.#sources],
      ),
    );
    return counts;
  }
}

describe(`records that tell the time (KONTOR_TEST_SEED=${seed})`, () => {
  it(
    'are rated once each, whichever of their identities are loaded',
    async () => {
      let importer = new Importer(30);
      for (let n = 0; n < DOMAINS; n += 1) {
        const draw = new Draw(seed + n * 7919);
        const domain = new Domain(draw, n);
        await domain.addSources();
        for (let round = 0; round < 5; round += 1) {
          await domain.addFiles(round);
          // Now and then another process goes on.
          if (draw.chance(0.1)) {
            await importer.close();
            importer = new Importer(draw.below(60));
          }
          await importer.run();
        }
        await domain.recycle();
        await importer.run();
        expect(await domain.counts(), `seed ${seed}, domain ${n}`).toEqual(domain.expected);
      }
      await importer.close();
    },
    60_000 + DOMAINS * 20_000,
  );
});
