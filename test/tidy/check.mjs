// Runs the parts of `npm run check` in order and reports what each said and how long it took.
//
//   node test/tidy/check.mjs                      every part
//   node test/tidy/check.mjs format lint          these parts
//   node test/tidy/check.mjs --json FILE format   the results as JSON as well
//
// A part that fails does not stop the others: one run shows everything there is to mend.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
const parts = Object.keys(scripts)
  .filter((name) => name.startsWith('check:'))
  .map((name) => name.slice('check:'.length));

const wanted = process.argv.slice(2);
const jsonAt = wanted.indexOf('--json');
const jsonFile = jsonAt < 0 ? undefined : wanted.splice(jsonAt, 2)[1];
const unknown = wanted.filter((part) => !parts.includes(part));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. The parts are: ${parts.join(', ')}.`);
  process.exit(2);
}
if (!existsSync('node_modules/.package-lock.json')) run('npm', ['ci'], 'inherit');

const results = [];
for (const part of wanted.length > 0 ? parts.filter((p) => wanted.includes(p)) : parts) {
  const started = performance.now();
  // The tests take minutes and show their own progress; the others speak only when they fail.
  const output = part === 'tests' ? 'inherit' : 'pipe';
  const { status, text } = run('npm', ['run', '--silent', `check:${part}`], output);
  const seconds = (performance.now() - started) / 1000;
  results.push({ part, ok: status === 0, seconds });
  console.log(row(results.at(-1)));
  if (status !== 0 && text) console.log(text.trimEnd().replace(/^/gm, '  | '));
}

if (jsonFile) writeFileSync(jsonFile, `${JSON.stringify(results, null, 2)}\n`);
const failed = results.filter((result) => !result.ok);
console.log(['', 'part         ok   seconds', ...results.map(row), ''].join('\n'));
console.log(
  failed.length === 0 ? 'All is well.' : `To mend: ${failed.map((r) => r.part).join(', ')}.`,
);
process.exitCode = failed.length === 0 ? 0 : 1;

function run(command, args, output) {
  const shell = process.platform === 'win32';
  const stdio = ['ignore', output, output];
  const child = spawnSync(command, args, { stdio, shell, encoding: 'utf8', maxBuffer: 1 << 28 });
  return { status: child.status, text: `${child.stdout ?? ''}${child.stderr ?? ''}` };
}

function row({ part, ok, seconds }) {
  return `${part.padEnd(12)} ${(ok ? 'yes' : 'NO').padEnd(4)} ${seconds.toFixed(1).padStart(7)}`;
}
