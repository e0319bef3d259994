import { createHash, randomUUID } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import {
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  unlink,
} from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { DomainError } from '../kernel/index.js';
import { isTokenAlive, processToken } from '../platform/index.js';

/** Bytes that lie safely on disk, named by what they are. */
export interface StoredContent {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Path below the storage's folder of files. */
  readonly storedAs: string;
}

export interface ReceiveOptions {
  readonly encoding: 'identity' | 'gzip';
  /** Limit of the bytes as sent and as unpacked. */
  readonly maxBytes: number;
}

const CHUNK = 262_144;
// A part file of another machine is left over when nobody wrote to it for this long.
const FOREIGN_PART_MS = 24 * 3_600_000;
// Bytes without a row are looked at this late, because their row may be about to be committed.
const ORPHAN_MS = 3_600_000;

/**
 * The folder `files` of the data directory. Content is named by its SHA-256, so storing the same
 * bytes twice is harmless and a crash between storing and registering is mended by repeating.
 * New content grows in `files/.part` under a name of the server's own, is flushed to the disk and
 * then renamed into place, so a file that can be found is whole.
 */
export class FileStorage {
  readonly #root: string;
  readonly #parts: string;

  constructor(dataDir: string) {
    this.#root = join(dataDir, 'files');
    this.#parts = join(this.#root, '.part');
  }

  /** Makes the folders and removes parts whose writers died. */
  async open(now: Date): Promise<void> {
    await mkdir(this.#parts, { recursive: true, mode: 0o750 });
    for (const name of await readdir(this.#parts)) {
      const path = join(this.#parts, name);
      if (await isAbandoned(path, name, now)) await ignoreMissing(unlink(path));
    }
  }

  /** Where stored content lies. */
  pathOf(storedAs: string): string {
    return join(this.#root, storedAs);
  }

  /**
   * Writes a body of any length to the disk, hashing on the way; memory does not grow with it.
   * Refuses with UPLOAD_TOO_LARGE, UPLOAD_ENCODING_INVALID, UPLOAD_INTERRUPTED or STORAGE_FULL
   * and leaves nothing behind.
   */
  async receive(body: AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<StoredContent> {
    const part = this.#partPath();
    const file = await open(part, 'wx', 0o640);
    try {
      const meter = new Meter(options.maxBytes);
      await write(body, file, options, meter);
      await file.sync();
      return await this.#keep(part, meter.sha256(), meter.size);
    } catch (error) {
      await ignoreMissing(unlink(part));
      throw refusalOf(error);
    } finally {
      await file.close();
    }
  }

  /**
   * What a file elsewhere holds. Null when it is no regular file, or when somebody wrote to it
   * while it was read.
   */
  async inspect(path: string): Promise<Arrival | null> {
    const file = await openOnly(path);
    try {
      const before = await file.stat({ bigint: true });
      if (!before.isFile()) return null;
      const meter = new Meter(Number.MAX_SAFE_INTEGER);
      for await (const chunk of chunksOf(file)) meter.add(chunk);
      await file.sync();
      const after = await file.stat({ bigint: true });
      const content = { sha256: meter.sha256(), sizeBytes: meter.size };
      const unchanged = arrivedAs(after) === arrivedAs(before);
      if (!unchanged || BigInt(content.sizeBytes) !== after.size) return null;
      return { ...content, arrivedAs: arrivedAs(after) };
    } finally {
      await file.close();
    }
  }

  /**
   * Takes over an inspected file: a second name for the same bytes where the file systems allow
   * it and nobody else has a name for them, else a copy. The entry itself stays; the caller
   * removes it once the content is registered. Null when it changed since the inspection.
   */
  async adopt(path: string, seen: Arrival): Promise<StoredContent | null> {
    const part = this.#partPath();
    const found = await lstat(path, { bigint: true });
    if (!found.isFile() || arrivedAs(found) !== seen.arrivedAs) return null;
    if (found.nlink === 1n && (await isLinked(path, part))) {
      const linked = await lstat(part, { bigint: true });
      if (linked.isFile() && arrivedAs(linked) === seen.arrivedAs) {
        return this.#keep(part, seen.sha256, seen.sizeBytes);
      }
      await unlink(part);
      return null;
    }
    return this.#copy(path, seen);
  }

  /** Removes content that no row knows, as a crash between storing and registering leaves it. */
  async removeOrphans(
    isKnown: (storedAs: string[]) => Promise<Set<string>>,
    now: Date,
  ): Promise<number> {
    let removed = 0;
    for (const shard of (await readdir(this.#root)).filter((name) => /^[0-9a-f]{2}$/.test(name))) {
      const names = (await readdir(join(this.#root, shard))).map((name) => `${shard}/${name}`);
      const known = await isKnown(names);
      for (const name of names.filter((each) => !known.has(each))) {
        if (await ignoreMissing(this.#removeOrphan(name, now))) removed += 1;
      }
    }
    return removed;
  }

  /** Removes content that no row knows any more, unless somebody has just stored it again. */
  async removeUnused(storedAs: string, now: Date): Promise<void> {
    await ignoreMissing(this.#removeOrphan(storedAs, now));
  }

  // The name is taken away before anything is deleted. Whoever stored the same bytes in between
  // put a file of his own there, which the other inode tells, and it goes back.
  async #removeOrphan(storedAs: string, now: Date): Promise<boolean> {
    const path = this.pathOf(storedAs);
    const seen = await ignoreMissing(lstat(path));
    if (!seen || now.getTime() - seen.ctimeMs < ORPHAN_MS) return false;
    const aside = this.#partPath();
    await rename(path, aside);
    const moved = await lstat(aside);
    if (moved.ino !== seen.ino) {
      await rename(aside, path);
      return false;
    }
    await unlink(aside);
    return true;
  }

  async #copy(path: string, seen: Arrival): Promise<StoredContent | null> {
    const file = await openOnly(path);
    try {
      const options = { encoding: 'identity', maxBytes: seen.sizeBytes } as const;
      const stored = await this.receive(chunksOf(file), options);
      return stored.sha256 === seen.sha256 ? stored : null;
    } finally {
      await file.close();
    }
  }

  async #keep(part: string, sha256: string, sizeBytes: number): Promise<StoredContent> {
    const shard = sha256.slice(0, 2);
    const storedAs = `${shard}/${sha256}`;
    const folder = join(this.#root, shard);
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await rename(part, this.pathOf(storedAs));
    // Renaming one name of a file onto another name of the same file leaves both in place.
    await ignoreMissing(unlink(part));
    await syncFolder(folder);
    await syncFolder(this.#root);
    return { sha256, sizeBytes, storedAs };
  }

  #partPath(): string {
    return join(
      this.#parts,
      `${hostname()}~${processToken().replaceAll(':', '+')}~${randomUUID()}`,
    );
  }
}

/** A file found elsewhere: its content, and what tells this very delivery from another. */
export interface Arrival {
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Inode, write time and size of the directory entry. */
  readonly arrivedAs: string;
}

function arrivedAs(stat: BigIntStats): string {
  return `${stat.ino}:${stat.mtimeNs}:${stat.size}`;
}

/** Counts and hashes bytes, and stops at the limit. */
class Meter {
  readonly #hash = createHash('sha256');
  readonly #limit: number;
  size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Uint8Array): void {
    this.size += chunk.length;
    if (this.size > this.#limit) {
      throw new DomainError('UPLOAD_TOO_LARGE', `A file has at most ${this.#limit} bytes.`, {
        maxBytes: this.#limit,
      });
    }
    this.#hash.update(chunk);
  }

  sha256(): string {
    return this.#hash.digest('hex');
  }
}

async function write(
  body: AsyncIterable<Uint8Array>,
  file: FileHandle,
  options: ReceiveOptions,
  meter: Meter,
): Promise<void> {
  const append = async (chunks: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of metered(chunks, meter)) await file.writeFile(chunk);
  };
  if (options.encoding === 'identity') return append(body);
  const sent = new Meter(options.maxBytes);
  const gunzip = createGunzip();
  await pipeline(metered(body, sent), gunzip, append);
  // The unpacker ignores what follows the last member; losing it silently is not for us.
  if (gunzip.bytesWritten !== sent.size) {
    throw new DomainError('UPLOAD_ENCODING_INVALID', 'Bytes follow the end of the gzip data.');
  }
}

async function* metered(
  chunks: AsyncIterable<Uint8Array>,
  meter: Meter,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    meter.add(chunk);
    yield chunk;
  }
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let at = 0; ; ) {
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, CHUNK, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

function refusalOf(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (error instanceof DomainError) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new DomainError('STORAGE_FULL', 'The server has no room for the file.');
  }
  if (code.startsWith('Z_')) {
    return new DomainError('UPLOAD_ENCODING_INVALID', 'The body is not whole gzip data.');
  }
  if (['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR'].includes(code)) {
    return new DomainError('UPLOAD_INTERRUPTED', 'The body ended before it was complete.');
  }
  return error;
}

// Never through a symbolic link, and never waiting for the other end of a pipe.
function openOnly(path: string): Promise<FileHandle> {
  return open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
}

async function isLinked(path: string, to: string): Promise<boolean> {
  try {
    await link(path, to);
    return true;
  } catch {
    return false;
  }
}

async function isAbandoned(path: string, name: string, now: Date): Promise<boolean> {
  const [host, token = ''] = name.split('~');
  if (host === hostname()) return !isTokenAlive(token.replaceAll('+', ':'));
  const stat = await ignoreMissing(lstat(path));
  return stat !== undefined && now.getTime() - stat.mtimeMs > FOREIGN_PART_MS;
}

/** The outcome, or undefined when the file is not there. */
export async function ignoreMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes renames inside a folder survive a power cut, where the system can do that. */
async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP'].includes(code)) throw error;
  } finally {
    await folder?.close();
  }
}
