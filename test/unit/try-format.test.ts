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
