import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type App, buildApp, migrateOptions, openDatabase } from './app.js';
import { actorOfCommand, type Restore } from './audit/index.js';
import { trustedHeadsIn } from './audit-command.js';
import type { Reconciliation } from './billing/index.js';
import { endAllSessions } from './identity/index.js';
import { DomainError, toGlobalId } from './kernel/index.js';
import { type Config, createLog, migrate, SYSTEM_SCOPE, type Tx } from './platform/index.js';
import type { Services } from './services.js';

interface Given {
  readonly config: Config;
  readonly args: readonly string[];
}

const USAGE = 'reconcile [--apply --reason TEXT] [--key BASE64] [FOLDER of anchors ...]';

/**
 * `reconcile`: after an older state of the database was restored, holds it against what was
 * written down outside of it: numbers of invoices and heads of the audit. Says what is missing;
 * with `--apply` gives numbers back to drafts that are their documents, enters the others as lost,
 * declares the restore to the audit and ends all sessions. Exit status 1 while something is left.
 */
export async function reconcile({ config, args }: Given): Promise<number> {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { apply: { type: 'boolean' }, reason: text, key: text },
    allowPositionals: true,
  });
  const { apply = false, reason, key } = values;
  if (apply && !reason) {
    console.error(USAGE);
    return 2;
  }
  const { urls, embedded } = await openDatabase(config, (line) => console.error(line));
  try {
    await migrate(migrateOptions(urls));
    const app = await buildApp({ config, urls, log: createLog({ level: config.logLevel }) });
    try {
      const keys = new Set([app.services.auditHeads.publicKey, ...(key ? [key] : [])]);
      const asked = { folders: positionals, keys, reason: reason ?? null };
      const found = await look(app, asked);
      tell(found);
      const missing = found.restore !== null || found.numbers.findings.length > 0;
      if (!missing) {
        console.log('Nothing is missing.');
        return 0;
      }
      if (!apply) {
        console.log(`Nothing was changed: ${USAGE}`);
        return 1;
      }
      return await settle(app.services, asked);
    } finally {
      await app.stop();
    }
  } finally {
    await embedded?.stop();
  }
}

interface Asked {
  readonly folders: readonly string[];
  readonly keys: ReadonlySet<string>;
  readonly reason: string | null;
}

interface Found {
  readonly numbers: Reconciliation;
  readonly restore: Restore | null;
}

async function look({ database, services }: App, { folders, keys }: Asked): Promise<Found> {
  const { auditHeads, reconciliation } = services;
  const heads = trustedHeadsIn(folders, keys);
  return database.read(SYSTEM_SCOPE, async (tx) => ({
    numbers: await reconciliation.reconcile(tx, folders, keys, null),
    restore: await auditHeads.findRestore(tx, heads),
  }));
}

/** All of it in one transaction, with its entry in the audit. */
async function settle(services: Services, asked: Asked): Promise<number> {
  const { audit, auditHeads, reconciliation } = services;
  const { folders, keys, reason } = asked;
  const now = new Date();
  const heads = trustedHeadsIn(folders, keys);
  const act = { operation: 'reconcile', arguments: {}, reason, requestId: randomUUID() };
  const work = async (tx: Tx) => {
    const restore = await auditHeads.findRestore(tx, heads);
    if (restore !== null) await auditHeads.declareRestore(tx, restore);
    const numbers = await reconciliation.reconcile(tx, folders, keys, now);
    await endAllSessions(tx, now);
    const hubs: { id: number }[] = await tx.query('SELECT id FROM partner WHERE parent_id IS NULL');
    const [hub] = hubs;
    if (hub === undefined) throw new DomainError('NOT_FOUND', 'The database has no hub.');
    return { hub: hub.id, numbers };
  };
  const { numbers } = await audit.write(SYSTEM_SCOPE, act, ({ hub }) => actorOfCommand(hub), work);
  const { seq } = await auditHeads.export();
  console.log(`Reconciled, all sessions ended; the audit is signed up to entry ${seq}.`);
  const left = numbers.findings.filter(({ fate }) => fate === 'REISSUED');
  if (left.length > 0) console.log(`${left.length} numbers were given twice; see above.`);
  return left.length > 0 ? 1 : 0;
}

function tell({ numbers, restore }: Found): void {
  const { findings, records, untrusted } = numbers;
  console.log(`${records} numbers are written down; ${untrusted} lines are not trusted.`);
  for (const { seller, number, fate, record } of findings) {
    const said =
      record === null
        ? 'never shown to anybody'
        : `to ${toGlobalId('Partner', record.buyer)} over ${record.gross} ${record.currency}, ` +
          `issued ${record.issuedOn}, document ${record.sha256}`;
    console.log(`${fate} ${number} of ${toGlobalId('Partner', seller)}: ${said}`);
  }
  if (restore === null) return;
  const { keptThrough, lost } = restore;
  console.log(
    `The audit ends at entry ${keptThrough} of what was signed; ${lost.length} heads up to entry ` +
      `${lost.at(-1)?.seq} speak of entries that are gone. Either an older state was restored, ` +
      'or somebody cut them off.',
  );
}
