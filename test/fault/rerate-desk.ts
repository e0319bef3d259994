import { CreditService } from '../../src/credit/index.js';
import { type Database, OutboxWorker, WorkService } from '../../src/platform/index.js';
import {
  CREDIT_COUNT_TOPIC,
  CREDIT_USAGE_TOPIC,
  DataPlane,
  FOLD_TOPIC,
  startFold,
} from '../../src/rating/index.js';

/** Everything that a re-rating run and what follows from it need, in one process. */
export function rerateDesk(database: Database, filesDir: string) {
  const plane = new DataPlane({ database, workers: 1, filesDir });
  const timing = { leaseMs: 700, heartbeatMs: 150, pollMs: 50, retryMs: 50 };
  const work = new WorkService(database, timing);
  const credit = new CreditService(database, () => new Date());
  const outbox = new OutboxWorker(database);
  outbox.register(CREDIT_USAGE_TOPIC, (tx, row) => credit.applyUsage(tx, row));
  outbox.register(CREDIT_COUNT_TOPIC, (tx, row) => credit.countUsage(tx, row));
  outbox.register(FOLD_TOPIC, startFold);
  work.register(plane.rerateExecutor);
  work.register(plane.foldExecutor);
  return {
    /** Does what waits, and what it leads to, until nothing waits. */
    settle: async (): Promise<void> => {
      for (let round = 0; round < 3; round += 1) {
        await work.runUntilIdle();
        await outbox.runUntilIdle();
      }
    },
    close: async (): Promise<void> => {
      await work.stop();
      await plane.close();
    },
  };
}
