import { defineConfig } from 'vitest/config';

// Where a machine reads the results, beside what a person sees.
const report = process.env.KONTOR_TEST_REPORT;

// Tests run on the compiled tree: the very files that ship, so that worker threads and
// spawned processes run the same code as the test that starts them.
export default defineConfig({
  test: {
    include: ['build/test/{unit,api,scenario,fault}/**/*.test.js'],
    server: { deps: { external: [/\/build\//] } },
    environment: 'node',
    globalSetup: ['build/test/fixtures/global-setup.js'],
    pool: 'forks',
    // Files of a process share the compiled modules: to load them for each takes a sixth of it.
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
  },
});
