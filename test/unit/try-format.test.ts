import { describe, expect, it } from 'vitest';
import { type FormatDefinition, formatPresets } from '../../src/mediation/index.js';
import { tryFormat } from '../../src/mediation/try-format.js';

const kontor = formatPresets.kontor as FormatDefinition;
const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';

/** Lines and codes of what is read of a sample. */
function tried(sample: string, given: Partial<FormatDefinition> = {}): unknown[] {
  const records = tryFormat({ ...kontor, ...given }, sample, 'UTC', []);
  return records.map(({ line, code, duplicateOfLine }) => [line, code, duplicateOfLine]);
}

const record = (id: string) => `${id},voice,2026-10-20T10:00:00Z,+4930123,+33612345678,60,,\n`;

describe('a byte order mark', () => {
  it('is passed over at the start of a file', () => {
    const sample = `\ufeff${record('a')}${record('a')}`;
    expect(tried(sample, { headerLines: 0 })).toEqual([
      [1, null, null],
      [2, null, 1],
    ]);
    expect(tried(`\ufeff#\n${record('a')}`, { headerLines: 0, comment: '#' })).toEqual([
      [2, null, null],
    ]);
    expect(tried(`\ufeff${HEADER}${record('a')}`)).toEqual([[2, null, null]]);
    expect(tried('\ufeff')).toEqual([]);
  });

  it('is a part of a field anywhere else', () => {
    const sample = `${record('a')}\ufeff${record('a')}`;
    expect(tried(sample)).toEqual([
      [1, null, null],
      [2, null, null],
    ]);
  });
});

describe('a line where the header is declared', () => {
  const faulty = (given: Record<string, string>): string => {
    const sound = {
      id: 'x',
      service: 'fax',
      at: 'noon',
      a: 'anonymous',
      b: '?',
      quantity: '1m',
      in: 'nowhere',
      out: '',
    };
    return Object.values({ ...sound, ...given }).join(',');
  };

  it.each([
    ['a time', faulty({ at: '2026-10-20T10:00:00Z' }), 'UNKNOWN_SERVICE'],
    ['a service', faulty({ service: 'voice' }), 'INVALID_TIME'],
    ['a calling number', faulty({ a: '+4930123' }), 'UNKNOWN_SERVICE'],
    ['a called number', faulty({ b: '030123' }), 'UNKNOWN_SERVICE'],
    ['a quantity', faulty({ quantity: '60' }), 'UNKNOWN_SERVICE'],
    [
      'all but a trunk that is known',
      record('a').replace(',,', ',nowhere,').trim(),
      'UNKNOWN_TRUNK',
    ],
    ['one field too many', `${record('a').trim()},`, 'MALFORMED_LINE'],
    [
      'one field too few',
      'a,voice,2026-10-20T10:00:00Z,+4930123,+33612345678,60,',
      'MALFORMED_LINE',
    ],
    [
      'a quote that is not closed',
      `"${record('a').trim().replace('a,', 'a",').slice(0, -1)},"`,
      'MALFORMED_LINE',
    ],
  ])('is a record when it holds %s', (_, line, code) => {
    expect(tried(`${line}\n${record('b')}`)).toEqual([
      [1, code, null],
      [2, null, null],
    ]);
  });

  it.each([
    ['names of columns', HEADER.trim()],
    ['other names', 'Call,Kind,Begin,1st party,2nd party,Seconds,From trunk,To trunk'],
    ['quoted names', '"Call","Kind","Begin (UTC)","A-Number","B/Number 2","Sec.","",""'],
    ['places of columns', '1,2,3,4,5,6,7,8'],
    ['a title', 'Calls of 2026-10-20'],
    ['a title with its time', 'Calls,until,2026-10-20T10:00:00Z'],
    ['nothing', ',,,,,,,'],
    ['a line that cannot be told from names', faulty({})],
  ])('is a header when it holds %s', (_, line) => {
    expect(tried(`${line}\n${record('b')}`)).toEqual([[2, null, null]]);
  });
});
