// Adds up what the tests and the checks reported. Whatever did not report has failed.
//
//   node .ci/count.mjs STATUS_OF_TESTS TESTS.json CHECKS.json
import { readFileSync } from 'node:fs';

const [testStatus, testFile, checkFile] = process.argv.slice(2);
let passed = 0;
let failed = 0;
let ran = 0;

const tests = read(testFile);
if (tests) {
  ran = tests.numPassedTests + tests.numFailedTests;
  passed += tests.numPassedTests;
  failed += tests.numFailedTests;
  // A file that cannot be loaded, or whose set-up fails, has no failed test of its own.
  for (const file of tests.testResults) {
    const told = file.assertionResults.some((test) => test.status === 'failed');
    if (file.status === 'failed' && !told) failed++;
  }
}
if (ran === 0 || (testStatus !== '0' && failed === 0)) {
  console.log(
    `The tests ended with status ${testStatus} after ${ran} tests: counted as a failure.`,
  );
  failed++;
}

const checks = read(checkFile);
for (const check of checks ?? []) {
  if (check.ok) passed++;
  else failed++;
}
if (!checks || checks.length === 0) {
  console.log('The checks left no report: counted as a failure.');
  failed++;
}

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}
