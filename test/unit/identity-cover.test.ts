import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordBatch } from '../../src/mediation/index.js';
import {
  chooseSegments,
  HourWatch,
  hourOf,
  isMissing,
  type SegmentFacts,
} from '../../src/rating/identity-cover.js';

const HOUR_MS = 3_600_000;
const HOURS = 40;

const hour = fc.nat(HOURS);
const segments = fc
  .array(fc.record({ firstHour: hour, length: fc.nat(5), records: fc.nat(20) }), { maxLength: 12 })
  .map((drawn) =>
    drawn.map(({ firstHour, length, records }, batchId): SegmentFacts => {
      return { batchId, records, timeKey: 'ISO 1', firstHour, lastHour: firstHour + length };
    }),
  );
const wanted = fc.record({
  time: fc.record({ key: fc.constant('ISO 1'), reachHours: fc.nat(4) }),
  hours: fc.array(hour, { maxLength: 4 }),
  used: fc.array(hour, { maxLength: 4 }),
  most: fc.nat(100),
});

const total = (chosen: readonly SegmentFacts[]) =>
  chosen.reduce((sum, { records }) => sum + records, 0);

describe('the segments that are loaded', () => {
  it('hold all that can equal records of an hour, unless the hour is told to be missing', () => {
    fc.assert(
      fc.property(segments, wanted, (all, asked) => {
        const { chosen, missing } = chooseSegments(all, asked);
        const reach = asked.time.reachHours;
        const near = (at: number) =>
          all.filter(
            (segment) => segment.firstHour - reach <= at && at <= segment.lastHour + reach,
          );
        for (let at = -reach - 1; at <= HOURS + 10; at += 1) {
          const isWhole = near(at).every((segment) => chosen.includes(segment));
          expect(isMissing(missing, at)).toBe(!isWhole);
        }
        for (const at of asked.hours) expect(isMissing(missing, at)).toBe(false);
        expect(new Set(chosen).size).toBe(chosen.length);
        const needed = new Set(asked.hours.flatMap(near));
        expect(total(chosen)).toBeLessThanOrEqual(Math.max(asked.most, total([...needed])));
        if (total(all) <= asked.most) expect(missing).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  const older = { batchId: 1, records: 10, timeKey: 'ISO 1', firstHour: 3, lastHour: 5 };
  const newer = { ...older, batchId: 2, firstHour: 6, lastHour: 9 };
  const newest = { ...older, batchId: 3, firstHour: 10, lastHour: 11 };
  const all = [older, newer, newest];
  const time = { key: 'ISO 1', reachHours: 0 };
  const idsOf = (used: readonly number[], most: number, given: SegmentFacts[] = all) =>
    chooseSegments(given, { time, hours: [], used, most }).chosen.map(({ batchId }) => batchId);

  it('are those of hours used lately before the newest', () => {
    expect(idsOf([], 20)).toEqual([3, 2]);
    expect(idsOf([4], 20)).toEqual([1, 3]);
    expect(idsOf([7, 4], 10)).toEqual([2]);
    expect(idsOf([], 9)).toEqual([]);
  });

  it('are all where identities of one tell the time in another way or not at all', () => {
    for (const timeKey of [null, 'LOCAL 1']) {
      expect(idsOf([], 10, [older, { ...newer, timeKey }, newest])).toEqual([1, 2, 3]);
    }
    const none = { time: null, hours: [], used: [], most: 10 };
    expect(chooseSegments(all, none)).toEqual({ chosen: all, missing: [] });
  });
});

describe('hours that the records of a batch begin in', () => {
  it('are noted once each, with whether one is missing, faulty records aside', () => {
    const batch = new RecordBatch();
    const instants = [0, HOUR_MS - 1, HOUR_MS, 0, 7 * HOUR_MS, 9 * HOUR_MS, -1];
    batch.count = instants.length;
    batch.startedMs.set(instants);
    batch.fault[4] = 1;
    const watch = new HourWatch([[7, 8]]);
    watch.note(batch);
    expect([...watch.hours]).toEqual([0, 1, 9, -1]);
    expect(watch.hasMissing).toBe(false);
    batch.fault[4] = 0;
    watch.note(batch);
    expect([...watch.hours]).toEqual([0, 1, 9, -1, 7]);
    expect(watch.hasMissing).toBe(true);
    expect(hourOf(-1)).toBe(-1);
  });
});
