import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Harm, probeAll } from '../fixtures/probe-campaign.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const ROUNDS = trials(20);

let app: TestApp;
let harm: Harm;

beforeAll(async () => {
  app = await testApp({ start: false });
  harm = await probeAll(app, ROUNDS);
  const { probes, loopP99Ms, grownMib, guesses, bystander, slowest } = harm;
  console.log(`probes: ${probes} sent, ${harm.answered.length} kinds answered, ${guesses} guesses`);
  console.log(`probes: loop p99 ${loopP99Ms.toFixed(1)} ms, memory ${grownMib.toFixed(0)} MiB`);
  console.log('probes: bystander', bystander);
  console.log('probes: slowest', slowest.slice(0, 5));
}, 1_200_000);
afterAll(() => app?.stop());

describe(`every probe over HTTP and sockets, ${ROUNDS} times (G1)`, () => {
  it('is turned away', () => expect(harm.answered).toEqual([]));

  it('is turned away within 200 ms', () => {
    expect(harm.slowest.filter(({ ms }) => ms > 200)).toEqual([]);
  });

  it('leaves the server its turns and its memory', () => {
    expect(harm.loopP99Ms).toBeLessThan(100);
    expect(harm.grownMib).toBeLessThan(50);
  });

  it('has no password looked at', () => expect(harm.guesses).toBe(0));

  it('learns nothing of the schema or the code', () => expect(harm.told).toEqual([]));

  it('does not keep others waiting', () => {
    expect(harm.bystander.failed).toBe(0);
    expect(harm.bystander.p99).toBeLessThan(1_000);
  });
});
