import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

const SECRET_BYTES = 32;

/**
 * The 32 random bytes kept under this name in the data directory, made on first use and
 * readable by the owner only. Processes that ask at the same time get the same bytes.
 * Throws an Error when the file does not hold 32 bytes.
 */
export function ensureSecret(dataDir: string, name: string): Uint8Array {
  const text = ensureSecretText(dataDir, name, () => randomBytes(SECRET_BYTES).toString('base64'));
  const bytes = Uint8Array.from(Buffer.from(text.trim(), 'base64'));
  if (bytes.length !== SECRET_BYTES) {
    const path = secretPath(dataDir, name);
    throw new Error(`The secret ${path} is damaged; restore it, or remove it to get a new one`);
  }
  return bytes;
}

/** Where the secret of this name lies. */
export function secretPath(dataDir: string, name: string): string {
  return join(dataDir, 'secrets', name);
}

/**
 * The text kept under this name, readable by the owner only; `make` writes it on first use.
 * Processes that ask at the same time get the same text.
 */
export function ensureSecretText(dataDir: string, name: string, make: () => string): string {
  const path = secretPath(dataDir, name);
  const there = readIfThere(path);
  if (there !== undefined) return there;
  // A link appears complete or not at all, and never replaces the file of another process.
  const draft = draftOf(path, make());
  try {
    linkSync(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  return readFileSync(path, 'utf8');
}

/** Replaces the text kept under this name; who reads it meanwhile gets the old or the new one. */
export function replaceSecretText(dataDir: string, name: string, text: string): void {
  const path = secretPath(dataDir, name);
  renameSync(draftOf(path, text), path);
}

/** Tells one text kept under this name from the next; undefined while there is none. */
export function secretVersion(dataDir: string, name: string): string | undefined {
  const stat = statSync(secretPath(dataDir, name), { throwIfNoEntry: false, bigint: true });
  return stat && `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
}

function draftOf(path: string, text: string): string {
  mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, text, { mode: 0o600, flag: 'wx', flush: true });
  return draft;
}

function readIfThere(path: string): string | undefined {
  try {
    chmodSync(path, 0o600);
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
