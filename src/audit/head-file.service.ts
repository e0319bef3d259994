import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { SignedHead } from './head.js';

const NAME = /^audit-head-(\d{12})\.json$/;

/** Signed heads as files, one for each; meant to be copied to where no database reaches. */
export class HeadFiles {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** Places of the heads that have a file, rising. */
  places(): number[] {
    let names: string[];
    try {
      names = readdirSync(this.directory);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    return names
      .flatMap((name) => NAME.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** The head of a place; null when its file is not one of ours. */
  read(seq: number): SignedHead | null {
    return readHeadFile(this.#path(seq));
  }

  /** All heads that have a file, rising. */
  all(): SignedHead[] {
    return this.places().flatMap((seq) => this.read(seq) ?? []);
  }

  /** Gives the file of a head another name, so that another head of the place can have its own. */
  setAside(seq: number, hash: string): void {
    const aside = `lost-head-${String(seq).padStart(12, '0')}-${hash.slice(0, 12)}.json`;
    try {
      renameSync(this.#path(seq), join(this.directory, aside));
    } catch (error) {
      // Another process has done so a moment before.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  /** Writes the file of a head, complete or not at all; answers its path. */
  write(seq: number, head: SignedHead): string {
    mkdirSync(this.directory, { recursive: true, mode: 0o750 });
    const path = this.#path(seq);
    const draft = `${path}.${process.pid}`;
    rmSync(draft, { force: true });
    const file = openSync(draft, 'wx', 0o440);
    try {
      writeSync(file, `${JSON.stringify(head)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
    return path;
  }

  #path(seq: number): string {
    return join(this.directory, `audit-head-${String(seq).padStart(12, '0')}.json`);
  }
}

/** The head in a file; null when it holds none. */
export function readHeadFile(path: string): SignedHead | null {
  let found: Partial<SignedHead> | null;
  try {
    found = JSON.parse(readFileSync(path, 'utf8')) as Partial<SignedHead> | null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  const { head, signature, publicKey, trail = null } = found ?? {};
  const texts = [head, signature, publicKey, trail ?? ''];
  if (!texts.every((text) => typeof text === 'string')) return null;
  return { head, signature, publicKey, trail } as SignedHead;
}
