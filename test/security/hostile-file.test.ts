import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SheetFile } from '../../src/catalog/sheet-file.service.js';
import type { SheetMapping } from '../../src/catalog/sheet-mapping.js';
import { DomainError } from '../../src/kernel/index.js';
import { hostileWorkbooks } from '../fixtures/hostile-workbook.js';

const MIB = 1024 * 1024;
/** Larger ones may take as long as reading so many bytes takes. */
const LARGE_BYTES = 4 * MIB;

let canary: Server;
let asked = 0;

beforeAll(async () => {
  canary = createServer((_, response) => {
    asked += 1;
    response.end('<!ENTITY x "asked">');
  });
  await new Promise<void>((resolve) => canary.listen(0, '127.0.0.1', resolve));
});
afterAll(() => new Promise((resolve) => canary.close(resolve)));

const address = () => `http://127.0.0.1:${(canary.address() as AddressInfo).port}`;

/** Reads a workbook as an upload is read; answers the code of its refusal, or its texts. */
async function read(bytes: Buffer): Promise<{ code: string | null; text: string }> {
  const pieces = Array.from({ length: Math.ceil(bytes.length / 65_536) || 1 }, (_, n) =>
    bytes.subarray(n * 65_536, (n + 1) * 65_536),
  );
  const mapping = { worksheet: null, encoding: 'AUTO', delimiter: ',' } as unknown as SheetMapping;
  let text = '';
  try {
    for await (const line of new SheetFile(Readable.from(pieces)).lines(mapping)) text += line.text;
  } catch (error) {
    if (error instanceof DomainError) return { code: error.code, text };
    throw error;
  }
  return { code: null, text };
}

describe('a hostile workbook (F3, F4)', () => {
  it('is refused at once, in little memory, and asks nobody for anything', async () => {
    const workbooks = hostileWorkbooks(address());
    const slow: string[] = [];
    let worst = 0;
    for (const { name, bytes, isRead = false } of workbooks) {
      const content = bytes();
      let best = Number.POSITIVE_INFINITY;
      let most = 0;
      let code: string | null = null;
      let text = '';
      for (let round = 0; round < 3; round += 1) {
        globalThis.gc?.();
        const before = process.memoryUsage().rss;
        const watch = setInterval(() => {
          most = Math.max(most, process.memoryUsage().rss - before);
        }, 5);
        const begin = performance.now();
        ({ code, text } = await read(content));
        best = Math.min(best, performance.now() - begin);
        clearInterval(watch);
      }
      worst = Math.max(worst, best);
      console.log(`${name}: ${code}, ${best.toFixed(1)} ms, ${(most / MIB).toFixed(0)} MiB`);
      expect.soft(code === null, `${name} is read`).toBe(isRead);
      expect.soft(text, name).not.toMatch(/root:|asked|lollol/);
      if (content.length < LARGE_BYTES && best > 100) slow.push(`${name}: ${best.toFixed(0)} ms`);
    }
    console.log(`hostile workbooks: ${workbooks.length}, slowest ${worst.toFixed(0)} ms`);
    expect(slow).toEqual([]);
    expect(asked).toBe(0);
    expect(({} as Record<string, unknown>).constructor).toBe(Object);
  });
});
