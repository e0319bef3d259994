import { lstat, opendir, rmdir, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ignoreMissing } from './file-storage.service.js';
import { KEPT_ASIDE } from './inbox-entry.js';

/** A delivery that is written anew; none has a name that begins with a point. */
export const PART = '.part';

/** Deliveries whose content was known and that were put aside, as paths below the inbox. */
export async function* keptFiles(inbox: string): AsyncGenerator<string> {
  const folders = await ignoreMissing(opendir(join(inbox, KEPT_ASIDE)));
  for await (const folder of folders ?? []) {
    if (!folder.isDirectory()) continue;
    const path = `${KEPT_ASIDE}/${folder.name}`;
    for await (const entry of (await ignoreMissing(opendir(join(inbox, path)))) ?? []) {
      if (entry.isFile() && entry.name !== PART) yield `${path}/${entry.name}`;
    }
  }
}

/** When a delivery was put aside, by the folder that was made for it; null when it is gone. */
export async function keptSince(inbox: string, keptAs: string): Promise<Date | null> {
  const found = await ignoreMissing(lstat(dirname(join(inbox, keptAs))));
  return found?.mtime ?? null;
}

/** Removes a delivery that was put aside, and the folder that was made for it. */
export async function removeKept(inbox: string, keptAs: string): Promise<void> {
  const path = join(inbox, keptAs);
  await ignoreMissing(unlink(path));
  await ignoreMissing(rmdir(dirname(path)));
}
