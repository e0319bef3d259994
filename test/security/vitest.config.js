import { defineConfig } from 'vitest/config';

// Where a machine reads the results, beside what a person sees.
const report = process.env.KONTOR_TEST_REPORT;

/** Ends the run with the one line that scripts look for. */
const lastLine = {
  onTestRunEnd(modules, errors) {
    let [passed, failed] = [0, errors.length];
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') passed += 1;
        if (state === 'failed') failed += 1;
      }
      // A file that cannot be loaded, or whose set-up fails, has no failed test of its own.
      failed += module.errors().length;
      for (const suite of module.children.allSuites()) failed += suite.errors().length;
    }
    // The summary of the reporter before this one is written in the same turn.
    setImmediate(() => console.log(`${passed} passed, ${failed} failed`));
  },
};

// The long forms of the tests of access and tenants: the same compiled tree and the same database
// server as `npm test`, thousands of trials instead of dozens.
export default defineConfig({
  test: {
    include: ['build/test/security/**/*.test.js'],
    server: { deps: { external: [/\/build\//] } },
    environment: 'node',
    globalSetup: ['build/test/fixtures/global-setup.js'],
    pool: 'forks',
    // Times are measured here, so nothing runs beside.
    maxWorkers: 1,
    testTimeout: 1_800_000,
    hookTimeout: 600_000,
    reporters: ['default', ...(report ? [['json', { outputFile: report }]] : []), lastLine],
  },
});
