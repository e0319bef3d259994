import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const NO_FOLDER = new Set(['ELOOP', 'ENOTDIR', 'ENOENT']);

/** A folder that is held open. */
export interface OpenFolder {
  /** What the names of its entries are put behind; ends in a slash. */
  readonly prefix: string;
  close(): Promise<void>;
}

/**
 * Opens a folder so that its entries are reached through what was opened, and not through whatever
 * somebody puts under its name meanwhile, such as a link; null for a link or no folder. Only Linux
 * has a way to do so by names; elsewhere the name itself is used.
 */
export async function openFolder(path: string): Promise<OpenFolder | null> {
  try {
    const handle = await open(path, FOLDER);
    const prefix = process.platform === 'linux' ? `/proc/self/fd/${handle.fd}/` : `${path}/`;
    return { prefix, close: () => handle.close() };
  } catch (error) {
    if (NO_FOLDER.has((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}
