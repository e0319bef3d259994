// The whole main job in one process, for kill.test.ts: imports what waits, folds the months, lets
// credit follow, bills the month for every seller and finalises. Started again after a kill it
// goes on.
import { BillExecutor, BillRunService } from '../../src/billing/index.js';
import { CreditService } from '../../src/credit/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { Database, OutboxWorker, SYSTEM_SCOPE, WorkService } from '../../src/platform/index.js';
import {
  CREDIT_COUNT_TOPIC,
  CREDIT_USAGE_TOPIC,
  DataPlane,
  FOLD_TOPIC,
  startFold,
} from '../../src/rating/index.js';
import { entities } from '../../src/schema.js';
import { anchorDirOf, numbersIn } from '../fixtures/numbers.js';
import { aViewer } from '../fixtures/viewer.js';

const [url = '', filesDir = '', workers = '1'] = process.argv.slice(2);
const PERIOD = '2026-10';
const now = () => new Date('2026-11-05T00:00:00Z');

const settings = { entities, poolSize: 5, statementTimeoutMs: 30_000 };
const database = await new Database({ url, ownerUrl: url, ...settings }).connect();
// Of the identities that tell the time few are kept, so that most are loaded when they are needed.
const lanes = { keptIdentities: 200 };
const plane = new DataPlane({ database, workers: Number(workers), filesDir, lanes });
const work = new WorkService(database, {
  leaseMs: 700,
  heartbeatMs: 150,
  pollMs: 50,
  retryMs: 50,
});
const credit = new CreditService(database, () => new Date());
const outbox = new OutboxWorker(database);
outbox.register(CREDIT_USAGE_TOPIC, (tx, row) => credit.applyUsage(tx, row));
outbox.register(CREDIT_COUNT_TOPIC, (tx, row) => credit.countUsage(tx, row));
outbox.register(FOLD_TOPIC, startFold);
work.register(plane.importExecutor);
work.register(plane.foldExecutor);
const numbers = numbersIn(database, anchorDirOf(filesDir, url), now);
work.register(new BillExecutor(database, numbers));

process.stdout.write('READY\n');
await work.runUntilIdle();
await outbox.runUntilIdle();
// What the outbox asked for: folds, whose charges credit follows in turn.
await work.runUntilIdle();
await outbox.runUntilIdle();
await billAll();
await work.stop();
await plane.close();
await database.close();
process.stdout.write('FINISHED\n');

async function billAll(): Promise<void> {
  const bills = new BillRunService(now, numbers);
  const sellers: { id: number }[] = await database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(`SELECT DISTINCT seller_partner_id AS id FROM contract WHERE level <> 'COST'
      ORDER BY 1`),
  );
  for (const { id } of sellers) {
    const scope = { partnerId: id };
    const viewer = aViewer({ userId: 1, partnerId: id });
    const run = await database.write(scope, (tx) =>
      bills.start(tx, viewer, { period: PERIOD, sellerPartnerId: null }, null),
    );
    await work.runUntilIdle();
    if (process.env.KONTOR_TEST_DRAFTS === 'only') continue;
    const billRun = toGlobalId('Run', run.id);
    await database
      .write(scope, (tx) => bills.finalise(tx, viewer, billRun, null))
      .catch((error: unknown) => {
        // After a restore every draft may have its number back already.
        if ((error as { code?: string }).code !== 'NOTHING_TO_FINALISE') throw error;
      });
    await work.runUntilIdle();
  }
}
