import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BillExecutor } from '../../src/billing/index.js';
import {
  appendOutbox,
  createRun,
  OutboxWorker,
  SYSTEM_SCOPE,
  WorkService,
} from '../../src/platform/index.js';
import { FOLD_TOPIC, startFold } from '../../src/rating/index.js';
import { BillDesk } from '../fixtures/bill-desk.js';
import { type BuiltContract, someUsage } from '../fixtures/billing.js';

let desk: BillDesk;

beforeAll(async () => {
  desk = await BillDesk.open();
});

afterAll(async () => desk.close());

async function aContractWithUsage(): Promise<{ sellerId: number; contract: BuiltContract }> {
  const { sellerId, contract } = await desk.aSeller();
  const call = { records: 10, quantity: 595, billedQuantity: 600, amount: '2.50' };
  await someUsage(desk.database, contract, {
    ...call,
    on: '2026-10-05',
    destinationId: desk.mobile,
  });
  return { sellerId, contract };
}

/** What an import leaves behind that waits for its fold. */
async function due(contract: BuiltContract, month: string): Promise<void> {
  await desk.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `INSERT INTO allowance_due (shard, month, batch_id, partner_id, bytes)
       VALUES ($1, $2, $3, $4, 96)`,
      [contract.contractId % 64, month, 1_000_000 + contract.contractId, desk.hub],
    ),
  );
}

async function folded(contract: BuiltContract): Promise<void> {
  await desk.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('DELETE FROM allowance_due WHERE shard = $1', [contract.contractId % 64]),
  );
}

async function work(foldWaitMs: number): Promise<void> {
  const service = new WorkService(desk.database, { pollMs: 10, retryMs: 1 });
  service.register(new BillExecutor(desk.database, desk.numbers, { foldWaitMs }));
  await service.runUntilIdle();
}

async function stateOf(runId: number): Promise<{ state: string; reason: string | null }> {
  const [run] = await desk.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT state, parked_reason AS reason FROM run WHERE id = $1', [runId]),
  );
  return run;
}

describe('a bill run over usage whose month is not folded yet', () => {
  it('parks the contract with the code, and makes no invoice of half the truth', async () => {
    const { sellerId, contract } = await aContractWithUsage();
    await due(contract, '2026-10-01');
    const run = await desk.start(sellerId);
    await work(0);
    expect(await stateOf(run.id)).toEqual({ state: 'PARKED', reason: 'FOLD_PENDING' });
    expect(await desk.invoicesOf(contract)).toEqual([]);
    await folded(contract);
    const again = await desk.bill(sellerId);
    expect(await stateOf(again.id)).toEqual({ state: 'DONE', reason: null });
    const [invoice] = await desk.invoicesOf(contract);
    expect(invoice?.lines.map(({ basis }) => Number(basis))).toEqual([2.5]);
  });

  it('waits for the fold', async () => {
    const { sellerId, contract } = await aContractWithUsage();
    await due(contract, '2026-09-01');
    const run = await desk.start(sellerId);
    const working = work(20_000);
    await delay(600);
    expect(await desk.invoicesOf(contract)).toEqual([]);
    await folded(contract);
    await working;
    expect(await stateOf(run.id)).toEqual({ state: 'DONE', reason: null });
    expect(await desk.invoicesOf(contract)).toHaveLength(1);
  });

  it('does not care for a later month', async () => {
    const { sellerId, contract } = await aContractWithUsage();
    await due(contract, '2026-11-01');
    const run = await desk.start(sellerId);
    await work(0);
    expect((await stateOf(run.id)).state).toBe('DONE');
    await folded(contract);
  });

  it('keeps folds of the contract away while it bills', async () => {
    const { sellerId, contract } = await aContractWithUsage();
    const lock = `SELECT pg_try_advisory_xact_lock(hashtext('fold'), $1) AS free`;
    const shard = contract.contractId % 64;
    const run = await desk.start(sellerId);
    // Whoever folds holds the shard for himself; billing has to wait for it.
    let finished = false;
    let working: Promise<void> = Promise.resolve();
    await desk.database.write(SYSTEM_SCOPE, async (tx) => {
      expect(await tx.query(lock, [shard])).toEqual([{ free: true }]);
      working = work(0).then(() => {
        finished = true;
      });
      await delay(500);
      expect(finished).toBe(false);
    });
    await working;
    expect((await stateOf(run.id)).state).toBe('DONE');
  });
});

describe('the fold of an import', () => {
  it('is begun when the last batch has ended, though that one has nothing to fold', async () => {
    const { contract } = await aContractWithUsage();
    await due(contract, '2026-10-01');
    const { database, hub } = desk;
    // One batch of the import is done and has asked; the other is at work and will not ask.
    const runId = await database.write(SYSTEM_SCOPE, async (tx) => {
      const run = await createRun(tx, {
        ...{ kind: 'IMPORT', partnerId: hub, subject: 'two batches', params: {} },
        ...{ requestedBy: null, unitsTotal: 2 },
        batches: [
          { payload: {}, units: 1 },
          { payload: {}, units: 1 },
        ],
      });
      await tx.query(`UPDATE run_batch SET state = 'DONE' WHERE run_id = $1 AND ordinal = 0`, [
        run.runId,
      ]);
      await appendOutbox(tx, { topic: FOLD_TOPIC, partnerId: hub, payload: { runId: run.runId } });
      return run.runId;
    });
    const outbox = new OutboxWorker(database);
    outbox.register(FOLD_TOPIC, startFold);
    const folds = () =>
      database.read(SYSTEM_SCOPE, (tx) => tx.query(`SELECT id FROM run WHERE kind = 'FOLD'`));
    const working = outbox.runUntilIdle();
    await delay(700);
    expect(await folds()).toEqual([]);
    await database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`UPDATE run_batch SET state = 'DONE' WHERE run_id = $1`, [runId]),
    );
    await working;
    expect(await folds()).toHaveLength(1);
    await folded(contract);
  });

  it('is one run, however many of its batches have asked', async () => {
    const { contract } = await aContractWithUsage();
    await due(contract, '2026-10-01');
    const { database, hub } = desk;
    const count = async () => {
      const [row] = await database.read(SYSTEM_SCOPE, (tx) =>
        tx.query(`SELECT count(*)::int AS runs FROM run WHERE kind = 'FOLD'`),
      );
      return row.runs as number;
    };
    const before = await count();
    await database.write(SYSTEM_SCOPE, async (tx) => {
      for (const runId of [-1, -1, -1, -1]) {
        await appendOutbox(tx, { topic: FOLD_TOPIC, partnerId: hub, payload: { runId } });
      }
    });
    const outbox = new OutboxWorker(database);
    outbox.register(FOLD_TOPIC, startFold);
    await outbox.runUntilIdle();
    expect(await count()).toBe(before + 1);
    await folded(contract);
  });
});
