import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { probeAll } from '../fixtures/probe-campaign.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const ROUNDS = trials(20);

let app: TestApp;

beforeAll(async () => {
  app = await testApp({ start: false });
});
afterAll(() => app?.stop());

describe('probes over HTTP and sockets (G1)', () => {
  it(`are turned away at once, all of them ${ROUNDS} times, and disturb nobody`, async () => {
    const harm = await probeAll(app, ROUNDS);
    const { probes, answered, loopP99Ms, grownMib, guesses, told, bystander, slowest } = harm;
    console.log(`probes: ${probes} of ${slowest.length} kinds, ${guesses} guesses looked at`);
    console.log(`probes: loop p99 ${loopP99Ms.toFixed(1)} ms, ${grownMib.toFixed(0)} MiB more`);
    console.log('probes: bystander', bystander);
    console.log('probes: slowest', slowest.slice(0, 5));
    expect.soft(answered).toEqual([]);
    expect.soft(told).toEqual([]);
    expect.soft(guesses).toBe(0);
    expect.soft(slowest.filter(({ ms }) => ms > 200)).toEqual([]);
    expect.soft(loopP99Ms).toBeLessThan(100);
    expect.soft(grownMib).toBeLessThan(50);
    expect.soft(bystander.failed).toBe(0);
    expect.soft(bystander.p99).toBeLessThan(1_000);
  });
});
