import { raiseAlarm } from './alarm/index.js';
import { openDatabase } from './app.js';
import { checkBillingInvariants, type InvariantFinding } from './billing/index.js';
import { checkCreditUse } from './credit/index.js';
import { checkFileCounts } from './mediation/index.js';
import { type Config, Database, SYSTEM_SCOPE, type Tx } from './platform/index.js';
import { checkFolds, checkUsageSums } from './rating/index.js';
import { entities } from './schema.js';

/**
 * `check-figures`: holds the figures against each other: files against what became of their
 * lines, sums of usage against the records, folds and use of credit against both, invoices against
 * the sums, documents against all.
 * Prints a line of JSON for each difference and raises an alarm for each kind. Exit status 1 when
 * there is any. For every night: it reads everything.
 */
export async function checkFigures({ config }: { readonly config: Config }): Promise<number> {
  const { urls, embedded } = await openDatabase(config, (line) => console.error(line));
  const settings = { entities, poolSize: 2, statementTimeoutMs: config.statementTimeoutMs };
  const database = await new Database({ ...urls, ...settings }).connect();
  try {
    const findings = await withAllRecords(database, differences);
    for (const finding of findings) console.log(JSON.stringify(finding));
    if (findings.length > 0) await database.write(SYSTEM_SCOPE, (tx) => raise(tx, findings));
    console.error(
      findings.length === 0
        ? 'All figures agree.'
        : `${findings.length} figures differ; an alarm says so.`,
    );
    return findings.length === 0 ? 0 : 1;
  } finally {
    await database.close();
    await embedded?.stop();
  }
}

/**
 * Reads one snapshot of which no day of records is dropped meanwhile: its sums would be there, and
 * neither its records nor what the purge adds up of them. So a transaction of its own has a lock on
 * all of them before the snapshot is taken; a purge waits for it.
 */
async function withAllRecords<T>(database: Database, read: (tx: Tx) => Promise<T>): Promise<T> {
  const holder = await database.openRead(SYSTEM_SCOPE);
  try {
    await holder.tx.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    await holder.tx.query('SELECT id FROM seen_xdr LIMIT 0');
    const open = await database.openRead(SYSTEM_SCOPE);
    return await read(open.tx).finally(() => open.close());
  } finally {
    await holder.close();
  }
}

const UNEQUAL_SUMS = 'The sums of a month are not those of its records and their adjustments.';
const UNEQUAL_FOLD = 'What a fold keeps of the records of a month is not what it made of them.';
const UNEQUAL_USE = 'What is held against a credit limit is not what the subscriber is charged.';

// One snapshot, or what is imported meanwhile would look like a difference.
async function differences(tx: Tx): Promise<InvariantFinding[]> {
  await tx.query('SET LOCAL statement_timeout = 0');
  return [
    ...found('I1', 'The counts of a file are not those of its lines.', await checkFileCounts(tx)),
    ...found('I4', UNEQUAL_SUMS, await checkUsageSums(tx)),
    ...found('I4', UNEQUAL_FOLD, await checkFolds(tx)),
    ...found('I4', UNEQUAL_USE, await checkCreditUse(tx)),
    ...(await checkBillingInvariants(tx)),
  ];
}

function found(
  invariant: string,
  message: string,
  differences: readonly object[],
): InvariantFinding[] {
  return differences.map((details) => ({ invariant, message, details: { ...details } }));
}

async function raise(tx: Tx, findings: readonly InvariantFinding[]): Promise<void> {
  const [hub] = await tx.query<{ id: number }[]>('SELECT id FROM partner WHERE parent_id IS NULL');
  if (hub === undefined) return;
  for (const invariant of new Set(findings.map((finding) => finding.invariant))) {
    const ours = findings.filter((finding) => finding.invariant === invariant);
    await raiseAlarm(tx, {
      partnerId: hub.id,
      severity: 'CRITICAL',
      probableCause: 'FIGURES_DIFFER',
      subjectType: 'Partner',
      subjectId: hub.id,
      naturalKey: `figures:${invariant}`,
      text: `${ours[0]?.message} (${ours.length} found)`,
      details: { invariant, found: ours.length, first: ours[0]?.details },
    });
  }
}
