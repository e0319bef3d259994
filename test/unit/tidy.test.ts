import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { codeOnly } from '../tidy/code-only.js';
import * as rules from '../tidy/rules.js';

const ROOTS = ['src', 'test', 'migrations', 'seeds', 'web', 'docs', '.ci'];
const TEXT = /\.(?:ts|mts|mjs|cjs|js|css|html|md|json|graphql|sql|sh|example)$|\.ci\/run$/;

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath}/${entry.name}`.replaceAll('\\', '/'));
}

function projectPaths(): string[] {
  const root = readdirSync('.', { withFileTypes: true });
  const below = root.filter((entry) => entry.isDirectory() && ROOTS.includes(entry.name));
  const files = root.filter((entry) => entry.isFile()).map((entry) => entry.name);
  return [...files, ...below.flatMap((entry) => filesBelow(entry.name))].filter((p) =>
    TEXT.test(p),
  );
}

const paths = projectPaths();
const sources = paths.map((path): rules.Source => ({ path, text: readFileSync(path, 'utf8') }));
const lines = (count: number, line = 'x;'): string => `${line}\n`.repeat(count);
// Words that the rules look for are put together here, so that this file keeps the rules itself.
const later = `${'TO'}${'DO'}`;
const home = `${'/'}home/somebody/file`;

interface Case {
  readonly name: string;
  readonly rule: rules.Rule;
  /** Path, text, and how many breaches the rule must find in it. */
  readonly samples: readonly (readonly [string, string, number])[];
}

const CASES: readonly Case[] = [
  {
    name: 'lines keep to 100 columns',
    rule: rules.lineLength,
    samples: [
      ['src/a/b.ts', `ok;\n${'x'.repeat(101)}\n${'x'.repeat(100)}\n`, 1],
      ['src/a/b.ts', `'${'x'.repeat(101)}',`, 1],
      ['test/unit/b.test.ts', `  '${'x'.repeat(101)}',`, 0],
      ['test/unit/b.test.ts', `  call('${'x'.repeat(101)}', other);`, 1],
      ['docs/a.md', 'x'.repeat(400), 0],
    ],
  },
  {
    name: 'files stay short',
    rule: rules.fileLength,
    samples: [
      ['src/a/b.ts', lines(501), 1],
      ['src/a/b.ts', lines(500), 0],
    ],
  },
  {
    name: 'file names say what is in the file',
    rule: rules.fileName,
    samples: [
      ['src/rating/rate-utils.ts', '', 1],
      ['src/rating/helper.ts', '', 1],
      ['src/rating/run-manager.service.ts', '', 1],
      ['test/common/x.ts', '', 0],
      ['test/unit/common.ts', '', 1],
      ['src/rating/errorHandler.ts', '', 1],
      ['src/rating/rate.repository.ts', '', 1],
      ['src/rating/tier/rate.ts', '', 1],
      ['src/rating/utilisation.ts', '', 0],
      ['src/rating/rate.service.ts', '', 0],
    ],
  },
  {
    name: 'pure files decide from plain data',
    rule: rules.pureFile,
    samples: [
      ['src/rating/rate.ts', 'const a = await b;', 1],
      ['src/rating/rate.ts', 'const a = Date.now();', 1],
      ['src/rating/rate.ts', 'const a = new Date( );', 1],
      ['src/rating/rate.ts', 'const a = new Date(b), c = Math.max(1);', 0],
      ['src/rating/rate.ts', 'const a = `now: ${Math.random()}`;', 1],
      ['src/rating/rate.ts', 'const a = process.env.B;', 1],
      ['src/rating/rate.ts', "import { readFileSync } from 'node:fs';", 1],
      ['src/rating/rate.ts', "import { randomUUID } from 'node:crypto';\nrandomUUID();", 3],
      ['src/rating/rate.ts', "import { Column } from 'typeorm';", 1],
      ['src/rating/rate.ts', "import { Decimal } from 'decimal.js';", 1],
      ['src/catalog/exchange.ts', "import { Decimal } from 'decimal.js';", 0],
      ['src/rating/rate.ts', 'setTimeout(f, 1);', 1],
      [
        'src/rating/rate.ts',
        "// await Date.now()\n/* Math.random() */ const a = 'process.exit';",
        0,
      ],
      ['src/rating/rate.ts', 'const a = /[\'"]/.test(b); await c;', 1],
      ['src/rating/rate.service.ts', 'const a = await b; Date.now();', 0],
      ['src/rating/index.ts', 'const a = await b;', 0],
      ['src/main.ts', 'const a = await b;', 0],
    ],
  },
  {
    name: 'every room keeps to its work',
    rule: rules.room,
    samples: [
      ['src/a/b.resolver.ts', 'try { f(); } catch {}', 1],
      ['src/a/b.resolver.ts', "manager.query('x');", 1],
      ['src/a/b.entity.ts', "const q = 'SELECT a FROM b';", 1],
      ['src/a/b.input.ts', "import { Column } from 'typeorm';", 1],
      ['src/a/b.entity.ts', "import { Column } from 'typeorm';", 0],
      ['src/a/b.service.ts', "try { q('SELECT a FROM b'); } finally {}", 0],
    ],
  },
  {
    name: 'nothing is left for later in the text',
    rule: rules.leftovers,
    samples: [
      ['src/a/b.ts', `// ${later}: price it\n`, 1],
      ['docs/a.md', `FIX${'ME'} soon`, 1],
      ['src/a/b.ts', `  // ${'XX'}X is wrong`, 1],
      ['src/a/b.ts', `const none = '${'XX'}X';`, 0],
    ],
  },
  {
    name: 'no path of one machine is named',
    rule: rules.machinePath,
    samples: [
      ['src/a/b.ts', `const a = '${home}';`, 1],
      ['README.md', `cd ${'/'}work/there`, 1],
      ['src/a/b.ts', "import { a } from '../work/b.js'; const u = 'https://x.org/home/a/';", 0],
    ],
  },
  {
    name: 'a page has one title',
    rule: rules.onePage,
    samples: [
      ['src/a/README.md', '# One\n## Part\n```sh\n# a comment\n```\n', 0],
      ['docs/a.md', '# One\n# Two\n', 1],
      ['docs/a.md', 'no title', 1],
      ['src/a/README.md', `# One\n${lines(100)}`, 1],
      ['docs/a.md', `# One\n${lines(100)}`, 0],
    ],
  },
  {
    name: 'types are imported where everybody sees it',
    rule: rules.inlineImportType,
    samples: [
      ['src/a/b.ts', `let a: Promise<import${"('../c/d.js')"}.D>;`, 1],
      ['src/a/b.ts', "const { a } = await import('../c/index.js');", 0],
    ],
  },
  {
    name: 'the compiler is not switched off in silence',
    rule: rules.suppression,
    samples: [
      ['src/a/b.ts', `// @${'ts-nocheck'}\n`, 1],
      ['src/a/b.ts', `// @${'ts-expect-error'}\n`, 1],
      ['src/a/b.ts', `// @${'ts-expect-error'} the declaration of pdfkit lacks this option\n`, 0],
    ],
  },
  {
    name: 'the lock names no registry of one machine',
    rule: rules.lockedHost,
    samples: [
      ['package-lock.json', '"resolved": "http://mirror.local/a.tgz"', 1],
      ['package-lock.json', '"resolved": "https://registry.npmjs.org/a/-/a-1.tgz"', 0],
    ],
  },
];

describe('the house rules', () => {
  it('are held against the real tree', () => {
    expect(paths).toContain('src/kernel/money.ts');
    expect(paths).toContain('test/unit/tidy.test.ts');
    expect(paths.some((path) => path.includes('node_modules'))).toBe(false);
  });

  it.each(CASES)('see it when a planted sample breaks the rule: $name', ({ rule, samples }) => {
    const wanted = samples.map(([path, text, breaches]) => ({ path, text, breaches }));
    const found = wanted.map(({ path, text }) => ({
      path,
      text,
      breaches: rule({ path, text }).length,
    }));
    expect(found).toEqual(wanted);
  });

  it.each(CASES)('hold: $name', ({ rule }) => {
    expect(sources.flatMap(rule)).toEqual([]);
  });

  it('see a folder without place, README or index', () => {
    const planted = ['src/a/README.md', 'src/a/index.ts', 'src/b/x.ts', 'src/main.ts'];
    expect(rules.folders(planted, ['a'])).toEqual([
      'src/b:1 has no place among the arrows',
      'src/b:1 has no README.md',
      'src/b:1 has no index.ts',
    ]);
  });

  it('hold: every folder of src has its place, its README and its index', () => {
    const arrows = JSON.parse(readFileSync('test/tidy/arrows.json', 'utf8')) as string[];
    expect(rules.folders(paths, arrows)).toEqual([]);
  });
});

describe('the blanking of text that is not code', () => {
  // In the expectation `_` stands for a blanked character.
  it.each([
    ['a; // await', 'a; ________'],
    [`f('await', "x")`, `f('_____', "_")`],
    ['`await ${await} it`', '`______${await}___`'],
    ['`${{ a: `x${b}` }}` + c', '`${{ a: `_${b}` }}` + c'],
    ['a = b / await / c', 'a = b / await / c'],
    ['a = /await[/]x/g', 'a = /_________/g'],
    [String.raw`'it\'s' + x`, "'_____' + x"],
    ['/* a\n b */ c', '____\n_____ c'],
  ])('keeps the code of %s', (text, code) => {
    expect(codeOnly(text)).toBe(code.replaceAll('_', ' '));
  });
});
