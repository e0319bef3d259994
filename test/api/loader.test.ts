import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raceLoaders } from '../fixtures/loader-race.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const INTERLEAVINGS = 15;

let app: TestApp;

beforeAll(async () => {
  app = await testApp({ start: false });
});
afterAll(() => app.stop());

describe('loaders of two tenants in one process (T4)', () => {
  it(`keep apart what each loaded, in ${INTERLEAVINGS} orders of their statements`, async () => {
    const { interleavings, wrong } = await raceLoaders(app, INTERLEAVINGS);
    expect(wrong).toBeNull();
    expect(interleavings).toBe(INTERLEAVINGS);
  });
});
