import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openDatabase } from '../../src/app.js';
import type { CommandInput } from '../../src/main.js';
import type { DatabaseUrls } from '../../src/platform/index.js';
import { measureCopy } from './against-copy.js';
import { measureSql } from './against-sql.js';
import { measureBooks } from './book-load.js';
import type { BenchOptions } from './measure.js';
import { measureMemory } from './memory.js';
import { measureSheets } from './rate-sheet.js';
import { type Figures, performancePage } from './report.js';
import { measureRerates } from './rerate.js';
import { inScratch } from './scratch.js';

interface Part<Name extends keyof Figures> {
  readonly measure: (
    urls: DatabaseUrls,
    dir: string,
    options: BenchOptions,
  ) => Promise<Figures[Name]>;
  /** Where it differs from the others. */
  readonly usual?: Partial<BenchOptions>;
}

const USUAL = { records: 1_000_000, rounds: 4, prefixes: 100_000, subscriptions: 5_000 };

const PARTS: { readonly [Name in keyof Figures]: Part<Name> } = {
  copy: { measure: measureCopy },
  sql: { measure: measureSql },
  rerate: { measure: measureRerates },
  book: { measure: measureBooks },
  sheet: {
    measure: (urls, _, { prefixes }) => measureSheets(urls, prefixes),
    usual: { prefixes: 400_000 },
  },
  // Three lists of so many prefixes: a million rates.
  memory: { measure: measureMemory, usual: { records: 10_000_000, prefixes: 333_334 } },
};

/**
 * Measures one part, by default the import against bare COPY, in a database of its own. With
 * `--write-docs` all of them, each in a process of its own as if it were asked for alone, and
 * writes the page about performance.
 */
export async function main({ config, args }: CommandInput): Promise<number> {
  const number = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      'write-docs': { type: 'boolean', default: false },
      records: number,
      rounds: number,
      prefixes: number,
      subscriptions: number,
      workers: number,
    },
  });
  const dir = mkdtempSync(join(tmpdir(), 'kontor-bench-'));
  try {
    if (values['write-docs']) {
      if (args.length > 1) throw new Error('--write-docs measures all parts as they usually are');
      writeFileSync('docs/performance.md', performancePage(measureAll(dir)));
      return 0;
    }
    const [name = 'copy', ...more] = positionals;
    if (!isPart(name) || more.length > 0) {
      console.error(`Usage: bench [${Object.keys(PARTS).join(' | ')}] [--records N] …`);
      return 2;
    }
    const { measure, usual } = PARTS[name];
    const options = { ...USUAL, workers: config.workers, ...usual };
    const wanted = (key: keyof BenchOptions) => {
      const count = Number(values[key] ?? options[key]);
      if (!Number.isInteger(count) || count < 1)
        throw new Error(`--${key} is a whole number above 0`);
      return count;
    };
    const sizes = {
      records: wanted('records'),
      rounds: wanted('rounds'),
      prefixes: wanted('prefixes'),
      subscriptions: wanted('subscriptions'),
      workers: wanted('workers'),
    };
    const { urls, embedded } = await openDatabase(config, () => {});
    try {
      const figures = await inScratch<unknown>(urls, (own) => measure(own, dir, sizes));
      if (values.json !== undefined) {
        writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
      }
      return 0;
    } finally {
      await embedded?.stop();
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function isPart(name: string): name is keyof Figures {
  return Object.hasOwn(PARTS, name);
}

// What one part has left in memory, or has had V8 translate, is none of the next one's.
function measureAll(dir: string): Figures {
  const figures = Object.keys(PARTS).map((name) => {
    console.log(`\n${name}`);
    const json = join(dir, `${name}.json`);
    const command = [process.argv[1]!, 'bench', name, '--json', json];
    const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' });
    if (status !== 0) throw new Error(`the bench of ${name} ended with ${status}`);
    return [name, JSON.parse(readFileSync(json, 'utf8'))];
  });
  return Object.fromEntries(figures) as Figures;
}
