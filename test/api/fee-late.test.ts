import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { FeeDesk } from '../fixtures/fee-desk.js';
import { ADD_FEE, RULE } from '../fixtures/fee-documents.js';

const MARCH = '2026-03-01T00:00:00Z';
const OCTOBER = '1 Oct 2026 – 31 Oct 2026';
const NOVEMBER = '1 Nov 2026 – 30 Nov 2026';

let desk: FeeDesk;

beforeAll(async () => {
  desk = await FeeDesk.open();
}, 60_000);
afterAll(async () => {
  // Whatever came when, charges add up to what is owed.
  const broken = await desk.app.app.database.read(SYSTEM_SCOPE, checkBillingInvariants);
  await desk.close();
  expect(broken).toEqual([]);
});

const share = (amount: string) => ({
  ...{ name: 'Share', amount, model: 'PERCENT_OF_CHARGE', ofServices: ['VOICE'] },
});
const seats = (amount: string) => ({
  ...{ name: 'Seats', amount, model: 'PER_UNIT', counts: 'SUBSCRIPTIONS' },
});
const line = (text: string, basis: string, net = basis) => [text, basis, net];

describe('what is given the last instant for its end', () => {
  it('is charged like what has none: fee, subscription and rule', async () => {
    const validTo = '9999-12-31T23:59:59.999Z';
    const customer = await desk.customer();
    const plan = await customer.plan([{ name: 'Base', amount: '10', validTo }, share('5')]);
    await customer.subscribe(plan, MARCH, { endsAt: '9999-12-31T12:00:00Z' });
    await desk.ask(RULE, {
      partnerId: toGlobalId('Partner', customer.sellerId),
      rule: {
        ...{ name: 'Less', type: 'DISCOUNT', effect: 'PERCENT', stacking: 'ORDERED', amount: '10' },
        ...{ actsOn: 'FEES', feeName: 'Base', validFrom: MARCH, validTo },
      },
    });
    await customer.use('2026-10-05', '100');
    const foretold = [
      line(`Cloud: Base, ${OCTOBER}`, '9.00'),
      line(`Cloud: Share, ${OCTOBER}`, '5.00'),
    ];
    expect(await customer.quoted('2026-10')).toEqual(foretold);
    expect(await customer.bill('2026-10')).toEqual([...foretold, line('Voice calls', '100.00')]);
  });
});

describe('a fee that is given an end', () => {
  const END = '2027-05-31T22:00:00Z';

  it('is not charged again for a month in which its plan was joined late', async () => {
    const customer = await desk.customer();
    const first = await customer.plan([{ name: 'Base', amount: '10' }], 'First');
    await customer.subscribe(first, MARCH);
    await customer.bill('2026-10');
    // Made and joined when October is billed already; 31.00 * 11 / 31 are 11.00.
    const plan = await customer.plan([seats('31')], 'Second');
    await customer.subscribe(plan, '2026-10-21T10:00:00Z');
    expect(await customer.bill('2026-11')).toEqual([
      line(`First: Base, ${NOVEMBER}`, '10.00'),
      line(`Second: Seats, ${NOVEMBER}`, '31.00'),
      line('Second: Seats, 21 Oct 2026 – 31 Oct 2026 (11 of 31 days)', '11.00'),
    ]);
    await customer.closeFee(plan, END);
    expect(await customer.bill('2026-12')).toEqual([
      line('First: Base, 1 Dec 2026 – 31 Dec 2026', '10.00'),
      line('Second: Seats, 1 Dec 2026 – 31 Dec 2026', '31.00'),
    ]);
  });

  it('is charged by what late usage adds for a month that had nothing to bill', async () => {
    const customer = await desk.customer();
    const plan = await customer.plan([share('5')]);
    await customer.subscribe(plan, MARCH);
    expect(await customer.bill('2026-10')).toEqual([]);
    await customer.use('2026-10-05', '100');
    const october = `Cloud: Share, ${OCTOBER}`;
    expect(await customer.bill('2026-11')).toEqual([
      line(october, '5.00'),
      line('Voice calls', '100.00'),
    ]);
    await customer.closeFee(plan, END);
    await customer.use('2026-10-06', '40');
    // 5 % of 140.00 are 7.00, of which 5.00 are charged.
    expect(await customer.bill('2026-12')).toEqual([
      line(october, '2.00'),
      line('Voice calls', '40.00'),
    ]);
  });

  it('is not charged again where an earlier month is billed after a later one', async () => {
    const customer = await desk.customer();
    const plan = await customer.plan([share('5'), { name: 'Base', amount: '10' }]);
    await customer.subscribe(plan, MARCH);
    await customer.use('2026-10-05', '100');
    expect(await customer.bill('2026-11')).toEqual([
      line(`Cloud: Base, ${NOVEMBER}`, '10.00'),
      line(`Cloud: Share, ${OCTOBER}`, '5.00'),
      line('Voice calls', '100.00'),
    ]);
    await customer.closeFee(plan, END);
    expect(await customer.bill('2026-10')).toEqual([line(`Cloud: Base, ${OCTOBER}`, '10.00')]);
  });
});

it('is not charged to those of a month that was billed before it was known', async () => {
  const customer = await desk.customer();
  const plan = await customer.plan([{ name: 'Base', amount: '1' }]);
  await customer.subscribe(plan, MARCH, { count: 5 });
  expect(await customer.bill('2026-10')).toEqual([line(`Cloud: Base, ${OCTOBER}`, '5.00')]);
  const fee = { ...seats('10'), kind: 'PERIODIC', validFrom: '2025-12-31T23:00:00Z' };
  await desk.ask(ADD_FEE, { id: plan, fee });
  await customer.subscribe(plan, MARCH);
  expect(await customer.bill('2026-11')).toEqual([
    line(`Cloud: Base, ${NOVEMBER}`, '6.00'),
    line(`Cloud: Base, ${OCTOBER}`, '1.00'),
    line(`Cloud: Seats, ${NOVEMBER}`, '60.00'),
  ]);
});

describe('a subscription that is recorded late', () => {
  // 31.00 * 16 / 31 are 16.00.
  it('is billed though it has ended meanwhile', async () => {
    const customer = await desk.customer();
    const plan = await customer.plan([{ name: 'Base', amount: '31' }]);
    await customer.subscribe(plan, MARCH, { endsAt: '2026-10-31T23:00:00Z' });
    await customer.bill('2026-10');
    await customer.subscribe(plan, '2026-10-05T10:00:00Z', { endsAt: '2026-10-20T10:00:00Z' });
    const late = [line('Cloud: Base, 5 Oct 2026 – 20 Oct 2026 (16 of 31 days)', '16.00')];
    expect(await customer.quoted('2026-11')).toEqual(late);
    expect(await customer.bill('2026-11')).toEqual(late);
    expect(await customer.bill('2026-12')).toEqual(['NOTHING_TO_BILL']);
  });

  it('is billed though its fee has ended meanwhile', async () => {
    const customer = await desk.customer();
    const plan = await customer.plan([{ name: 'Base', amount: '31' }]);
    await customer.subscribe(plan, MARCH);
    await customer.bill('2026-10');
    await customer.subscribe(plan, '2026-10-16T10:00:00Z');
    await customer.closeFee(plan, '2026-10-31T23:00:00Z');
    const late = [line('Cloud: Base, 16 Oct 2026 – 31 Oct 2026 (16 of 31 days)', '16.00')];
    expect(await customer.quoted('2026-11')).toEqual(late);
    expect(await customer.bill('2026-11')).toEqual(late);
  });

  it('is recorded when it is written, not when its request began', async () => {
    const customer = await desk.customer();
    const { partnerId, accountId, contractId } = customer.contract;
    const plan = await customer.plan([{ name: 'Base', amount: '31' }]);
    await customer.subscribe(plan, MARCH);
    const { ownerUrl } = desk.app.app.database.urls;
    const client = new pg.Client({ connectionString: ownerUrl });
    await client.connect();
    await client.query('BEGIN');
    await client.query('SELECT now()');
    expect(await customer.bill('2026-10')).toEqual([line(`Cloud: Base, ${OCTOBER}`, '31.00')]);
    await client.query(
      `INSERT INTO subscription
         (partner_id, account_id, contract_id, service_plan_id, label, starts_at)
       VALUES ($1, $2, $3, $4, 'Slow', $5)`,
      [partnerId, accountId, contractId, rowNumber('ServicePlan', plan), MARCH],
    );
    await client.query('COMMIT');
    await client.end();
    expect(await customer.bill('2026-11')).toEqual([
      line(`Cloud: Base, ${NOVEMBER}`, '62.00'),
      line(`Cloud: Base, ${OCTOBER}`, '31.00'),
    ]);
  });
});

it('is billed once where it began later on the first day of the subscription', async () => {
  const customer = await desk.customer();
  const setup = { name: 'Setup', kind: 'ONE_TIME', amount: '50' };
  const plan = await customer.plan([{ ...setup, validFrom: '2026-10-05T08:30:00Z' }]);
  await customer.subscribe(plan, '2026-10-04T22:00:00Z');
  const lines = [line('Cloud: Setup', '50.00')];
  expect(await customer.quoted('2026-10')).toEqual(lines);
  expect(await customer.bill('2026-10')).toEqual(lines);
  expect(await customer.bill('2026-11')).toEqual(['NOTHING_TO_BILL']);
});

describe('a month that is opened again', () => {
  it('is given back at the rate of tax at which it was charged', async () => {
    const customer = await desk.customer();
    const plan = await customer.plan([share('50')]);
    await customer.subscribe(plan, MARCH);
    await customer.use('2026-10-05', '100');
    await customer.bill('2026-10');
    const versionId = await customer.amendFromNovember('tax_percent = 16');
    await customer.use('2026-10-05', '-100');
    await customer.use('2026-11-05', '400', { versionId });
    await customer.bill('2026-11');
    const lines = await desk.app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(
        `SELECT l.description, l.net::float8 AS net, l.tax_percent::float8 AS tax
         FROM invoice i JOIN invoice_line l ON l.invoice_id = i.id
         WHERE i.contract_id = $1 AND i.period_on = '2026-11-01' ORDER BY l.ordinal`,
        [customer.contract.contractId],
      ),
    );
    expect(lines).toEqual([
      { description: `Cloud: Share, ${NOVEMBER}`, net: 200, tax: 16 },
      { description: `Cloud: Share, ${OCTOBER}`, net: -50, tax: 19 },
      { description: 'Voice calls', net: 400, tax: 16 },
      { description: 'Voice calls', net: -100, tax: 19 },
    ]);
  });

  it.each([
    ['decimals', 'rounding_decimals = 0', '10', ['5.1613', '5.16']],
    ['zone', `time_zone = 'Europe/London'`, '31', ['16.00', '16.00']],
  ])('keeps the %s of its time', async (_, change, amount, [basis, net]) => {
    const customer = await desk.customer();
    const plan = await customer.plan([seats(amount)]);
    // The 16th in Berlin, the 15th in London.
    await customer.subscribe(plan, '2026-10-15T22:00:00Z');
    expect(await customer.bill('2026-10')).toEqual([
      line('Cloud: Seats, 16 Oct 2026 – 31 Oct 2026 (16 of 31 days)', basis as string, net),
    ]);
    await customer.amendFromNovember(change);
    await customer.use('2026-10-05', '1');
    expect(await customer.bill('2026-11')).toEqual([
      line(`Cloud: Seats, ${NOVEMBER}`, `${amount}.00`),
      line('Voice calls', '1.00'),
    ]);
  });

  it('is explained where nobody has the plan any more', async () => {
    const customer = await desk.customer();
    const plan = await customer.plan([{ ...share('5'), minCharge: '1' }]);
    await customer.subscribe(plan, MARCH);
    const other = await customer.plan([{ name: 'Base', amount: '10' }], 'Other');
    await customer.subscribe(other, MARCH);
    await customer.use('2026-10-05', '100');
    await customer.bill('2026-10');
    const [{ id }] = await desk.app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query('SELECT id FROM subscription WHERE contract_id = $1 AND service_plan_id = $2', [
        customer.contract.contractId,
        rowNumber('ServicePlan', plan),
      ]),
    );
    await desk.ask(
      'mutation ($id: ID!, $at: DateTime!) { terminateSubscription(id: $id, at: $at) { id } }',
      { id: toGlobalId('Subscription', id), at: '2026-09-30T22:00:00Z' },
    );
    await customer.use('2026-10-06', '1');
    const [first] = await customer.bill('2026-11');
    expect(first).toEqual(line(`Cloud: Share, ${OCTOBER}`, '-5.00'));
    const [charge] = await customer.charges('2026-11', 'Cloud: Share');
    expect(charge.amount).toBe('-5.00');
    const explanation = { owed: '0', chargedBefore: '5', amount: '-5', equal: true };
    expect(charge.explanation).toMatchObject(explanation);
  });
});

it('is foretold as the invoice has it where a credit is carried over', async () => {
  const customer = await desk.customer();
  const plan = await customer.plan([{ name: 'Base', amount: '10' }, share('5')]);
  await customer.subscribe(plan, MARCH);
  await customer.use('2026-10-05', '100');
  await customer.bill('2026-10');
  await customer.use('2026-10-05', '-60');
  await customer.use('2026-11-05', '20');
  const foretold = await customer.quoted('2026-11');
  expect(foretold).toEqual([line(`Cloud: Base, ${NOVEMBER}`, '10.00')]);
  expect(await customer.bill('2026-11')).toEqual(foretold);
});

it('makes no invoice of what was applied and undone between two runs', async () => {
  const customer = await desk.customer();
  await customer.use('2026-10-05', '100');
  await customer.bill('2026-10');
  await customer.use('2026-10-05', '-60', { records: 0, quantity: 0 });
  await customer.use('2026-10-05', '60', { records: 0, quantity: 0 });
  expect(await customer.bill('2026-11')).toEqual([]);
  await customer.use('2026-12-05', '7');
  expect(await customer.bill('2026-12')).toEqual([line('Voice calls', '7.00')]);
});

it('are charged both where names have 32 equal bits', async () => {
  const customer = await desk.customer();
  const [{ one, other }] = await desk.app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query(
      `SELECT min(name) AS one, max(name) AS other
       FROM (SELECT 'Option ' || n AS name FROM generate_series(1, 300000) n) AS names
       GROUP BY hashtext('PERIODIC' || name) HAVING count(*) = 2 ORDER BY 1 LIMIT 1`,
    ),
  );
  const plan = await customer.plan([
    { name: one, amount: '10' },
    { name: other, amount: '20' },
  ]);
  await customer.subscribe(plan, MARCH);
  expect((await customer.bill('2026-10')).map((shown) => (shown as string[])[2]).sort()).toEqual([
    '10.00',
    '20.00',
  ]);
});
