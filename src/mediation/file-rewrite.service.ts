import { createReadStream, createWriteStream } from 'node:fs';
import { lstat, open, rename, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { markLength } from './byte-order-mark.js';
import { type FileStorage, ignoreMissing } from './file-storage.service.js';
import { PART } from './kept-aside.service.js';

/** A line longer than any that is read as one is changed in pieces. */
const LONGEST = 1_048_576;
const CHUNK = 262_144;
/** What may stand in the middle of a number, where no piece ends. */
const WITHIN_NUMBER = /[\d \t()[\]/._+-]/;

/** What becomes of lines; given as Latin-1, a character a byte, each keeps its length. */
export interface LineChange {
  /** Whether a text of many lines may hold anything to change; asked before it is cut up. */
  readonly concerns: (text: string) => boolean;
  readonly change: (line: string) => string;
}

/**
 * Stores the bytes of a file with other lines, and answers where and how many lines changed; null
 * when the file is not there any more. Where no line changes nothing is written.
 */
export async function rewriteLines(
  storage: FileStorage,
  storedAs: string,
  change: LineChange,
): Promise<{ readonly storedAs: string; readonly lines: number } | null> {
  const path = storage.pathOf(storedAs);
  if ((await ignoreMissing(stat(path))) === undefined) return null;
  if (!(await changesAny(path, change))) return { storedAs, lines: 0 };
  const count = { lines: 0 };
  const content = await storage.receive(changedBytes(path, change, count), {
    encoding: 'identity',
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  return { storedAs: content.storedAs, lines: count.lines };
}

/** Writes a file that was put aside with other lines, and answers how many changed. */
export async function rewriteKept(
  inbox: string,
  keptAs: string,
  change: LineChange,
): Promise<number> {
  const path = join(inbox, keptAs);
  const found = await ignoreMissing(lstat(path));
  if (!found?.isFile() || !(await changesAny(path, change))) return 0;
  const part = join(dirname(path), PART);
  const count = { lines: 0 };
  await pipeline(changedBytes(path, change, count), createWriteStream(part, { mode: 0o640 }));
  const written = await open(part, 'r+');
  await written.sync().finally(() => written.close());
  await rename(part, path);
  return count.lines;
}

async function changesAny(path: string, change: LineChange): Promise<boolean> {
  for await (const text of texts(path)) {
    if (change.concerns(text) && text.split('\n').some((line) => change.change(line) !== line)) {
      return true;
    }
  }
  return false;
}

async function* changedBytes(
  path: string,
  { concerns, change }: LineChange,
  count: { lines: number },
): AsyncGenerator<Buffer> {
  const changed = (line: string): string => {
    const now = change(line);
    if (now !== line) count.lines += 1;
    return now;
  };
  for await (const text of texts(path)) {
    const now = concerns(text) ? text.split('\n').map(changed).join('\n') : text;
    yield Buffer.from(now, 'latin1');
  }
}

// Whole lines, many at a time; of a line that is too long a piece.
async function* texts(path: string): AsyncGenerator<string> {
  let [rest, begun] = ['', false];
  const options = { encoding: 'latin1', highWaterMark: CHUNK } as const;
  for await (const chunk of createReadStream(path, options)) {
    rest += String(chunk);
    // No line begins with the mark, as none does when records are read.
    const mark = begun ? 0 : markLength(Buffer.from(rest.slice(0, 3), 'latin1'));
    if (mark > 0) yield rest.slice(0, mark);
    rest = rest.slice(mark);
    begun = true;
    const lines = rest.lastIndexOf('\n') + 1;
    const end = lines === 0 && rest.length > LONGEST ? endOfPiece(rest) : lines;
    if (end === 0) continue;
    yield rest.slice(0, end);
    rest = rest.slice(end);
  }
  if (rest !== '') yield rest;
}

function endOfPiece(text: string): number {
  let end = text.length;
  while (end > 0 && WITHIN_NUMBER.test(text[end - 1] as string)) end -= 1;
  return end === 0 ? text.length : end;
}
