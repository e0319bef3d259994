// Tries planted faults (mutants) of the kernel and of what decides amounts, file by file, so that
// a run that was broken off goes on where it was: Stryker keeps what it found in .stryker/.
//
//   node test/mutation/run.mjs                   all files
//   node test/mutation/run.mjs rating/charge     these
//
// Prints the score of each file and of all that were tried so far, writes the survivors to
// .stryker/survivors.txt and fails below 85 %.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const RESULTS = '.stryker/incremental.json';
const LEAST = 85;
const KERNEL = [
  ...['allocate', 'calendar', 'canonical', 'cycle', 'e164', 'group', 'ids', 'money', 'period'],
  ...['rounding', 'zone-transitions'],
];
const RATING = [
  ...['bands', 'charge', 'fraction', 'price', 'price-rules', 'quick-charge', 'tiers'],
  ...['fold-contract', 'fold-month', 'fold-windows', 'month-in-parts', 'order-entries', 'pots'],
  ...['credit-sums', 'entitled', 'exact-sum', 'identity-cover', 'record-margin', 'rollover'],
  ...['chain-plan', 'contract-pricing', 'guide', 'rate-batch', 'rate-finder', 'rate-general'],
  ...[
    'rate-level',
    'fault-contract',
    'compile-bands',
    'compile-contracts',
    'compile-guide',
    'compile-origins',
  ],
  ...['compile-prices', 'prefix-tree', 'slot-builder'],
];
const all = [...KERNEL.map((name) => `kernel/${name}`), ...RATING.map((name) => `rating/${name}`)];

const wanted = process.argv.length > 2 ? process.argv.slice(2) : all;
for (const name of wanted) {
  const file = `build/src/${name}.js`;
  if (!existsSync(file)) {
    console.error(`There is no ${file}: build first.`);
    process.exit(2);
  }
  const args = ['node_modules/@stryker-mutator/core/bin/stryker.js', 'run', '--mutate', file];
  const env = { ...process.env, TZ: 'UTC', KONTOR_MUTATED: name.split('/')[0] };
  const done = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  if (done.status !== 0) {
    console.error(done.stdout + done.stderr);
    process.exit(done.status ?? 1);
  }
  console.log(line(name, mutantsOf(name)));
}

const tried = all.flatMap((name) => mutantsOf(name).map((mutant) => ({ name, ...mutant })));
console.log(line('all that were tried', tried));
writeFileSync('.stryker/survivors.txt', tried.filter(isMissed).map(told).join('\n'));
if (score(tried) < LEAST) {
  console.error(`Less than ${LEAST} % of the mutants were found.`);
  process.exit(1);
}

function mutantsOf(name) {
  const { files } = JSON.parse(readFileSync(RESULTS, 'utf8'));
  return files[`build/src/${name}.js`]?.mutants ?? [];
}

function isFound({ status }) {
  return status === 'Killed' || status === 'Timeout';
}

function isMissed({ status }) {
  return status === 'Survived' || status === 'NoCoverage';
}

function score(mutants) {
  const found = mutants.filter(isFound).length;
  const valid = found + mutants.filter(isMissed).length;
  return valid === 0 ? 100 : (100 * found) / valid;
}

function line(name, mutants) {
  const found = mutants.filter(isFound).length;
  const missed = mutants.filter(isMissed).length;
  const percent = score(mutants).toFixed(1).padStart(5);
  return `${name.padEnd(28)} ${percent} %  ${found} found, ${missed} not`;
}

function told({ name, location, mutatorName, replacement, status }) {
  const { line: row, column } = location.start;
  return `${name}:${row}:${column} ${status} ${mutatorName}: ${replacement?.replace(/\s+/g, ' ')}`;
}
