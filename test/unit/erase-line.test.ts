import { describe, expect, it } from 'vitest';
import { type FormatDefinition, LineFields } from '../../src/mediation/index.js';
import { type Belongings, LineEraser } from '../../src/privacy/erase-line.js';
import { aFormat } from '../fixtures/mediation.js';

const facts = { timeZone: 'UTC', trunks: new Map([['IN-1234567', 7]]), defaultInTrunkId: 3 };
const reader = (given: Partial<FormatDefinition>) => new LineFields(aFormat(given), facts);
const columns = ['id', 'at', 'a_number', 'b_number', 'quantity', 'in_trunk', 'note'];

/** A format of any delimiter, in which bare numbers are national ones of country code 1. */
function aLine(delimiter: string, given: Partial<FormatDefinition> = {}): LineFields {
  const { outTrunk: _none, ...definition } = aFormat({
    delimiter,
    quote: null,
    columns,
    identity: ['id'],
    startedAt: { column: 'at', type: 'EPOCH_SECONDS' },
    service: { constant: 'VOICE' },
    numberRules: {
      countryCode: '1',
      trunkPrefix: '',
      internationalPrefixes: ['011'],
      bare: 'NATIONAL',
    },
    ...given,
  });
  return new LineFields(definition, facts);
}

describe('the fields of a line', () => {
  it('are numbers, what stays, and text', () => {
    const read = aLine(';').read('x;1791194400;2025550123;+33612345678;60;IN-1234567;n\r');
    expect(read.startedMs).toBe(1_791_194_400_000);
    expect(read).toMatchObject({ aNumber: '12025550123', inTrunkId: 7 });
    const kinds = ['TEXT', 'FIXED', 'NUMBER', 'NUMBER', 'FIXED', 'FIXED', 'TEXT'];
    expect(read.fields.map(({ kind }) => kind)).toEqual(kinds);
    expect(read.fields.map(({ number }) => number)[3]).toBe('33612345678');
    expect(read.fields.at(-1)).toMatchObject({ from: 51, to: 52 });
  });

  it('are text where columns may be out of place, and trunks that nobody knows are', () => {
    const untimed = aLine(';').read('x;then;2025550123;2;60;;n');
    expect(untimed).toMatchObject({ startedMs: null, aNumber: '12025550123', inTrunkId: 3 });
    expect(untimed.fields[4]?.kind).toBe('TEXT');
    const strange = aLine(';').read('x;1791194400;anonymous;2;60;SIP/1;n');
    expect(strange).toMatchObject({ aNumber: null, inTrunkId: 0 });
    expect(strange.fields[5]?.kind).toBe('TEXT');
  });

  it('end at delimiters where a line is none of the format', () => {
    const read = aLine(' ').read('x 2025550123 60');
    expect(read).toMatchObject({ startedMs: null, aNumber: null, inTrunkId: 0 });
    expect(read.fields).toEqual([
      { from: 0, to: 1, kind: 'TEXT', number: null },
      { from: 2, to: 12, kind: 'TEXT', number: null },
      { from: 13, to: 15, kind: 'TEXT', number: null },
    ]);
  });

  it('stand between their quotes', () => {
    const line = '"r,1",voice,2026-10-05T10:00:00Z,"+1 (202) 5550123","say ""x""",60,,OUT';
    const read = reader({}).read(line);
    expect(read.aNumber).toBe('12025550123');
    const texts = read.fields.map(({ from, to }) => line.slice(from, to));
    expect(texts.slice(0, 1)).toEqual(['r,1']);
    expect(texts.slice(3, 6)).toEqual(['+1 (202) 5550123', 'say ""x""', '60']);
    expect(reader({}).read(`${line},`).startedMs).toBeNull();
    expect(reader({}).read('"r,voice').startedMs).toBeNull();
  });
});

const MARCH = Date.UTC(2026, 2, 1);
const [since, till] = [Date.UTC(2026, 0, 1), Date.UTC(2026, 5, 1)];

function eraserOf(number: string, by: string, given: Partial<Belongings> = {}): LineEraser {
  const ofOther = (other: string) => (other.length < 6 ? other : `${other.slice(0, -4)}9999`);
  return new LineEraser({
    own: [{ number, by }],
    othersNumbers: [],
    trunks: [],
    ofOther,
    ...given,
  });
}

describe('a line without the numbers of a person', () => {
  const eraser = eraserOf('12025550123', '12025559876');

  it.each([' ', '-', '/', '_', '(', ')', '.', '\t'])('ends numbers at %j', (delimiter) => {
    const mixed = ['id', 'a_number', 'quantity', 'note', 'at', 'b_number', 'in_trunk'];
    const written = (number: string) => ['9', number, '60', 'x', '1791194400', '2', ''];
    const line = written('2025550123').join(delimiter);
    const read = aLine(delimiter, { columns: mixed }).read(line);
    expect(eraser.erase(line, read)).toBe(written('2025559876').join(delimiter));
  });

  it('keeps times, quantities and trunks that are the same digits', () => {
    const of = eraserOf('11791194400', '11799999999');
    const line = 'x;1791194400;1791194400;5;1791194400;;1791194400';
    expect(of.erase(line, aLine(';').read(line))).toBe(
      'x;1791194400;1799999999;5;1791194400;;1799999999',
    );
    const trunk = eraserOf('491234567', '491299999');
    const by = 'x;1791194400;5;011491234567;1;IN-1234567;IN-1234567';
    expect(trunk.erase(by, aLine(';').read(by))).toBe(
      'x;1791194400;5;011491299999;1;IN-1234567;IN-1299999',
    );
  });

  it('keeps a number that only its format tells to be another one', () => {
    const line = 'x;1791194400;2025550123;2025550123;5;;';
    const rules = { countryCode: '49', trunkPrefix: '0', internationalPrefixes: ['00'] };
    expect(eraser.erase(line, aLine(';', { numberRules: rules }).read(line))).toBe(line);
    const longer = 'x;1791194400;12025550123-9;60-2025550123;5;;';
    expect(eraser.erase(longer, aLine(';').read(longer))).toBe(longer);
  });

  it('finds it behind the prefix of a carrier, with which it is no number', () => {
    const line = 'x;1791194400;5;9990112025550123;5;;9990112025550123';
    expect(eraser.erase(line, aLine(';').read(line))).toBe(
      'x;1791194400;5;9990112025559876;5;;9990112025550123',
    );
  });
});

describe('whose numbers go', () => {
  const own = '12025550123';
  const eraser = eraserOf(own, '12025559876', {
    trunks: [
      { trunkId: 7, isOwn: true, sinceMs: since, tillMs: till },
      { trunkId: 7, isOwn: false, sinceMs: till, tillMs: null },
    ],
    othersNumbers: [{ from: '12025550100', to: '12025550199', sinceMs: till, tillMs: null }],
  });
  const erased = (atMs: number, a: string, b: string, trunk = '', note = '') => {
    const at = Number.isNaN(atMs) ? 'then' : atMs / 1000;
    const line = ['x', at, a, b, 60, trunk, note].join(';');
    const found = eraser.erase(line, aLine(';').read(line)).split(';');
    return [found[2], found[3], found[6]];
  };

  it('all in his own record, in any column, and only his in the record of another', () => {
    expect(erased(MARCH, '2025550123', '01133612345678', '', '+33612345678,2025550123')).toEqual([
      '2025559876',
      '01133612349999',
      '+33612349999,2025559876',
    ]);
    expect(erased(MARCH, '+33612345678', '2025550123', '', '+33612345678,2025550123')).toEqual([
      '+33612345678',
      '2025559876',
      '+33612345678,2025559876',
    ]);
    expect(erased(MARCH, '+33612345678', '+33612345679')).toEqual([
      '+33612345678',
      '+33612345679',
      '',
    ]);
  });

  it('by the owner of the trunk first, at the time of the record', () => {
    const by = (atMs: number, a: string) => erased(atMs, a, '+33612345678', 'IN-1234567');
    expect(by(MARCH, '+442079460000')).toEqual(['+442079469999', '+33612349999', '']);
    expect(by(till, '+442079460000')).toEqual(['+442079460000', '+33612345678', '']);
    expect(erased(till - 1000, `+${own}`, '+33612345678')[1]).toBe('+33612349999');
  });

  it('not while somebody else had the number, as far as the time can be read', () => {
    const note = `SIP/${own}-00000012`;
    expect(erased(till, `+${own}`, `+${own}`, '', note)).toEqual([`+${own}`, `+${own}`, note]);
    expect(erased(Number.NaN, `+${own}`, '', '', note)).toEqual([
      '+12025559876',
      '',
      'SIP/12025559876-00000012',
    ]);
  });

  it('not where an emergency number is only the same digits', () => {
    const short = eraserOf(own, '12025559876', { ofOther: () => '999' });
    const line = 'x;1791194400;2025550123;011112;5;;112';
    expect(short.erase(line, aLine(';').read(line))).toBe('x;1791194400;2025559876;011999;5;;112');
  });
});
