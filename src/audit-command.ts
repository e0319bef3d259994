import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildApp, openDatabase } from './app.js';
import { readHeadFile, trustedHead } from './audit/index.js';
import { DomainError } from './kernel/index.js';
import { type Config, createLog } from './platform/index.js';
import type { Services } from './services.js';

/** What a command is given: the configuration and the words behind its name. */
interface Given {
  readonly config: Config;
  readonly args: readonly string[];
}

const USAGE = 'verify-audit [--key BASE64] [FILE or FOLDER of heads ...]';

/** `audit-head`: signs the end of the audit's chain now, and says where the files are. */
export async function signAuditHead({ config }: Given): Promise<number> {
  return withServices(config, async ({ auditHeads }) => {
    const { files, seq } = await auditHeads.export();
    for (const file of files) console.log(file);
    const done = files.length === 0 ? `Entry ${seq} is the newest head already.` : '';
    console.log(done || `Signed up to entry ${seq} by ${auditHeads.publicKey}`);
    return 0;
  });
}

/**
 * `verify-audit`: holds the audit against itself and against heads that were kept elsewhere; the
 * files of this installation when none are named. Exit status 1 when something is wrong.
 */
export async function verifyAudit({ config, args }: Given): Promise<number> {
  const options = { key: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    options,
    allowPositionals: true,
  });
  return withServices(config, async ({ auditHeads, auditFiles }) => {
    const keys = new Set([values.key ?? auditHeads.publicKey]);
    // Before the first head is signed there is no folder; the chain can be read all the same.
    const own = existsSync(auditFiles.directory) ? [auditFiles.directory] : [];
    const paths = positionals.length > 0 ? positionals : own;
    const heads = trustedHeadsIn(paths, keys);
    const { entries, lastGood, proven, finding, restores } = await auditHeads.verify(heads, null);
    console.log(`${entries} entries are good, ${proven} of them proven by ${heads.length} heads.`);
    for (const { keptThrough, lost, at } of restores) {
      const heard = `${lost.length} heads of what followed count no more`;
      console.log(`A restore was declared at ${at} that kept entry ${keptThrough}; ${heard}.`);
    }
    if (finding === null) return 0;
    const { fault, firstBad, firstBadAtLatest } = finding;
    const range = firstBad === firstBadAtLatest ? '' : `, or one up to ${firstBadAtLatest}`;
    console.log(
      `${fault}: the first bad entry is ${firstBad}${range}; ${lastGood} is the last good.`,
    );
    const newest = Math.max(0, ...heads.map(({ seq }) => seq));
    if (fault === 'ENTRIES_CUT_OFF' && newest > lastGood) {
      console.log(
        `The chain is shorter than the newest head, which is of entry ${newest}: an older state ` +
          'was restored (then: reconcile), or somebody cut the entries off.',
      );
    }
    return 1;
  });
}

/** The heads in files and folders; refuses with AUDIT_HEAD_INVALID what no key has signed. */
export function trustedHeadsIn(
  paths: readonly string[],
  keys: ReadonlySet<string>,
): ReturnType<typeof trustedHead>[] {
  return paths.flatMap(filesIn).map((path) => {
    const head = readHeadFile(path);
    if (head === null) throw new DomainError('AUDIT_HEAD_INVALID', `${path} holds no head.`);
    return trustedHead(head, keys);
  });
}

function filesIn(path: string): string[] {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw new DomainError('INVALID_ARGUMENTS', `${USAGE}: no ${path}`);
  if (!found.isDirectory()) return [path];
  const names = readdirSync(path).filter((name) => name.endsWith('.json'));
  return names.sort().map((name) => join(path, name));
}

async function withServices(
  config: Config,
  work: (services: Services) => Promise<number>,
): Promise<number> {
  const { urls, embedded } = await openDatabase(config, (line) => console.error(line));
  try {
    const app = await buildApp({ config, urls, log: createLog({ level: config.logLevel }) });
    try {
      return await work(app.services);
    } finally {
      await app.stop();
    }
  } finally {
    await embedded?.stop();
  }
}
