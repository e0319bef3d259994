import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Claimant, retryPauseMs, shareSlots } from '../../src/integration/webhook-pace.js';

const HOUR = 3_600_000;

describe('the pause before another attempt', () => {
  it('is three times as long each time, up to 12 hours, a quarter more or less', () => {
    const middle = Array.from({ length: 12 }, (_, n) => retryPauseMs(n + 1, 0.5));
    expect(middle.slice(0, 4)).toEqual([5_000, 15_000, 45_000, 135_000]);
    expect(middle.slice(9)).toEqual([12 * HOUR, 12 * HOUR, 12 * HOUR]);
    expect(retryPauseMs(1, 0)).toBe(3_750);
    expect(retryPauseMs(1, 0.999_999)).toBe(6_250);
  });

  it('makes more than ten attempts within three days', () => {
    let [at, attempts] = [0, 0];
    while (at < 72 * HOUR) {
      attempts += 1;
      at += retryPauseMs(attempts, 0.5);
    }
    expect(attempts).toBeGreaterThan(10);
    expect(attempts).toBeLessThan(20);
  });

  it('is as long as the receiver asks, within reason', () => {
    expect(retryPauseMs(1, 0.5, 60_000)).toBe(60_000);
    expect(retryPauseMs(1, 0.5, 1)).toBe(5_000);
    expect(retryPauseMs(1, 0.5, 1000 * HOUR)).toBe(12 * HOUR);
  });
});

const SLOTS = { all: 32, unproven: 16, perPartner: 8, perWebhook: 4 };
const webhook = (webhookId: number, proven = true, partnerId = webhookId): Claimant => {
  return { webhookId, partnerId, proven };
};

describe('slots', () => {
  it('are four for a webhook that works and one for one that has not shown it', () => {
    const shares = shareSlots([webhook(1), webhook(2, false)], [], SLOTS);
    expect([...shares]).toEqual([
      [1, 4],
      [2, 1],
    ]);
  });

  it('are left for those that work, however many others there are', () => {
    const hanging = Array.from({ length: 100 }, (_, n) => webhook(n + 10, false));
    const shares = shareSlots([...hanging, webhook(1)], [], SLOTS);
    expect(shares.get(1)).toBe(4);
    expect(shareSlots([webhook(1)], hanging.slice(0, 16), SLOTS).get(1)).toBe(4);
    expect(shareSlots([webhook(200, false)], hanging.slice(0, 16), SLOTS).size).toBe(0);
  });

  it('are shared in turns, and never more than there are', () => {
    const many = fc.array(
      fc.record({
        webhookId: fc.integer({ min: 1, max: 40 }),
        partnerId: fc.integer({ min: 1, max: 6 }),
        proven: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(many, many, (given, begun) => {
        const waiting = [...new Map(given.map((one) => [one.webhookId, one])).values()];
        const busy = begun.slice(0, 20);
        const shares = shareSlots(waiting, busy, SLOTS);
        const taken = waiting.flatMap((one) => Array(shares.get(one.webhookId) ?? 0).fill(one));
        const all: Claimant[] = [...busy, ...taken];
        expect(all.length).toBeLessThanOrEqual(SLOTS.all);
        for (const one of taken as Claimant[]) {
          const own = all.filter(({ webhookId }) => webhookId === one.webhookId).length;
          const partner = all.filter(({ partnerId }) => partnerId === one.partnerId).length;
          expect(own).toBeLessThanOrEqual(SLOTS.perWebhook);
          expect(partner).toBeLessThanOrEqual(SLOTS.perPartner);
        }
      }),
    );
  });
});
