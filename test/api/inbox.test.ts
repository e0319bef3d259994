import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InboxService } from '../../src/mediation/index.js';
import { createLog } from '../../src/platform/index.js';
import {
  allRows,
  aSource,
  deliver,
  filesBelow,
  storedBytes,
  upload,
} from '../fixtures/mediation.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

// More in `npm run test:chaos`.
const KILLS = trials(5);
const FILES_A_KILL = 8;
const KILL_MS = 60_000 + KILLS * 20_000;
const CHILD = fileURLToPath(new URL('../fixtures/inbox-process.js', import.meta.url));

let kontor: TestApp;
let hub: BuiltPartner;
let token: string;
let inbox: InboxService;

beforeAll(async () => {
  // The tests look at the inbox themselves.
  kontor = await testApp({ start: false });
  await kontor.app.services.uploads.open(new Date());
  hub = await aPartner(kontor);
  const user = await aUser(kontor, { partnerId: hub.id });
  token = await kontor.signIn(user.email);
  inbox = anInbox();
});

afterAll(async () => kontor.stop());

function anInbox(): InboxService {
  const { app } = kontor;
  const { storage, usageFiles } = app.services;
  return new InboxService(app.database, storage, usageFiles, {
    dataDir: app.config.dataDir,
    pollSeconds: 1,
    log: createLog({ level: 'silent' }),
  });
}

const sha = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const root = () => join(kontor.app.config.dataDir, 'inbox');
const left = (source: { name: string }) => filesBelow(join(root(), source.name));
const filesOf = (content: Buffer | string) =>
  allRows<{ id: number; name: string; state: string; usage_source_id: number; run_id: number }>(
    kontor,
    'SELECT id, name, state, usage_source_id, run_id FROM usage_file WHERE sha256 = $1',
    [sha(content)],
  );

describe('the inbox', () => {
  it('takes a file that has not changed between two looks and starts its import', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const content = randomBytes(5000);
    deliver(kontor, source, 'cdr-001.csv', content);
    expect(await inbox.poll()).toMatchObject({ taken: 0, waiting: 1 });
    expect(await inbox.poll()).toMatchObject({ taken: 1, waiting: 0 });
    expect(left(source)).toEqual([]);
    expect(filesBelow(join(root(), '.taken'))).toEqual([]);
    expect(await storedBytes(kontor, sha(content))).toEqual(content);
    const [file] = await filesOf(content);
    expect(file).toMatchObject({
      name: 'cdr-001.csv',
      state: 'IMPORTING',
      usage_source_id: source.id,
    });
    const batches = await allRows<{ payload: unknown; lane: string }>(
      kontor,
      'SELECT payload, lane FROM run_batch WHERE run_id = $1',
      [file?.run_id],
    );
    expect(batches).toEqual([
      { payload: { fileId: file?.id, from: 0, to: 5000 }, lane: `identity:${source.name}` },
    ]);
  });

  it('waits while a file grows', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const path = deliver(kontor, source, 'growing.csv', 'a');
    await inbox.poll();
    appendFileSync(path, 'b');
    expect(await inbox.poll()).toMatchObject({ taken: 0, waiting: 1 });
    utimesSync(path, 5, 5);
    expect(await inbox.poll()).toMatchObject({ taken: 0, waiting: 1 });
    expect(await inbox.poll()).toMatchObject({ taken: 1 });
    expect(await filesOf('ab')).toHaveLength(1);
  });

  it('takes a file with a marker at once, and the marker with it', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    deliver(kontor, source, 'marked.csv', 'marked content');
    deliver(kontor, source, 'marked.csv.done', '');
    expect(await inbox.poll()).toMatchObject({ taken: 1 });
    expect(left(source)).toEqual([]);
  });

  it('leaves names alone that are still being written', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const names = ['.hidden', 'x.part', 'y.csv.TMP', 'alone.done'];
    for (const name of names) deliver(kontor, source, name, name);
    for (let n = 0; n < 3; n += 1) expect(await inbox.poll()).toMatchObject({ taken: 0 });
    expect(left(source)).toEqual([...names].sort());
  });

  it('takes names of any bytes and shows them readably', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const folder = join(root(), source.name);
    mkdirSync(folder, { recursive: true });
    const name = Buffer.from([0x61, 0xff, 0x0a, 0x1b, 0x5b, 0x62]);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), 'odd name');
    await inbox.poll();
    expect(await inbox.poll()).toMatchObject({ taken: 1 });
    expect(await filesOf('odd name')).toMatchObject([{ name: 'a\ufffd__[b' }]);
  });

  it('follows no link, waits for no pipe, and raises an alarm instead', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const folder = join(root(), source.name);
    mkdirSync(join(folder, 'a folder'), { recursive: true });
    symlinkSync('/etc/passwd', join(folder, 'link.csv'));
    await new Promise((done) => spawn('mkfifo', [join(folder, 'pipe.csv')]).on('close', done));
    for (let n = 0; n < 3; n += 1) expect(await inbox.poll()).toMatchObject({ taken: 0 });
    expect(existsSync(join(folder, 'link.csv'))).toBe(true);
    const alarms = await allRows<{ natural_key: string }>(
      kontor,
      "SELECT natural_key FROM alarm WHERE subject_type = 'UsageSource' AND subject_id = $1",
      [source.id],
    );
    expect(alarms.map((alarm) => alarm.natural_key).sort()).toEqual(
      ['a folder', 'link.csv', 'pipe.csv'].map((name) => `inbox:${source.name}/${name}`),
    );
  });

  it('does not enter a folder that is a link', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const outside = join(kontor.app.config.dataDir, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret.csv'), 'not yours');
    symlinkSync(outside, join(root(), source.name));
    for (let n = 0; n < 3; n += 1) await inbox.poll();
    expect(await filesOf('not yours')).toEqual([]);
    unlinkSync(join(root(), source.name));
  });

  it('keeps files of an unknown source and raises an alarm until it is known', async () => {
    deliver(kontor, { name: 'stranger' }, 'cdr.csv', 'of a stranger');
    for (let n = 0; n < 3; n += 1) await inbox.poll();
    expect(left({ name: 'stranger' })).toEqual(['cdr.csv']);
    const open = () =>
      allRows(
        kontor,
        `SELECT severity, probable_cause AS cause FROM alarm
        WHERE natural_key = 'inbox:stranger' AND cleared_at IS NULL`,
      );
    expect(await open()).toEqual([{ severity: 'WARNING', cause: 'FILE_ERROR' }]);
    await aSource(kontor, { partnerId: hub.id, name: 'stranger' });
    await inbox.poll();
    expect(await inbox.poll()).toMatchObject({ taken: 1 });
    expect(await open()).toEqual([]);
  });

  it('puts content that was imported before aside, with a record', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    deliver(kontor, source, 'day-1.csv', 'the same day');
    await inbox.poll();
    await inbox.poll();
    deliver(kontor, source, 'day-1 again.csv', 'the same day');
    await inbox.poll();
    expect(await inbox.poll()).toMatchObject({ taken: 0, duplicates: 1 });
    expect(left(source)).toEqual([]);
    const [file] = await filesOf('the same day');
    const answer = await kontor.graphql(
      `query { usageFiles(first: 1, filter: { sourceId: "${source.globalId}" }) { nodes {
         name duplicateDeliveries { name keptAs receivedAt } } } }`,
      null,
      token,
    );
    const [shown] = answer.data.usageFiles.nodes;
    expect(shown).toMatchObject({
      name: 'day-1.csv',
      duplicateDeliveries: [{ name: 'day-1 again.csv' }],
    });
    const kept = readFileSync(join(root(), shown.duplicateDeliveries[0].keptAs), 'utf8');
    expect(kept).toBe('the same day');
    const runs = await allRows(kontor, `SELECT 1 FROM run WHERE params ->> 'fileId' = $1`, [
      String(file?.id),
    ]);
    expect(runs).toHaveLength(1);
  });

  it('imports content that was only uploaded so far', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    await upload(kontor, token, 'uploaded.csv', 'uploaded, then delivered');
    deliver(kontor, source, 'delivered.csv', 'uploaded, then delivered');
    await inbox.poll();
    expect(await inbox.poll()).toMatchObject({ taken: 1 });
    expect(await filesOf('uploaded, then delivered')).toMatchObject([
      { name: 'uploaded.csv', state: 'IMPORTING' },
    ]);
  });

  it('stores content anew whose bytes were purged before anybody imported it', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const { body } = await upload(kontor, token, 'forgotten.csv', 'purged, then delivered');
    unlinkSync(kontor.app.services.storage.pathOf(`${body.sha256.slice(0, 2)}/${body.sha256}`));
    await kontor.app.database.write({ partnerId: hub.id }, (tx) =>
      tx.query('UPDATE usage_file SET purged_at = now() WHERE sha256 = $1', [body.sha256]),
    );
    deliver(kontor, source, 'delivered.csv', 'purged, then delivered');
    await inbox.poll();
    expect(await inbox.poll()).toMatchObject({ taken: 1 });
    expect(await filesOf('purged, then delivered')).toMatchObject([
      { name: 'delivered.csv', state: 'IMPORTING' },
    ]);
    const bytes = await storedBytes(kontor, body.sha256);
    expect(bytes.toString()).toBe('purged, then delivered');
  });

  it('does not touch stored content when its sender goes on writing to a second name', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const path = deliver(kontor, source, 'linked.csv', 'first words');
    const kept = join(kontor.app.config.dataDir, 'second-name');
    linkSync(path, kept);
    await inbox.poll();
    expect(await inbox.poll()).toMatchObject({ taken: 1 });
    appendFileSync(kept, ' and more');
    expect(String(await storedBytes(kontor, sha('first words')))).toBe('first words');
  });

  it('lets one of several processes take each file', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const contents = Array.from({ length: 12 }, (_, n) => `shared file ${n}`);
    for (const [n, content] of contents.entries()) deliver(kontor, source, `f${n}.csv`, content);
    const others = [anInbox(), anInbox(), anInbox()];
    await Promise.all(others.map((one) => one.poll()));
    await Promise.all(others.map((one) => one.poll()));
    for (let n = 0; n < 3; n += 1) await inbox.poll();
    expect(left(source)).toEqual([]);
    expect(filesBelow(join(root(), '.taken'))).toEqual([]);
    for (const content of contents) {
      expect(await filesOf(content)).toMatchObject([{ state: 'IMPORTING' }]);
    }
    const duplicates = await allRows(
      kontor,
      'SELECT 1 FROM duplicate_file WHERE usage_source_id = $1',
      [source.id],
    );
    expect(duplicates).toEqual([]);
  });
});

async function asOwner(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
  await client.connect();
  await client.query(sql);
  await client.end();
}

describe('after a crash the inbox', () => {
  it('goes on with a file that was taken but not registered', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const place = join(root(), '.taken', source.name, 'some-number');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'cdr.csv'), 'taken before the crash');
    mkdirSync(join(root(), '.taken', source.name, 'emptied'));
    expect(await anInbox().poll()).toMatchObject({ taken: 1, duplicates: 0 });
    expect(await filesOf('taken before the crash')).toMatchObject([{ name: 'cdr.csv' }]);
    expect(existsSync(place)).toBe(false);
  });

  it('removes a file that was registered but not removed, and calls it no duplicate', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const content = 'registered before the crash';
    const path = deliver(kontor, source, 'cdr.csv', content);
    const behind = join(kontor.app.config.dataDir, 'behind');
    await inbox.poll();
    await inbox.poll();
    // The stored file has the entry's own inode: naming it again is what the crash leaves.
    linkSync(
      kontor.app.services.storage.pathOf(`${sha(content).slice(0, 2)}/${sha(content)}`),
      behind,
    );
    const place = join(root(), '.taken', source.name, 'left-behind');
    mkdirSync(place);
    renameSync(behind, join(place, 'cdr.csv'));
    expect(await anInbox().poll()).toMatchObject({ taken: 1, duplicates: 0 });
    expect(existsSync(place)).toBe(false);
    expect(existsSync(path)).toBe(false);
    expect(await filesOf(content)).toMatchObject([{ state: 'IMPORTING' }]);
    expect(String(await storedBytes(kontor, sha(content)))).toBe(content);
  });

  it('records a duplicate once, also when it could not be put aside', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    deliver(kontor, source, 'one.csv', 'recorded once');
    await inbox.poll();
    await inbox.poll();
    const place = join(root(), '.taken', source.name, 'twice');
    mkdirSync(place);
    writeFileSync(join(place, 'two.csv'), 'recorded once');
    const again = join(kontor.app.config.dataDir, 'again.csv');
    copyFileSync(join(place, 'two.csv'), again);
    await inbox.poll();
    // The crash came between the record and the move: the very same entry stands there again.
    renameSync(join(root(), '.duplicate', 'twice'), place);
    expect(statSync(join(place, 'two.csv')).isFile()).toBe(true);
    expect(await anInbox().poll()).toMatchObject({ duplicates: 1 });
    const records = await allRows<{ kept_as: string }>(
      kontor,
      'SELECT kept_as FROM duplicate_file WHERE usage_source_id = $1',
      [source.id],
    );
    expect(records).toEqual([{ kept_as: '.duplicate/twice/two.csv' }]);
    expect(existsSync(join(root(), records[0]?.kept_as ?? ''))).toBe(true);
  });

  it('tries again what the database did not take', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    deliver(kontor, source, 'retry.csv', 'not lost');
    await asOwner(`ALTER TABLE run ADD CONSTRAINT broken CHECK (kind <> 'IMPORT') NOT VALID`);
    try {
      await inbox.poll();
      expect(await inbox.poll()).toMatchObject({ taken: 0, waiting: 1 });
    } finally {
      await asOwner('ALTER TABLE run DROP CONSTRAINT broken');
    }
    expect(await filesOf('not lost')).toEqual([]);
    expect(await inbox.poll()).toMatchObject({ taken: 1 });
    expect(await filesOf('not lost')).toHaveLength(1);
  });

  it('has lost and doubled nothing, killed at random moments', { timeout: KILL_MS }, async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const contents = Array.from({ length: KILLS * FILES_A_KILL }, (_, n) => `${n},`.repeat(40_000));
    const hidden = (n: number) => deliver(kontor, source, `f${n}.csv.part`, contents[n] as string);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = spawn(
        process.execPath,
        [CHILD, kontor.database.urls.url, kontor.app.config.dataDir],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const ended = new Promise((done) => child.on('close', done));
      await new Promise((ready) => child.stdout.once('data', ready));
      for (let n = kill * FILES_A_KILL; n < (kill + 1) * FILES_A_KILL; n += 1) {
        const path = hidden(n);
        renameSync(path, path.replace('.part', ''));
      }
      await delay(10 + Math.random() * 120);
      child.kill('SIGKILL');
      await ended;
    }
    for (let n = 0; n < 4; n += 1) await inbox.poll();
    expect(left(source)).toEqual([]);
    expect(filesBelow(join(root(), '.taken', source.name))).toEqual([]);
    for (const content of contents) {
      expect(await filesOf(content)).toMatchObject([{ state: 'IMPORTING' }]);
      expect(sha(await storedBytes(kontor, sha(content)))).toBe(sha(content));
    }
    const doubled = await allRows(
      kontor,
      'SELECT name FROM duplicate_file WHERE usage_source_id = $1',
      [source.id],
    );
    expect(doubled).toEqual([]);
  });

  it('polls by itself once it is started', async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    deliver(kontor, source, 'by-itself.csv', 'polled');
    const own = anInbox();
    own.start();
    for (let n = 0; n < 100 && (await filesOf('polled')).length === 0; n += 1) await delay(50);
    await own.stop();
    expect(await filesOf('polled')).toHaveLength(1);
  });
});
