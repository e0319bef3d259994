import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type FormatDefinition,
  formatPresets,
  type ParserFacts,
} from '../../src/mediation/index.js';
import { describeLines } from '../../src/mediation/quick-lines.js';
import { stagesOfThread } from '../../src/rating/stages.store.js';
import { parseAll } from '../fixtures/parse-all.js';

const kontor = formatPresets.kontor!;
const stages = stagesOfThread();
const facts: ParserFacts = {
  timeZone: 'Europe/Berlin',
  defaultInTrunkId: 0,
  defaultOutTrunkId: 9,
  trunks: [
    ['IN-1', 1],
    ['OUT-0', 2],
    ['\u00dcber', 3],
    // Longer than a block of bytes.
    ['a trunk with a long name', 4],
  ],
};

/** Formats that are read as WebAssembly, and one that is not. */
const FORMATS: Readonly<Record<string, FormatDefinition>> = {
  kontor,
  semicolons: { ...kontor, delimiter: ';', quote: null, comment: '#' },
  'of one service': { ...kontor, service: { constant: 'SMS' } },
  'in milliseconds': { ...kontor, duration: { column: 'quantity', unit: 'MILLISECONDS' } },
  'with values': {
    ...kontor,
    columns: [...kontor.columns, 'value'],
    value: { column: 'value' },
  },
  'without trunks': { ...kontor, inTrunk: undefined, outTrunk: undefined } as never,
  'with two identities': { ...kontor, identity: ['record_id', 'started_at'] },
};

const SIGNS = ['', 'x', '"', '"a"', ',', ';', '#', '+', '0', '9', '\r', '\n', ' ', '\u00fc', '\0'];
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  record_id: ['r1', 'r2', 'a-000000001', 'x'.repeat(16), 'y'.repeat(31), 'z'.repeat(4095), ''],
  service: ['voice', 'voice', 'voice', 'sms', 'data', 'event', 'fax', ''],
  started_at: [
    ...[
      '2026-10-02T09:10:11Z',
      '2026-10-01T00:00:00Z',
      '2026-10-01T23:59:59z',
      '2026-10-02t12:30:01.250Z',
    ],
    ...['2024-02-29T00:00:00Z', '2026-02-29T00:00:00Z', '2000-01-01T00:00:00Z'],
    ...['1999-12-31T23:59:59Z', '2099-12-31T23:59:59Z', '2100-01-01T00:00:00Z'],
    ...['2026-10-01T24:00:00Z', '2026-10-01T00:60:00Z', '2026-10-01T00:00:60Z'],
    ...['2026-10-01T00:00:00+02:00', '2026-10-01T00:00:00.1Z', '2026-10-01 00:00:00Z'],
    ...['2026-13-01T00:00:00Z', '2026-00-01T00:00:00Z', '2026-10-00T00:00:00Z', 'not a time'],
    ...['2026-10-01T00:00:00.12aZ', '2026-10-01T00:00:00.1234567Z', '2026-1001T00:00:00Z'],
  ],
  a_number: ['+4930123456', '+4930000001', '004930123', '030123', '', '+0123', 'anonymous', '+'],
  b_number: ['+4940123456', '+1212555', '', '+999999999999999', '+9999999999999999', '+49 40', '+'],
  quantity: ['60', '0', '61', '999999999999999', '9999999999999999', '', '-1', '1.5', '1500'],
  in_trunk: ['', '', 'IN-1', '\u00dcber', 'none'],
  out_trunk: ['', 'OUT-0', 'a trunk with a long name', 'a trunk with a long nam', 'OUT-1'],
  value: ['', '', '1.25', '0'],
};

const counts = { rows: 0, left: 0 };

/** A line whose fields are mostly the first of their kind, and sometimes broken somewhere. */
function lineOf(definition: FormatDefinition): fc.Arbitrary<string> {
  const fields = definition.columns.map((column) =>
    fc.oneof(
      { weight: 30, arbitrary: fc.constant(FIELDS[column]![0]!) },
      { weight: 2, arbitrary: fc.constantFrom(...FIELDS[column]!) },
    ),
  );
  const broken = fc.tuple(fc.nat(), fc.constantFrom(...SIGNS));
  const end = fc.constantFrom('\n', '\n', '\n', '\r\n', '\n\n');
  return fc
    .tuple(fc.tuple(...fields), fc.option(broken, { freq: 6 }), end)
    .map(([all, cut, at]) => {
      const line = all.join(definition.delimiter);
      if (cut === null) return line + at;
      const place = cut[0] % (line.length + 1);
      return line.slice(0, place) + cut[1] + line.slice(place + 1) + at;
    });
}

describe('lines that are read as WebAssembly', () => {
  it.each(Object.entries(FORMATS))('are read as by the parser: %s', (name, definition) => {
    const lines = fc.array(lineOf(definition), { minLength: 6, maxLength: 40, size: 'max' });
    const pieces = fc.array(fc.nat(), { maxLength: 3 });
    const earliest = fc.constantFrom(undefined, Date.UTC(2026, 9, 1, 12));
    const behind = fc.constantFrom('', '\n,,,\n', 'x"'.repeat(40), ',\n'.repeat(40));
    fc.assert(
      fc.property(lines, pieces, earliest, behind, fc.boolean(), (all, cuts, from, rest, ended) => {
        const text = all.join('');
        const bytes = Buffer.from(ended ? text : text.replace(/\r?\n$/, ''));
        const known = from === undefined ? facts : { ...facts, earliestMs: from };
        const after = Buffer.from(rest);
        const expected = parseAll(definition, bytes, [], undefined, known);
        expect(parseAll(definition, bytes, cuts, after, known, stages)).toEqual(expected);
        if (name !== 'kontor') return;
        counts.rows += expected.rows.length;
        counts.left += expected.rows.filter(({ line }) => 'fault' in line).length;
      }),
      { numRuns: 1500 },
    );
  });

  it('fill batches, and go on behind them', () => {
    const line = 'r1,voice,2026-10-01T00:00:00Z,+4930123456,+4940123456,60,,OUT-0\n';
    const bytes = Buffer.from(line.repeat(1300));
    const read = parseAll(kontor, bytes, [], undefined, facts, stages);
    expect(read.rows).toHaveLength(1300);
    expect(read).toEqual(parseAll(kontor, bytes, [], undefined, facts));
  });

  it('know what a line of the format is, whichever format was read before', () => {
    const line = 'r1,voice,2026-10-01T00:00:00Z,+4930123456,+4940123456,60,IN-1,OUT-0\n';
    const other = line.replaceAll(',', ';');
    for (let round = 0; round < 3; round += 1) {
      for (const [definition, text] of [
        [kontor, line],
        [FORMATS.semicolons!, other],
      ] as const) {
        const bytes = Buffer.from(text);
        const { rows } = parseAll(definition, bytes, [], undefined, facts, stages);
        expect(rows).toEqual(parseAll(definition, bytes, [], undefined, facts).rows);
        expect(rows[0]!.line).not.toHaveProperty('fault');
      }
    }
  });

  it('are read by WebAssembly where they are plain', () => {
    for (const definition of Object.values(FORMATS).slice(0, -1)) {
      const first = definition.columns
        .map((column) => FIELDS[column]![0])
        .join(definition.delimiter);
      const bytes = stages.input.write(`${first}\n`);
      stages.records.lines = 0;
      const lines = describeLines(definition, facts)!;
      expect(stages.lines.read(lines, stages.input, 0, bytes, stages.records)).toBe(bytes);
      expect(stages.records.count).toBe(1);
      expect(stages.lines.hasLeft).toBe(false);
    }
    expect(describeLines(FORMATS['with two identities']!, facts)).toBeNull();
  });

  afterAll(() => {
    // Most of what is compared must be records that came through, or little is compared.
    expect(counts.rows - counts.left).toBeGreaterThan(5000);
  });
});
