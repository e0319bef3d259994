import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { swarm } from '../fixtures/swarm.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const SOCKETS = Math.max(20, Math.min(500, trials(500)));
const ROUNDS = Math.max(2, trials(20));

let app: TestApp;

beforeAll(async () => {
  app = await testApp({ start: false });
});
afterAll(() => app?.stop());

describe('sockets that are killed (W7)', () => {
  it(`leave nothing behind, ${SOCKETS} of them, ${ROUNDS} times`, async () => {
    const { before, during, after, grownMib, peakMib } = await swarm(app, SOCKETS, ROUNDS);
    console.log('swarm: before', before, 'during', during, 'after', after);
    console.log(`swarm: memory ${grownMib.toFixed(0)} MiB more, ${peakMib.toFixed(0)} at most`);
    expect(after).toMatchObject({ sockets: 0, subscriptions: 0 });
    // The figures do show what there is.
    expect(during.connections - after.connections).toBeGreaterThanOrEqual(SOCKETS);
    expect(during.timers - before.timers).toBeGreaterThanOrEqual(SOCKETS);
    expect(during.databaseConnections).toBeLessThan(30);
    expect(grownMib).toBeLessThan(60);
    // The heap that a swarm of this size needs, which V8 gives back late.
    expect(peakMib).toBeLessThan(256);
  });
});
