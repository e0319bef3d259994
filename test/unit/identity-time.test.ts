import { describe, expect, it } from 'vitest';
import { type FormatDefinition, formatPresets, identityTime } from '../../src/mediation/index.js';

const { kontor } = formatPresets as { kontor: FormatDefinition };
const named = (given: Partial<FormatDefinition>) => identityTime({ ...kontor, ...given });

describe('an identity', () => {
  it('tells the time when it holds the column that the start is read from', () => {
    expect(named({ identity: ['record_id'] })).toBeNull();
    expect(named({ identity: ['record_id', 'started_at'] })).toEqual({
      key: 'ISO 1',
      reachHours: 0,
    });
  });

  it('must hold the column that is read in its place, too', () => {
    const startedAt = { column: 'started_at', orElse: 'quantity', type: 'EPOCH_SECONDS' } as const;
    expect(named({ startedAt, identity: ['started_at', 'record_id'] })).toBeNull();
    expect(named({ startedAt, identity: ['quantity', 'record_id'] })).toBeNull();
    expect(named({ startedAt, identity: ['quantity', 'record_id', 'started_at'] })).toEqual({
      key: 'EPOCH_SECONDS 2 0',
      reachHours: 0,
    });
  });

  it('may mean instants as far apart as zones are where no offset is written', () => {
    expect(identityTime(formatPresets['asterisk-master']!)).toEqual({
      key: 'LOCAL 6 5',
      reachHours: 26,
    });
    const startedAt = { column: 'started_at', type: 'COMPACT' } as const;
    expect(named({ startedAt, identity: ['started_at'] })?.reachHours).toBe(26);
  });
});
