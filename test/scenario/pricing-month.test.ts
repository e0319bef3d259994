import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { aPricingMonth, type PricingMonth } from './pricing-month-world.js';

const RECEPTION = '4930111222';
const WORKSHOP = '4930333444';
const GERMANY = '4940123456';
const FRANCE = '33123456789';
const POLAND = '48221234567';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const line = (id: string, at: string, from: string, to: string, seconds: number) =>
  `${id},voice,2026-10-${at}Z,+${from},+${to},${seconds},,OUT-OSTSEE\n`;

const IN_TIME =
  line('f0', '03T08:00:00', RECEPTION, FRANCE, 60) +
  line('g1', '06T10:00:00', RECEPTION, GERMANY, 540) +
  line('f1', '07T15:58:30', RECEPTION, FRANCE, 240) +
  line('g2', '08T10:00:00', RECEPTION, GERMANY, 120) +
  line('f2', '09T08:00:00', RECEPTION, FRANCE, 180) +
  line('f3', '10T08:00:00', RECEPTION, FRANCE, 60) +
  line('p1', '12T10:00:00', RECEPTION, POLAND, 240) +
  line('p2', '13T10:00:00', RECEPTION, POLAND, 180) +
  line('w1', '14T10:00:00', WORKSHOP, GERMANY, 480);
const LATE =
  line('g0', '05T10:00:00', RECEPTION, GERMANY, 300) +
  line('p0', '11T10:00:00', RECEPTION, POLAND, 120);

let app: TestApp;
let month: PricingMonth;

beforeAll(async () => {
  app = await testApp();
  app.clock.advance(Date.parse('2026-11-05T10:00:00Z') - Date.now());
  month = await aPricingMonth(app);
});
afterAll(() => app?.stop());

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

async function imported(name: string, lines: string): Promise<void> {
  const { hub, ids } = month;
  const sent = await hub.send(name, HEADER + lines, ids.source ?? '');
  await hub.done(sent.runId);
  const records = lines.split('\n').length - 1;
  expect(await hub.counts(sent.fileId)).toMatchObject({ received: records, rated: records });
  await settle(app);
}

async function records(): Promise<Asked[]> {
  const { nodes } = await month.hub.ask(
    `query ($filter: XdrFilter!) {
      xdrs(filter: $filter, first: 50) {
        nodes { id startedAt bNumber prices { level amount baseAmount coveredQuantity } }
      }
    }`,
    { filter: { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' } },
  );
  return [...nodes].sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

/** Day of October, price, price for itself, units from buckets; in order of time. */
async function charged(to: string): Promise<string[]> {
  return (await records())
    .filter(({ bNumber }) => bNumber === to)
    .map(({ startedAt, prices: [, { amount, baseAmount, coveredQuantity }] }) =>
      [startedAt.slice(8, 10), amount, baseAmount, coveredQuantity].join(' '),
    );
}

async function explained(day: string): Promise<Asked> {
  const found = (await records()).find(({ startedAt }) => startedAt.slice(8, 10) === day);
  const why = await month.hub.ask(
    `query ($id: ID!) {
      explainXdr(id: $id) {
        equal
        levels {
          level amount equal formula holiday band conversion { from to rate }
          slices { localTime band seconds billedQuantity price }
          rules { name acted amount capLeft }
          month {
            pending coveredQuantity tierBefore amount
            covered { name used left } tiers { from upTo units price }
            rules { acted amount capLeft }
          }
        }
      }
    }`,
    { id: found.id },
  );
  expect(why.equal).toBe(true);
  // What is explained is what is shown, at every level.
  expect(why.levels.map(({ amount }: Asked) => amount)).toEqual(
    found.prices.map(({ amount }: Asked) => amount),
  );
  return why.levels[1];
}

async function balance(label: string, of: string): Promise<Asked> {
  const { bucketBalances } = await month.hub.ask(
    `query ($id: ID!, $month: String!) {
      subscription(id: $id) {
        bucketBalances(month: $month) {
          pending buckets { name granted rolledIn used left usedBy { label used } }
        }
      }
    }`,
    { id: month.ids[label], month: of },
  );
  expect(bucketBalances.pending).toBe(false);
  return bucketBalances.buckets[0];
}

async function quoted(to: string, inMonth: boolean): Promise<string> {
  const { levels } = await month.hub.ask(
    'query ($input: QuoteInput!) { quote(input: $input) { levels { level amount fault } } }',
    {
      input: {
        subscriptionId: month.ids.reception,
        aNumber: RECEPTION,
        bNumber: to,
        quantity: '60',
        startedAt: '2026-10-20T10:00:00Z',
        outTrunkId: month.ids.out,
        inMonth,
      },
    },
  );
  return levels.map(({ amount, fault }: Asked) => amount ?? fault).join(' ');
}

describe('a month with allowances', () => {
  it('covers, splits and discounts calls in the order of time', async () => {
    await imported('october.csv', IN_TIME);
    // 540 of 600 seconds are covered, then 60 of 120: 0.02 + 60 * 0.10 / 60. For itself g1 costs
    // 0.02 + 9 * 0.10 and g2 0.02 + 2 * 0.10. The workshop has ten minutes of its own.
    expect(await charged(GERMANY)).toEqual([
      '06 0.00 0.92 540',
      '08 0.12 0.22 60',
      '14 0.00 0.82 480',
    ]);
    // The third is a holiday: 0.10, less 10 % 0.09. The seventh is cut at six in the evening:
    // 90 * 0.20 / 60 + 150 * 0.10 / 60 = 0.55, less 10 % 0.495. Of the cap of 0.10 are 0.035
    // left for the ninth: 3 * 0.20 - 0.035 and not - 0.06. Then nothing is left for 0.20.
    expect(await charged(FRANCE)).toEqual([
      '03 0.09 0.09 0',
      '07 0.495 0.495 0',
      '09 0.565 0.54 0',
      '10 0.20 0.18 0',
    ]);
    // 240 s at 0.12 a minute; then 60 s at 0.12 and 120 s at 0.06, of which for itself none.
    expect(await charged(POLAND)).toEqual(['12 0.48 0.48 0', '13 0.24 0.36 0']);
    expect(await balance('reception', '2026-10')).toMatchObject({ used: '600', left: '0' });
  });

  it('puts a late file in its place', async () => {
    await imported('late.csv', LATE);
    // The fifth takes 300 s, of which the sixth lacks 240: 0.02 + 4 * 0.10; the eighth has none.
    expect(await charged(GERMANY)).toEqual([
      '05 0.00 0.52 300',
      '06 0.42 0.92 300',
      '08 0.22 0.22 0',
      '14 0.00 0.82 480',
    ]);
    // 120 s; then 180 s at 0.12 and 60 s at 0.06; then 180 s at 0.06.
    expect(await charged(POLAND)).toEqual(['11 0.24 0.24 0', '12 0.42 0.48 0', '13 0.18 0.36 0']);
    const [first] = await records();
    // 0.0109 dollars are one cent.
    expect(first.prices[0]).toMatchObject({ level: 'COST', amount: '0.01' });
  });

  it('says what is left, and carries over what may be', async () => {
    expect(await balance('reception', '2026-10')).toEqual({
      __typename: 'BucketBalance',
      name: 'Ten minutes',
      granted: '600',
      rolledIn: '0',
      used: '600',
      left: '0',
      usedBy: [{ __typename: 'BucketUser', label: 'reception', used: '600' }],
    });
    expect(await balance('workshop', '2026-10')).toMatchObject({ used: '480', left: '120' });
    // Of 120 s a minute is carried over; nothing of nothing.
    const november = { granted: '600', used: '0' };
    expect(await balance('workshop', '2026-11')).toMatchObject({ ...november, rolledIn: '60' });
    expect(await balance('reception', '2026-11')).toMatchObject({ ...november, rolledIn: '0' });
  });

  it('explains a holiday, a call in two bands, a covered one and tiers', async () => {
    expect(await explained('03')).toMatchObject({ holiday: true, band: 'Rest' });
    const split = await explained('07');
    expect(split).toMatchObject({ amount: '0.495', holiday: false });
    expect(split.slices).toMatchObject([
      { localTime: '2026-10-07 17:58:30', band: 'Peak', seconds: '90', price: '0.2' },
      { localTime: '2026-10-07 18:00:00', band: null, seconds: '150', price: '0.1' },
    ]);
    expect(split.month.rules).toMatchObject([{ acted: true, amount: '-0.055', capLeft: '0.09' }]);
    const covered = await explained('06');
    expect(covered.month).toMatchObject({ pending: false, coveredQuantity: '300', amount: '0.42' });
    expect(covered.month.covered).toMatchObject([{ name: 'Ten minutes', used: '300', left: '0' }]);
    const tiered = await explained('12');
    expect(tiered.month).toMatchObject({ tierBefore: '120', amount: '0.42' });
    expect(tiered.month.tiers).toMatchObject([
      { from: '0', upTo: '300', units: '180', price: '0.12' },
      { from: '300', upTo: null, units: '60', price: '0.06' },
    ]);
  });

  it('quotes the next call by what the month has left', async () => {
    // Cost, then price. For itself a minute to Germany is covered by no bucket.
    expect(await quoted(GERMANY, false)).toBe('0.01 0.12');
    expect(await quoted(GERMANY, true)).toBe('0.01 0.12');
    // Peak with its discount, and with a cap that is used up.
    expect(await quoted(FRANCE, false)).toBe('0.01 0.18');
    expect(await quoted(FRANCE, true)).toBe('0.01 0.20');
    // The first minute of the month, and one behind 540 s.
    expect(await quoted(POLAND, false)).toBe('0.01 0.12');
    expect(await quoted(POLAND, true)).toBe('0.01 0.06');
  });

  it('bills and reports what is left after allowances', async () => {
    const { hub } = month;
    const run = await hub.ask('mutation { startBillRun(input: { period: "2026-10" }) { id } }');
    await hub.done(run.id);
    const { nodes } = await hub.ask(
      `query {
        invoices(first: 5, filter: { period: "2026-10" }) {
          nodes {
            net tax gross
            lines { nodes { kind description records quantity billedQuantity basis net } }
          }
        }
      }`,
    );
    expect(nodes.length).toBe(1);
    const [invoice] = nodes;
    const lines = invoice.lines.nodes.map((one: Asked) =>
      [one.kind === 'USAGE' ? one.description : one.kind, one.records, one.quantity]
        .concat([one.billedQuantity, one.net])
        .join(' '),
    );
    // France 0.09 + 0.495 + 0.565 + 0.20, Germany 0.42 + 0.22, Poland 0.24 + 0.42 + 0.18.
    expect(lines).toEqual([
      'PERIODIC_FEE 2 31 31 24.80',
      'France 4 540 540 1.35',
      'Germany 4 1440 1440 0.64',
      'Poland 3 540 540 0.84',
    ]);
    // 19 % of 27.63 are 5.2497.
    expect(invoice).toMatchObject({ net: '27.63', tax: '5.25', gross: '32.88' });
    const usage = await hub.ask(
      `query { usageByDestination(period: "2026-10") {
        nodes { destination cost revenue margin }
      } }`,
    );
    // A cent a minute: 540, 1,440 and 540 seconds.
    expect(usage.nodes).toMatchObject([
      { destination: 'France', cost: '0.09', revenue: '1.35', margin: '1.26' },
      { destination: 'Germany', cost: '0.24', revenue: '0.64', margin: '0.40' },
      { destination: 'Poland', cost: '0.09', revenue: '0.84', margin: '0.75' },
    ]);
  });

  it('leaves books that agree with each other', async () => {
    expect(await app.app.database.read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);
  });
});
