import { defineConfig } from 'vitest/config';

// The tests that mutants of the kernel and of rating are tried with: none needs a database, and
// those over random books are smaller than in `npm test`, or a run would take a day.
process.env.KONTOR_TEST_SEED ??= '20260701';
process.env.KONTOR_TEST_BOOKS ??= '4';
process.env.KONTOR_TEST_RUNS ??= '300';

// Which of them, as the part that is mutated says.
const ofKernel = ['kernel-*'];
const ofRating = [
  'price',
  'tiers',
  'charge',
  'guide',
  'prefix-tree',
  'compile-*',
  'contract-pricing',
  'quick-charge',
  'rate-batch',
  'rate-level',
  'rate-margin',
  'credit-sums',
  'exact-sum',
  'identity-cover',
  'month-chunks',
  'month-in-parts',
  'fold-windows',
  'fold-property',
  'price-rules',
  'rule-caps',
  'pots',
  'order-entries',
  'rollover',
  'vectors',
];

export default defineConfig({
  test: {
    include: (process.env.KONTOR_MUTATED === 'kernel' ? ofKernel : ofRating).map(
      (name) => `build/test/unit/${name}.test.js`,
    ),
    server: { deps: { external: [/\/build\//] } },
    environment: 'node',
    isolate: false,
    testTimeout: 60_000,
  },
});
