import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { type HeadKey, isSignedBy } from '../audit/index.js';
import { type NumberRecord, readLine, readRecord, recordText } from './number-record.js';

const NAME = /^invoice-numbers-(\d+)-([A-Z0-9-]+)\.jsonl$/;
/** Enough for some three hundred numbers; how far back an end is looked at. */
const TAIL_BYTES = 256 * 1024;
/** Numbers that are taken at the same moment may be written down in another order. */
const BEGIN = 10;

/** What anchors say, and what in them says nothing. */
export interface AnchorContent {
  /** Signed by a key that is trusted. */
  readonly records: readonly NumberRecord[];
  /** Lines that are no records, or not signed by a key that is trusted. */
  readonly untrusted: number;
}

/**
 * Numbers that were given, written down where no database reaches: a file for each series, a
 * signed line for each number. Meant to be copied elsewhere as it grows.
 */
export class NumberAnchor {
  readonly directory: string;
  readonly #key: HeadKey;

  constructor(directory: string, key: HeadKey) {
    this.directory = directory;
    this.#key = key;
  }

  get publicKey(): string {
    return this.#key.publicKey;
  }

  /** Series of which something was written down. */
  series(): { readonly seller: number; readonly series: string }[] {
    return filesIn(this.directory).map((path) => {
      const [, seller, series = ''] = NAME.exec(basename(path)) ?? [];
      return { seller: Number(seller), series };
    });
  }

  /**
   * The highest place that was written down of a series; 0 when none was. Signatures are not
   * looked at: a line that nobody vouches for is a reason to look, not to go on.
   */
  highest(seller: number, series: string): number {
    return highestOf(linesOf(endOf(this.#path(seller, series))))?.record.place ?? 0;
  }

  /** Whether the file of a series begins with its first numbers; false when there is none. */
  isWhole(seller: number, series: string): boolean {
    const [first] = linesOf(beginOf(this.#path(seller, series)));
    return first !== undefined && first.record.place <= BEGIN;
  }

  /**
   * Writes down what the end of the file of a series does not say yet, or what all of it does not;
   * on disk when it returns.
   */
  keep(records: readonly NumberRecord[], where: 'END' | 'WHOLE' = 'END'): void {
    const [first] = records;
    if (first === undefined) return;
    const path = this.#path(first.seller, first.series);
    const known = linesOf(endOf(path, where === 'END' ? TAIL_BYTES : Number.POSITIVE_INFINITY));
    const hashes = new Set(known.map(({ record }) => `${record.place} ${record.sha256}`));
    const added = records.filter(({ place, sha256 }) => !hashes.has(`${place} ${sha256}`));
    if (added.length === 0) return;
    const lines = added.map((record) => this.#lineOf(record));
    // The highest number is always found at the end, also when older ones are added behind it.
    const highest = highestOf(known);
    const isLast = added.some(({ place }) => place > (highest?.record.place ?? 0));
    this.#append(path, isLast || highest === undefined ? lines : [...lines, highest.line]);
  }

  /** All that the anchors in these folders say, this one's when none is named. */
  read(folders: readonly string[], keys: ReadonlySet<string>): AnchorContent {
    const records = new Map<string, NumberRecord>();
    let untrusted = 0;
    for (const path of folders.flatMap(filesIn)) {
      for (const line of readFileSync(path, 'utf8').split('\n')) {
        if (line === '') continue;
        const signed = readLine(line);
        const trusted =
          signed !== null &&
          keys.has(signed.publicKey) &&
          isSignedBy(signed.publicKey, signed.record, signed.signature);
        const record = trusted ? readRecord(signed.record) : null;
        if (record === null) untrusted += 1;
        else records.set(`${record.seller} ${record.number} ${record.sha256}`, record);
      }
    }
    return { records: [...records.values()], untrusted };
  }

  #path(seller: number, series: string): string {
    return join(this.directory, `invoice-numbers-${seller}-${series}.jsonl`);
  }

  #lineOf(given: NumberRecord): string {
    const record = recordText(given);
    const { publicKey } = this.#key;
    return JSON.stringify({ record, signature: this.#key.sign(record), publicKey });
  }

  #append(path: string, lines: readonly string[]): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o750 });
    const end = endOf(path, 1);
    // What a crash has cut off stays a line of its own, which says nothing.
    const text = `${end === '' || end === '\n' ? '' : '\n'}${lines.join('\n')}\n`;
    const file = openSync(path, 'a', 0o640);
    try {
      writeSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (end === '') sync(this.directory);
  }
}

/** A line of an anchor with what it tells of. */
interface Line {
  readonly line: string;
  readonly record: NumberRecord;
}

function linesOf(text: string): Line[] {
  return text.split('\n').flatMap((line) => {
    const record = readRecord(readLine(line)?.record ?? '');
    return record === null ? [] : { line, record };
  });
}

function highestOf(lines: readonly Line[]): Line | undefined {
  return lines.reduce<Line | undefined>(
    (best, line) => (best !== undefined && best.record.place >= line.record.place ? best : line),
    undefined,
  );
}

/** The last bytes of a file; empty when there is none. */
function endOf(path: string, bytes = TAIL_BYTES): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return partOf(path, Math.max(0, size - bytes), Math.min(size, bytes));
}

function beginOf(path: string): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return partOf(path, 0, Math.min(size, TAIL_BYTES));
}

function partOf(path: string, from: number, length: number): string {
  if (length === 0) return '';
  const part = Buffer.alloc(length);
  const file = openSync(path, 'r');
  try {
    readSync(file, part, 0, length, from);
  } finally {
    closeSync(file);
  }
  return part.toString('utf8');
}

function filesIn(folder: string): string[] {
  const names =
    statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder);
  return names.filter((name) => NAME.test(name)).map((name) => join(folder, name));
}

// The name of a new file is on disk once its folder is.
function sync(directory: string): void {
  const folder = openSync(directory, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
