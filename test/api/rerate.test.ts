import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aRate } from '../fixtures/catalog.js';
import { allRows } from '../fixtures/mediation.js';
import { call, refusal, tokenOf } from '../fixtures/partner.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  importFile,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const DAY_MS = 86_400_000;
const OCTOBER = { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z' };

let kontor: TestApp;
let world: TrafficWorld;
/** Another user of the hub, who approves. */
let approver: string;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  approver = await tokenOf(kontor, world.hub);
  await importFile(kontor, world, 'kontor', HEADER + lines.join(''));
});

afterAll(async () => kontor.stop());

function line(id: string, day: string, caller: string, called: string, seconds: number): string {
  const started = `2026-10-${day}T10:00:00Z`;
  return `${id},voice,${started},+${caller},+${called},${seconds},,CANARY-TRUNK-OUT\n`;
}

const lines = [
  line('f1', '05', CUSTOMER_NUMBER, '33123456789', 90),
  line('f2', '05', CUSTOMER_NUMBER, '33123456789', 2),
  line('m1', '06', CUSTOMER_NUMBER, '33612345678', 90),
  line('d1', '06', DIRECT_NUMBER, '33123456789', 90),
];

const FIELDS = `id state preview stale knownAt
  outcome(step: $step) {
    records changed adjusted totals { currency records before after difference }
    findings { code records xdrIds }
  }`;
const CREATE = `mutation ($input: CreateRerateInput!) { createRerate(input: $input) { id state } }`;
const SHOW = `query ($id: ID!, $step: RerateStep = PREVIEW) { rerate(id: $id) { ${FIELDS} } }`;
const DIFFERENCES = `query ($id: ID!, $by: [RerateDimension!]!, $first: Int!, $after: String) {
  rerate(id: $id) { outcome(step: PREVIEW) {
    differences(by: $by, first: $first, after: $after) {
      nodes {
        partner { name } contract { name } level service destination
        invoice { state net } currency records before after difference
      }
      pageInfo { hasNextPage endCursor }
    }
  } }
}`;
const ACTS = {
  preview: 'mutation ($id: ID!) { previewRerate(id: $id) { id state } }',
  approve: 'mutation ($id: ID!) { approveRerate(id: $id, preview: 1) { id state } }',
  outdated: 'mutation ($id: ID!) { approveRerate(id: $id, preview: 7) { id state } }',
  apply: 'mutation ($id: ID!) { applyRerate(id: $id) { id state } }',
  undo: 'mutation ($id: ID!) { undoRerate(id: $id) { id state } }',
  discard: 'mutation ($id: ID!) { discardRerate(id: $id) { id state } }',
} as const;
type Act = keyof typeof ACTS;

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Answer = any;

const act = (name: Act, id: string, token = world.token): Promise<Answer> =>
  call(kontor, token, ACTS[name], { id });
const refused = (name: Act, id: string, token = world.token): Promise<string> =>
  refusal(kontor, token, ACTS[name], { id });
const shown = (id: string, step = 'PREVIEW', token = world.token): Promise<Answer> =>
  call(kontor, token, SHOW, { id, step });

const settled = () => settle(kontor);

async function create(selection: object, token = world.token): Promise<string> {
  const input = { selection: { ...OCTOBER, ...selection }, reason: 'The price list was wrong' };
  return (await call(kontor, token, CREATE, { input })).id;
}

async function previewed(selection: object, token = world.token): Promise<string> {
  const id = await create(selection, token);
  await act('preview', id, token);
  await settled();
  return id;
}

async function applied(id: string): Promise<Answer> {
  await act('approve', id, approver);
  await act('apply', id);
  await settled();
  return shown(id, 'APPLY');
}

async function differences(id: string, by: string[], token = world.token): Promise<Answer[]> {
  const nodes: Answer[] = [];
  for (let after: string | null = null; ; ) {
    const rerate: Answer = await call(kontor, token, DIFFERENCES, { id, by, first: 1, after });
    const page = rerate.outcome.differences;
    nodes.push(...page.nodes);
    if (!page.pageInfo.hasNextPage) return nodes;
    after = page.pageInfo.endCursor;
  }
}

const XDRS = `query ($filter: XdrFilter!) {
  xdrs(filter: $filter, first: 100) { nodes { id quantity prices { level amount } } }
}`;

async function xdrs(token = world.token): Promise<Answer[]> {
  return (await call(kontor, token, XDRS, { filter: OCTOBER })).nodes;
}

const amountsOf = (xdr: Answer): string[] => xdr.prices.map(({ amount }: Answer) => amount);

/** What subscribers pay for the records, in order of time. */
async function retail(): Promise<string[]> {
  return (await xdrs()).map(({ prices }) => prices.at(-1).amount);
}

async function explained(place: number): Promise<Answer> {
  const xdr = (await xdrs())[place];
  return call(
    kontor,
    world.token,
    `query ($id: ID!) { explainXdr(id: $id) {
      equal levels { level equal storedAmount recomputedAmount tariff { price } }
    } }`,
    { id: xdr.id },
  );
}

/** Sums of the summaries must be what the records cost, tiers and buckets included. */
async function conserved(): Promise<void> {
  const [rows] = await allRows<{ records: string; sums: string }>(
    kontor,
    `SELECT ((SELECT coalesce(sum(a), 0) FROM seen_xdr, unnest(amounts) a)
         + (SELECT coalesce(sum(adjustment), 0) FROM allowance_result))::text AS records,
       (SELECT sum(amount) FROM usage_summary)::text AS sums`,
  );
  expect(rows!.sums).toBe(rows!.records);
  const findings = await kontor.app.database.read(SYSTEM_SCOPE, checkBillingInvariants);
  expect(findings).toEqual([]);
}

async function price(prefix: string, given: object): Promise<string> {
  const terms = { firstIncrement: 60, nextIncrement: 60, validFrom: OCTOBER.from };
  const rate = await aRate(kontor, world.token, world.lists.lowerRetail, {
    prefix,
    ...terms,
    ...given,
  });
  return rate.id;
}

/** Bills a month of the lower reseller. */
async function billed(period: string): Promise<Answer> {
  const token = await tokenOf(kontor, world.hub);
  const input = { period, sellerPartnerId: world.lower.globalId };
  const text = 'mutation ($input: StartBillRunInput!) { startBillRun(input: $input) { id } }';
  const run = await call(kontor, token, text, { input });
  await settled();
  await refusal(kontor, token, 'mutation ($id: ID!) { finaliseBillRun(runId: $id) { id } }', run);
  await settled();
  return call(
    kontor,
    token,
    `query ($id: ID!) { billRun(id: $id) {
      invoices { nodes { state net lines { nodes { earlier net } } } }
      findings { nodes { code details } }
    } }`,
    run,
  );
}

async function unbilled(): Promise<string> {
  const [row] = await allRows<{ sum: string }>(
    kontor,
    `SELECT coalesce(sum(amount), 0)::text AS sum FROM usage_summary
     WHERE invoice_id IS NULL AND contract_id = $1`,
    [rowNumber('Contract', world.contracts.customer)],
  );
  return row!.sum;
}

/** The change set that the tests below go on with. */
let wrongPrice: string;

describe('a preview', () => {
  it('says by partner, level, service and invoice what differs, changing nothing', async () => {
    expect(await retail()).toEqual(['0.30', '0.00', '0.50', '0.1839']);
    const { invoices } = await billed('2026-10');
    expect(invoices.nodes).toMatchObject([{ state: 'FINALISED', net: '0.80' }]);
    await price('33', { price: '0.26' });
    wrongPrice = await previewed({});
    expect(await shown(wrongPrice)).toMatchObject({
      state: 'PREVIEWED',
      stale: false,
      outcome: {
        records: '4',
        changed: '2',
        totals: [
          { currency: 'EUR', records: '2', before: '0.30', after: '0.78', difference: '0.48' },
        ],
        findings: [],
      },
    });
    expect(await differences(wrongPrice, ['PARTNER', 'LEVEL', 'SERVICE', 'INVOICE'])).toEqual([
      {
        partner: { name: 'Customer of Lower' },
        contract: null,
        level: 'RETAIL',
        service: 'VOICE',
        destination: null,
        invoice: { state: 'FINALISED', net: '0.80' },
        currency: 'EUR',
        records: '2',
        before: '0.30',
        after: '0.78',
        difference: '0.48',
      },
    ]);
    expect(await retail()).toEqual(['0.30', '0.00', '0.50', '0.1839']);
    expect(await unbilled()).toBe('0');
    await conserved();
  });
});

describe('an approval', () => {
  it('is given by another user, for the preview that was looked at', async () => {
    expect(await refused('apply', wrongPrice)).toBe('RERATE_STATE');
    expect(await refused('approve', wrongPrice)).toBe('RERATE_OWN_APPROVAL');
    expect(await refused('outdated', wrongPrice, approver)).toBe('RERATE_PREVIEW_OUTDATED');
    const clerk = await tokenOf(kontor, world.hub, ['usage.rerate']);
    expect(await refused('approve', wrongPrice, clerk)).toBe('FORBIDDEN');
    await act('preview', wrongPrice, clerk);
    await settled();
    expect(await shown(wrongPrice)).toMatchObject({ preview: 2, state: 'PREVIEWED' });
    expect(await refused('approve', wrongPrice, approver)).toBe('RERATE_PREVIEW_OUTDATED');
    await act('discard', wrongPrice);
    expect(await refused('preview', wrongPrice)).toBe('RERATE_STATE');
    wrongPrice = await previewed({});
    expect(await act('approve', wrongPrice, approver)).toMatchObject({ state: 'APPROVED' });
  });
});

describe('applying', () => {
  it('shows the prices that were approved, once, and leaves the invoice alone', async () => {
    await price('33', { price: '0.99', validFrom: '2026-10-02T00:00:00Z' });
    expect(await shown(wrongPrice)).toMatchObject({ stale: true });
    expect(await applied(wrongPrice)).toMatchObject({
      state: 'APPLIED',
      outcome: { records: '4', changed: '2', totals: [{ before: '0.30', after: '0.78' }] },
    });
    expect(await retail()).toEqual(['0.52', '0.26', '0.50', '0.1839']);
    expect(await act('apply', wrongPrice)).toMatchObject({ state: 'APPLIED' });
    await settled();
    const corrections = await allRows(kontor, 'SELECT 1 FROM xdr_correction');
    expect(corrections).toHaveLength(2);
    expect(await allRows(kontor, 'SELECT net::text FROM invoice')).toEqual([{ net: '0.8000' }]);
    expect(await unbilled()).toBe('48000000');
    await conserved();
  });

  it('is what explanations explain', async () => {
    const { equal, levels } = await explained(0);
    expect(equal).toBe(true);
    expect(levels.at(-1)).toMatchObject({ storedAmount: '0.52', tariff: { price: '0.26' } });
    expect(levels).toHaveLength(4);
    expect(await explained(2)).toMatchObject({ equal: true });
  });

  it('counts what is billed of the records anew', async () => {
    const rows = await allRows(
      kontor,
      `SELECT sum(records)::int AS records, sum(quantity)::int AS quantity,
         sum(billed_quantity)::int AS billed FROM usage_summary WHERE contract_id = $1`,
      [rowNumber('Contract', world.contracts.customer)],
    );
    // 60 and 60 of 90 seconds, 60 of 2, and 90 of 90 to the mobile number.
    expect(rows).toEqual([{ records: 3, quantity: 182, billed: 120 + 60 + 90 }]);
  });

  it('goes to the next invoice', async () => {
    kontor.clock.advance(12 * DAY_MS);
    world = { ...world, token: await tokenOf(kontor, world.hub) };
    approver = await tokenOf(kontor, world.hub);
    const { invoices } = await billed('2026-11');
    expect(invoices.nodes).toEqual([
      { state: 'FINALISED', net: '0.48', lines: { nodes: [{ earlier: true, net: '0.48' }] } },
    ]);
    expect(await unbilled()).toBe('0');
    await conserved();
  });
});

describe('change sets that meet', () => {
  it('are applied one after the other, the second by what it finds', async () => {
    const [one, other] = [
      await previewed({ contractId: world.contracts.customer }),
      await previewed({ subscriptionId: world.subscriptions.customer, levels: ['RETAIL'] }),
    ];
    const totals = [{ records: '2', before: '0.78', after: '2.97', difference: '2.19' }];
    expect(await shown(one)).toMatchObject({ outcome: { changed: '2', totals } });
    expect(await shown(other)).toMatchObject({ outcome: { changed: '2', totals } });
    await act('approve', one, approver);
    await act('approve', other, approver);
    const owner = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
    await owner.connect();
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE xdr_correction IN ACCESS EXCLUSIVE MODE');
    expect(await act('apply', one)).toMatchObject({ state: 'APPLYING' });
    expect(await act('apply', one)).toMatchObject({ state: 'APPLYING' });
    expect(await refused('apply', other)).toBe('RERATE_BUSY');
    await owner.query('COMMIT');
    await owner.end();
    await settled();
    expect(await shown(one, 'APPLY')).toMatchObject({ state: 'APPLIED', outcome: { totals } });
    expect(await shown(other)).toMatchObject({ stale: true });
    await act('apply', other);
    await settled();
    expect(await shown(other, 'APPLY')).toMatchObject({
      state: 'APPLIED',
      outcome: { records: '3', changed: '0', totals: [] },
    });
    expect(await retail()).toEqual(['1.98', '0.99', '0.50', '0.1839']);
    await conserved();
    await act('undo', one);
    await settled();
    expect(await shown(one, 'UNDO')).toMatchObject({
      state: 'UNDONE',
      outcome: { totals: [{ records: '2', before: '2.97', after: '0.78', difference: '-2.19' }] },
    });
    expect(await retail()).toEqual(['0.52', '0.26', '0.50', '0.1839']);
    await conserved();
  });

  it('are undone in the opposite order', async () => {
    await price('33', { price: '0.05', validFrom: '2026-10-03T00:00:00Z' });
    const cheaper = await previewed({ service: 'VOICE', levels: ['RETAIL', 'COST'] });
    await applied(cheaper);
    expect(await retail()).toEqual(['0.10', '0.05', '0.50', '0.1839']);
    expect(await refused('undo', wrongPrice, approver)).toBe('RERATE_CHANGED_AGAIN');
    expect(await unbilled()).toBe('-63000000');
    kontor.clock.advance(31 * DAY_MS);
    world = { ...world, token: await tokenOf(kontor, world.hub) };
    approver = await tokenOf(kontor, world.hub);
    // What is owed back makes no negative invoice; it waits.
    expect(await billed('2026-12')).toMatchObject({
      invoices: { nodes: [] },
      findings: {
        nodes: [{ code: 'CREDIT_CARRIED_OVER', details: { currency: 'EUR', amount: '-0.63' } }],
      },
    });
    expect(await unbilled()).toBe('-63000000');
    await conserved();
    await act('undo', cheaper);
    await settled();
    expect(await retail()).toEqual(['0.52', '0.26', '0.50', '0.1839']);
    await act('undo', wrongPrice);
    await settled();
    expect(await retail()).toEqual(['0.30', '0.00', '0.50', '0.1839']);
    expect(await unbilled()).toBe('-48000000');
    expect(await explained(0)).toMatchObject({ equal: true });
    await conserved();
  });
});

describe('records without a price any more', () => {
  it('are listed and stay as they are', async () => {
    const rate = await price('33', { price: '0.07', validFrom: '2026-10-04T00:00:00Z' });
    await call(
      kontor,
      world.token,
      'mutation ($id: ID!, $at: DateTime!) { closeRate(rateId: $id, at: $at) { id } }',
      { id: rate, at: '2026-10-05T00:00:00Z' },
    );
    const id = await previewed({ partnerId: world.upper.globalId });
    const [first, second] = await xdrs();
    const { outcome } = await shown(id);
    expect(outcome).toMatchObject({ records: '3', changed: '0', totals: [] });
    expect(outcome.findings).toEqual([
      { code: 'NO_RATE', records: '2', xdrIds: expect.arrayContaining([first.id, second.id]) },
    ]);
    await applied(id);
    expect(await retail()).toEqual(['0.30', '0.00', '0.50', '0.1839']);
    await conserved();
  });
});

describe('a reseller', () => {
  it('rates anew what it sells itself, and nothing else', async () => {
    const fee = { connectionFee: '0.05', firstIncrement: 60, nextIncrement: 1 };
    await price('33612', { price: '0.40', ...fee });
    await aRate(kontor, world.token, world.lists.base, {
      prefix: '33612',
      price: '0.20',
      firstIncrement: 60,
      nextIncrement: 60,
      validFrom: OCTOBER.from,
    });
    const [file] = await allRows<{ id: number }>(kontor, 'SELECT id FROM usage_file');
    const ours = await previewed({ fileId: toGlobalId('UsageFile', file!.id) });
    const levels = await differences(ours, ['LEVEL', 'CONTRACT']);
    expect(levels.map(({ level, before, after }) => [level, before, after])).toEqual([
      ['WHOLESALE', '0.2101', '0.32'],
      ['RETAIL', '0.50', '0.65'],
    ]);
    const lower = await tokenOf(kontor, world.lower);
    const theirs = await previewed({}, lower);
    const seen = await differences(theirs, ['LEVEL', 'CONTRACT'], lower);
    expect(seen.map(({ level, before, after }) => [level, before, after])).toEqual([
      ['RETAIL', '0.50', '0.65'],
    ]);
    expect(await shown(ours, 'PREVIEW', lower)).toBeNull();
    expect(await refused('apply', ours, lower)).toBe('NOT_FOUND');
    const input = (contractId: string) => ({
      input: { selection: { ...OCTOBER, contractId }, reason: 'Not ours' },
    });
    const mute = { input: { selection: OCTOBER, reason: 'half \ud800' } };
    expect(await refusal(kontor, lower, CREATE, mute)).toBe('BAD_USER_INPUT');
    const { upper: hidden, lower: bought } = world.contracts;
    expect(await refusal(kontor, lower, CREATE, input(hidden))).toBe('NOT_FOUND');
    expect(await refusal(kontor, lower, CREATE, input(bought))).toBe('RERATE_NOT_SELLER');
    await act('approve', theirs, await tokenOf(kontor, world.lower));
    await act('apply', theirs, lower);
    await settled();
    expect(amountsOf((await xdrs())[2])).toEqual(['0.0465', '0.2101', '0.231', '0.65']);
    expect(amountsOf((await xdrs(lower))[2])).toEqual(['0.231', '0.65']);
    expect(await explained(2)).toMatchObject({ equal: true });
    await conserved();
  });
});

describe('a bucket that was forgotten', () => {
  it('is folded on trial, applied and undone', async () => {
    await aPlanWithMinutes();
    const id = await previewed({ subscriptionId: world.subscriptions.direct });
    const totals = [{ records: '1', before: '0.00', after: '-0.1839', difference: '-0.1839' }];
    expect(await shown(id)).toMatchObject({
      state: 'PREVIEWED',
      outcome: { records: '1', changed: '0', adjusted: '1', totals },
    });
    expect((await retail()).at(-1)).toBe('0.1839');
    await applied(id);
    expect((await retail()).at(-1)).toBe('0.00');
    await conserved();
    await act('undo', id);
    await settled();
    expect((await retail()).at(-1)).toBe('0.1839');
    await conserved();
  });
});

// Two free minutes a month for the direct customer's line, which were not there at the import.
async function aPlanWithMinutes(): Promise<void> {
  await kontor.app.database.write(SYSTEM_SCOPE, async (tx) => {
    const [plan] = await tx.query(
      `INSERT INTO service_plan (partner_id, name, currency) VALUES ($1, 'Two minutes', 'EUR')
       RETURNING id`,
      [world.hub.id],
    );
    await tx.query('UPDATE subscription SET service_plan_id = $1 WHERE id = $2', [
      plan.id,
      rowNumber('Subscription', world.subscriptions.direct),
    ]);
    await tx.query(
      `INSERT INTO bucket (partner_id, name, service_plan_id, kind, amount, services,
         valid_from) VALUES ($1, 'Free seconds', $2, 'UNITS', 120, '{VOICE}', '2026-01-01')`,
      [world.hub.id, plan.id],
    );
  });
}
