import { describe, expect, it } from 'vitest';
import { type FormatDefinition, LineFields } from '../../src/mediation/index.js';
import { LineEraser, type LineTerms } from '../../src/privacy/erase-line.js';
import { marksOf, TextEraser } from '../../src/privacy/erase-text.js';
import { aFormat } from '../fixtures/mediation.js';

const TRUNK = 7;

function termsOf(formatId: number, given: Partial<FormatDefinition>, inTrunk = 0): LineTerms {
  const definition = aFormat(given);
  return { formatId, definition, timeZone: 'UTC', defaultInTrunkId: inTrunk };
}

const semicolons = termsOf(1, { delimiter: ';' });
const germanNumbers = { countryCode: '49', trunkPrefix: '0', internationalPrefixes: ['00'] };
const national = termsOf(2, { numberRules: { ...germanNumbers, bare: 'NATIONAL' } });

const eraser = new TextEraser({
  eraser: new LineEraser({
    own: [{ number: '4915112345678', by: '4915198765432' }],
    othersNumbers: [],
    trunks: [{ trunkId: TRUNK, isOwn: true, sinceMs: 0, tillMs: null }],
    ofOther: (number) => `${number.slice(0, -4)}9999`,
  }),
  marks: marksOf(['15112345678'], ['MY.TRUNK']),
  trunkIds: new Set([TRUNK]),
  possible: [semicolons, national],
  reader: ({ definition, ...terms }) => {
    const trunks = new Map([['MY.TRUNK', TRUNK]]);
    const fields = new LineFields(definition as FormatDefinition, { ...terms, trunks });
    return (line) => fields.read(line);
  },
});

function line(delimiter: string, a: string, b: string, trunk = ''): string {
  return ['x', 'voice', '2026-10-05T10:00:00Z', a, b, 60, trunk, ''].join(delimiter);
}

describe('text of many lines', () => {
  it.each([
    ['x\ny,0151/123 456-78,\n', true],
    ['x\ny,+49 (0) 151 12345678', true],
    ['x\ny,MY.TRUNK\n', true],
    ['x\ny,MYXTRUNK,15112345679,1511234\n5678', false],
  ])('%j is looked at: %j', (text, looked) => {
    expect(eraser.changeOf(semicolons).concerns(text)).toBe(looked);
    expect(eraser.changeOf(null).concerns(text)).toBe(looked);
  });

  it('is looked at whatever it holds where it comes in by a trunk of the person', () => {
    const { concerns, change } = eraser.changeOf({ ...semicolons, defaultInTrunkId: TRUNK });
    expect(concerns('x')).toBe(true);
    expect(change(line(';', '+33612345678', '+33612345679'))).toBe(
      line(';', '+33612349999', '+33612349999'),
    );
  });

  it('is looked at for nothing where the person has neither number nor trunk', () => {
    expect(marksOf([], []).test('15112345678')).toBe(false);
  });
});

describe('a line of which nobody has said where it comes from', () => {
  const { change } = eraser.changeOf(null);

  it.each([
    [line(';', '+4915112345678', '+33612345678'), line(';', '+4915198765432', '+33612349999')],
    // Bare numbers are national ones by one of the formats, and American ones by the other.
    [line(',', '15112345678', '0033612345678'), line(',', '15198765432', '0033612349999')],
    [line(';', '15112345678', '+33612345678'), line(';', '15112345678', '+33612345678')],
    // No format has such lines.
    ['a 15112345678 +4915112345678 60', 'a 15198765432 +4915198765432 60'],
  ])('%s becomes %s', (given, changed) => {
    expect(change(given)).toBe(changed);
  });
});
