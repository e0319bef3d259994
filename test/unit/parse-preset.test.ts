import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatPresets, serviceCodes } from '../../src/mediation/index.js';
import { type Parsed, parseAll } from '../fixtures/parse-all.js';

function seconds(rows: readonly Parsed[]): number {
  return rows.reduce((sum, { line }) => sum + ('quantity' in line ? line.quantity : NaN), 0);
}

describe('presets', () => {
  it('reads the plain format', () => {
    const lines = [
      '1,voice,2026-10-25T02:30:00+02:00,030123,+4420123,61,berlin-1,köln-2',
      '2,data,2026-10-25T02:30:00Z,030123,,1048576,,',
      '3,sms,2026-10-25T02:30:00Z,030123,+4420123,,,',
      '4,fax,2026-10-25T02:30:00Z,030123,+4420123,1,,',
    ];
    const { rows } = parseAll(formatPresets.kontor!, Buffer.from(lines.join('\n')));
    expect(rows.map(({ line }) => line)).toEqual([
      {
        service: serviceCodes.VOICE,
        startedMs: Date.UTC(2026, 9, 25, 0, 30),
        quantity: 61,
        aNumber: 4930123,
        bNumber: 4420123,
        inTrunk: 11,
        outTrunk: 12,
      },
      expect.objectContaining({ service: serviceCodes.DATA, bNumber: 0, quantity: 1_048_576 }),
      expect.objectContaining({ service: serviceCodes.SMS, quantity: 1 }),
      { fault: 'UNKNOWN_SERVICE', column: 'service' },
    ]);
  });

  it('reads the wholesale switch', () => {
    const line = (answer: string, cause: number) =>
      `sw1;99;1;20261025023000;${answer};20261025023100;4930123;4420123;berlin-1;;60001;${cause}`;
    const text = `# made by sw1\n${line('20261025023010', 16)}\n${line('', 17)}\n`;
    const { rows } = parseAll(formatPresets['wholesale-switch']!, Buffer.from(text));
    expect(rows.map(({ line: row }) => row)).toMatchObject([
      { startedMs: Date.UTC(2026, 9, 25, 0, 30, 10), quantity: 61, inTrunk: 11, outTrunk: 8 },
      { startedMs: Date.UTC(2026, 9, 25, 0, 30), quantity: 0 },
    ]);
    expect(rows[0]!.identity).toBe(rows[1]!.identity);
  });

  it('reads every row of a real Asterisk file', ({ skip }) => {
    const path = '../shared/data/cdr/asterisk-cdr.csv';
    if (!existsSync(path)) skip(`the real file ${path} is not there`);
    const bytes = readFileSync(path);
    const { rows } = parseAll(formatPresets['asterisk-master']!, bytes);
    const text = rows.map(({ from, to }) => bytes.toString('utf8', from, to));
    const count = (end: string) => text.filter((line) => line.includes(`,"${end}",`)).length;
    expect(rows).toHaveLength(218);
    expect([count('ANSWERED'), count('NO ANSWER'), count('BUSY')]).toEqual([133, 83, 2]);

    // Five rows, 108 seconds in all, were billed by Asterisk although it calls them unanswered.
    const { answered, ...everything } = formatPresets['asterisk-master']!;
    expect(answered?.values).toEqual(['ANSWERED']);
    expect(seconds(parseAll(everything, bytes).rows)).toBe(38_947);
    expect(seconds(rows)).toBe(38_947 - 108);
    expect(rows.every(({ line }) => 'bNumber' in line && line.bNumber > 10_000_000_000)).toBe(true);

    const byUniqueId = parseAll(
      { ...formatPresets['asterisk-master']!, identity: ['uniqueid'] },
      bytes,
    );
    expect(new Set(byUniqueId.rows.map(({ identity }) => identity)).size).toBe(174);
    expect(new Set(rows.map(({ identity }) => identity)).size).toBe(new Set(text).size);
  });
});
