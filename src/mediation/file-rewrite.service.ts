import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { type FileStorage, ignoreMissing } from './file-storage.service.js';

/** A line longer than any that is read as one is changed in pieces. */
const LONGEST = 1_048_576;

/**
 * Stores the bytes of a file with other lines, and answers where and how many lines changed; null
 * when the file is not there any more. Lines are given as Latin-1, a character a byte, and must
 * keep their length, so that every offset into the file still holds.
 */
export async function rewriteLines(
  storage: FileStorage,
  storedAs: string,
  change: (line: string) => string,
): Promise<{ readonly storedAs: string; readonly lines: number } | null> {
  const path = storage.pathOf(storedAs);
  if ((await ignoreMissing(stat(path))) === undefined) return null;
  let lines = 0;
  const changed = (line: string): string => {
    const now = change(line);
    if (now !== line) lines += 1;
    return now;
  };
  async function* body(): AsyncGenerator<Buffer> {
    let rest = '';
    for await (const chunk of createReadStream(path, { encoding: 'latin1' })) {
      const parts = (rest + String(chunk)).split('\n');
      rest = parts.pop() ?? '';
      if (rest.length > LONGEST) {
        yield Buffer.from(changed(rest), 'latin1');
        rest = '';
      }
      if (parts.length === 0) continue;
      yield Buffer.from(`${parts.map(changed).join('\n')}\n`, 'latin1');
    }
    yield Buffer.from(changed(rest), 'latin1');
  }
  const content = await storage.receive(body(), {
    encoding: 'identity',
    maxBytes: Number.MAX_SAFE_INTEGER,
  });
  return { storedAs: content.storedAs, lines };
}
