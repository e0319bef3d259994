import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InboxService } from '../../src/mediation/index.js';
import { createLog } from '../../src/platform/index.js';
import { allRows, aSource, deliver, filesBelow, upload } from '../fixtures/mediation.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import type { SwapJob } from '../fixtures/swap-files.worker.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const SWAPPER = fileURLToPath(new URL('../fixtures/swap-files.worker.js', import.meta.url));
const ROUNDS = trials(5_000);
const CONTENTS = trials(100);
const NAMES = 4;

let kontor: TestApp;
let hub: BuiltPartner;
let token: string;
let elsewhere: string;

beforeAll(async () => {
  kontor = await testApp({ start: false });
  await kontor.app.services.uploads.open(new Date());
  hub = await aPartner(kontor);
  token = await kontor.signIn((await aUser(kontor, { partnerId: hub.id })).email);
  elsewhere = mkdtempSync(join(tmpdir(), 'kontor-elsewhere-'));
});
afterAll(async () => {
  await kontor?.stop();
  rmSync(elsewhere, { recursive: true, force: true });
});

function anInbox(): InboxService {
  const { database, config, services } = kontor.app;
  const { storage, usageFiles } = services;
  const log = createLog({ level: 'silent' });
  const options = { dataDir: config.dataDir, pollSeconds: 1, log };
  return new InboxService(database, storage, usageFiles, options);
}

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const textOf = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

describe('the inbox (F1)', () => {
  it(`reads nothing outside, whatever is swapped while it looks (${ROUNDS} times)`, async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const canary = `canary ${randomUUID()}`;
    const [secret, outside] = [join(elsewhere, 'secret.csv'), join(elsewhere, 'folder')];
    mkdirSync(outside);
    const secrets = [
      secret,
      ...Array.from({ length: 6 }, (_, n) => join(outside, `swap-${n}.csv`)),
    ];
    for (const path of secrets) writeFileSync(path, canary);
    for (const path of secrets.slice(1)) writeFileSync(`${path}.done`, '');
    unlinkSync(deliver(kontor, source, 'first.csv', ''));
    const folder = join(kontor.app.config.dataDir, 'inbox', source.name);
    const workerData: SwapJob = { folder, secret, outside, rounds: ROUNDS };
    const swapper = new Worker(SWAPPER, { workerData });
    const ended = once(swapper, 'message');
    let [isOver, polls, followed] = [false, 0, 0];
    const over = () => {
      isOver = true;
    };
    void ended.then(over, over);
    const inboxes = [anInbox(), anInbox()];
    while (!isOver) {
      await Promise.all(inboxes.map((inbox) => inbox.poll().catch(() => undefined)));
      polls += 1;
      // Who just reads what lies there meets the canary: the race is one.
      for (let n = 0; n < 6; n += 1) {
        if (textOf(join(folder, `swap-${n}.csv`)).includes(canary)) followed += 1;
      }
    }
    await ended;
    await swapper.terminate();
    for (let n = 0; n < 4; n += 1) await inboxes[0]?.poll();

    const rows = await allRows(kontor, 'SELECT 1 FROM usage_file WHERE sha256 = $1', [sha(canary)]);
    expect(rows).toEqual([]);
    const files = join(kontor.app.config.dataDir, 'files');
    const stored = filesBelow(files).map((name) => textOf(join(files, name)));
    expect(stored.filter((text) => text.includes(canary))).toEqual([]);
    expect(stored.filter((text) => text.startsWith('round ')).length).toBeGreaterThan(0);
    for (const path of secrets) expect(textOf(path)).toBe(canary);
    expect(filesBelow(outside).length).toBe(12);
    expect(followed).toBeGreaterThan(0);
    console.log(
      `inbox: ${ROUNDS} swaps in ${polls} looks of two, ${stored.length} files taken, ` +
        `0 read outside; a reader that follows links was led outside ${followed} times`,
    );
  });
});

describe('a file that is sent again (F2)', () => {
  it(`is imported once, by whichever way and importer it comes (${CONTENTS} files)`, async () => {
    const source = await aSource(kontor, { partnerId: hub.id });
    const contents = Array.from({ length: CONTENTS }, (_, n) =>
      `${randomUUID()},${n}\n`.repeat(99),
    );
    const inboxes = [anInbox(), anInbox(), anInbox()];
    for (const [n, content] of contents.entries()) {
      for (let name = 0; name < NAMES; name += 1) {
        const path = deliver(kontor, source, `f${n}-${name}.csv`, content);
        writeFileSync(`${path}.done`, '');
      }
      const [answer] = await Promise.all([
        upload(kontor, token, `up${n}.csv`, content),
        ...inboxes.map((inbox) => inbox.poll()),
      ]);
      expect([200, 201, 429]).toContain(answer.status);
    }
    for (let n = 0; n < 6; n += 1) await Promise.all(inboxes.map((inbox) => inbox.poll()));

    const files = await allRows<{ sha256: string; state: string }>(
      kontor,
      'SELECT sha256, state FROM usage_file WHERE sha256 = ANY ($1)',
      [contents.map(sha)],
    );
    expect(files.map(({ sha256 }) => sha256).sort()).toEqual(contents.map(sha).sort());
    expect(new Set(files.map(({ state }) => state))).toEqual(new Set(['IMPORTING']));
    const runs = await allRows<{ count: number }>(
      kontor,
      `SELECT count(*)::int FROM run_batch b
       JOIN usage_file f ON f.id = (b.payload ->> 'fileId')::int
       WHERE f.sha256 = ANY ($1) GROUP BY f.id`,
      [contents.map(sha)],
    );
    expect(runs).toEqual(contents.map(() => ({ count: 1 })));
    const [again] = await allRows<{ count: number }>(
      kontor,
      'SELECT count(*)::int FROM duplicate_file WHERE usage_source_id = $1',
      [source.id],
    );
    expect(again?.count).toBe(CONTENTS * (NAMES - 1));
    console.log(`inbox: ${CONTENTS} files under ${NAMES} names and by upload, each imported once`);
  });
});
