import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseNumber } from '../../src/kernel/index.js';
import {
  type FormatDefinition,
  MAX_LINE_BYTES,
  MICRO_BATCH,
  RecordBatch,
  type RecordFault,
  RecordParser,
  serviceCodes,
} from '../../src/mediation/index.js';
import { type Line, parseAll, parserFacts, rowOf } from '../fixtures/parse-all.js';

const format: FormatDefinition = {
  delimiter: ',',
  quote: '"',
  headerLines: 0,
  comment: '#',
  columns: ['id', 'part', 'kind', 'answer', 'setup', 'a', 'b', 'amount', 'in', 'out', 'cause'],
  numberRules: { countryCode: '49', trunkPrefix: '0', internationalPrefixes: ['00'] },
  identity: ['id', 'part'],
  startedAt: { column: 'answer', orElse: 'setup', type: 'EPOCH_SECONDS' },
  service: { column: 'kind', values: { voice: 'VOICE', sms: 'SMS', data: 'DATA', ev: 'EVENT' } },
  duration: { column: 'amount', unit: 'MILLISECONDS' },
  quantity: { column: 'amount' },
  aNumber: { column: 'a' },
  bNumber: { column: 'b' },
  inTrunk: { column: 'in' },
  outTrunk: { column: 'out' },
  answered: { column: 'cause', values: ['16', '31'] },
};

function parseText(text: string): Line[] {
  return parseAll(format, Buffer.from(text)).rows.map(({ line }) => line);
}

const sound = 'x1,1,voice,1766000000,,+4930123,+4420123,61000,berlin-1,,16';
const soundRow: Line = {
  service: serviceCodes.VOICE,
  startedMs: 1_766_000_000_000,
  quantity: 61,
  aNumber: 4930123,
  bNumber: 4420123,
  inTrunk: 11,
  outTrunk: 8,
};
const malformed: Line = { fault: 'MALFORMED_LINE', column: null };

describe('lines of a record file', () => {
  it('reads a record', () => {
    expect(parseText(`${sound}\n`)).toEqual([soundRow]);
  });

  it('reads CRLF, skips blank lines and comments, and needs no line end at the end', () => {
    const text = `\r\n#${sound}\n\n${sound}\r\n#\n \n${sound}`;
    const { rows, lines } = parseAll(format, Buffer.from(text));
    expect(rows.map(({ line }) => line)).toEqual([soundRow, malformed, soundRow]);
    expect(rows.map(({ lineNumber }) => lineNumber)).toEqual([4, 6, 7]);
    expect(lines).toBe(7);
  });

  it('leaves a line without its end alone until the file is final', () => {
    const parser = new RecordParser(format, parserFacts);
    const batch = new RecordBatch();
    const bytes = Buffer.from(`${sound}\n${sound}`);
    expect(parser.parse(bytes, 0, bytes.length, false, batch)).toBe(sound.length + 1);
    expect(batch.count).toBe(1);
    expect(parser.parse(bytes, sound.length + 1, bytes.length, false, batch)).toBe(
      sound.length + 1,
    );
    expect(batch.count).toBe(0);
    expect(parser.parse(bytes, sound.length + 1, bytes.length, true, batch)).toBe(bytes.length);
    expect(batch.count).toBe(1);
  });

  it('does not look beyond its range', () => {
    const parser = new RecordParser(format, parserFacts);
    const batch = new RecordBatch();
    const bytes = Buffer.from(`${sound}\n${sound}\n${sound}\n`);
    expect(parser.parse(bytes, sound.length + 1, 2 * sound.length + 2, true, batch)).toBe(
      2 * sound.length + 2,
    );
    expect(batch.count).toBe(1);
    expect(rowOf(parser, batch, 0)).toEqual(soundRow);
    // Within the range the last line has no end, although the buffer goes on.
    expect(parser.parse(bytes, sound.length + 1, 2 * sound.length, false, batch)).toBe(
      sound.length + 1,
    );
    expect(batch.count).toBe(0);
  });

  it('takes quoted fields for what they hold', () => {
    const quoted = sound
      .split(',')
      .map((field) => `"${field}"`)
      .join(',');
    const plain = parseAll(format, Buffer.from(sound)).rows[0]!;
    const row = parseAll(format, Buffer.from(quoted)).rows[0]!;
    expect(row.line).toEqual(soundRow);
    expect(row.identity).toBe(plain.identity);
    expect(parseText(sound.replace('x1', '"x,""y"""'))).toEqual([soundRow]);
    expect(parseText(sound.replace('x1', '""'))).toEqual([soundRow]);
  });

  it.each([
    ['garbage behind a closing quote', sound.replace('x1', '"x1"y')],
    ['a space behind a closing quote', sound.replace('x1', '"x1" ')],
    ['a quote that never closes', sound.replace('x1', '"x1')],
    ['a last quote that never closes', `${sound.slice(0, -2)}"16`],
    ['one field too few', sound.replace('x1,', '')],
    ['one field too many', `${sound},`],
    ['many fields too many', `${sound}${',1'.repeat(500)}`],
    ['an identity of more bytes than are compared', sound.replace('x1', 'x'.repeat(4096))],
  ])('refuses %s', (_what, line) => {
    for (const row of parseText(line)) expect(row).toMatchObject({ fault: 'MALFORMED_LINE' });
    expect(parseText(`${line}\n${sound}\n`).at(-1)).toEqual(soundRow);
  });

  it('ends a line at every line break, so that a range of bytes can begin anywhere', () => {
    const broken = sound.replace('berlin-1', '"berlin\n-1"');
    expect(parseText(`${broken}\n${sound}`)).toEqual([malformed, malformed, soundRow]);
  });

  it('is refused and kept alike at the limit of its length, with room behind it or not', () => {
    for (const more of [-1, 0, 1]) {
      const long = `${sound}${'6'.repeat(MAX_LINE_BYTES - sound.length + more)}`;
      for (const end of ['\n', '\r\n']) {
        const bytes = Buffer.from(`${long}${end}${sound}\n`);
        const roomy = parseAll(format, bytes, [], Buffer.alloc(64, 10));
        expect(roomy).toEqual(parseAll(format, bytes));
        expect('fault' in roomy.rows[0]!.line && roomy.rows[0]!.line.fault).toBe(
          more > 0 ? 'LINE_TOO_LONG' : false,
        );
      }
    }
  });

  it('refuses a line of 70,000 bytes, keeps 64 KiB of it and goes on', () => {
    const long = `${sound}${'x'.repeat(70_000)}`;
    const { rows } = parseAll(format, Buffer.from(`${sound}\n${long}\n${sound}\n`));
    expect(rows.map(({ line }) => line)).toEqual([
      soundRow,
      { fault: 'LINE_TOO_LONG', column: null },
      soundRow,
    ]);
    expect(rows[1]!.to - rows[1]!.from).toBe(MAX_LINE_BYTES);
    const edge = sound.replace('x1', `"${'x'.repeat(MAX_LINE_BYTES - sound.length)}"`);
    expect(edge).toHaveLength(MAX_LINE_BYTES);
    expect(parseText(edge)).toEqual([{ fault: 'MALFORMED_LINE', column: 'id' }]);
    expect(parseText(`${edge}x`)).toEqual([{ fault: 'LINE_TOO_LONG', column: null }]);
  });

  it('keeps NUL and bytes that are not UTF-8 in the identity and out of numbers', () => {
    const bytes = (id: number[], b: number[]) =>
      Buffer.concat([
        Buffer.from(id),
        Buffer.from(',1,voice,1766000000,,+4930123,'),
        Buffer.from(b),
        Buffer.from(',61000,berlin-1,,16'),
      ]);
    const number = [...Buffer.from('+4420123')];
    const ids = [[], [0], [0, 0], [0xff], [0xfe], [0xc3], [0xc3, 0x28], [0xef, 0xbf, 0xbd]];
    const rows = ids.map((id) => parseAll(format, bytes(id, number)).rows[0]!);
    expect(rows.map(({ line }) => line)).toEqual(ids.map(() => soundRow));
    expect(new Set(rows.map(({ identity }) => identity)).size).toBe(ids.length);
    for (const sign of [0, 0x80, 0xc3, 0xff, 0xb2]) {
      const { rows: refused } = parseAll(format, bytes([49], [...number, sign]));
      expect(refused[0]!.line).toEqual({ fault: 'INVALID_B_NUMBER', column: 'b' });
    }
  });

  it('tells fields of an identity apart by where they end', () => {
    const identity = (id: string, part: string) => {
      const line = sound.replace('x1,1', `${id},${part}`);
      return parseAll(format, Buffer.from(line)).rows[0]!.identity;
    };
    const all = [
      ['1', '23'],
      ['12', '3'],
      ['123', ''],
      ['', '123'],
    ].map(([id, part]) => identity(id!, part!));
    expect(new Set(all).size).toBe(all.length);
  });

  it.each([[['id']], [['id', 'part']]])('refuses a record whose %j are empty', (identity) => {
    const text = `,,${sound.slice(5)}\n,1,${sound.slice(5)}\n`;
    const { rows } = parseAll({ ...format, identity }, Buffer.from(text));
    const refused = { fault: 'MALFORMED_LINE', column: 'id' };
    const second = identity.length === 1 ? refused : soundRow;
    expect(rows.map(({ line }) => line)).toEqual([refused, second]);
  });

  it('fills one micro-batch at a time', () => {
    const count = 3 * MICRO_BATCH + 5;
    const lines = Array.from({ length: count }, (_, n) => sound.replace('x1', `${n}`));
    const bytes = Buffer.from(lines.join('\n'));
    const parser = new RecordParser(format, parserFacts);
    const batch = new RecordBatch();
    const counts: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      at = parser.parse(bytes, at, bytes.length, true, batch);
      counts.push(batch.count);
    }
    expect(counts).toEqual([MICRO_BATCH, MICRO_BATCH, MICRO_BATCH, 5]);
    expect(batch.lines).toBe(count);
    const { rows } = parseAll(format, bytes);
    expect(new Set(rows.map(({ identity }) => identity)).size).toBe(count);
    expect(rows.map(({ lineNumber }) => lineNumber)).toEqual(lines.map((_, n) => n + 1));
  });
});

/** The fields of a line by a pattern for one field, or null when the line is not such fields. */
function fieldsByPattern(line: string): string[] | null {
  const fields: string[] = [];
  const field = /"((?:[^"]|"")*)"(?=,|$)|(?!")([^,]*)/sy;
  for (;;) {
    const found = field.exec(line);
    if (found === null) return null;
    fields.push(found[1] ?? found[2]!);
    if (field.lastIndex === line.length) return fields;
    field.lastIndex += 1;
  }
}

/** A line as the format describes it, from strings; lines are latin1 so that a sign is a byte. */
function lineByOracle(text: string): { line: Line; identity: string } {
  const refuse = (fault: RecordFault, column: string | null) => ({
    line: { fault, column },
    identity: '',
  });
  const fields = fieldsByPattern(text);
  if (fields === null || fields.length !== format.columns.length) {
    return refuse('MALFORMED_LINE', null);
  }
  const field = (name: string) => fields[format.columns.indexOf(name)]!;
  const kinds: Record<string, number> = { voice: 1, sms: 2, data: 3, ev: 4 };
  const service = kinds[field('kind')];
  if (service === undefined) return refuse('UNKNOWN_SERVICE', 'kind');

  const whole = (written: string) => (/^[0-9]{1,15}$/.test(written) ? Number(written) : null);
  const time = field('answer') === '' ? 'setup' : 'answer';
  const startedMs = (whole(field(time)) ?? Number.NaN) * 1000;
  if (!(startedMs >= Date.UTC(2000, 0, 1) && startedMs < Date.UTC(2100, 0, 1))) {
    return refuse('INVALID_TIME', time);
  }
  const answered = ['16', '31'].includes(field('cause'));
  const counted = field('amount') === '' && service !== 1 ? 1 : whole(field('amount'));
  if (answered && counted === null) return refuse('INVALID_QUANTITY', 'amount');
  const units = service === 1 ? Math.ceil(counted! / 1000) : counted!;

  const number = (written: string) => {
    const result = normaliseNumber(written, format.numberRules);
    if ('digits' in result) return Number(result.digits);
    return result.error === 'EMPTY' || result.error === 'ALPHANUMERIC' ? 0 : null;
  };
  const aNumber = number(field('a'));
  const bNumber = number(field('b'));
  if (aNumber === null) return refuse('INVALID_A_NUMBER', 'a');
  if (bNumber === null || (bNumber === 0 && service < 3)) return refuse('INVALID_B_NUMBER', 'b');

  const names = new Map([...parserFacts.trunks].map(([name, id]) => [latin1(name), id]));
  const inTrunk = field('in') === '' ? parserFacts.defaultInTrunkId : names.get(field('in'));
  const outTrunk = field('out') === '' ? parserFacts.defaultOutTrunkId : names.get(field('out'));
  if (inTrunk === undefined) return refuse('UNKNOWN_TRUNK', 'in');
  if (outTrunk === undefined) return refuse('UNKNOWN_TRUNK', 'out');
  if (field('id') + field('part') === '') return refuse('MALFORMED_LINE', 'id');
  const quantity = answered ? units : 0;
  return {
    line: { service, startedMs, quantity, aNumber, bNumber, inTrunk, outTrunk },
    identity: JSON.stringify([field('id'), field('part')]),
  };
}

function latin1(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function expectedRows(text: string): (ReturnType<typeof lineByOracle> & { lineNumber: number })[] {
  return text
    .split('\n')
    .map((line, at) => ({ text: line.replace(/\r$/, ''), lineNumber: at + 1 }))
    .filter((line) => line.text !== '' && !line.text.startsWith('#'))
    .map((line) => ({ ...lineByOracle(line.text), lineNumber: line.lineNumber }));
}

/** Values that mostly fit the column, so that some lines come through. */
function fieldText(name: string): fc.Arbitrary<string> {
  const good: Record<string, readonly string[]> = {
    id: ['1', '2', '12', 'x,y', 'a""b', '#', '\u00ff\u0000'],
    part: ['', '1', '2', '12'],
    kind: ['voice', 'voice', 'sms', 'data', 'ev'],
    answer: ['1766000000', '1766000001', '', '946684800', '4102444799'],
    setup: ['1765999999'],
    a: ['+4930123', '0301234', 'unknown', '', '004420'],
    b: ['+4930123', '0301234', '004420', '(030) 99'],
    amount: ['0', '1', '999', '61000', '999999999999999'],
    in: ['', 'berlin-1', latin1('köln-2')],
    out: ['', 'berlin-1'],
    cause: ['16', '31', '17', ''],
  };
  const bad = fc.constantFrom('', '7', '-1', '1e3', 'berlin', '*31#', '4102444800', '"', 'x"y');
  return fc.oneof({ weight: 40, arbitrary: fc.constantFrom(...good[name]!) }, bad);
}

const lineText = fc
  .tuple(
    ...format.columns.map((name) =>
      fc.tuple(fieldText(name), fc.nat(5)).map(([text, quoted]) => {
        return quoted === 0 || text.includes(',') ? `"${text}"` : text;
      }),
    ),
  )
  .map((fields) => fields.join(','));

const wildLine = fc.oneof(
  { weight: 12, arbitrary: lineText },
  fc.constantFrom('', '#', '# a comment', ' ', ','.repeat(10), ','.repeat(9), '"', '""'),
  fc
    .tuple(lineText, fc.nat(100), fc.constantFrom('"', ',', '', '\r', '\u0000', '\u00e9'))
    .map(([text, at, sign]) => {
      const cut = at % (text.length + 1);
      return text.slice(0, cut) + sign + text.slice(cut + 1);
    }),
  fc.string({ unit: fc.constantFrom('"', ',', 'x', '1', '\r', ' '), maxLength: 30 }),
);

const fileText = fc
  .tuple(
    fc.array(fc.tuple(wildLine, fc.constantFrom('\n', '\n', '\r\n')), { maxLength: 20 }),
    fc.boolean(),
  )
  .map(([lines, ended]) => {
    const text = lines.flat().join('');
    return ended ? text : text.replace(/\r?\n$/, '');
  });

describe('any file', () => {
  it('is read as by the slow way', () => {
    let records = 0;
    fc.assert(
      fc.property(fileText, (text) => {
        const { rows } = parseAll(format, Buffer.from(text, 'latin1'));
        const expected = expectedRows(text);
        expect(rows.map(({ line }) => line)).toEqual(expected.map(({ line }) => line));
        expect(rows.map(({ lineNumber }) => lineNumber)).toEqual(
          expected.map(({ lineNumber }) => lineNumber),
        );
        const clean = rows.filter(({ line }) => !('fault' in line));
        records += clean.length;
        const pairs = expected
          .filter(({ identity }) => identity !== '')
          .map(({ identity }, at) => `${identity} is ${clean[at]!.identity}`);
        const names = new Set(expected.map(({ identity }) => identity).filter(Boolean));
        expect(new Set(pairs).size).toBe(names.size);
        expect(new Set(clean.map(({ identity }) => identity)).size).toBe(names.size);
      }),
      { numRuns: 3000 },
    );
    // Most of what is compared must be records that came through, or little is compared.
    expect(records).toBeGreaterThan(5000);
  });

  // With room behind it a usual line is read in one go, else with a closer look.
  it('is read the same however it is cut and whatever stands behind it', () => {
    const behind = fc.constantFrom('', '\n', ',', '\r', 'x', '\u0000').map((sign) => {
      return Buffer.from(sign.repeat(64));
    });
    fc.assert(
      fc.property(fileText, fc.array(fc.nat(), { maxLength: 12 }), behind, (text, pieces, rest) => {
        const bytes = Buffer.from(text, 'latin1');
        const { rows, lines } = parseAll(format, bytes, pieces, rest);
        const whole = parseAll(format, bytes);
        expect(rows).toEqual(whole.rows);
        expect(lines).toBe(whole.lines);
      }),
      { numRuns: 4000 },
    );
  });

  it('is read the same when it is cut everywhere', () => {
    const text = `${sound}\r\n\r\n#x\n"y${sound}\n${sound.replace('x1', '"a"",b"')}`;
    const bytes = Buffer.from(text);
    const everywhere = Array.from({ length: bytes.length }, (_, at) => at);
    const whole = parseAll(format, bytes);
    expect(whole.rows).toHaveLength(3);
    expect(parseAll(format, bytes, everywhere)).toEqual(whole);
    for (const at of everywhere) expect(parseAll(format, bytes, [at])).toEqual(whole);
  });
});
