import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type App, buildApp } from '../../src/app.js';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { checkFileCounts } from '../../src/mediation/index.js';
import { createLog, loadConfig, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { SIGN_IN } from '../fixtures/entrance.js';
import { totpAt } from '../fixtures/partner-builder.js';
import { releaseKey } from '../fixtures/release-data.js';
import { migrationNames, releasedMigrations, unreleased } from '../fixtures/released-migrations.js';
import { ask } from '../fixtures/test-app.js';
import { killedEverywhere } from './migrate-check.js';
import { MigrateWorld, type Print, type Urls } from './migrate-world.js';

/** Tables of the release whose rows a migration after it has rewritten, and which one. */
const REWRITTEN: Readonly<Record<string, string>> = {
  // What it takes to see amounts of credit is said of alarms that were raised before, too.
  alarm: 'HideCreditAmounts1763700024100',
  // What was one value has become rows of its own, in pieces.
  allowance_entry: 'KeepBytesInPieces1763700025520',
  // Segments say between which instants their records began; those of before cannot.
  identity_segment: 'KeepBytesInPieces1763700025520',
  // Credit is to count what was used before limits were set.
  outbox: 'WatchCredit1763700024200',
  // What a sheet does to the hub's margin has become a row of its own, in margin_report.
  rate_sheet: 'GuardEveryMargin1763700020000',
  // That one has ended is told by its end alone.
  subscription: 'PlanTerminations1763700025530',
};

let world: MigrateWorld;
let before: Print;
let migrated: Urls;
let after: Print;
let statements: number;
/** Hashes of the identities and entries of batches. */
let values: unknown;
/** Subscriptions that were terminated. */
let ended: unknown;

beforeAll(async () => {
  world = await MigrateWorld.start('0.1.0');
  const old = await world.fresh();
  before = await world.print(old);
  values = await asked(
    old,
    `SELECT (SELECT md5(string_agg(identities, '' ORDER BY batch_id))
      FROM identity_segment) AS identities,
    (SELECT md5(string_agg(entries, '' ORDER BY batch_id, shard, month)) FROM allowance_entry)
      AS entries`,
  );
  ended = await asked(old, `SELECT id FROM subscription WHERE status = 'TERMINATED' ORDER BY id`);
  await world.drop(old);
  migrated = await world.fresh();
  ({ statements } = await world.migrate(migrated));
  after = await world.print(migrated);
});
afterAll(() => world?.stop());

const SEE_ALL = "SELECT set_config('kontor.partner_ids', ids, false) FROM visible_partners(NULL)";

/** Asks as the owner, who sees the rows of all partners. */
async function asked(urls: Urls, sql: string): Promise<unknown> {
  const owner = new pg.Client(urls.ownerUrl);
  await owner.connect();
  try {
    await owner.query(SEE_ALL);
    return (await owner.query(sql)).rows;
  } finally {
    await owner.end();
  }
}

describe('the data of the last release', () => {
  it('have rows in every table that a month of business fills', () => {
    const empty = world.data.header.tables.filter(({ rows }) => rows === 0);
    expect(empty.map(({ name }) => name)).toEqual(EMPTY);
    expect(before.rows.xdr_20261011).toMatch(/^[1-9]/);
  });

  it('keep every row that no migration has rewritten on purpose', async () => {
    // By the columns of the release: a new one leaves what was there as it is.
    const kept = await world.print(migrated, before.columns);
    const changed = Object.keys(before.rows).filter(
      (name) => before.rows[name] !== kept.rows[name],
    );
    expect(changed).toEqual(Object.keys(REWRITTEN));
  });

  it('has identities and entries in pieces', async () => {
    const joined = `SELECT (SELECT md5(string_agg(bytes, '' ORDER BY batch_id, piece))
        FROM identity_piece) AS identities,
      (SELECT md5(string_agg(bytes, '' ORDER BY batch_id, shard, month, piece)) FROM entry_piece)
        AS entries`;
    expect(await asked(migrated, joined)).toEqual(values);
    const whole = `SELECT count(*) FILTER (WHERE e.bytes <> p.bytes) AS wrong, count(*) > 0 AS any
      FROM allowance_entry e LEFT JOIN (SELECT shard, month, batch_id, sum(length(bytes)) AS bytes
        FROM entry_piece GROUP BY 1, 2, 3) p USING (shard, month, batch_id)`;
    expect(await asked(migrated, whole)).toEqual([{ wrong: '0', any: true }]);
  });

  it('has ended the subscriptions that were terminated, and no others', async () => {
    expect(ended).not.toEqual([]);
    const now = `SELECT id FROM subscription WHERE ends_at <= now() ORDER BY id`;
    expect(await asked(migrated, now)).toEqual(ended);
  });

  it('has what sheets did to margins in reports of the hub', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kontor-migrated-'));
    const app = await started(migrated, dataDir);
    try {
      const reports = await app.database.read(SYSTEM_SCOPE, (tx) =>
        tx.query(
          `SELECT r.finding_count = count(m.id) AS counted, p.depth, r.policy IS NULL AS none,
             jsonb_array_length(r.pairs) > 0 AS paired
           FROM margin_report r JOIN partner p ON p.id = r.partner_id
           JOIN rate_sheet_margin m USING (rate_sheet_id, partner_id) GROUP BY r.id, p.id`,
        ),
      );
      expect(reports).toEqual([{ counted: true, depth: 0, none: false, paired: true }]);
    } finally {
      await app.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('tells amounts of credit to those alone who may see prices of the level', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kontor-migrated-'));
    const app = await started(migrated, dataDir);
    try {
      const alarms = await app.database.read(SYSTEM_SCOPE, (tx) =>
        tx.query(
          `SELECT DISTINCT shown_with = ARRAY['price.' || lower(c.level) || '.read'] AS told
           FROM alarm a JOIN subscription s ON s.id = a.subject_id
           JOIN contract c ON c.id = s.contract_id WHERE a.probable_cause LIKE 'CREDIT%'`,
        ),
      );
      expect(alarms).toEqual([{ told: true }]);
    } finally {
      await app.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('are sound in the newest schema, and the server lets its users in', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kontor-migrated-'));
    const app = await started(migrated, dataDir);
    try {
      const found = await app.database.read(SYSTEM_SCOPE, async (tx) => [
        ...(await checkFileCounts(tx)),
        ...(await checkUsageSums(tx)),
        ...(await checkBillingInvariants(tx)),
      ]);
      expect(found).toEqual([]);
      const { finding, entries } = await app.services.auditHeads.verify([], null);
      expect([finding, entries > 100]).toEqual([null, true]);
      const url = await app.http.listen(0, '127.0.0.1');
      const { email, password, totpSecret } = world.data.header.login;
      const totp = totpAt(totpSecret, new Date());
      const signedIn = await ask(url, { query: SIGN_IN, variables: { email, password, totp } });
      expect(signedIn.codes).toEqual([]);
      const query = `{
        invoices(first: 50) { nodes { number } }
        xdrs(first: 5, filter: { from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z" }) {
          nodes { id }
        }
      }`;
      const { data } = await ask(url, { query }, signedIn.data.signIn.accessToken);
      const numbers = data.invoices.nodes.flatMap(({ number }: { number: string }) => number ?? []);
      expect([numbers.length > 1, data.xdrs.nodes.length]).toEqual([true, 5]);
    } finally {
      await app.stop();
      rmSync(dataDir, { recursive: true, force: true });
    }
  });
});

describe('a migration that is killed', () => {
  // The long form, at every statement, is in test/security/migrate.test.ts.
  it('is as if it had not begun, and the next start does it', async () => {
    expect(await killedEverywhere(world, { expected: after, statements, most: 2 })).toBe(2);
  });

  it('is done once when two servers start at the same moment', async () => {
    const urls = await world.fresh();
    const both = await Promise.all([world.migrate(urls), world.migrate(urls)]);
    const pending = unreleased(migrationNames(), releasedMigrations());
    expect(both.flatMap(({ applied }) => applied)).toHaveLength(pending.length);
    expect(await world.print(urls)).toEqual(after);
    await world.drop(urls);
  });
});

async function started(urls: Urls, dataDir: string): Promise<App> {
  const config = loadConfig(
    {
      NODE_ENV: 'test',
      PORT: '0',
      KONTOR_DATA_DIR: dataDir,
      KONTOR_SECRET_KEY: releaseKey('secret'),
      KONTOR_AUDIT_KEY: releaseKey('audit'),
    },
    1,
  );
  return buildApp({ config, urls, log: createLog({ level: 'silent' }) });
}

/** Nothing of a release can fill them for long: what they hold is on its way to somewhere else. */
const EMPTY = ['allowance_due', 'purged_usage', 'rerate_entry', 'rerate_finding', 'totp_enrolment'];
