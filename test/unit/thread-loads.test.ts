import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SOURCES = join(import.meta.dirname, '..', '..', 'src');
const IMPORT = /^(?:import|export)\s(?:[\w\s{},*$]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm;

/** Files and packages that a compiled file loads when it is imported, itself included. */
function loadedBy(entry: string): { files: string[]; packages: string[] } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [new URL(`file://${join(SOURCES, entry)}`)];
  for (let url = waiting.pop(); url !== undefined; url = waiting.pop()) {
    const file = relative(SOURCES, fileURLToPath(url));
    if (files.has(file)) continue;
    files.add(file);
    for (const [, name = ''] of readFileSync(url, 'utf8').matchAll(IMPORT)) {
      if (name.startsWith('.')) waiting.push(new URL(name, url));
      else if (!name.startsWith('node:')) packages.add(name);
    }
  }
  return { files: [...files].sort(), packages: [...packages].sort() };
}

describe('what a thread loads when it starts', () => {
  it('is the data plane and nothing of the API', () => {
    const { files, packages } = loadedBy('rating/import.worker.js');
    expect(packages).toEqual(['pg', 'temporal-polyfill']);
    expect(files).toContain('rating/fold-month.js');
    const ofTheApi = /\/index\.js$|\.(entity|input|resolver)\.js$/;
    expect(files.filter((file) => ofTheApi.test(file))).toEqual(['kernel/index.js']);
  });

  it('would be seen to be more where an index of a folder is asked', () => {
    expect(loadedBy('mediation/index.js').packages).toEqual(
      expect.arrayContaining(['graphql', 'type-graphql', 'typeorm']),
    );
  });
});
