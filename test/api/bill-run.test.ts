import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { as, BillDesk, PAGE, refusal } from '../fixtures/bill-desk.js';
import {
  aBillableContract,
  aBillingPartner,
  aPlan,
  type BuiltContract,
  insertTerms,
  someSubscriptions,
  someUsage,
} from '../fixtures/billing.js';

let desk: BillDesk;

beforeAll(async () => {
  desk = await BillDesk.open();
});
beforeEach(() => desk.resetClock());
afterAll(() => desk?.close());

/** Two records of a file that wait for a price, and one that has been recycled. */
async function twoOpenRecords(partnerId: number): Promise<void> {
  await desk.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `WITH r AS (INSERT INTO run (partner_id, kind, subject, state)
           VALUES ($1::int, 'IMPORT', 'file:' || $1::int, 'DONE') RETURNING id),
         b AS (INSERT INTO run_batch (run_id, partner_id, kind, ordinal, state)
           SELECT id, $1::int, 'IMPORT', 1, 'DONE' FROM r RETURNING id),
         f AS (INSERT INTO usage_file (partner_id, name, sha256, size_bytes, stored_as)
           VALUES ($1::int, 'calls.csv', repeat('a', 64), 3, 'none') RETURNING id)
       INSERT INTO suspense_record (partner_id, usage_file_id, batch_id, byte_offset, batch_line,
         state, code, message, raw)
       SELECT $1::int, f.id, b.id, n, n, CASE n WHEN 3 THEN 'RECYCLED' ELSE 'HELD' END, 'NO_RATE',
         'No price.', '' FROM b, f, generate_series(1, 3) n`,
      [partnerId],
    ),
  );
}

describe('a bill run', () => {
  it('comes to the figures worked out by hand', async () => {
    const { sellerId, contract } = await desk.aSeller();
    const use = (on: string, given: Partial<Parameters<typeof someUsage>[2]>) =>
      someUsage(desk.database, contract, { on, amount: '0', ...given });
    await use('2026-10-01', { destinationId: desk.mobile, amount: '1.23456789', records: 7 });
    await use('2026-10-31', { destinationId: desk.mobile, amount: '10.00043211', records: 3 });
    await use('2026-10-15', { destinationId: desk.fixed, amount: '0.33499999', quantity: 90 });
    await use('2026-10-15', {
      service: 'SMS',
      destinationId: desk.mobile,
      amount: '0.62',
      quantity: 8,
    });
    await use('2026-10-15', { service: 'DATA', amount: '0.005', quantity: 5_000_000 });
    await use('2026-11-01', { destinationId: desk.mobile, amount: '99' });
    const planId = await aPlan(desk.database, {
      sellerId,
      name: 'Office',
      fees: [
        { name: 'Base fee', kind: 'PERIODIC', amount: '29.90' },
        { name: 'Setup', kind: 'ONE_TIME', amount: '49' },
      ],
    });
    await someSubscriptions(desk.database, contract, {
      planId,
      startsAt: '2025-06-01T00:00:00Z',
      count: 12,
    });
    // From 16 October in Berlin: at 22:30 UTC on the 15th it is the 16th there.
    await someSubscriptions(desk.database, contract, { planId, startsAt: '2026-10-15T22:30:00Z' });
    await someSubscriptions(desk.database, contract, {
      planId,
      startsAt: '2026-11-01T00:00:00+01:00',
    });

    await desk.bill(sellerId);

    const [invoice, ...more] = await desk.invoicesOf(contract);
    expect(more).toEqual([]);
    expect(
      invoice?.lines.map((line) => [line.description, line.records, line.basis, line.net]),
    ).toEqual([
      ['Office: Base fee, 1 Oct 2026 – 31 Oct 2026', '12', '358.80', '358.80'],
      ['Office: Base fee, 16 Oct 2026 – 31 Oct 2026 (16 of 31 days)', '1', '15.43225806', '15.43'],
      // Only the subscription that began when the setup fee was in force pays it.
      ['Office: Setup', '1', '49.00', '49.00'],
      ['France Fixed', '1', '0.33499999', '0.33'],
      ['Germany Mobile', '10', '11.235', '11.24'],
      ['Germany Mobile', '1', '0.62', '0.62'],
      ['Data', '1', '0.005', '0.01'],
    ]);
    // 358.80 + 15.43 + 49.00 + 0.33 + 11.24 + 0.62 + 0.01 = 435.43; 19 % of it is 82.7317.
    expect([invoice?.net, invoice?.tax, invoice?.gross, invoice?.state, invoice?.number]).toEqual([
      '435.43',
      '82.73',
      '518.16',
      'DRAFT',
      null,
    ]);
    expect(invoice?.periodFrom.toISOString()).toBe('2026-09-30T22:00:00.000Z');
    expect(invoice?.periodTo.toISOString()).toBe('2026-10-31T23:00:00.000Z');
    await desk.expectSound();
  });

  it('does nothing when it is run again', async () => {
    const { sellerId, contract } = await desk.aSeller();
    await someUsage(desk.database, contract, {
      on: '2026-10-02',
      destinationId: desk.mobile,
      amount: '1',
    });
    const first = await desk.bill(sellerId);
    const again = await desk.bill(sellerId);
    expect(again.id).toBe(first.id);
    expect(again.state).toBe('DONE');
    expect((await desk.invoicesOf(contract)).length).toBe(1);
    await desk.expectSound();
  });

  it('puts late usage on the next invoice, marked as such', async () => {
    const { sellerId, contract } = await desk.aSeller();
    const use = (on: string, amount: string) =>
      someUsage(desk.database, contract, { on, destinationId: desk.mobile, amount });
    await use('2026-10-02', '1');
    await desk.bill(sellerId);
    await use('2026-10-03', '2.50');
    await use('2026-11-03', '4');
    const again = await desk.bill(sellerId);
    expect((await desk.invoicesOf(contract)).length).toBe(1);
    desk.now = new Date('2026-12-02T10:00:00Z');
    const next = await desk.bill(sellerId, '2026-11');
    expect(next.id).not.toBe(again.id);
    const [, second] = await desk.invoicesOf(contract);
    expect(second?.lines.map((line) => [line.description, line.earlier, line.net])).toEqual([
      ['Germany Mobile', false, '4.00'],
      ['Voice calls: Germany Mobile', true, '2.50'],
    ]);
    const found = await desk.database.read(as(sellerId), (tx) =>
      desk.runs.findings(tx, next.id, PAGE),
    );
    expect(found.nodes.map((finding) => finding.code)).toEqual(['EARLIER_USAGE']);
    await desk.expectSound();
  });

  it('bills a contract that came after the run in a further run', async () => {
    const { sellerId, contract } = await desk.aSeller();
    await someUsage(desk.database, contract, {
      on: '2026-10-02',
      destinationId: desk.mobile,
      amount: '1',
    });
    const first = await desk.bill(sellerId);
    const buyerId = await aBillingPartner(desk.database, { parentId: sellerId });
    const late = await aBillableContract(desk.database, { sellerId, buyerId, level: 'WHOLESALE' });
    await someUsage(desk.database, late, {
      on: '2026-10-02',
      destinationId: desk.mobile,
      amount: '2',
    });
    const second = await desk.bill(sellerId);
    expect(second.id).not.toBe(first.id);
    expect([second.subject, second.batchesTotal]).toEqual([`bill:${sellerId}:2026-10:2`, 1]);
    expect((await desk.invoicesOf(contract)).length).toBe(1);
    expect((await desk.invoicesOf(late)).length).toBe(1);
    await desk.expectSound();
  });

  it('charges a subscription recorded after its month was billed for that month too', async () => {
    const { sellerId, contract } = await desk.aSeller();
    const fees = [{ name: 'Base fee', kind: 'PERIODIC', amount: '31' }] as const;
    const planId = await aPlan(desk.database, { sellerId, name: 'Line', fees });
    await someSubscriptions(desk.database, contract, {
      planId,
      startsAt: '2026-10-01T00:00:00+02:00',
    });
    await desk.bill(sellerId);
    await someSubscriptions(desk.database, contract, {
      planId,
      startsAt: '2026-10-22T00:00:00+02:00',
    });
    desk.now = new Date('2026-12-02T10:00:00Z');
    await desk.bill(sellerId, '2026-11');
    const [, second] = await desk.invoicesOf(contract);
    expect(second?.lines.map((line) => [line.description, line.records, line.net])).toEqual([
      ['Line: Base fee, 1 Nov 2026 – 30 Nov 2026', '2', '62.00'],
      ['Line: Base fee, 22 Oct 2026 – 31 Oct 2026 (10 of 31 days)', '1', '10.00'],
    ]);
    await desk.expectSound();
  });

  it('charges no month that was billed before the subscription took the plan', async () => {
    const { sellerId, contract } = await desk.aSeller();
    const free = await aPlan(desk.database, { sellerId, name: 'Free', fees: [] });
    const fees = [{ name: 'Base fee', kind: 'PERIODIC', amount: '30' }] as const;
    const paid = await aPlan(desk.database, { sellerId, name: 'Paid', fees });
    await someSubscriptions(desk.database, contract, {
      planId: free,
      startsAt: '2026-09-01T00:00:00Z',
    });
    await someUsage(desk.database, contract, {
      on: '2026-10-02',
      destinationId: desk.mobile,
      amount: '1',
    });
    await desk.bill(sellerId);
    await desk.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('UPDATE subscription SET service_plan_id = $1 WHERE contract_id = $2', [
        paid,
        contract.contractId,
      ]),
    );
    desk.now = new Date('2026-12-02T10:00:00Z');
    await desk.bill(sellerId, '2026-11');
    const [, second] = await desk.invoicesOf(contract);
    expect(second?.lines.map((line) => [line.description, line.net])).toEqual([
      ['Paid: Base fee, 1 Nov 2026 – 30 Nov 2026', '30.00'],
    ]);
    await desk.expectSound();
  });

  it('keeps currencies and tax rates of changed terms apart', async () => {
    const { sellerId, contract } = await desk.aSeller();
    const versions = await desk.database.write(SYSTEM_SCOPE, async (tx) => {
      await tx.query(
        `UPDATE contract_version SET valid_to = '2026-10-10T22:00:00Z' WHERE id = $1`,
        [contract.versionId],
      );
      const terms = { ...contract, taxPercent: '7' };
      const lower = await insertTerms(tx, { ...terms, validFrom: '2026-10-10T22:00:00Z' });
      await tx.query(
        `UPDATE contract_version SET valid_to = '2026-10-20T22:00:00Z' WHERE id = $1`,
        [lower],
      );
      const yen = { ...contract, currency: 'JPY', validFrom: '2026-10-20T22:00:00Z' };
      return { lower, yen: await insertTerms(tx, yen) };
    });
    const use = (on: string, amount: string, versionId: number) =>
      someUsage(desk.database, contract, { on, destinationId: desk.mobile, amount, versionId });
    await use('2026-10-02', '100.004', contract.versionId);
    await use('2026-10-12', '10.004', versions.lower);
    await use('2026-10-22', '500.5', versions.yen);
    await desk.bill(sellerId);
    const made = await desk.invoicesOf(contract);
    expect(
      made.map((invoice) => [
        invoice.currency,
        invoice.lines.map((line) => [line.taxPercent, line.net]),
        invoice.tax,
        invoice.gross,
      ]),
    ).toEqual([
      [
        'EUR',
        [
          ['19', '100.00'],
          ['7', '10.00'],
        ],
        '19.70',
        '129.70',
      ],
      ['JPY', [['19', '501.00']], '95.00', '596.00'],
    ]);
    await desk.expectSound();
  });

  it('leaves terms of the next month to it where midnight comes twice', async () => {
    const { sellerId, buyerId } = await desk.aSeller();
    // On November 1st, 2026, clocks in Havana go back from one o'clock to midnight.
    const parties = { sellerId, buyerId, timeZone: 'America/Havana', taxPercent: '19' };
    const contract = await aBillableContract(desk.database, parties);
    const validFrom = '2026-11-01T04:00:00Z';
    await desk.database.write(SYSTEM_SCOPE, async (tx) => {
      const ended = [contract.versionId, validFrom];
      await tx.query('UPDATE contract_version SET valid_to = $2 WHERE id = $1', ended);
      await insertTerms(tx, { ...contract, ...parties, validFrom, taxPercent: '7' });
    });
    const fees = [{ name: 'Base fee', kind: 'PERIODIC', amount: '10' }] as const;
    const planId = await aPlan(desk.database, { sellerId, name: 'Habana', fees });
    await someSubscriptions(desk.database, contract, { planId, startsAt: '2026-10-01T04:00:00Z' });
    await desk.bill(sellerId);
    const [invoice] = await desk.invoicesOf(contract);
    expect(invoice).toMatchObject({ periodTo: new Date(validFrom), tax: '1.90' });
  });

  it('finds what a person should look at', async () => {
    const sellerId = await aBillingPartner(desk.database, { parentId: desk.hub, taxNumber: null });
    const buyerId = await aBillingPartner(desk.database, { parentId: sellerId, address: '' });
    const contract = await aBillableContract(desk.database, { sellerId, buyerId, taxPercent: '0' });
    await someUsage(desk.database, contract, {
      on: '2026-10-02',
      destinationId: desk.mobile,
      amount: '0',
    });
    await twoOpenRecords(sellerId);
    const run = await desk.bill(sellerId);
    const found = await desk.database.read(as(sellerId), (tx) =>
      desk.runs.findings(tx, run.id, PAGE),
    );
    expect(found.nodes[0]?.details).toMatchObject({ state: 'HELD', code: 'NO_RATE', records: '2' });
    expect(found.nodes.map((finding) => [finding.code, finding.contractId])).toEqual([
      ['OPEN_RECORDS', null],
      ['ZERO_PRICED_USAGE', contract.contractId],
      ['TAX_RATE_MISSING', contract.contractId],
      ['SELLER_TAX_NUMBER_MISSING', contract.contractId],
      ['ADDRESS_MISSING', contract.contractId],
    ]);
    const second = await desk.database.read(as(sellerId), (tx) =>
      desk.runs.findings(tx, run.id, { first: 1, after: found.edges[2]?.cursor ?? null }),
    );
    expect(second.nodes.map((finding) => finding.code)).toEqual(['SELLER_TAX_NUMBER_MISSING']);
  });

  it('is refused while the month goes on, and when there is nothing to bill', async () => {
    const { sellerId, contract } = await desk.aSeller();
    expect(await refusal(desk.bill(sellerId))).toBe('NOTHING_TO_BILL');
    await someUsage(desk.database, contract, {
      on: '2026-11-02',
      destinationId: desk.mobile,
      amount: '1',
    });
    desk.now = new Date('2026-11-30T22:59:59.999Z');
    expect(await refusal(desk.bill(sellerId, '2026-11'))).toBe('BILL_PERIOD_NOT_OVER');
    desk.now = new Date('2026-11-30T23:00:00Z');
    expect(await refusal(desk.bill(sellerId, '2026-11'))).toBe('none');
  });

  it('is one run with one invoice each when many ask and many work at once', async () => {
    const sellerId = await aBillingPartner(desk.database, { parentId: desk.hub });
    const contracts: BuiltContract[] = [];
    for (let count = 0; count < 8; count += 1) {
      const buyerId = await aBillingPartner(desk.database, { parentId: sellerId });
      const contract = await aBillableContract(desk.database, { sellerId, buyerId });
      await someUsage(desk.database, contract, {
        on: '2026-10-02',
        destinationId: desk.fixed,
        amount: '3',
      });
      contracts.push(contract);
    }
    const started = await Promise.all(Array.from({ length: 10 }, () => desk.start(sellerId)));
    expect(new Set(started.map((run) => run.id)).size).toBe(1);
    await desk.work(3);
    for (const contract of contracts) expect((await desk.invoicesOf(contract)).length).toBe(1);
    await desk.expectSound();
  });
});
