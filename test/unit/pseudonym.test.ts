import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseNumber } from '../../src/kernel/index.js';
import { LineEraser, type LineField, type LineReading } from '../../src/privacy/erase-line.js';
import { blocksOf } from '../../src/privacy/number-block.js';
import { ownPseudonym, Pseudonyms } from '../../src/privacy/pseudonym.js';

const hash = (key: string) => (text: string) => createHmac('sha256', key).update(text).digest();
const PREFIXES = new Set(['49', '4915', '49151', '33', '336', '1', '800555']);
const free = () => true;

function prefixOf(number: string): string {
  let best = '';
  for (const prefix of PREFIXES) {
    if (number.startsWith(prefix) && prefix.length > best.length) best = prefix;
  }
  return best;
}

const numbers = fc
  .tuple(fc.constantFrom('49', '4915', '49151', '336', '1', '77'), fc.stringMatching(/^\d{8}$/))
  .map(([begin, rest]) => begin + rest);

describe('a pseudonym', () => {
  it('keeps length and prefix, is the same for the same, and another with another key', () => {
    fc.assert(
      fc.property(numbers, (number) => {
        const mine = new Pseudonyms(hash('a'), PREFIXES);
        const found = mine.ofOther(number);
        expect(found).toHaveLength(number.length);
        expect(prefixOf(found)).toBe(prefixOf(number));
        expect(found).not.toBe(number);
        expect(mine.ofOther(number)).toBe(found);
        const own = mine.ofOwn(number, number, free);
        expect(prefixOf(own)).toBe(prefixOf(number));
        expect(own).not.toBe(number);
      }),
      { numRuns: 2_000 },
    );
    const differ = Array.from({ length: 200 }, (_, n) => `49151${String(10_000_000 + n)}`).filter(
      (number) =>
        new Pseudonyms(hash('a'), PREFIXES).ofOther(number) !==
        new Pseudonyms(hash('b'), PREFIXES).ofOther(number),
    );
    expect(differ.length).toBeGreaterThan(190);
  });

  it('of one’s own number hides four digits even of a number that is priced whole', () => {
    const all = new Pseudonyms(hash('a'), new Set([...PREFIXES, '491511234567']));
    const own = all.ofOwn('491511234567', '491511234567', free);
    expect(own.slice(0, 8)).toBe('49151123');
    expect(own).not.toBe('491511234567');
    // Its country stays where nothing is priced, since its records may wait for a price.
    const bare = new Pseudonyms(hash('a'), new Set());
    expect(bare.ofOwn('4915112345678', '4915112345678', free)).toMatch(/^49\d{11}$/);
    expect(bare.ofOther('35312345678')).toMatch(/^353\d{8}$/);
    // A service that many call is nobody's number.
    expect(new Pseudonyms(hash('a'), PREFIXES).ofOther('800555')).toBe('800555');
  });

  it('of a range is a range that nobody uses', () => {
    const asked: string[] = [];
    const isFree = (from: string, to: string) => asked.push(`${from}-${to}`) > 3;
    const as = new Pseudonyms(hash('a'), PREFIXES).ofOwn('4930111000', '4930111099', isFree);
    expect(asked).toHaveLength(4);
    expect(asked.at(-1)).toBe(`${as}-${BigInt(as) + 99n}`);
    const own = [{ from: '4930111000', to: '4930111099', as }];
    expect(ownPseudonym('4930111007', own)).toBe(String(BigInt(as) + 7n));
    expect(ownPseudonym('4930111100', own)).toBeNull();
  });
});

describe('the blocks of a range', () => {
  it.each([
    ['4930111222', '4930111222', ['4930111222']],
    ['4930111000', '4930111999', ['4930111']],
    [
      '4929999998',
      '4930000011',
      ['4929999998', '4929999999', '493000000', '4930000010', '4930000011'],
    ],
    ['100', '999', ['1', '2', '3', '4', '5', '6', '7', '8', '9']],
  ])('%s to %s', (from, to, blocks) => {
    expect(blocksOf(from, to)).toEqual(blocks);
  });

  it('hold its numbers and no others', () => {
    const starts = fc.integer({ min: 1_000_000, max: 9_980_000 });
    fc.assert(
      fc.property(
        starts,
        fc.nat(9_999),
        fc.integer({ min: -20_000, max: 20_000 }),
        (from, n, at) => {
          const number = Math.max(1_000_000, from + at);
          const held = blocksOf(`${from}`, `${from + n}`).filter((block) => {
            return String(number).startsWith(block);
          });
          expect(held).toHaveLength(number >= from && number <= from + n ? 1 : 0);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

/** Lines of some text, the calling and the called number, and more. */
function readingOf(line: string): LineReading {
  const rules = { countryCode: '49', trunkPrefix: '0', internationalPrefixes: ['00'] };
  const fields = [...line.matchAll(/[^,;]+/g)].map(({ 0: text, index: from }, n): LineField => {
    const place = { from, to: from + text.length };
    if (n === 0 || n > 2) return { ...place, kind: 'TEXT', number: null };
    const read = normaliseNumber(text, { ...rules, bare: 'NATIONAL' });
    return { ...place, kind: 'NUMBER', number: 'digits' in read ? read.digits : null };
  });
  return { fields, startedMs: 0, aNumber: fields[1]?.number ?? null, inTrunkId: 0 };
}

describe('numbers in a line', () => {
  const nobody = { othersNumbers: [], trunks: [], ofOther: (number: string) => number };
  const eraser = new LineEraser({
    ...nobody,
    own: [{ number: '4915112345678', by: '4915198765432' }],
    ofOther: (number) => (number === '33612345678' ? '33687654321' : number),
  });

  it.each([
    ['x,+4915112345678,+33612345678,60', 'x,+4915198765432,+33687654321,60'],
    ['x;004915112345678;0033612345678', 'x;004915198765432;0033687654321'],
    ['x;0151 1234-5678;(0033) 6 12.34.56.78', 'x;0151 9876-5432;(0033) 6 87.65.43.21'],
    ['20261001120000,15112345678', '20261001120000,15198765432'],
    ['other,+33612345678,60', 'other,+33612345678,60'],
    ['x,15112345678x15112345678', 'x,15198765432x15198765432'],
    ['4915112345679,33612345678', '4915112345679,33612345678'],
    // A name that a machine made from it.
    ['SIP/15112345678-0000001a,0', 'SIP/15198765432-0000001a,0'],
    ['SIP/15112345678-00000012,0', 'SIP/15198765432-00000012,0'],
    ['SIP5/0151-12345678-0000001a', 'SIP5/0151-98765432-0000001a'],
    ['4915112345678-1697794800,x', '4915198765432-1697794800,x'],
    ['10.20.30.40/15112345678', '10.20.30.40/15198765432'],
    ['+49 (0)151 1234-5678', '+49 (0)151 9876-5432'],
    ['+(49) 151 12345678', '+(49) 151 98765432'],
  ])('%j become %j', (line, changed) => {
    expect(eraser.erase(line, readingOf(line))).toBe(changed);
    expect(changed).toHaveLength(line.length);
  });

  it.each([
    // Another country, another number, an extension.
    '+15112345678',
    '0033 15112345678',
    '+33 151 1234 5678',
    '2015112345678',
    '015112345678-99',
    '4915112345678-12',
    // A time, an amount.
    '20261015112345678',
    '20261001151123,45678',
  ])('%s stays', (line) => {
    expect(eraser.erase(line, readingOf(line))).toBe(line);
  });

  it('are no instants', () => {
    const of = (number: string, by: string) => new LineEraser({ ...nobody, own: [{ number, by }] });
    const date = of('4720261005', '4720999999');
    expect(date.erase('2026-10-05T10:00:00Z,+47 20261005', null)).toBe(
      '2026-10-05T10:00:00Z,+47 20999999',
    );
    const hour = of('12026101510', '12026999999');
    expect(hour.erase('2026-10-15 10:00:02,2026101510', null)).toBe(
      '2026-10-15 10:00:02,2026999999',
    );
    const call = of('16025550123', '16025999999');
    expect(call.erase('1602555012.3,16025550123', null)).toBe('1602555012.3,16025999999');
  });
});
