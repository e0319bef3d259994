// Starts Kontor from a fresh clone with nothing but Node and npm: installs the locked
// dependencies if they are missing or stale, builds if a source changed, then runs the command.
//
//   node start.mjs demo | serve | bench | migrate | ...   what build/src/main.js understands
//   node start.mjs build                                  installs and builds only
//   node start.mjs test [vitest arguments]                builds and runs the tests
//   node start.mjs test:security [vitest arguments]       the long ones of access and tenants
//   node start.mjs test:chaos [vitest arguments]          the kill tests with more kills
//
// What this file itself has to say goes to stderr, so that stdout is the command's alone.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(fileURLToPath(import.meta.url));
const at = (...parts) => join(root, ...parts);
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));
const say = (line) => process.stderr.write(`${line}\n`);

const MAIN = at('build', 'src', 'main.js');
const STAGES = at('build', 'src', 'rating', 'stages.wasm');
const STAMP = at('build', '.stamp');
const SECURITY = at('test', 'security', 'vitest.config.js');
const KILL_TESTS = [
  'fault/kill',
  'fault/rerate-kill',
  'fault/work',
  'api/bill-run-kill',
  'api/inbox',
];
const CHAOS = KILL_TESTS.map((name) => `build/test/${name}.test.js`);
const OUTPUT = /\.(js|js\.map|d\.ts)$/;

main(process.argv.slice(2));

function main([command, ...args]) {
  requireNode();
  if (command === undefined) {
    fail('Usage: node start.mjs demo | serve | bench | migrate | build | test [arguments]', 2);
  }
  const source = existsSync(at('tsconfig.json')) ? fingerprint() : undefined;
  const stale = source !== undefined && !isBuilt(source);
  const isTest = ['test', 'test:security', 'test:chaos'].includes(command);
  const needsTools = stale || isTest || command === 'build';
  if (!isInstalled(needsTools)) install();
  if (stale) build(source);
  if (command === 'build') return;
  if (!isTest) return run(['--enable-source-maps', MAIN, command, ...args]);
  const chosen = { test: [], 'test:security': ['--config', SECURITY], 'test:chaos': CHAOS }[
    command
  ];
  if (command === 'test:chaos') process.env.KONTOR_TRIALS ??= '20';
  run([at('node_modules', 'vitest', 'vitest.mjs'), 'run', ...chosen, ...args]);
}

function requireNode() {
  const wanted = readJson(at('package.json')).engines.node.replace('>=', '');
  const [major, minor] = wanted.split('.').map(Number);
  const [hasMajor, hasMinor] = process.versions.node.split('.').map(Number);
  if (hasMajor > major || (hasMajor === major && hasMinor >= minor)) return;
  fail(`Kontor needs Node ${wanted} or newer; this is Node ${process.versions.node}.`);
}

// npm writes what it installed into node_modules/.package-lock.json as its last step, in the
// form of the lock; an install that was cut off has none. Packages for other platforms are in
// the lock only, and those for development may be left out of an image that is built already.
function isInstalled(needsTools) {
  const done = at('node_modules', '.package-lock.json');
  if (!existsSync(done)) return false;
  const installed = readJson(done).packages ?? {};
  const locked = readJson(at('package-lock.json')).packages;
  const isThere = ([path, entry]) => {
    const found = installed[path];
    if (!found) return path === '' || entry.optional || (!needsTools && isForTools(entry));
    const same = found.version === entry.version && found.integrity === entry.integrity;
    return same && fits(found) && existsSync(at(path, 'package.json'));
  };
  return Object.entries(locked).every(isThere);
}

function isForTools(entry) {
  return entry.dev || entry.devOptional;
}

// Packages of another platform mean that node_modules was copied from another machine.
function fits({ os, cpu }) {
  return matches(os, process.platform) && matches(cpu, process.arch);
}

function matches(list, value) {
  if (!list) return true;
  return list.includes(value) || (list[0].startsWith('!') && !list.includes(`!${value}`));
}

function install() {
  say('Installing the locked dependencies');
  // Under `npm run` the very npm that runs us is used. Development packages hold the compiler,
  // so they are wanted also where NODE_ENV is production.
  const npm = process.env.npm_execpath;
  const isScript = npm !== undefined && /\.c?js$/.test(npm);
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error'];
  const args = ['ci', '--include=dev', ...quiet];
  const stdio = ['inherit', 2, 'inherit'];
  const options = { cwd: root, stdio, shell: !isScript && process.platform === 'win32' };
  const done = isScript
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, options);
  if (done.error) fail(`npm could not be started: ${done.error.message}`);
  if (done.status !== 0) fail('npm ci failed; see above.', done.status ?? 1);
}

// Contents, not times: a clone or a copied image has new times and the same contents.
function fingerprint() {
  const { include } = readJson(at('tsconfig.json'));
  const files = include.flatMap((name) => (existsSync(at(name)) ? sourcesIn(at(name)) : []));
  const hash = createHash('sha256');
  const settings = [at('tsconfig.json'), at('package-lock.json'), at('asconfig.json')];
  for (const file of [...settings, ...files.sort()]) {
    hash.update(`\0${relative(root, file)}\0`).update(readFileSync(file));
  }
  return hash.digest('hex');
}

function sourcesIn(path) {
  if (path.endsWith('.ts')) return [path];
  return walk(path).filter((file) => file.endsWith('.ts'));
}

function walk(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return walk(path);
    return entry.isFile() ? [path] : [];
  });
}

function isBuilt(stamp) {
  const isThere = [STAMP, MAIN, STAGES].every((path) => existsSync(path));
  return isThere && readFileSync(STAMP, 'utf8') === stamp;
}

function build(stamp) {
  say('Building');
  // Without a stamp the outputs may be gone while the compiler remembers having written them.
  if (!existsSync(STAMP) || !existsSync(MAIN)) rmSync(at('build', '.tsbuildinfo'), { force: true });
  rmSync(STAMP, { force: true });
  compile([at('node_modules', 'typescript', 'bin', 'tsc'), '-p', at('tsconfig.json')]);
  // The stages of the data plane that run as WebAssembly.
  compile([at('node_modules', 'assemblyscript', 'bin', 'asc.js'), '--config', at('asconfig.json')]);
  removeOutputsWithoutSource();
  writeFileSync(STAMP, stamp);
}

function compile(args) {
  const done = spawnSync(process.execPath, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (done.status !== 0) fail('The build failed; see above.', done.status ?? 1);
}

// The output of a deleted test or migration would still be found and run.
function removeOutputsWithoutSource() {
  for (const file of walk(at('build'))) {
    const source = relative(at('build'), file).replace(OUTPUT, '.ts');
    if (OUTPUT.test(file) && !existsSync(at(source))) rmSync(file);
  }
}

// The command has our terminal, receives the signals sent to us, and its end is our end.
function run(args) {
  const env = { ...process.env, TZ: 'UTC' };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(error.message));
  child.on('exit', (status, signal) => {
    if (signal === null) process.exit(status);
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

function fail(message, status = 1) {
  say(message);
  process.exit(status);
}
