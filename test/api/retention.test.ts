import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { allRows, deliver, upload } from '../fixtures/mediation.js';
import { call, refusal, tokenOf } from '../fixtures/partner.js';
import { appliedAndUndone, bill } from '../fixtures/purge.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  importFile,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const DAY_MS = 86_400_000;
const PERIODS = `query ($id: ID) { retention(partnerId: $id) {
  kind keepDays minimumDays setForId validFrom nextKeepDays nextValidFrom
} }`;
const SET = `mutation ($input: SetRetentionInput!) { setRetention(input: $input) {
  kind keepDays setForId
} }`;
const HOLD = `mutation ($input: HoldUsageInput!) { holdUsage(input: $input) {
  id reason releasedAt
} }`;
const RELEASE = `mutation ($id: ID!) { releaseHold(id: $id) { id releasedAt } }`;
const PURGE = `mutation { startPurge { id kind state batchesTotal } }`;
const RUN = `query ($id: ID!) { run(id: $id) { state result parkedReason batchesParked } }`;

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

let kontor: TestApp;
let world: TrafficWorld;
let owner: pg.Client;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  owner = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
  await owner.connect();
  const lines = [
    line('a1', '2026-03-05', CUSTOMER_NUMBER, 90),
    line('a2', '2026-03-05', DIRECT_NUMBER, 45),
    line('a3', '2026-03-25', CUSTOMER_NUMBER, 30),
    line('b1', '2026-04-10', CUSTOMER_NUMBER, 61),
    line('c1', '2026-10-10', CUSTOMER_NUMBER, 60),
  ];
  await importFile(kontor, world, 'kontor', HEADER + lines.join(''));
});

afterAll(async () => {
  await owner?.end();
  await kontor?.stop();
});

function line(id: string, day: string, caller: string, seconds: number): string {
  return `${id},voice,${day}T10:00:00Z,+${caller},+33123456789,${seconds},,CANARY-TRUNK-OUT\n`;
}

const settled = () => settle(kontor);

async function purge(token = world.token): Promise<Asked> {
  const { id } = await call(kontor, token, PURGE);
  await settled();
  return call(kontor, token, RUN, { id });
}

/** Does something so many days later, by when the tokens of now have ended. */
async function ahead<T>(byDays: number, work: () => Promise<T>): Promise<T> {
  kontor.clock.advance(byDays * DAY_MS);
  try {
    return await work();
  } finally {
    kontor.clock.advance(-byDays * DAY_MS);
  }
}

async function periods(token = world.token, id: string | null = null): Promise<Asked> {
  const list = await call(kontor, token, PERIODS, { id });
  return Object.fromEntries(list.map((each: Asked) => [each.kind, each]));
}

const set = (input: object, token = world.token): Promise<Asked> =>
  call(kontor, token, SET, { input });

async function days(): Promise<string[]> {
  const rows = await allRows<{ day: string; n: number }>(
    kontor,
    `SELECT started_at::date::text AS day, count(*)::int AS n FROM xdr GROUP BY 1 ORDER BY 1`,
  );
  return rows.map(({ day, n }) => `${day} ${n}`);
}

async function expectSound(): Promise<void> {
  const read = kontor.app.database.read.bind(kontor.app.database);
  expect(await read(SYSTEM_SCOPE, checkUsageSums)).toEqual([]);
  expect(await read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);
}

describe('how long data is kept', () => {
  it('is what the law and the system need until somebody sets it', async () => {
    const found = await periods();
    expect(found.XDR).toMatchObject({ keepDays: 400, minimumDays: 62, setForId: null });
    expect(found.INVOICE.minimumDays).toBe(2922);
    expect(found.BOOK.minimumDays).toBe(3653);
    expect(found.AUDIT.minimumDays).toBe(3653);
  });

  it('is refused below the minimum, in the past, and for others what is the hub’s', async () => {
    const refused = async (input: object, token = world.token) =>
      refusal(kontor, token, SET, { input });
    expect(await refused({ kind: 'XDR', keepDays: 61 })).toBe('RETENTION_BELOW_MINIMUM');
    expect(await refused({ kind: 'INVOICE', keepDays: 2921 })).toBe('RETENTION_BELOW_MINIMUM');
    expect(await refused({ kind: 'AUDIT', keepDays: 3000 })).toBe('RETENTION_BELOW_MINIMUM');
    expect(await refused({ kind: 'XDR', keepDays: 90, validFrom: '2026-01-01' })).toBe(
      'RETENTION_IN_PAST',
    );
    const partnerId = world.upper.globalId;
    expect(await refused({ kind: 'AUDIT', keepDays: 5000, partnerId })).toBe('RETENTION_OF_HUB');
    const reader = await tokenOf(kontor, world.hub, ['retention.read']);
    expect(await refused({ kind: 'XDR', keepDays: 90 }, reader)).toBe('FORBIDDEN');
    const below = await tokenOf(kontor, world.upper);
    expect(await refused({ kind: 'XDR', keepDays: 90, partnerId: world.hub.globalId }, below)).toBe(
      'NOT_FOUND',
    );
    expect(await refusal(kontor, below, PURGE)).toBe('NOT_HUB');
  });

  it('holds for all below who have set nothing, from its day on', async () => {
    const lower = await tokenOf(kontor, world.lower);
    await set({ kind: 'EVENT', keepDays: 200 });
    expect((await periods(lower)).EVENT).toMatchObject({
      keepDays: 200,
      setForId: world.hub.globalId,
    });
    const upper = await tokenOf(kontor, world.upper);
    await set({ kind: 'EVENT', keepDays: 50 }, upper);
    expect((await periods(lower)).EVENT.keepDays).toBe(50);
    expect((await periods()).EVENT.keepDays).toBe(200);
    const later = new Date(kontor.clock.now().getTime() + 10 * DAY_MS).toISOString().slice(0, 10);
    await set({ kind: 'EVENT', keepDays: null, validFrom: later }, upper);
    expect((await periods(upper)).EVENT).toMatchObject({
      keepDays: 50,
      nextKeepDays: null,
      nextValidFrom: later,
    });
    await ahead(10, async () => {
      const token = await tokenOf(kontor, world.lower);
      expect((await periods(token)).EVENT.keepDays).toBe(200);
    });
  });
});

/** Why the import of a file is parked once it has been tried again. */
async function reasonOfParked(sha256: string): Promise<string> {
  await owner.query(
    `INSERT INTO run_batch (run_id, partner_id, kind, ordinal, lane, payload, units, attempts)
     SELECT r.id, r.partner_id, r.kind, 0, 'identity:kontor',
       jsonb_build_object('fileId', f.id, 'from', 0, 'to', f.size_bytes), f.size_bytes, 99
     FROM usage_file f JOIN run r ON r.id = f.run_id WHERE f.sha256 = $1`,
    [sha256],
  );
  await settled();
  const { rows } = await owner.query(
    `SELECT r.parked_reason FROM usage_file f JOIN run r ON r.id = f.run_id WHERE f.sha256 = $1`,
    [sha256],
  );
  return rows[0].parked_reason;
}

describe('a purge', () => {
  const SELECT = `mutation ($input: CreateRerateInput!) { createRerate(input: $input) { id } }`;

  beforeAll(async () => {
    await set({ kind: 'XDR', keepDays: 100 });
  });

  it('leaves records that no invoice has taken, or only a draft', async () => {
    expect(await purge()).toMatchObject({ state: 'DONE', result: { keptUnbilled: 4 } });
    await bill(kontor, world, '2026-03', false);
    const run = await purge();
    expect(run.result).toMatchObject({ keptForDraft: 3, keptUnbilled: 1 });
    expect(await days()).toEqual(['2026-03-05 2', '2026-03-25 1', '2026-04-10 1', '2026-10-10 1']);
  });

  it('leaves what somebody holds, until it is released', async () => {
    await bill(kontor, world, '2026-03');
    await appliedAndUndone(kontor, '2026-03-05');
    const input = {
      partnerId: world.lower.globalId,
      fromOn: '2026-03-20',
      toOn: '2026-04-01',
      reason: 'Dispute 4711',
    };
    for (const reason of [' ', 'half \ud800', 'nul \0']) {
      const mute = { input: { ...input, reason } };
      expect(await refusal(kontor, world.token, HOLD, mute)).toBe('BAD_USER_INPUT');
    }
    const hold = await call(kontor, world.token, HOLD, { input });
    expect(hold).toMatchObject({ reason: 'Dispute 4711', releasedAt: null });
    const invoices = await allRows(kontor, 'SELECT * FROM invoice ORDER BY id');
    const run = await purge();
    expect(run.result).toMatchObject({ records: 2, partitions: 1, keptOnHold: 1, keptUnbilled: 1 });
    expect(await days()).toEqual(['2026-03-25 1', '2026-04-10 1', '2026-10-10 1']);
    expect(await allRows(kontor, 'SELECT * FROM invoice ORDER BY id')).toEqual(invoices);
    await expectSound();
    const disputed = await tokenOf(kontor, world.lower);
    expect(await refusal(kontor, disputed, RELEASE, { id: hold.id })).toBe(
      'RETENTION_HOLD_FROM_ABOVE',
    );
    expect((await call(kontor, world.token, RELEASE, { id: hold.id })).releasedAt).not.toBeNull();
    const own = await call(kontor, disputed, HOLD, { input });
    expect((await call(kontor, disputed, RELEASE, { id: own.id })).releasedAt).not.toBeNull();
    expect(await refusal(kontor, world.token, RELEASE, { id: hold.id })).toBe(
      'RETENTION_HOLD_RELEASED',
    );
    expect((await purge()).result).toMatchObject({ records: 1, partitions: 1 });
    await expectSound();
  });

  it('waits for whoever reads a partition, without keeping others from it for long', async () => {
    await bill(kontor, world, '2026-04');
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE xdr IN ACCESS SHARE MODE');
    const { id } = await call(kontor, world.token, PURGE);
    await delay(1_500);
    expect(await days()).toEqual(['2026-04-10 1', '2026-10-10 1']);
    await owner.query('ROLLBACK');
    await settled();
    expect(await call(kontor, world.token, RUN, { id })).toMatchObject({
      state: 'DONE',
      result: { records: 1, partitions: 1 },
    });
    expect(await days()).toEqual(['2026-10-10 1']);
    await expectSound();
  });

  it('lets no late record into a time that was purged, and still knows duplicates', async () => {
    const [horizon] = await allRows<{ on: string }>(
      kontor,
      'SELECT on_date::text AS on FROM usage_horizon',
    );
    expect(horizon?.on).toBe('2026-08-01');
    const { file } = await importFile(
      kontor,
      world,
      'kontor',
      HEADER +
        line('late', '2026-03-06', CUSTOMER_NUMBER, 10) +
        line('edge', '2026-07-31', CUSTOMER_NUMBER, 10) +
        line('new', '2026-08-01', CUSTOMER_NUMBER, 10) +
        line('c1', '2026-10-10', CUSTOMER_NUMBER, 60),
    );
    expect(file).toMatchObject({ rated: '1', rejected: '2', duplicate: '1' });
    const codes = await allRows(kontor, 'SELECT DISTINCT code FROM suspense_record');
    expect(codes).toEqual([{ code: 'PERIOD_PURGED' }]);
    const selection = { from: '2026-07-31T00:00:00Z', to: '2026-11-01T00:00:00Z' };
    const input = { selection, reason: 'Too late' };
    expect(await refusal(kontor, world.token, SELECT, { input })).toBe('RERATE_PURGED');
    await expectSound();
  });

  it('takes the bytes of files and of suspended records, and says so', async () => {
    await set({ kind: 'USAGE_FILE', keepDays: 31 });
    const [file] = await allRows<{ stored_as: string }>(kontor, 'SELECT stored_as FROM usage_file');
    const path = kontor.app.services.storage.pathOf(file?.stored_as ?? '');
    expect(existsSync(path)).toBe(true);
    await owner.query(`UPDATE usage_file SET created_at = now() - interval '32 days'`);
    const run = await purge();
    expect(run.result).toMatchObject({ files: 2 });
    // Bytes that were stored this very hour are left alone, as they might be a new delivery.
    expect(existsSync(path)).toBe(true);
    const hour = new Date(kontor.clock.now().getTime() + 3_600_001);
    await kontor.app.services.uploads.open(hour);
    expect(existsSync(path)).toBe(false);
    const xdrs = await call(
      kontor,
      world.token,
      `query { xdrs(filter: { from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z" }) {
        nodes { id }
      } }`,
    );
    const shown = await call(
      kontor,
      world.token,
      'query ($id: ID!) { explainXdr(id: $id) { equal reading { state } } }',
      { id: xdrs.nodes[0].id },
    );
    expect(shown).toEqual({ equal: true, reading: { state: 'FILE_GONE' } });
  });

  it('takes bytes that nobody asks for any more, and says so of files never imported', async () => {
    const IMPORT = `mutation ($fileId: ID!, $sourceId: ID!) {
      importUsageFile(fileId: $fileId, sourceId: $sourceId) { id }
    }`;
    const send = (content: string) => upload(kontor, world.token, 'late.csv', content);
    const content = (id: string) => HEADER + line(id, '2026-10-11', CUSTOMER_NUMBER, 60);
    const [never, cancelled, parked] = [
      await send(content('never')),
      await send(content('cancelled')),
      await send(content('parked')),
    ].map(({ body }) => body);
    const pathOf = ({ sha256 }: Asked) =>
      kontor.app.services.storage.pathOf(`${sha256.slice(0, 2)}/${sha256}`);
    for (const [{ sha256 }, state] of [
      [cancelled, 'CANCELLED'],
      [parked, 'PARKED'],
    ]) {
      await owner.query(
        `WITH r AS (INSERT INTO run (partner_id, kind, subject, state, batches_total)
           VALUES ($1, 'IMPORT', $2, $3, 1) RETURNING id)
         UPDATE usage_file SET state = 'IMPORTING', run_id = (SELECT id FROM r),
           usage_source_id = (SELECT id FROM usage_source WHERE name = 'kontor')
         WHERE sha256 = $2`,
        [world.hub.id, sha256, state],
      );
    }
    await owner.query(`UPDATE usage_file SET created_at = now() - interval '32 days'
      WHERE purged_at IS NULL`);
    expect((await purge()).result).toMatchObject({
      files: 2,
      filesNeverImported: 2,
      keptForImport: 1,
    });
    const input = { fileId: never.fileId, sourceId: world.sources.kontor };
    expect(await refusal(kontor, world.token, IMPORT, input)).toBe('FILE_PURGED');
    const again = await send(content('never'));
    expect(again.body).toMatchObject({ fileId: never.fileId, alreadyStored: false });
    // What came of a purged file stays known, so its bytes are of no use when they come again.
    const known = await send(HEADER + line('late', '2026-03-06', CUSTOMER_NUMBER, 10));
    await owner.query(`UPDATE usage_file SET state = 'QUARANTINED', purged_at = now()
      WHERE sha256 = '${known.body.sha256}'`);
    const later = await ahead(1 / 12, async () => purge(await tokenOf(kontor, world.hub)));
    expect(later.result).toMatchObject({ files: 0, leftovers: 2 });
    const present = [never, cancelled, parked, known.body].map((file) => existsSync(pathOf(file)));
    expect(present).toEqual([true, false, true, false]);
    await call(kontor, world.token, IMPORT, input);
    await owner.query(`UPDATE run SET created_at = now() - interval '32 days'`);
    expect((await purge()).result).toMatchObject({ files: 1, filesParked: 1, keptForImport: 0 });
    expect(await reasonOfParked(parked.sha256)).toBe('FILE_PURGED');
    expect((await send(content('parked'))).body).toMatchObject({ alreadyStored: false });
    const [file] = await allRows(kontor, `SELECT state, rated FROM usage_file WHERE sha256 = $1`, [
      never.sha256,
    ]);
    expect(file).toEqual({ state: 'DONE', rated: '1' });
  });

  it('takes deliveries that were put aside as duplicates', async () => {
    const inbox = join(kontor.app.config.dataDir, 'inbox');
    const content = HEADER + line('never', '2026-10-11', CUSTOMER_NUMBER, 60);
    for (const name of ['old.csv', 'young.csv']) {
      deliver(kontor, { name: 'kontor' }, name, content);
      deliver(kontor, { name: 'kontor' }, `${name}.done`, '');
    }
    const deliveries = () =>
      allRows<{ name: string; kept_as: string }>(
        kontor,
        'SELECT name, kept_as FROM duplicate_file ORDER BY name',
      );
    // The server looks at the inbox by itself, too, and may be about to.
    await expect.poll(deliveries, { timeout: 20_000 }).toHaveLength(2);
    const kept = await deliveries();
    const strangers = ['old', 'young'].map((name) => {
      const folder = join(inbox, '.duplicate', `of-another-partner-${name}`);
      mkdirSync(folder);
      writeFileSync(join(folder, 'x.csv'), content);
      return folder;
    });
    const long = new Date(kontor.clock.now().getTime() - 32 * DAY_MS);
    utimesSync(strangers[0] as string, long, long);
    await owner.query(`UPDATE duplicate_file SET received_at = now() - interval '32 days'
      WHERE name = 'old.csv'`);
    expect((await purge()).result).toMatchObject({ deliveries: 2 });
    const left = [...kept.map(({ kept_as }) => join(inbox, kept_as)), ...strangers];
    expect(left.map((path) => existsSync(path))).toEqual([false, true, false, true]);
  });

  it('takes rows of the other kinds by their own age, and nothing younger', async () => {
    const hub = world.hub.id;
    await owner.query(`INSERT INTO event (topic, partner_id, payload, occurred_at, position)
      SELECT 'x', ${hub}, '{}', now() - d * interval '1 day', -d
      FROM unnest('{199,201}'::int[]) d`);
    await owner.query(`INSERT INTO outbox (topic, partner_id, payload, done_at)
      SELECT 'x', ${hub}, '{}', now() - d * interval '1 day' FROM unnest('{29,31}'::int[]) d`);
    await owner.query(`INSERT INTO idempotency_key (partner_id, user_id, key, operation,
      request_hash, created_at) SELECT ${hub}, 1, 'old' || d, 'x', 'x',
      now() - d * interval '1 day' FROM unnest('{6,8}'::int[]) d`);
    await owner.query(`INSERT INTO session (id, user_id, partner_id, expires_at, revoked_at)
      SELECT gen_random_uuid(), (SELECT min(id) FROM app_user WHERE partner_id = ${hub}), ${hub},
        now() + interval '1 day', now() - d * interval '1 day' FROM unnest('{29,31}'::int[]) d`);
    await owner.query(`INSERT INTO alarm (partner_id, severity, probable_cause, subject_type,
      subject_id, natural_key, text, cleared_at) SELECT ${hub}, 'MINOR', 'FILE_ERROR', 'Partner',
      1, 'old' || d, 'x', now() - d * interval '1 day' FROM unnest('{399,401}'::int[]) d`);
    await owner.query(`INSERT INTO suspense_record (partner_id, usage_file_id, batch_id,
      byte_offset, batch_line, state, code, message, raw, created_at)
      SELECT f.partner_id, f.id, 1, 0, 1, 'REJECTED', 'MALFORMED_LINE', 'x', 'secret',
        now() - d * interval '1 day' FROM usage_file f, unnest('{179,181}'::int[]) d
      WHERE f.id = (SELECT min(id) FROM usage_file)`);
    await owner.query(`INSERT INTO suspense_record (partner_id, usage_file_id, batch_id,
      byte_offset, batch_line, state, code, message, raw, created_at)
      SELECT partner_id, usage_file_id, batch_id, 1, 2, 'HELD', 'MALFORMED_LINE', message, raw,
        created_at FROM suspense_record WHERE code = 'MALFORMED_LINE'`);
    const { result } = await purge();
    expect(result).toMatchObject({
      eventRows: 1,
      outboxRows: 1,
      idempotencyKeyRows: 1,
      sessionRows: 1,
      alarmRows: 1,
      suspenseRows: 2,
      heldRows: 1,
    });
    const left = await allRows(
      kontor,
      `SELECT raw = '' AS gone, count(*)::int AS n FROM suspense_record
       WHERE code = 'MALFORMED_LINE' GROUP BY 1 ORDER BY 1`,
    );
    expect(left).toEqual([
      { gone: false, n: 2 },
      { gone: true, n: 2 },
    ]);
  });

  it('is refused by the database for what is young, whoever asks', async () => {
    const young = `now() - interval '1 hour'`;
    for (const sql of [
      `SELECT purge_rows('EVENT', '{1}', ${young}, 10)`,
      `SELECT purge_rows('SUSPENSE', '{1}', now() - interval '29 days', 10)`,
      `SELECT purge_runs(${young}, 10)`,
      `SELECT purge_usage_day(current_date - 5, NULL)`,
    ]) {
      const state = await kontor.app.database
        .write(SYSTEM_SCOPE, (tx) => tx.query(sql))
        .then(
          () => 'done',
          (error) => (error as { code?: string }).code,
        );
      expect([sql, state]).toEqual([sql, '23001']);
    }
  });

  it('happens once a day by itself, and its figures go into the audit', async () => {
    const { purges } = kontor.app.services;
    const entries = () =>
      allRows<{ operation: string; body: string }>(
        kontor,
        `SELECT operation, body FROM audit_entry WHERE operation = 'purge' ORDER BY seq DESC`,
      );
    const before = (await entries()).length;
    expect(await Promise.all([purges.startOfDay(), purges.startOfDay()])).toContain(true);
    expect(await purges.startOfDay()).toBe(false);
    await settled();
    const after = await entries();
    expect(after).toHaveLength(before + 1);
    expect(JSON.parse(after[0]?.body ?? '').arguments).toMatchObject({ figures: { eventRows: 0 } });
    const runs = await allRows(kontor, `SELECT 1 FROM run WHERE subject ~ '^purge:[0-9-]{10}$'`);
    expect(runs).toHaveLength(1);
  });

  it('passes over a day that is read for long, and comes back to it every hour', async () => {
    await bill(kontor, world, '2026-08');
    await owner.query('BEGIN; LOCK TABLE xdr IN ACCESS SHARE MODE');
    expect(await purge()).toMatchObject({ state: 'DONE', result: { daysHeld: 1 } });
    const alarms = () =>
      allRows(
        kontor,
        `SELECT severity, details ->> 'day' AS day, cleared_at IS NULL AS open FROM alarm
         WHERE probable_cause = 'PURGE_HELD_UP'`,
      );
    const again = () => kontor.app.services.purges.startOfDay().finally(settled);
    expect(await alarms()).toEqual([]);
    await owner.query('COMMIT');
    await owner.query(`UPDATE run_batch SET finished_at = finished_at - interval '25 hours'
      WHERE result -> 'totals' ? 'daysHeld'`);
    await owner.query('BEGIN; LOCK TABLE xdr IN ACCESS SHARE MODE');
    // Whoever has cancelled it does not want it again this day.
    for (const [state, starts] of [['CANCELLED', false] as const, ['DONE', true] as const]) {
      await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
        tx.query(`UPDATE run SET state = $1 WHERE kind = 'PURGE'`, [state]),
      );
      expect(await again()).toBe(starts);
    }
    const alarm = { severity: 'MINOR', day: '2026-08-01' };
    expect(await alarms()).toEqual([{ ...alarm, open: true }]);
    await owner.query('COMMIT');
    expect(await again()).toBe(true);
    expect(await days()).toEqual(['2026-10-10 1', '2026-10-11 1']);
    expect(await alarms()).toEqual([{ ...alarm, open: false }]);
    expect(await again()).toBe(false);
    await expectSound();
  });
});
