import { setTimeout as delay } from 'node:timers/promises';
import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { workbookLines } from '../../src/catalog/sheet-workbook.service.js';
import { csvHead, csvLines } from '../../src/integration/csv.js';
import type { Column } from '../../src/integration/table.js';
import { Workbook } from '../../src/integration/workbook.service.js';
import { bareCell } from '../../src/kernel/index.js';
import {
  anExportWorld,
  COPIES,
  copyRecords,
  type ExportWorld,
  openExport,
} from '../fixtures/exports.js';
import { actsIn, HOSTILE_TEXTS, hostileText } from '../fixtures/hostile-cell.js';
import { tokenOf } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const MIB = 1024 * 1024;
/** Named, so that a failure can be had again. */
const SEED = 20261122;

interface Cells {
  readonly words: string;
  readonly amount: string;
}

const columns: readonly Column<Cells>[] = [
  { name: 'words', kind: 'TEXT', cell: ({ words }) => words },
  { name: 'amount', kind: 'NUMBER', cell: ({ amount }) => amount },
];

type Write = (rows: readonly Cells[], delimiter: string) => string;

const write: Write = (rows, delimiter) => {
  const style = { delimiter, decimalComma: false, mark: false };
  return csvHead(columns, style) + csvLines(columns, rows, style);
};

/** What is wrong with a written file: cells that act, texts and amounts that do not come back. */
function faults(writer: Write, rows: readonly Cells[], delimiter: string): string[] {
  const options = { delimiter, record_delimiter: '\r\n', from_line: 2, relax_column_count: true };
  const read: string[][] = parse(writer(rows, delimiter), options);
  if (read.length !== rows.length) return [`${read.length} lines of ${rows.length}`];
  return rows.flatMap(({ words, amount }, at) => {
    const [cell = '', sum] = read[at] ?? [];
    const found: string[] = [];
    if (actsIn(cell)) found.push(`acts: ${JSON.stringify(cell)}`);
    if (bareCell(cell, delimiter) !== words) found.push(`lost: ${JSON.stringify(words)}`);
    if (sum !== amount) found.push(`another amount: ${sum}`);
    return found;
  });
}

const amount = fc
  .tuple(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: 0, max: 8 }))
  .map(([digits, scale]) => decimal(digits, scale));

function decimal(digits: bigint, scale: number): string {
  const text = (digits < 0n ? -digits : digits).toString().padStart(scale + 1, '0');
  const point = text.length - scale;
  const plain = scale === 0 ? text : `${text.slice(0, point)}.${text.slice(point)}`;
  return digits < 0n ? `-${plain}` : plain;
}

const ROWS = 50;
const someRows = fc.array(fc.record({ words: hostileText, amount }), {
  minLength: ROWS,
  maxLength: ROWS,
});

describe('cells that would act (F5)', () => {
  const drawn = trials(100_000);

  it(`do not in a CSV file and come back, ${drawn} of them, seed ${SEED}`, () => {
    const property = fc.property(someRows, fc.constantFrom(',', ';', '\t'), (rows, delimiter) => {
      expect(faults(write, rows, delimiter)).toEqual([]);
    });
    fc.assert(property, { numRuns: Math.ceil(drawn / ROWS), seed: SEED });
  });

  it('are found where a writer does not guard, or guards amounts as well', () => {
    const rows = HOSTILE_TEXTS.map((words) => ({ words, amount: '-12.50' }));
    const plain: Write = (given, delimiter) =>
      stringify([['words', 'amount'], ...given.map((row) => [row.words, row.amount])], {
        delimiter,
        record_delimiter: '\r\n',
        quoted: true,
      });
    expect(faults(plain, rows, ',').filter((one) => one.startsWith('acts'))).toHaveLength(
      rows.filter(({ words }) => actsIn(words)).length,
    );
    const ofLibrary: Write = (given, delimiter) =>
      stringify([['words', 'amount'], ...given.map((row) => [row.words, row.amount])], {
        delimiter,
        record_delimiter: '\r\n',
        quoted: true,
        escape_formulas: true,
      });
    const found = faults(ofLibrary, rows, ',');
    expect(found).toContain("another amount: '-12.50");
    expect(found.some((one) => one.startsWith('acts'))).toBe(true);
    expect(faults(write, rows, ',')).toEqual([]);
  });

  const inBooks = trials(20_000);
  it(`are texts in a workbook and come back, ${inBooks} of them, seed ${SEED}`, async () => {
    const limits = { unpackedBytes: 256 * MIB, rowBytes: 65_536 };
    const runs = Math.ceil(inBooks / 1_000);
    const many = fc.array(fc.record({ words: hostileText, amount }), {
      minLength: 1_000,
      maxLength: 1_000,
    });
    const property = fc.asyncProperty(many, async (rows) => {
      const book = new Workbook('Rates', columns, []);
      book.add(rows);
      const read: (readonly string[])[] = [];
      const bytes = Buffer.from(await book.bytes());
      await book.close();
      for await (const { line, cells } of workbookLines(bytes, null, limits)) {
        read[line - 1] = cells;
      }
      for (const [at, { words, amount: sum }] of rows.entries()) {
        const [cell = '', told = ''] = read[at + 1] ?? [];
        expect(cell).toBe(words);
        expect(Number(told)).toBe(Number(sum));
        if (told !== plainly(sum)) expect(told).toBe(sum);
      }
    });
    await fc.assert(property, { numRuns: runs, seed: SEED });
  });
});

/** A decimal without the zeros at its end. */
function plainly(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

describe('a file of many records', () => {
  const records = trials(1_000_000);
  let app: TestApp;
  let world: ExportWorld;

  beforeAll(async () => {
    app = await testApp();
    app.clock.advance(Date.parse('2026-11-21T10:00:00Z') - Date.now());
    world = await anExportWorld(app);
    await copyRecords(app, records);
  }, 600_000);
  afterAll(async () => app?.stop());

  it(`of ${records} takes no more memory than a short one`, { timeout: 1_800_000 }, async () => {
    const measured = async (span: string) => {
      globalThis.gc?.();
      const before = process.memoryUsage().rss;
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, process.memoryUsage().rss - before);
      }, 20);
      const began = performance.now();
      const file = await openExport(app, world.tokens.hub, `usage.csv?${span}&level=RETAIL`);
      const { complete, bytes } = await file.rest();
      clearInterval(watch);
      const seconds = (performance.now() - began) / 1_000;
      return { complete, bytes, most: Math.round(most / MIB), seconds };
    };
    // By then the process is as large as work makes it; 80 microseconds lie between two records.
    await measured('from=2026-11-05T00:00:00Z&to=2026-11-05T00:00:04Z');
    const { complete, bytes, most, seconds } = await measured(COPIES);
    console.log(
      `${records} records, ${Math.round(bytes / MIB)} MiB in ${seconds.toFixed(1)} s, ` +
        `memory +${most} MiB`,
    );
    expect(complete).toBe(true);
    // One thousand rows at a time; the rest is what the collector has not yet taken back.
    expect(most).toBeLessThan(150);
  });

  it('ends for who may no longer see it, within seconds', { timeout: 120_000 }, async () => {
    const token = await tokenOf(app, world.hub);
    const file = await openExport(app, token, `usage.csv?${COPIES}`);
    await app.graphql('mutation { signOut }', {}, token);
    await delay(2_100);
    const began = performance.now();
    const { complete } = await file.rest();
    expect(complete).toBe(false);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('is given up when its reader takes nothing for half a minute', {
    timeout: 120_000,
  }, async () => {
    const file = await openExport(app, world.tokens.hub, `usage.csv?${COPIES}`);
    await expect
      .poll(() => app.logged.filter((line) => line.includes('broken off')).length, {
        timeout: 60_000,
      })
      .toBeGreaterThan(1);
    expect((await file.rest()).complete).toBe(false);
  });
});
