import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FileStorage, rewriteLines } from '../../src/mediation/index.js';

const MIB = 1_048_576;
let folder: string;
let storage: FileStorage;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kontor-'));
  storage = new FileStorage(folder);
  await storage.open(new Date());
});
afterAll(() => rmSync(folder, { recursive: true }));

async function stored(text: string): Promise<string> {
  async function* body() {
    yield Buffer.from(text, 'latin1');
  }
  const content = await storage.receive(body(), { encoding: 'identity', maxBytes: 16 * MIB });
  return content.storedAs;
}

const concerns = (text: string) => text.includes('1234');
const change = (line: string) => line.replaceAll('1234567890', '1234599999');

it('lines are written anew with every sign in its place, however they end', async () => {
  const text = 'a,1234567890\r\nb\n\n\xe9,1234567890,1234567890\nc,1234567890';
  const made = await rewriteLines(storage, await stored(text), { concerns, change });
  expect(made?.lines).toBe(3);
  expect(readFileSync(storage.pathOf(made?.storedAs ?? ''), 'latin1')).toBe(change(text));
});

it('a byte order mark is no part of the first line', async () => {
  const first = (line: string) => line.replace(/^1234567890/, '1234599999');
  const storedAs = await stored('\xef\xbb\xbf1234567890,b\n1234567890\n');
  const made = await rewriteLines(storage, storedAs, { concerns, change: first });
  expect(readFileSync(storage.pathOf(made?.storedAs ?? ''), 'latin1')).toBe(
    '\xef\xbb\xbf1234599999,b\n1234599999\n',
  );
});

it('a number is found wherever it stands in a line that is too long for one', async () => {
  const text = Array.from({ length: 8 }, (_, n) => {
    return `${'x'.repeat(n + 1)},1234567890,`.repeat(Math.ceil(MIB / 3 / (n + 13)));
  }).join('');
  const made = await rewriteLines(storage, await stored(text), { concerns, change });
  const now = readFileSync(storage.pathOf(made?.storedAs ?? ''), 'latin1');
  expect(now.length).toBe(text.length);
  expect(now === change(text)).toBe(true);
});

it('a file stays where it is when no line changes', async () => {
  const storedAs = await stored('a,12345678\nb\n');
  const { ino } = statSync(storage.pathOf(storedAs));
  expect(await rewriteLines(storage, storedAs, { concerns, change })).toEqual({
    storedAs,
    lines: 0,
  });
  expect(statSync(storage.pathOf(storedAs)).ino).toBe(ino);
  expect(await rewriteLines(storage, 'aa/gone', { concerns, change })).toBeNull();
});
