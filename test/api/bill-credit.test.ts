import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UsageReportService } from '../../src/billing/index.js';
import { type Run, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { as, BillDesk, PAGE, viewerOf } from '../fixtures/bill-desk.js';
import {
  aPlan,
  type BuiltContract,
  insertTerms,
  someSubscriptions,
  someUsage,
} from '../fixtures/billing.js';

let desk: BillDesk;
let sellerId: number;
let contract: BuiltContract;

beforeAll(async () => {
  desk = await BillDesk.open();
});
beforeEach(async () => {
  desk.resetClock();
  ({ sellerId, contract } = await desk.aSeller());
});
afterAll(() => desk?.close());

const use = (on: string, amount: string, given: Partial<Parameters<typeof someUsage>[2]> = {}) =>
  someUsage(desk.database, contract, { on, amount, destinationId: desk.mobile, ...given });

/** Ends terms on a day of October and adds others from there on; answers their version. */
async function termsSince(
  day: number,
  given: { taxPercent?: string; currency?: string },
  after = contract.versionId,
): Promise<number> {
  const validFrom = `2026-10-${day - 1}T22:00:00Z`;
  return desk.database.write(SYSTEM_SCOPE, async (tx) => {
    await tx.query('UPDATE contract_version SET valid_to = $2 WHERE id = $1', [after, validFrom]);
    return insertTerms(tx, { ...contract, ...given, validFrom });
  });
}

async function aMonthlyFee(amount: string): Promise<void> {
  const fees = [{ name: 'Base fee', kind: 'PERIODIC', amount }] as const;
  const planId = await aPlan(desk.database, { sellerId, name: 'Line', fees });
  await someSubscriptions(desk.database, contract, { planId, startsAt: '2026-09-30T22:00:00Z' });
}

/** A plan with one fee: up to three lines are 5.00 each, more are 1.00 each. */
async function aPlanByVolume(currency = 'EUR'): Promise<number> {
  const planId = await aPlan(desk.database, { sellerId, name: 'Lines', fees: [], currency });
  const step = { upTo: null, price: '1', rateUnit: 1, flatFee: '0', block: false };
  const steps = [{ ...step, upTo: 3, price: '5' }, step];
  await desk.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `WITH tiers AS (INSERT INTO tier_schedule (partner_id, name, scope, period, steps)
         VALUES ($1, 'Lines', 'CONTRACT', 'MONTH', $3::jsonb) RETURNING id)
       INSERT INTO plan_fee (partner_id, service_plan_id, name, kind, amount, valid_from, model,
         counts, tier_schedule_id)
       SELECT $1, $2, 'Seats', 'PERIODIC', 0, '2025-12-31T23:00:00Z', 'VOLUME', 'SUBSCRIPTIONS', id
       FROM tiers`,
      [sellerId, planId, JSON.stringify(steps)],
    ),
  );
  return planId;
}

/** Bills a month; answers what the run says that waits. */
async function bill(month = '2026-10'): Promise<unknown[]> {
  desk.now = new Date(`${month}-28T10:00:00Z`);
  desk.now.setUTCMonth(desk.now.getUTCMonth() + 1);
  return waitingOf(await desk.bill(sellerId, month));
}

async function waitingOf(run: Run): Promise<unknown[]> {
  await desk.expectSound();
  const found = await desk.database.read(as(sellerId), (tx) =>
    desk.runs.findings(tx, run.id, PAGE),
  );
  const waiting = found.nodes.filter(({ code }) => code === 'CREDIT_CARRIED_OVER');
  return waiting.map(({ details }) => details);
}

/** What no invoice of the contract has taken. */
async function untaken(): Promise<number> {
  const [row] = await desk.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `SELECT coalesce(sum(amount), 0)::float8 / 1e8 AS amount FROM usage_summary
       WHERE contract_id = $1 AND invoice_id IS NULL`,
      [contract.contractId],
    ),
  );
  return row.amount;
}

/** Currency, net and gross of each invoice of the contract, with the nets of its lines. */
async function invoices() {
  const found = await desk.invoicesOf(contract);
  return found.map(({ currency, net, gross, lines }) => [
    ...[currency, net, gross],
    lines.map((line) => line.net),
  ]);
}

/** What the run of October says of invoices that could not be made. */
async function tooLarge(): Promise<unknown[]> {
  const run = await desk.bill(sellerId, '2026-10');
  await desk.expectSound();
  const found = await desk.database.read(as(sellerId), (tx) =>
    desk.runs.findings(tx, run.id, PAGE),
  );
  return found.nodes.flatMap(({ code, contractId, details }) =>
    code === 'INVOICE_TOO_LARGE' ? [{ contractId, ...details }] : [],
  );
}

describe('an invoice that no table can hold', () => {
  it('is not made of quantities beyond 64 bits, and no report adds them up', async () => {
    const octets = { service: 'DATA', quantity: 9e18, billedQuantity: 9e18 } as const;
    for (const on of ['2026-10-05', '2026-10-06']) await use(on, '1.00', octets);
    await use('2026-10-07', '3.00');
    const { contractId } = contract;
    const lines = ['Germany Mobile', 'Germany Mobile'];
    expect(await tooLarge()).toEqual([{ contractId, currency: 'EUR', lines }]);
    expect(await invoices()).toEqual([]);
    expect(await untaken()).toBe(5);
    const asked = { period: '2026-10', partnerId: null, currency: null };
    const report = desk.database.read(as(sellerId), (tx) =>
      new UsageReportService().byDestination(tx, viewerOf(sellerId), asked, PAGE),
    );
    await expect(report).rejects.toMatchObject({ code: 'VALUE_OUT_OF_RANGE' });
  });

  it('is not made, names the fee, and is made once its price is mended', async () => {
    const fees = [{ name: 'Volume', kind: 'PERIODIC', amount: '9999999999' }] as const;
    const planId = await aPlan(desk.database, { sellerId, name: 'Line', fees });
    await someSubscriptions(desk.database, contract, { planId, startsAt: '2026-09-30T22:00:00Z' });
    const setFee = (terms: string) =>
      desk.database.write(SYSTEM_SCOPE, (tx) =>
        tx.query(`UPDATE plan_fee SET ${terms} WHERE service_plan_id = $1`, [planId]),
      );
    await setFee(`model = 'PER_UNIT', counts = 'UNITS', of_services = '{VOICE}'`);
    await use('2026-10-05', '3.00', { billedQuantity: 1_000_000_000 });
    desk.now = new Date('2026-11-28T10:00:00Z');
    const { contractId } = contract;
    const lines = [expect.stringMatching(/^Line: Volume/), expect.any(String)];
    expect(await tooLarge()).toEqual([{ contractId, currency: 'EUR', lines }]);
    expect(await invoices()).toEqual([]);
    expect(await untaken()).toBe(3);
    await setFee('rate_unit = 1000000000, amount = 2');
    expect(await tooLarge()).toEqual([]);
    expect(await invoices()).toEqual([['EUR', '5.00', '5.95', ['2.00', '3.00']]]);
  });
});

describe('an invoice never pays out', () => {
  it('when a credit comes in between the first look at usage and the taking of it', async () => {
    await use('2026-10-05', '0.10');
    const run = await desk.start(sellerId);
    const owner = new pg.Client({ connectionString: desk.database.urls.ownerUrl });
    await owner.connect();
    await owner.query('BEGIN');
    // The draft is made after the first look and before the taking: there billing waits.
    await owner.query('LOCK TABLE invoice IN SHARE MODE');
    const working = desk.work();
    const waiting = `SELECT 1 FROM pg_locks WHERE relation = 'invoice'::regclass AND NOT granted`;
    await expect
      .poll(async () => (await owner.query(waiting)).rowCount, { timeout: 20_000 })
      .toBe(1);
    await use('2026-09-05', '-1.18');
    await owner.query('COMMIT');
    await owner.end();
    await working;
    expect(await waitingOf(run)).toEqual([{ currency: 'EUR', amount: '-1.08' }]);
    expect(await invoices()).toEqual([]);
    expect(await untaken()).toBe(-1.08);
  });

  it('by taxes that differ, where the net is above zero', async () => {
    const versionId = await termsSince(11, { taxPercent: '0' });
    await use('2026-10-05', '-1.18');
    await use('2026-10-12', '1.20', { versionId });
    // 0.02 net, and 19 % of -1.18 are -0.22.
    expect(await bill()).toEqual([{ currency: 'EUR', amount: '0.02' }]);
    expect(await invoices()).toEqual([]);
    expect(await untaken()).toBe(0.02);
    await use('2026-11-05', '0.20', { versionId });
    expect(await bill('2026-11')).toEqual([]);
    expect(await invoices()).toEqual([['EUR', '0.22', '0.00', ['0.20', '1.20', '-1.18']]]);
    expect(await untaken()).toBe(0);
  });

  it('by taxes that differ, where the gross is above zero', async () => {
    const versionId = await termsSince(11, { taxPercent: '0' });
    await use('2026-10-05', '1.18');
    await use('2026-10-12', '-1.20', { versionId });
    expect(await bill()).toEqual([{ currency: 'EUR', amount: '-0.02' }]);
    expect(await invoices()).toEqual([]);
  });

  it('by the rounding of its lines', async () => {
    await use('2026-10-05', '0.004');
    await use('2026-10-05', '0.004', { destinationId: desk.fixed });
    await use('2026-10-05', '-0.006', { service: 'SMS' });
    expect(await bill()).toEqual([{ currency: 'EUR', amount: '0.002' }]);
    expect(await invoices()).toEqual([]);
  });

  it('exactly, where its lines round to nothing', async () => {
    await use('2026-10-05', '-0.004');
    expect(await bill()).toEqual([{ currency: 'EUR', amount: '-0.004' }]);
    expect(await invoices()).toEqual([]);
  });

  it('and is made where it comes to nothing', async () => {
    await use('2026-10-05', '0.30');
    await use('2026-09-05', '-0.30');
    expect(await bill()).toEqual([]);
    expect(await invoices()).toEqual([['EUR', '0.00', '0.00', ['0.30', '-0.30']]]);
  });
});

describe('where a credit waits', () => {
  it('fees are billed alone until later usage makes up for it', async () => {
    const versionId = await termsSince(11, { taxPercent: '0' });
    await aMonthlyFee('1.20');
    await use('2026-10-05', '-1.18');
    expect(await bill()).toEqual([{ currency: 'EUR', amount: '-1.18' }]);
    expect(await invoices()).toEqual([['EUR', '1.20', '1.20', ['1.20']]]);
    expect(await untaken()).toBe(-1.18);
    await use('2026-11-05', '0.50', { versionId });
    expect(await bill('2026-11')).toEqual([]);
    const november = ['EUR', '0.52', '0.30', ['1.20', '0.50', '-1.18']];
    expect(await invoices()).toEqual([['EUR', '1.20', '1.20', ['1.20']], november]);
  });

  it('fees that give back wait with it', async () => {
    const planId = await aPlanByVolume();
    const lines = { planId, startsAt: '2026-09-30T22:00:00Z', count: 2 };
    await someSubscriptions(desk.database, contract, lines);
    expect(await bill()).toEqual([]);
    // Recorded late: four lines cost 4.00 where two had cost 10.00.
    await someSubscriptions(desk.database, contract, lines);
    expect(await bill('2026-11')).toEqual([{ currency: 'EUR', amount: '-6.00' }]);
    await use('2026-12-05', '2.50');
    expect(await bill('2026-12')).toEqual([]);
    expect(await invoices()).toEqual([
      ['EUR', '10.00', '11.90', ['10.00']],
      ['EUR', '4.00', '4.76', ['4.00']],
      ['EUR', '0.50', '0.60', ['4.00', '-6.00', '2.50']],
    ]);
  });

  it('invoices of other currencies keep what they took', async () => {
    const versionId = await termsSince(11, { currency: 'JPY' });
    const swiss = await termsSince(20, { currency: 'CHF' }, versionId);
    await use('2026-10-05', '2.00');
    await use('2026-10-12', '-300', { versionId });
    await use('2026-10-22', '-4', { versionId: swiss });
    expect(await bill()).toEqual([
      { currency: 'CHF', amount: '-4.00' },
      { currency: 'JPY', amount: '-300.00' },
    ]);
    expect(await invoices()).toEqual([['EUR', '2.00', '2.38', ['2.00']]]);
    expect(await untaken()).toBe(-304);
  });

  it('nothing waits in a currency of fees that charge nothing any more', async () => {
    const given = { startsAt: '2026-07-31T22:00:00Z', endsAt: '2026-08-31T22:00:00Z' };
    const planId = await aPlanByVolume('CHF');
    await someSubscriptions(desk.database, contract, { planId, ...given });
    await use('2026-10-05', '2.00');
    expect(await bill()).toEqual([]);
    expect(await invoices()).toEqual([['EUR', '2.00', '2.38', ['2.00']]]);
  });

  it('a further run of the month finds the same', async () => {
    await use('2026-10-05', '-0.30');
    const waiting = [{ currency: 'EUR', amount: '-0.30' }];
    expect(await bill()).toEqual(waiting);
    expect(await bill()).toEqual(waiting);
    await use('2026-10-06', '0.31');
    expect(await bill()).toEqual([]);
    expect(await invoices()).toEqual([['EUR', '0.01', '0.01', ['0.01']]]);
  });
});
