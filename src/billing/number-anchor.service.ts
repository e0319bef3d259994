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
    return Math.max(0, ...this.#tail(this.#path(seller, series)).keys());
  }

  /** Writes down what the end of the file does not say yet; on disk when it returns. */
  keep(records: readonly NumberRecord[]): void {
    const paths = new Map<string, NumberRecord[]>();
    for (const record of records) {
      const path = this.#path(record.seller, record.series);
      paths.set(path, [...(paths.get(path) ?? []), record]);
    }
    for (const [path, own] of paths) {
      const tail = this.#tail(path);
      const added = own.filter((record) => tail.get(record.place) !== record.sha256);
      if (added.length > 0) this.#append(path, added);
    }
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

  /** Hash of the document by place, of what the end of a file says. */
  #tail(path: string): ReadonlyMap<number, string> {
    const lines = endOf(path).split('\n');
    const records = lines.flatMap((line) => readRecord(readLine(line)?.record ?? '') ?? []);
    return new Map(records.map((record) => [record.place, record.sha256]));
  }

  #append(path: string, records: readonly NumberRecord[]): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o750 });
    const lines = records.map((each) => {
      const record = recordText(each);
      const { publicKey } = this.#key;
      return JSON.stringify({ record, signature: this.#key.sign(record), publicKey });
    });
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

/** The last bytes of a file; empty when there is none. */
function endOf(path: string, bytes = TAIL_BYTES): string {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0) return '';
  const end = Buffer.alloc(Math.min(size, bytes));
  const file = openSync(path, 'r');
  try {
    readSync(file, end, 0, end.length, size - end.length);
  } finally {
    closeSync(file);
  }
  return end.toString('utf8');
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
