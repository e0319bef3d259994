import { defineConfig } from 'vitest/config';

// Tests run on the compiled tree: the very files that ship, so that worker threads and
// spawned processes run the same code as the test that starts them.
export default defineConfig({
  test: {
    include: ['build/test/{unit,api,scenario,fault}/**/*.test.js'],
    server: { deps: { external: [/\/build\//] } },
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
