import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
  readonly to: string;
}

const PLANTED: Readonly<Record<string, string>> = {
  // A small house that keeps every arrow, in every syntax that the real one uses.
  'src/kernel/index.ts': "export { half, type Money } from './money.js';",
  'src/kernel/money.ts': `import { Decimal } from 'decimal.js';
    export interface Money { readonly amount: bigint }
    export const half = (m: Money): string => new Decimal(m.amount.toString()).div(2).toString();`,
  'src/partner/index.ts': "export * from './partner.service.js';",
  'src/partner/partner.service.ts': `import { readFile } from 'node:fs/promises';
    import type { Money } from '../kernel/index.js';
    export const load = async (file: string): Promise<Money> =>
      ({ amount: BigInt((await readFile(file)).length) });`,
  'src/billing/index.ts': "export { Bill } from './bill.entity.js';",
  'src/billing/bill.entity.ts': `import { Column } from 'typeorm';
    import { half } from '../kernel/index.js';
    function sealed<T extends abstract new (...a: never[]) => object>(c: T): T { return c; }
    @sealed
    export class Bill<in out T extends object = object> {
      @Column({ type: 'text' }) declare readonly name: string;
      static { Bill.count = 0n; }
      static count = 0n;
      accessor total = 0n;
      #secret = half satisfies unknown;
      constructor(@sealed public readonly rows?: readonly T[]) { this.#secret; }
      *[Symbol.iterator](): Generator<string> { using _ = null; yield this.name ??= \`\${1}\`; }
    }`,
  'src/partner/thread.ts': "export { load } from './partner.service.js';",
  'src/billing/loading.service.ts':
    "import { load } from '../partner/thread.js'; export const a = load;",
  'src/main.ts': "import { Bill } from './billing/index.js'; console.log(Bill);",
  'test/deep.test.ts': "import '../src/partner/partner.service.js'; import 'vitest';",
  // The breaches.
  'src/kernel/reach.ts': "import { hostname } from 'node:os'; export const a = hostname;",
  'src/partner/value-wrong-way.service.ts':
    "import { Bill } from '../billing/index.js'; export const a = Bill;",
  'src/partner/type-wrong-way.service.ts':
    "import type { Bill } from '../billing/index.js'; export type A = Bill;",
  'src/partner/inline-type-wrong-way.service.ts':
    "import { type Bill } from '../billing/index.js'; export type A = Bill;",
  'src/partner/re-export-wrong-way.service.ts': "export type { Bill } from '../billing/index.js';",
  'src/partner/dynamic-wrong-way.service.ts':
    "export const a = async () => { await using b = await import('../billing/index.js'); b; };",
  'src/billing/deep.service.ts':
    "import { load } from '../partner/partner.service.js'; export const a = load;",
  'src/billing/deep-type.service.ts':
    "import type { Money } from '../kernel/money.js'; export type A = Money;",
  'src/billing/egg.service.ts': "import { a } from './hen.service.js'; export const b = () => a;",
  'src/billing/hen.service.ts':
    "import type { b } from './egg.service.js'; export const a = (x: typeof b) => x;",
  'src/billing/impure-file.ts': "import { readFileSync } from 'fs'; export const a = readFileSync;",
  'src/billing/impure-table.ts':
    "import { DataSource } from 'typeorm'; export const a = DataSource;",
  'src/billing/impure-sibling.ts': "export { a } from './deep.service.js';",
  'src/billing/upward.service.ts': "import '../main.js';",
  'src/billing/nowhere.service.ts': "import './gone.js';",
  'src/billing/tested.service.ts': "import '../../test/deep.test.js';",
  'src/billing/tooled.service.ts': "import 'fast-check';",
  'src/schema.ts': "import { Bill } from './billing/bill.entity.js'; export const a = Bill;",
  'src/novelty/index.ts': "import { half } from '../kernel/index.js'; export const a = half;",
  'src/app.ts': "import { a } from './novelty/index.js'; export const b = a;",
};

const EXPECTED = [
  'arrow-partner: src/partner/dynamic-wrong-way.service.ts',
  'arrow-partner: src/partner/inline-type-wrong-way.service.ts',
  'arrow-partner: src/partner/re-export-wrong-way.service.ts',
  'arrow-partner: src/partner/type-wrong-way.service.ts',
  'arrow-partner: src/partner/value-wrong-way.service.ts',
  'kernel-is-values: src/kernel/reach.ts',
  'known-folder-wanted: src/app.ts',
  'known-folder: src/novelty/index.ts',
  'no-cycle: src/billing/egg.service.ts',
  'not-the-root: src/billing/upward.service.ts',
  'product-without-tests: src/billing/tested.service.ts',
  'product-without-tools: src/billing/tooled.service.ts',
  'pure-without-the-world: src/billing/impure-file.ts',
  'pure-without-the-world: src/billing/impure-sibling.ts',
  'pure-without-the-world: src/billing/impure-table.ts',
  'pure-without-the-world: src/kernel/reach.ts',
  'resolvable: src/billing/nowhere.service.ts',
  'root-through-the-index: src/schema.ts',
  'through-the-index: src/billing/deep-type.service.ts',
  'through-the-index: src/billing/deep.service.ts',
];

describe('the arrows', () => {
  let root: string;

  beforeAll(() => {
    mkdirSync('build', { recursive: true });
    root = mkdtempSync(resolve('build/arrows-'));
    for (const [file, text] of Object.entries(PLANTED)) {
      mkdirSync(join(root, dirname(file)), { recursive: true });
      writeFileSync(join(root, file), text);
    }
    const { devDependencies, dependencies } = {
      devDependencies: { 'fast-check': '*', vitest: '*' },
      dependencies: { 'decimal.js': '*', typeorm: '*' },
    };
    writeFileSync(join(root, 'package.json'), JSON.stringify({ dependencies, devDependencies }));
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  function cruise(...options: string[]) {
    const bin = resolve('node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
    const args = [bin, '--config', resolve('.dependency-cruiser.cjs'), ...options];
    return spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  }

  it('catch every planted breach and nothing else', () => {
    const run = cruise('--output-type', 'json', 'src', 'test');
    expect(run.stderr).toBe('');
    const { summary } = JSON.parse(run.stdout) as { summary: { violations: Violation[] } };
    const found = new Set(summary.violations.map((v) => `${v.rule.name}: ${v.from}`));
    expect([...found].sort()).toEqual(EXPECTED);
  });

  it('fail the command when there is a breach, and only then', () => {
    const wrong = cruise('src/app.ts');
    expect(wrong.stdout).toContain('known-folder-wanted');
    expect(wrong.status).toBeGreaterThan(0);
    expect(cruise('src/main.ts').status).toBe(0);
  });
});
