import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  BillExecutor,
  BillRunService,
  billingEntities,
  checkBillingInvariants,
  Invoice,
  InvoiceLine,
  InvoiceService,
} from '../../src/billing/index.js';
import { DomainError } from '../../src/kernel/index.js';
import { partnerEntities } from '../../src/partner/index.js';
import {
  Database,
  platformEntities,
  type Run,
  type Scope,
  SYSTEM_SCOPE,
  sqlState,
  type Viewer,
  WorkService,
} from '../../src/platform/index.js';
import {
  aBillableContract,
  aBillingPartner,
  aDestination,
  aPlan,
  type BuiltContract,
  insertTerms,
  someSubscriptions,
  someUsage,
} from '../fixtures/billing.js';
import { type TestDatabase, testDatabase } from '../fixtures/test-database.js';

const PAGE = { first: 500, after: null };
let store: TestDatabase;
let database: Database;
let now = new Date('2026-11-21T10:00:00Z');
let hub: number;
let mobile: number;
let fixed: number;

const clock = () => now;
const runs = new BillRunService(clock);
const invoices = new InvoiceService(clock);

beforeAll(async () => {
  store = await testDatabase();
  database = await openDatabase();
  hub = await aBillingPartner(database, { name: 'Hub GmbH' });
  mobile = await aDestination(database, 'Germany Mobile');
  fixed = await aDestination(database, 'France Fixed');
});
beforeEach(() => {
  now = new Date('2026-11-21T10:00:00Z');
});
afterAll(async () => {
  await database?.close();
  await store?.drop();
});

function openDatabase(): Promise<Database> {
  return new Database({
    ...store.urls,
    entities: [...platformEntities, ...partnerEntities, ...billingEntities],
    poolSize: 24,
    statementTimeoutMs: 20_000,
  }).connect();
}

function viewerOf(partnerId: number): Viewer {
  return { userId: 1, partnerId, permissions: new Set(), sessionId: 'none' };
}

const as = (partnerId: number): Scope => ({ partnerId });

async function bill(sellerId: number, period = '2026-10'): Promise<Run> {
  const run = await database.write(as(sellerId), (tx) =>
    runs.start(tx, viewerOf(sellerId), { period, sellerPartnerId: null }, null),
  );
  await work();
  return run;
}

async function work(times = 1): Promise<void> {
  const services = Array.from({ length: times }, () => {
    const service = new WorkService(database, { pollMs: 20 });
    service.register(new BillExecutor(database, clock));
    return service;
  });
  await Promise.all(services.map((service) => service.runUntilIdle()));
}

async function invoicesOf(
  contract: BuiltContract,
): Promise<(Invoice & { lines: InvoiceLine[] })[]> {
  return database.read(SYSTEM_SCOPE, async (tx) => {
    const found = await tx.find(Invoice, {
      where: { contractId: contract.contractId },
      order: { id: 'ASC' },
    });
    return Promise.all(
      found.map(async (invoice) =>
        Object.assign(invoice, {
          lines: await tx.find(InvoiceLine, {
            where: { invoiceId: invoice.id },
            order: { ordinal: 'ASC' },
          }),
        }),
      ),
    );
  });
}

async function expectSound(): Promise<void> {
  expect(await database.read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    return sqlState(error) ?? String(error);
  }
  return 'none';
}

/** A seller of its own below the hub with one customer, so that tests do not meet. */
async function aSeller(given: { taxPercent?: string } = {}) {
  const sellerId = await aBillingPartner(database, { parentId: hub });
  const buyerId = await aBillingPartner(database, {
    parentId: sellerId,
    kind: 'BUSINESS_CUSTOMER',
  });
  const contract = await aBillableContract(database, { sellerId, buyerId, ...given });
  return { sellerId, buyerId, contract };
}

/** Two records of a file that wait for a price, and one that has been recycled. */
async function twoOpenRecords(partnerId: number): Promise<void> {
  await database.write(SYSTEM_SCOPE, (tx) =>
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
    const { sellerId, contract } = await aSeller();
    const use = (on: string, given: Partial<Parameters<typeof someUsage>[2]>) =>
      someUsage(database, contract, { on, amount: '0', ...given });
    await use('2026-10-01', { destinationId: mobile, amount: '1.23456789', records: 7 });
    await use('2026-10-31', { destinationId: mobile, amount: '10.00043211', records: 3 });
    await use('2026-10-15', { destinationId: fixed, amount: '0.33499999', quantity: 90 });
    await use('2026-10-15', { service: 'SMS', destinationId: mobile, amount: '0.62', quantity: 8 });
    await use('2026-10-15', { service: 'DATA', amount: '0.005', quantity: 5_000_000 });
    await use('2026-11-01', { destinationId: mobile, amount: '99' });
    const planId = await aPlan(database, {
      sellerId,
      name: 'Office',
      fees: [
        { name: 'Base fee', kind: 'PERIODIC', amount: '29.90' },
        { name: 'Setup', kind: 'ONE_TIME', amount: '49' },
      ],
    });
    await someSubscriptions(database, contract, {
      planId,
      startsAt: '2025-06-01T00:00:00Z',
      count: 12,
    });
    // From 16 October in Berlin: at 22:30 UTC on the 15th it is the 16th there.
    await someSubscriptions(database, contract, { planId, startsAt: '2026-10-15T22:30:00Z' });
    await someSubscriptions(database, contract, { planId, startsAt: '2026-11-01T00:00:00+01:00' });

    await bill(sellerId);

    const [invoice, ...more] = await invoicesOf(contract);
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
    await expectSound();
  });

  it('does nothing when it is run again', async () => {
    const { sellerId, contract } = await aSeller();
    await someUsage(database, contract, { on: '2026-10-02', destinationId: mobile, amount: '1' });
    const first = await bill(sellerId);
    const again = await bill(sellerId);
    expect(again.id).toBe(first.id);
    expect(again.state).toBe('DONE');
    expect((await invoicesOf(contract)).length).toBe(1);
    await expectSound();
  });

  it('puts late usage on the next invoice, marked as such', async () => {
    const { sellerId, contract } = await aSeller();
    const use = (on: string, amount: string) =>
      someUsage(database, contract, { on, destinationId: mobile, amount });
    await use('2026-10-02', '1');
    await bill(sellerId);
    await use('2026-10-03', '2.50');
    await use('2026-11-03', '4');
    const again = await bill(sellerId);
    expect((await invoicesOf(contract)).length).toBe(1);
    now = new Date('2026-12-02T10:00:00Z');
    const next = await bill(sellerId, '2026-11');
    expect(next.id).not.toBe(again.id);
    const [, second] = await invoicesOf(contract);
    expect(second?.lines.map((line) => [line.description, line.earlier, line.net])).toEqual([
      ['Germany Mobile', false, '4.00'],
      ['Voice calls: Germany Mobile', true, '2.50'],
    ]);
    const found = await database.read(as(sellerId), (tx) => runs.findings(tx, next.id, PAGE));
    expect(found.nodes.map((finding) => finding.code)).toEqual(['EARLIER_USAGE']);
    await expectSound();
  });

  it('bills a contract that came after the run in a further run', async () => {
    const { sellerId, contract } = await aSeller();
    await someUsage(database, contract, { on: '2026-10-02', destinationId: mobile, amount: '1' });
    const first = await bill(sellerId);
    const buyerId = await aBillingPartner(database, { parentId: sellerId });
    const late = await aBillableContract(database, { sellerId, buyerId, level: 'WHOLESALE' });
    await someUsage(database, late, { on: '2026-10-02', destinationId: mobile, amount: '2' });
    const second = await bill(sellerId);
    expect(second.id).not.toBe(first.id);
    expect([second.subject, second.batchesTotal]).toEqual([`bill:${sellerId}:2026-10:2`, 1]);
    expect((await invoicesOf(contract)).length).toBe(1);
    expect((await invoicesOf(late)).length).toBe(1);
    await expectSound();
  });

  it('charges a subscription recorded after its month was billed for that month too', async () => {
    const { sellerId, contract } = await aSeller();
    const fees = [{ name: 'Base fee', kind: 'PERIODIC', amount: '31' }] as const;
    const planId = await aPlan(database, { sellerId, name: 'Line', fees });
    await someSubscriptions(database, contract, { planId, startsAt: '2026-10-01T00:00:00+02:00' });
    await bill(sellerId);
    await someSubscriptions(database, contract, { planId, startsAt: '2026-10-22T00:00:00+02:00' });
    now = new Date('2026-12-02T10:00:00Z');
    await bill(sellerId, '2026-11');
    const [, second] = await invoicesOf(contract);
    expect(second?.lines.map((line) => [line.description, line.records, line.net])).toEqual([
      ['Line: Base fee, 1 Nov 2026 – 30 Nov 2026', '2', '62.00'],
      ['Line: Base fee, 22 Oct 2026 – 31 Oct 2026 (10 of 31 days)', '1', '10.00'],
    ]);
    await expectSound();
  });

  it('charges no month that was billed before the subscription took the plan', async () => {
    const { sellerId, contract } = await aSeller();
    const free = await aPlan(database, { sellerId, name: 'Free', fees: [] });
    const fees = [{ name: 'Base fee', kind: 'PERIODIC', amount: '30' }] as const;
    const paid = await aPlan(database, { sellerId, name: 'Paid', fees });
    await someSubscriptions(database, contract, { planId: free, startsAt: '2026-09-01T00:00:00Z' });
    await someUsage(database, contract, { on: '2026-10-02', destinationId: mobile, amount: '1' });
    await bill(sellerId);
    await database.write(SYSTEM_SCOPE, (tx) =>
      tx.query('UPDATE subscription SET service_plan_id = $1 WHERE contract_id = $2', [
        paid,
        contract.contractId,
      ]),
    );
    now = new Date('2026-12-02T10:00:00Z');
    await bill(sellerId, '2026-11');
    const [, second] = await invoicesOf(contract);
    expect(second?.lines.map((line) => [line.description, line.net])).toEqual([
      ['Paid: Base fee, 1 Nov 2026 – 30 Nov 2026', '30.00'],
    ]);
    await expectSound();
  });

  it('keeps currencies and tax rates of changed terms apart', async () => {
    const { sellerId, contract } = await aSeller();
    const versions = await database.write(SYSTEM_SCOPE, async (tx) => {
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
      someUsage(database, contract, { on, destinationId: mobile, amount, versionId });
    await use('2026-10-02', '100.004', contract.versionId);
    await use('2026-10-12', '10.004', versions.lower);
    await use('2026-10-22', '500.5', versions.yen);
    await bill(sellerId);
    const made = await invoicesOf(contract);
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
    await expectSound();
  });

  it('finds what a person should look at', async () => {
    const sellerId = await aBillingPartner(database, { parentId: hub, taxNumber: null });
    const buyerId = await aBillingPartner(database, { parentId: sellerId, address: '' });
    const contract = await aBillableContract(database, { sellerId, buyerId, taxPercent: '0' });
    await someUsage(database, contract, { on: '2026-10-02', destinationId: mobile, amount: '0' });
    await twoOpenRecords(sellerId);
    const run = await bill(sellerId);
    const found = await database.read(as(sellerId), (tx) => runs.findings(tx, run.id, PAGE));
    expect(found.nodes[0]?.details).toMatchObject({ state: 'HELD', code: 'NO_RATE', records: '2' });
    expect(found.nodes.map((finding) => [finding.code, finding.contractId])).toEqual([
      ['OPEN_RECORDS', null],
      ['ZERO_PRICED_USAGE', contract.contractId],
      ['TAX_RATE_MISSING', contract.contractId],
      ['SELLER_TAX_NUMBER_MISSING', contract.contractId],
      ['ADDRESS_MISSING', contract.contractId],
    ]);
    const second = await database.read(as(sellerId), (tx) =>
      runs.findings(tx, run.id, { first: 1, after: found.edges[2]?.cursor ?? null }),
    );
    expect(second.nodes.map((finding) => finding.code)).toEqual(['SELLER_TAX_NUMBER_MISSING']);
  });

  it('is refused while the month goes on, and when there is nothing to bill', async () => {
    const { sellerId, contract } = await aSeller();
    expect(await refusal(bill(sellerId))).toBe('NOTHING_TO_BILL');
    await someUsage(database, contract, { on: '2026-11-02', destinationId: mobile, amount: '1' });
    now = new Date('2026-11-30T22:59:59.999Z');
    expect(await refusal(bill(sellerId, '2026-11'))).toBe('BILL_PERIOD_NOT_OVER');
    now = new Date('2026-11-30T23:00:00Z');
    expect(await refusal(bill(sellerId, '2026-11'))).toBe('none');
  });

  it('is one run with one invoice each when many ask and many work at once', async () => {
    const sellerId = await aBillingPartner(database, { parentId: hub });
    const contracts: BuiltContract[] = [];
    for (let count = 0; count < 8; count += 1) {
      const buyerId = await aBillingPartner(database, { parentId: sellerId });
      const contract = await aBillableContract(database, { sellerId, buyerId });
      await someUsage(database, contract, { on: '2026-10-02', destinationId: fixed, amount: '3' });
      contracts.push(contract);
    }
    const start = () =>
      database.write(as(sellerId), (tx) =>
        runs.start(tx, viewerOf(sellerId), { period: '2026-10', sellerPartnerId: null }, null),
      );
    const started = await Promise.all(Array.from({ length: 10 }, start));
    expect(new Set(started.map((run) => run.id)).size).toBe(1);
    await work(3);
    for (const contract of contracts) expect((await invoicesOf(contract)).length).toBe(1);
    await expectSound();
  });
});

describe('finalisation', () => {
  async function drafts(count: number): Promise<{ sellerId: number; run: Run; ids: string[] }> {
    const sellerId = await aBillingPartner(database, { parentId: hub });
    for (let place = 0; place < count; place += 1) {
      const buyerId = await aBillingPartner(database, { parentId: sellerId, language: 'de' });
      const contract = await aBillableContract(database, { sellerId, buyerId });
      await someUsage(database, contract, { on: '2026-10-02', destinationId: fixed, amount: '3' });
    }
    const run = await bill(sellerId);
    const page = await database.read(as(sellerId), (tx) => invoices.ofRun(tx, run.id, PAGE));
    return { sellerId, run, ids: page.nodes.map((invoice) => invoice.globalId) };
  }

  const finalise = (sellerId: number, id: string) =>
    database.write(as(sellerId), (tx) => invoices.finalise(tx, viewerOf(sellerId), id, null));

  it('numbers, dates and freezes, once', async () => {
    const { sellerId, ids } = await drafts(1);
    const [id] = ids as [string];
    // Half past eleven in the evening UTC is the next day in Berlin, and the next year.
    now = new Date('2026-12-31T23:30:00Z');
    const first = await finalise(sellerId, id);
    now = new Date('2027-02-01T10:00:00Z');
    const again = await finalise(sellerId, id);
    expect([again.number, again.issuedOn, again.dueOn, again.state]).toEqual([
      'INV-2027-000001',
      '2027-01-01',
      '2027-01-15',
      'FINALISED',
    ]);
    expect(again.pdfSha256).toBe(first.pdfSha256);
    await expectSound();
  });

  it('is refused to the buyer, who does not see the draft either', async () => {
    const { sellerId, ids } = await drafts(1);
    const [id] = ids as [string];
    const invoice = (await database.read(as(sellerId), (tx) => invoices.find(tx, id))) as Invoice;
    const buyer = as(invoice.partnerId);
    expect(await database.read(buyer, (tx) => invoices.find(tx, id))).toBeNull();
    expect(await refusal(finalise(invoice.partnerId, id))).toBe('NOT_FOUND');
    await finalise(sellerId, id);
    expect(await database.read(buyer, (tx) => invoices.find(tx, id))).not.toBeNull();
    expect(await refusal(finalise(invoice.partnerId, id))).toBe('NOT_FOUND');
  });

  it('leaves no gap when twenty at once are finalised and every third rolls back', async () => {
    const { sellerId, ids } = await drafts(20);
    let rolledBack = 0;
    const attempt = async (id: string, place: number): Promise<void> => {
      const failing = place % 3 === 0;
      const done = database.write(as(sellerId), async (tx) => {
        await invoices.finalise(tx, viewerOf(sellerId), id, null);
        if (failing) throw new Error('rolled back on purpose');
      });
      if (!failing) return done;
      await expect(done).rejects.toThrow('on purpose');
      rolledBack += 1;
      await finalise(sellerId, id);
    };
    await Promise.all(ids.map(attempt));
    expect(rolledBack).toBe(7);
    const numbers = await database.read(as(sellerId), async (tx) => {
      const page = await invoices.list(tx, { state: 'FINALISED' }, PAGE);
      return page.nodes.map((invoice) => invoice.number).sort();
    });
    expect(numbers).toEqual(
      Array.from(
        { length: 20 },
        (_, place) => `INV-2026-0000${String(place + 1).padStart(2, '0')}`,
      ),
    );
    await expectSound();
  });

  it('finalises a whole run as a run, the second time nothing', async () => {
    const { sellerId, run, ids } = await drafts(3);
    const runId = run.globalId;
    const start = () =>
      database.write(as(sellerId), (tx) => runs.finalise(tx, viewerOf(sellerId), runId, null));
    const first = await start();
    await work();
    const second = await start();
    expect(second.id).toBe(first.id);
    expect([second.state, second.batchesTotal]).toEqual(['DONE', 3]);
    const shown = await database.read(as(sellerId), (tx) => runs.find(tx, first.globalId));
    expect(shown?.totals).toEqual([
      {
        currency: 'EUR',
        invoices: 3,
        finalised: 3,
        basis: '9.00',
        net: '9.00',
        tax: '1.71',
        gross: '10.71',
      },
    ]);
    const numbers = await Promise.all(
      ids.map((id) => database.read(as(sellerId), (tx) => invoices.find(tx, id))),
    );
    expect(numbers.map((invoice) => invoice?.number).sort()).toEqual([
      'INV-2026-000001',
      'INV-2026-000002',
      'INV-2026-000003',
    ]);
    await expectSound();
  });

  it('freezes the invoice, its lines, taxes, charges and usage for everybody', async () => {
    const { sellerId, ids } = await drafts(2);
    const [frozen, draft] = ids as [string, string];
    await finalise(sellerId, frozen);
    const id = (await database.read(SYSTEM_SCOPE, (tx) => invoices.find(tx, frozen)))?.id;
    const change = (sql: string) =>
      refusal(database.write(SYSTEM_SCOPE, (tx) => tx.query(sql.replaceAll('$1', String(id)))));
    for (const sql of [
      `UPDATE invoice SET due_on = due_on + 1 WHERE id = $1`,
      `UPDATE invoice SET pdf = '' WHERE id = $1`,
      `INSERT INTO invoice_line (invoice_id, partner_id, ordinal, kind, earlier, description,
         service, records, quantity, billed_quantity, basis, net, tax_code, tax_percent)
       SELECT invoice_id, partner_id, 99, kind, earlier, description, service, records, quantity,
         billed_quantity, basis, net, tax_code, tax_percent
       FROM invoice_line WHERE invoice_id = $1`,
      `INSERT INTO invoice_tax (invoice_id, partner_id, tax_code, tax_percent, basis, tax)
       SELECT id, partner_id, 'Z', 0, 0, 0 FROM invoice WHERE id = $1`,
      `UPDATE usage_summary SET invoice_id = NULL WHERE invoice_id = $1`,
      `UPDATE usage_summary SET amount = 0 WHERE invoice_id = $1`,
    ]) {
      expect([sql, await change(sql)]).toEqual([sql, '23001']);
    }
    expect(await change('DELETE FROM invoice WHERE id = $1')).toBe('42501');
    expect(await change('TRUNCATE invoice_line')).toBe('42501');
    const draftId = (await database.read(SYSTEM_SCOPE, (tx) => invoices.find(tx, draft)))?.id;
    expect(
      await change(`UPDATE usage_summary SET records = records WHERE invoice_id = ${draftId}`),
    ).toBe('none');
    await expectSound();
  });
});
