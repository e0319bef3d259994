import { randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const SECRET_BYTES = 32;

/**
 * The 32 random bytes kept under this name in the data directory, made on first use and
 * readable by the owner only. Processes that ask at the same time get the same bytes.
 * Throws an Error when the file does not hold 32 bytes.
 */
export function ensureSecret(dataDir: string, name: string): Uint8Array {
  const directory = join(dataDir, 'secrets');
  const path = join(directory, name);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let text = readIfThere(path);
  if (text === undefined) {
    // A link appears complete or not at all, and never replaces the file of another process.
    const draft = `${path}.${randomBytes(6).toString('hex')}`;
    writeFileSync(draft, randomBytes(SECRET_BYTES).toString('base64'), {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    try {
      linkSync(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      rmSync(draft);
    }
    text = readFileSync(path, 'utf8');
  }
  const bytes = Uint8Array.from(Buffer.from(text.trim(), 'base64'));
  if (bytes.length !== SECRET_BYTES) {
    throw new Error(`The secret ${path} is damaged; restore it, or remove it to get a new one`);
  }
  return bytes;
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
