// A worker process for work.test.ts: executes BILL batches whose effect is one event each, and
// tells every step on its output so that the test can kill or stop it there.
import { setTimeout as delay } from 'node:timers/promises';
// Not through the index, which would load the whole API for every process.
import { Database, type Tx } from '../../src/platform/database.service.js';
import { appendEvent } from '../../src/platform/event.store.js';
import { SYSTEM_SCOPE } from '../../src/platform/scope.store.js';
import { WorkService } from '../../src/platform/work.service.js';
import { type ClaimedBatch, completeBatchSql, isFenced } from '../../src/platform/work.store.js';

const [url = '', mode = 'whole', lingerMs = '0'] = process.argv.slice(2);

const database = await new Database({
  url,
  ownerUrl: url,
  entities: [],
  poolSize: 4,
  statementTimeoutMs: 20_000,
}).connect();
const work = new WorkService(database, {
  leaseMs: 1_500,
  heartbeatMs: 300,
  pollMs: 100,
  laneIdleMs: 500,
});

function tell(step: string, batch: ClaimedBatch): void {
  process.stdout.write(`${step} ${batch.ordinal}\n`);
}

async function effect(tx: Tx, batch: ClaimedBatch): Promise<void> {
  const { ordinal, lane, laneEpoch, partnerId } = batch;
  await appendEvent(tx, {
    topic: 'test.effect',
    partnerId,
    key: String(ordinal),
    payload: { worker: work.worker, lane, laneEpoch },
  });
  tell('effect', batch);
  await delay(Number(lingerMs));
}

async function whole(batch: ClaimedBatch): Promise<void> {
  await database.write(SYSTEM_SCOPE, async (tx) => {
    await effect(tx, batch);
    await completeBatchSql(tx, batch, { totals: { effects: 1 } }, batch.units);
    tell('completed', batch);
  });
}

/** The bug that the kill test must see: results and completion in two transactions. */
async function torn(batch: ClaimedBatch): Promise<void> {
  await database.write(SYSTEM_SCOPE, (tx) => effect(tx, batch));
  tell('torn', batch);
  await delay(20);
  await database.write(SYSTEM_SCOPE, (tx) =>
    completeBatchSql(tx, batch, { totals: { effects: 1 } }, batch.units),
  );
}

work.register({
  kind: 'BILL',
  slots: 2,
  async execute(batch) {
    tell('claimed', batch);
    try {
      await (mode === 'torn' ? torn(batch) : whole(batch));
    } catch (error) {
      tell(isFenced(error) ? 'fenced' : 'failed', batch);
      throw error;
    }
    tell('committed', batch);
  },
});

process.once('SIGTERM', async () => {
  await work.stop();
  await database.close();
  process.exit(0);
});
work.start();
process.stdout.write('started\n');
