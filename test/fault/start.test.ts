import { type ChildProcess, type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// A project of one file, with the real launcher, the real compiler and the real npm.
let project: string;

const MAIN = `
  process.on('SIGTERM', () => process.exit(7));
  console.log(JSON.stringify({ args: process.argv.slice(2), zone: process.env.TZ }));
  if (process.argv[2] === 'wait') setInterval(() => undefined, 1000);
  if (process.argv[2] === 'fail') process.exitCode = 3;
  if (process.argv[2] === 'die') process.kill(process.pid, 'SIGKILL');`;

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'kontor-start-'));
  copyFileSync('start.mjs', join(project, 'start.mjs'));
  for (const name of ['tsconfig.json', 'asconfig.json']) {
    copyFileSync(name, join(project, name));
  }
  write('package.json', {
    name: 'tiny',
    version: '1.0.0',
    type: 'module',
    engines: { node: '>=20.19' },
  });
  lock({});
  write('node_modules/.package-lock.json', { packages: {} });
  for (const name of ['typescript', '@typescript', '@types', 'undici-types', 'assemblyscript']) {
    symlinkSync(resolve('node_modules', name), join(project, 'node_modules', name));
  }
  write('src/main.ts', MAIN);
  write('src/rating/index.stage.ts', 'export function one(): i32 {\n  return 1;\n}');
});

afterEach(() => rmSync(project, { recursive: true, force: true }));

describe('the launcher', () => {
  it('builds once, then starts at once, and passes on arguments, zone and status', () => {
    const first = start('serve', '--port', '1');
    expect(first.stderr).toBe('Building\n');
    expect(JSON.parse(first.stdout)).toEqual({ args: ['serve', '--port', '1'], zone: 'UTC' });
    expect(first.status).toBe(0);
    const again = start('fail');
    expect([again.stderr, again.status]).toEqual(['', 3]);
    expect(start('die').signal).toBe('SIGKILL');
  });

  it('builds again when a source changed, and drops the output of one that went', () => {
    write('src/other.ts', 'export const other = 1;');
    start('build');
    expect(existsSync(join(project, 'build/src/other.js'))).toBe(true);
    rmSync(join(project, 'src/other.ts'));
    write('src/main.ts', `${MAIN}\nconsole.log('changed');`);
    const changed = start('serve');
    expect(changed.stderr).toBe('Building\n');
    expect(changed.stdout).toContain('changed');
    expect(existsSync(join(project, 'build/src/other.js'))).toBe(false);
  });

  it('builds again when the output was deleted', () => {
    start('build');
    for (const output of ['build/src/main.js', 'build/src/rating/stages.wasm']) {
      rmSync(join(project, output));
      expect(start('serve')).toMatchObject({ status: 0, stderr: 'Building\n' });
      expect(existsSync(join(project, output))).toBe(true);
    }
  });

  it('builds again when a stage changed, and runs nothing when it is wrong', () => {
    start('build');
    write('src/rating/index.stage.ts', 'export function two(): i32 {\n  return 2;\n}');
    expect(start('serve').stderr).toBe('Building\n');
    write('src/rating/index.stage.ts', 'export function two(): i32 {\n  return wrong;\n}');
    const { status, stdout, stderr } = start('serve');
    expect(status).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toContain('index.stage.ts(2,10)');
  });

  it('runs nothing when the build fails, however often it is asked', () => {
    start('build');
    write('src/main.ts', `${MAIN}\nconst wrong: number = 'text';\nconsole.log(wrong);`);
    for (const result of [start('serve'), start('serve')]) {
      expect(result.status).not.toBe(0);
      expect(result.stdout).toBe('');
      expect(result.stderr).toContain('src/main.ts(7,7)');
    }
  });

  it('installs when a package is missing, and not when only the tools are', () => {
    start('build');
    const tool = { version: '1.0.0', dev: true };
    lock({ 'node_modules/tool': tool });
    rmSync(join(project, 'tsconfig.json'));
    expect(start('serve')).toMatchObject({ status: 0, stderr: '' });
    // The lock names a package that package.json does not: npm itself refuses.
    expect(start('build').stderr).toContain('Installing the locked dependencies');
    write('node_modules/.package-lock.json', { packages: {} });
    lock({ 'node_modules/part': { version: '1.0.0' } });
    rmSync(join(project, 'node_modules/.package-lock.json'));
    expect(start('serve').stderr).toContain('Installing the locked dependencies');
  });

  it('reinstalls what npm did not finish or another platform left', () => {
    start('build');
    rmSync(join(project, 'tsconfig.json'));
    for (const left of [undefined, { version: '1.0.0', os: ['plan9'] }, { version: '0.9.0' }]) {
      lock(left ? { 'node_modules/part': { ...left, version: '1.0.0', optional: true } } : {});
      rmSync(join(project, 'node_modules/.package-lock.json'), { force: true });
      if (left) {
        write('node_modules/part/package.json', { name: 'part' });
        write('node_modules/.package-lock.json', { packages: { 'node_modules/part': left } });
      }
      expect(start('serve').stderr).toContain('Installing the locked dependencies');
    }
  });

  it('names the Node it needs', () => {
    write('package.json', { name: 'tiny', engines: { node: '>=99.1' } });
    const { status, stderr } = start('serve');
    expect(status).toBe(1);
    expect(stderr).toBe(
      `Kontor needs Node 99.1 or newer; this is Node ${process.versions.node}.\n`,
    );
  });

  it('passes a signal on and ends with the status of the command', async () => {
    start('build');
    const child = spawn(process.execPath, ['start.mjs', 'wait'], { cwd: project, stdio: 'pipe' });
    await new Promise((done) => child.stdout.once('data', done));
    child.kill('SIGTERM');
    expect(await statusOf(child)).toBe(7);
  });
});

function start(...args: string[]): SpawnSyncReturns<string> {
  const env = { ...process.env, npm_config_offline: 'true', npm_config_update_notifier: 'false' };
  const options = { cwd: project, env, encoding: 'utf8' as const };
  return spawnSync(process.execPath, ['start.mjs', ...args], options);
}

function statusOf(child: ChildProcess): Promise<number | null> {
  return new Promise((done) => child.once('exit', (status) => done(status)));
}

function lock(packages: Record<string, object>): void {
  const own = { name: 'tiny', version: '1.0.0' };
  write('package-lock.json', { ...own, lockfileVersion: 3, packages: { '': own, ...packages } });
}

function write(name: string, content: string | object): void {
  const path = join(project, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
}
