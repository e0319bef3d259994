import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { createGzip, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allRows, filesBelow, openUpload, storedBytes, upload } from '../fixtures/mediation.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const MIB = 1024 * 1024;

let kontor: TestApp;
let hub: BuiltPartner;
let token: string;

beforeAll(async () => {
  kontor = await testApp({ env: { KONTOR_MAX_UPLOAD_BYTES: '256MiB' } });
  hub = await aPartner(kontor);
  const user = await aUser(kontor, { partnerId: hub.id });
  token = await kontor.signIn(user.email);
});

afterAll(async () => kontor.stop());

const sha = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');
const parts = () => join(kontor.app.config.dataDir, 'files', '.part');
const rowsOf = (sha256: string) =>
  allRows<{ id: number; partner_id: number; state: string; size_bytes: string }>(
    kontor,
    'SELECT id, partner_id, state, size_bytes FROM usage_file WHERE sha256 = $1 ORDER BY id',
    [sha256],
  );

async function until(met: () => boolean | Promise<boolean>): Promise<void> {
  for (let n = 0; n < 200 && !(await met()); n += 1) await delay(25);
  expect(await met()).toBe(true);
}

function generated(bytes: number, seed: number): Readable {
  const block = Buffer.alloc(MIB, `record-${seed},`);
  let left = bytes;
  return new Readable({
    read() {
      if (left === 0) this.push(null);
      else {
        const size = Math.min(left, block.length);
        left -= size;
        this.push(block.subarray(0, size));
      }
    },
  });
}

describe('PUT /files/:name', () => {
  it('stores the bytes with their hash and a row that waits for its import', async () => {
    const bytes = randomBytes(300_000);
    const answer = await upload(kontor, token, 'first.csv', bytes);
    expect(answer.status).toBe(201);
    expect(answer.body).toEqual({
      fileId: expect.any(String),
      sha256: sha(bytes),
      sizeBytes: 300_000,
      alreadyStored: false,
    });
    expect(await storedBytes(kontor, sha(bytes))).toEqual(bytes);
    expect(await rowsOf(sha(bytes))).toMatchObject([
      { partner_id: hub.id, state: 'STORED', size_bytes: '300000' },
    ]);
  });

  it('gives the same id for the same bytes, whatever their name and packing', async () => {
    const bytes = Buffer.from('a,b,c\n'.repeat(1000));
    const first = await upload(kontor, token, 'same.csv', bytes);
    const again = await upload(kontor, token, 'other name.csv', gzipSync(bytes), {
      'content-encoding': 'gzip',
    });
    expect(again.status).toBe(200);
    expect(again.body).toEqual({ ...first.body, alreadyStored: true });
    expect(await storedBytes(kontor, sha(bytes))).toEqual(bytes);
  });

  it('lets one of two uploads of the same bytes at the same time make the file', async () => {
    const bytes = randomBytes(2 * MIB);
    const answers = await Promise.all(
      [1, 2, 3, 4].map((n) => upload(kontor, token, `twin-${n}`, bytes)),
    );
    expect(new Set(answers.map((answer) => answer.body.fileId)).size).toBe(1);
    expect(answers.filter((answer) => !answer.body.alreadyStored)).toHaveLength(1);
    expect(await rowsOf(sha(bytes))).toHaveLength(1);
    expect(filesBelow(parts())).toEqual([]);
  });

  it('takes an empty file', async () => {
    const answer = await upload(kontor, token, 'empty.csv', '');
    expect(answer.body).toMatchObject({ sizeBytes: 0, sha256: sha('') });
  });

  it('refuses an address that cannot be decoded in the words of every other refusal', async () => {
    const answer = await fetch(`${kontor.url}/files/%ff`, { method: 'PUT', body: 'x' });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { code: 'BAD_REQUEST' } }],
    });
  });

  it('refuses to be for anything but usage or a rate sheet', async () => {
    const headers = { authorization: `Bearer ${token}` };
    const url = `${kontor.url}/files/x.csv?for=prices`;
    const answer = await fetch(url, { method: 'PUT', body: 'x', headers });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
    });
  });

  it.each([
    ['a path', 'a/b.csv', 'PATH'],
    ['a path of another system', 'a\\b.csv', 'PATH'],
    ['a zero byte', 'a\0.csv', 'CONTROL_CHARACTER'],
    ['a line end', 'a\n.csv', 'CONTROL_CHARACTER'],
    ['a mark that turns the writing direction', 'a\u202egpj.csv', 'CONTROL_CHARACTER'],
    ['only blanks', '  ', 'EMPTY'],
    ['too many bytes', 'é'.repeat(130), 'TOO_LONG'],
  ])('refuses a name that is %s', async (_, name, fault) => {
    const answer = await upload(kontor, token, name, 'x');
    expect(answer).toMatchObject({ status: 400, code: 'FILE_NAME_INVALID' });
    expect(answer.body.errors[0].extensions.details).toEqual({ fault });
  });

  it.each([
    '.. .csv',
    'Übersicht März.csv',
    '数据.csv',
    "'; DROP TABLE run;--",
    '%2e%2e',
    '…',
    '=1+1',
  ])('takes the odd but harmless name %s as it is', async (name) => {
    const answer = await upload(kontor, token, name, `content of ${name}`);
    expect(answer.status).toBe(201);
    const rows = await allRows<{ name: string; stored_as: string }>(
      kontor,
      'SELECT name, stored_as FROM usage_file WHERE sha256 = $1',
      [answer.body.sha256],
    );
    expect(rows).toEqual([{ name, stored_as: expect.stringMatching(/^[0-9a-f]{2}\/\w{64}$/) }]);
  });

  it('refuses without token, and without the permission', async () => {
    expect(await upload(kontor, undefined, 'x', 'x')).toMatchObject({
      status: 401,
      code: 'UNAUTHENTICATED',
    });
    const reader = await aUser(kontor, { partnerId: hub.id, permissions: ['usage.read'] });
    const refused = await upload(kontor, await kontor.signIn(reader.email), 'x', 'secret bytes');
    expect(refused).toMatchObject({ status: 403, code: 'FORBIDDEN' });
    expect(await rowsOf(sha('secret bytes'))).toEqual([]);
  });

  it('takes a rate sheet of who keeps prices and imports no usage, up to its limit', async () => {
    const keeper = await aUser(kontor, { partnerId: hub.id, permissions: ['catalog.manage'] });
    const theirs = await kontor.signIn(keeper.email);
    const sheet = await upload(kontor, theirs, 'sheet.csv', 'Prefix,Price\n49,0.01\n');
    expect(sheet).toMatchObject({ status: 201, body: { alreadyStored: false } });
    const large = await upload(kontor, theirs, 'large', generated(129 * MIB, 3), {
      'content-length': String(129 * MIB),
    });
    expect(large).toMatchObject({ status: 413, code: 'UPLOAD_TOO_LARGE' });
    const endless = await upload(kontor, theirs, 'endless', generated(130 * MIB, 4));
    expect(endless).toMatchObject({ status: 413, code: 'UPLOAD_TOO_LARGE' });
    expect(filesBelow(parts())).toEqual([]);
  });

  it('keeps equal bytes of two partners apart', async () => {
    const reseller = await aPartner(kontor, { kind: 'RESELLER' });
    const user = await aUser(kontor, { partnerId: reseller.id });
    const bytes = randomBytes(1000);
    const ours = await upload(kontor, token, 'ours', bytes);
    const theirs = await upload(kontor, await kontor.signIn(user.email), 'theirs', bytes);
    expect(theirs.body).toMatchObject({ alreadyStored: false });
    expect(theirs.body.fileId).not.toBe(ours.body.fileId);
  });
});

describe('the limits of an upload', () => {
  it('refuses what says that it is too large, before reading it', async () => {
    const size = 257 * MIB;
    const answer = await upload(kontor, token, 'large', generated(size, 1), {
      'content-length': String(size),
    });
    expect(answer).toMatchObject({ status: 413, code: 'UPLOAD_TOO_LARGE' });
    expect(filesBelow(parts())).toEqual([]);
  });

  it('answers before the connection breaks, also who reads only when all is sent', async () => {
    const socket = connect(Number(new URL(kontor.url).port), '127.0.0.1').pause();
    const faults: unknown[] = [];
    socket.on('error', (error) => faults.push(error));
    const head = ['PUT /files/late.csv HTTP/1.1', 'host: localhost', 'connection: close'];
    head.push(`authorization: Bearer ${token}`, `content-length: ${257 * MIB}`, '', '');
    socket.write(head.join('\r\n'));
    for (let n = 0; n < 40; n += 1) {
      socket.write(Buffer.alloc(64 * 1024));
      await delay(10);
    }
    let answer = '';
    socket.on('data', (part) => {
      answer += part;
    });
    socket.resume();
    await until(() => answer.endsWith('}'));
    expect(faults).toEqual([]);
    expect(answer).toMatch(/^HTTP\/1.1 413 .*UPLOAD_TOO_LARGE/s);
    socket.destroy();
  });

  it('cuts off a body without length at the limit', async () => {
    const answer = await upload(kontor, token, 'endless', generated(300 * MIB, 2));
    expect(answer).toMatchObject({ status: 413, code: 'UPLOAD_TOO_LARGE' });
    expect(filesBelow(parts())).toEqual([]);
  });

  it('cuts off a gzip bomb at the limit of what it unpacks to', async () => {
    const before = process.memoryUsage().rss;
    const bomb = generated(384 * MIB, 0).pipe(createGzip({ level: 9 }));
    const answer = await upload(kontor, token, 'bomb', bomb, { 'content-encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 413, code: 'UPLOAD_TOO_LARGE' });
    expect((process.memoryUsage().rss - before) / MIB).toBeLessThan(60);
    expect(filesBelow(parts())).toEqual([]);
  });

  it.each([
    ['is no gzip data', Buffer.from('plain text')],
    ['ends early', gzipSync(randomBytes(100_000)).subarray(0, 50_000)],
    ['is damaged', damaged(gzipSync(randomBytes(1000)))],
    ['goes on behind its end', Buffer.concat([gzipSync('abc'), Buffer.from('more,records\n')])],
    ['goes on behind a gap', Buffer.concat([gzipSync('abc'), Buffer.from('\0\0more,records\n')])],
  ])('refuses a gzip body that %s', async (_, body) => {
    const answer = await upload(kontor, token, 'x.gz', body, { 'content-encoding': 'gzip' });
    expect(answer).toMatchObject({ status: 400, code: 'UPLOAD_ENCODING_INVALID' });
    expect(filesBelow(parts())).toEqual([]);
  });

  it('unpacks several gzip members as one file', async () => {
    const body = Buffer.concat([gzipSync('one,'), gzipSync('two')]);
    const answer = await upload(kontor, token, 'members', body, { 'content-encoding': 'gzip' });
    expect(answer.body.sha256).toBe(sha('one,two'));
  });

  it('refuses a packing that it does not know', async () => {
    const answer = await upload(kontor, token, 'x', 'x', { 'content-encoding': 'br' });
    expect(answer).toMatchObject({ status: 415, code: 'UPLOAD_ENCODING_UNSUPPORTED' });
  });

  it('keeps memory flat over 200 MiB', async () => {
    await upload(kontor, token, 'warm', generated(20 * MIB, 3));
    let peak = 0;
    const before = process.memoryUsage().rss;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss - before);
    }, 20);
    const answer = await upload(kontor, token, 'long.csv', generated(200 * MIB, 4));
    clearInterval(watch);
    expect(answer.body).toMatchObject({ sizeBytes: 200 * MIB, alreadyStored: false });
    expect(peak / MIB).toBeLessThan(60);
  });
});

describe('an interrupted upload', () => {
  it('leaves neither bytes nor a row', async () => {
    const before = await allRows(kontor, 'SELECT id FROM usage_file');
    const sent = openUpload(kontor, token, 'cut.csv', { 'content-length': '1000000' });
    sent.on('error', () => undefined);
    sent.write(randomBytes(400_000));
    await until(() => filesBelow(parts()).length === 1);
    sent.destroy();
    await until(() => filesBelow(parts()).length === 0);
    expect(await allRows(kontor, 'SELECT id FROM usage_file')).toEqual(before);
  });

  it('of a process that was killed is removed at the next start', async () => {
    mkdirSync(parts(), { recursive: true });
    const dead = join(parts(), `${(await import('node:os')).hostname()}~4194000+1~x`);
    const elsewhere = join(parts(), 'other-host~1+1~y');
    const old = join(parts(), 'other-host~1+1~z');
    for (const path of [dead, elsewhere, old]) writeFileSync(path, 'half a file');
    utimesSync(old, 1, 1);
    const uploading = openUpload(kontor, token, 'going-on', { 'content-length': '10' });
    uploading.write('12345');
    await until(() => filesBelow(parts()).length === 4);

    await kontor.app.services.uploads.open(new Date());
    expect([dead, elsewhere, old].map(existsSync)).toEqual([false, true, false]);
    const answered = new Promise((resolve) => uploading.on('response', resolve));
    uploading.end('67890');
    expect(await answered).toMatchObject({ statusCode: 201 });
  });

  it('that was stored, not registered, is removed an hour later; nothing else is', async () => {
    const bytes = randomBytes(100);
    const answer = await upload(kontor, token, 'kept', bytes);
    const orphan = kontor.app.services.storage.pathOf(`aa/${'a'.repeat(64)}`);
    mkdirSync(join(orphan, '..'), { recursive: true });
    writeFileSync(orphan, 'nobody knows me');
    await kontor.app.services.uploads.open(new Date());
    expect(existsSync(orphan)).toBe(true);
    await kontor.app.services.uploads.open(new Date(Date.now() + 2 * 3_600_000));
    expect(existsSync(orphan)).toBe(false);
    expect(await storedBytes(kontor, answer.body.sha256)).toEqual(bytes);
  });
});

function damaged(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[500] = (copy[500] ?? 0) ^ 0xff;
  return copy;
}
