import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import {
  aBillableContract,
  aBillingPartner,
  aDestination,
  aPlan,
  type BuiltContract,
  someSubscriptions,
  someUsage,
} from '../fixtures/billing.js';
import { aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

let app: TestApp;
const partners: Record<'hub' | 'supplier' | 'north' | 'south' | 'shop', number> = {} as never;
const tokens: Record<'hub' | 'north' | 'south' | 'shop' | 'clerk' | 'uninvited', string> =
  {} as never;
let toNorth: BuiltContract;
let toShop: BuiltContract;
let mobile: number;

const START = `mutation ($input: StartBillRunInput!, $key: String) {
  startBillRun(input: $input, idempotencyKey: $key) { id kind state subject batchesTotal } }`;
const FINALISE_RUN = `mutation ($runId: ID!, $key: String) {
  finaliseBillRun(runId: $runId, idempotencyKey: $key) { id subject batchesTotal } }`;
const FINALISE = `mutation ($id: ID!) {
  finaliseInvoice(id: $id) { id number state issuedOn dueOn pdfSha256 pdfPath } }`;
const INVOICES = `query ($filter: InvoiceFilter! = {}, $first: Int! = 20, $after: String) {
  invoices(filter: $filter, first: $first, after: $after) {
    nodes { id number state net tax gross basis rounding currency periodOn sellerName buyerName
      seller { name } buyer { id } contract { id } account { number }
      taxes { taxCode taxPercent basis tax }
      lines(first: 20) { nodes { id kind description records quantity billedQuantity basis net } } }
    pageInfo { hasNextPage endCursor } } }`;
const REPORT = `query ($period: String!, $partnerId: ID, $currency: String) {
  usageByDestination(period: $period, partnerId: $partnerId, currency: $currency) {
    nodes { service destination currency records quantity billedQuantity cost revenue margin } } }`;

beforeAll(async () => {
  app = await testApp();
  app.clock.advance(Date.parse('2026-11-21T10:00:00Z') - Date.now());
  const { database } = app.app;
  partners.hub = await aBillingPartner(database, { name: 'Hub GmbH' });
  const below = { parentId: partners.hub };
  partners.supplier = await aBillingPartner(database, { ...below, kind: 'SUPPLIER' });
  partners.north = await aBillingPartner(database, { ...below, name: 'North', language: 'de' });
  partners.south = await aBillingPartner(database, { ...below, name: 'South' });
  partners.shop = await aBillingPartner(database, { parentId: partners.north, name: 'Shop' });
  const cost = await aBillableContract(database, {
    level: 'COST',
    sellerId: partners.supplier,
    buyerId: partners.hub,
    currency: 'USD',
  });
  const wholesale = { level: 'WHOLESALE', sellerId: partners.hub } as const;
  toNorth = await aBillableContract(database, { ...wholesale, buyerId: partners.north });
  const toSouth = await aBillableContract(database, { ...wholesale, buyerId: partners.south });
  toShop = await aBillableContract(database, { sellerId: partners.north, buyerId: partners.shop });
  mobile = await aDestination(database, 'France Mobile');
  const call = {
    on: '2026-10-05',
    destinationId: mobile,
    records: 10,
    quantity: 595,
    billedQuantity: 600,
  };
  await someUsage(database, cost, { ...call, records: 20, amount: '1.00' });
  await someUsage(database, toNorth, { ...call, amount: '2.50' });
  await someUsage(database, toShop, { ...call, amount: '4.00' });
  await someUsage(database, toSouth, { ...call, amount: '3.00' });
  await someUsage(database, toNorth, { ...call, on: '2026-10-06', records: 1, amount: '0.125' });
  const fees = [{ name: 'Grundgebühr', kind: 'PERIODIC', amount: '10' }] as const;
  const planId = await aPlan(database, { sellerId: partners.north, name: 'Office', fees });
  const subscriptions = { planId, startsAt: '2026-03-01T00:00:00Z', count: 3 };
  await someSubscriptions(database, toShop, subscriptions);
  for (const name of ['hub', 'north', 'south', 'shop'] as const) {
    const user = await aUser(app, { partnerId: partners[name] });
    tokens[name] = await app.signIn(user.email);
  }
  const clerk = await aUser(app, {
    partnerId: partners.hub,
    permissions: ['usage.read', 'invoice.read'],
  });
  tokens.clerk = await app.signIn(clerk.email);
  const permissions = ['usage.read'];
  const uninvited = await aUser(app, { partnerId: partners.hub, permissions });
  tokens.uninvited = await app.signIn(uninvited.email);
});
afterAll(async () => {
  await app?.stop();
});

async function finished(runId: string, token: string): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const answer = await app.graphql(
      'query ($id: ID!) { run(id: $id) { state } }',
      { id: runId },
      token,
    );
    const { state } = answer.data.run;
    if (state === 'DONE') return;
    expect(['READY', 'RUNNING']).toContain(state);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('the run does not end');
}

async function bill(token: string, key?: string): Promise<string> {
  const input = { period: '2026-10' };
  const answer = await app.graphql(START, { input, key }, token);
  expect(answer.errors).toEqual([]);
  await finished(answer.data.startBillRun.id, token);
  return answer.data.startBillRun.id;
}

async function listed(token: string, filter: object = {}) {
  const answer = await app.graphql(INVOICES, { filter }, token);
  expect(answer.errors).toEqual([]);
  return answer.data.invoices.nodes;
}

const fetchPdf = (path: string, token?: string) =>
  fetch(`${app.url}${path}`, { headers: token ? { authorization: `Bearer ${token}` } : {} });

describe('billing over HTTP', () => {
  it('goes from usage to drafts that only sellers see', async () => {
    const first = await bill(tokens.hub, 'october');
    expect(await bill(tokens.hub, 'october')).toBe(first);
    expect(await bill(tokens.hub)).toBe(first);
    const reused = { input: { period: '2026-09' }, key: 'october' };
    expect((await app.graphql(START, reused, tokens.hub)).codes).toEqual([
      'IDEMPOTENCY_KEY_REUSED',
    ]);
    await bill(tokens.north);

    const north = { partnerId: toGlobalId('Partner', partners.north) };
    const [invoice, ...more] = await listed(tokens.hub, north);
    expect(more).toEqual([]);
    expect(invoice).toMatchObject({
      number: null,
      state: 'DRAFT',
      basis: '2.625',
      net: '2.63',
      rounding: '0.005',
      tax: '0.50',
      gross: '3.13',
      periodOn: '2026-10-01',
      sellerName: 'Hub GmbH',
      buyerName: 'North',
      seller: { name: 'Hub GmbH' },
      buyer: { id: north.partnerId },
      contract: { id: toGlobalId('Contract', toNorth.contractId) },
      taxes: [{ taxCode: 'S', taxPercent: '19', basis: '2.63', tax: '0.50' }],
    });
    expect(invoice.lines.nodes).toMatchObject([
      { kind: 'USAGE', description: 'France Mobile', records: '11', billedQuantity: '1200' },
    ]);
    expect((await listed(tokens.hub)).length).toBe(3);
    expect((await listed(tokens.north)).map((one: { net: string }) => one.net)).toEqual(['34.00']);
    expect(await listed(tokens.south)).toEqual([]);
    expect(await listed(tokens.shop)).toEqual([]);
  });

  it('shows a bill run with its sums and findings, and nothing to strangers', async () => {
    const id = await bill(tokens.hub);
    const query = `query ($id: ID!) { billRun(id: $id) { step period run { state result }
      seller { name } totals { currency invoices finalised net gross }
      findings { nodes { code message contractId details } } invoices { nodes { net } } } }`;
    const answer = await app.graphql(query, { id }, tokens.hub);
    expect(answer.errors).toEqual([]);
    expect(answer.data.billRun).toMatchObject({
      step: 'BILL',
      period: '2026-10',
      run: { state: 'DONE', result: { invoices: 2, findings: 0 } },
      seller: { name: 'Hub GmbH' },
      totals: [{ currency: 'EUR', invoices: 2, net: '5.63', gross: '6.70' }],
      findings: { nodes: [] },
    });
    // Two contracts are billed at the same time, and either may be done first.
    const nets = answer.data.billRun.invoices.nodes.map((one: { net: string }) => one.net);
    expect(nets.sort()).toEqual(['2.63', '3.00']);
    expect((await app.graphql(query, { id }, tokens.north)).data.billRun).toBeNull();
  });

  it('traces lines to days of usage and to the fees of subscriptions', async () => {
    const [invoice] = await listed(tokens.north);
    const [fee, usage] = invoice.lines.nodes;
    const days = await app.graphql(
      `query ($lineId: ID!) { invoiceLineSummary(lineId: $lineId) {
        nodes { usageOn records quantity billedQuantity amount } } }`,
      { lineId: usage.id },
      tokens.north,
    );
    expect(days.data.invoiceLineSummary.nodes).toEqual([
      {
        usageOn: '2026-10-05',
        records: '10',
        quantity: '595',
        billedQuantity: '600',
        amount: '4.00',
      },
    ]);
    const charges = await app.graphql(
      `query ($lineId: ID!) { invoiceLineCharges(lineId: $lineId) {
        nodes { feeName spanFrom spanTo amount subscriptionId } } }`,
      { lineId: fee.id },
      tokens.north,
    );
    expect(charges.data.invoiceLineCharges.nodes.length).toBe(3);
    expect(charges.data.invoiceLineCharges.nodes[0]).toMatchObject({
      feeName: 'Grundgebühr',
      spanFrom: '2026-10-01',
      spanTo: '2026-11-01',
      amount: '10.00',
    });
    const stranger = `query ($lineId: ID!) { invoiceLineSummary(lineId: $lineId) {
      nodes { amount } } }`;
    for (const token of [tokens.south, tokens.shop]) {
      const answer = await app.graphql(stranger, { lineId: usage.id }, token);
      expect(answer.codes).toEqual(['NOT_FOUND']);
    }
  });

  it('pages through days whatever the cursor says', async () => {
    const [invoice] = await listed(tokens.hub, {
      partnerId: toGlobalId('Partner', partners.north),
    });
    const query = `query ($lineId: ID!, $after: String) {
      invoiceLineSummary(lineId: $lineId, first: 1, after: $after) {
        nodes { usageOn amount } pageInfo { hasNextPage endCursor } } }`;
    const lineId = invoice.lines.nodes[0].id;
    const one = await app.graphql(query, { lineId }, tokens.hub);
    const after = one.data.invoiceLineSummary.pageInfo.endCursor;
    const two = await app.graphql(query, { lineId, after }, tokens.hub);
    expect(one.data.invoiceLineSummary.pageInfo.hasNextPage).toBe(true);
    expect(two.data.invoiceLineSummary).toMatchObject({
      nodes: [{ usageOn: '2026-10-06', amount: '0.125' }],
      pageInfo: { hasNextPage: false },
    });
    const bad = Buffer.from('["soon"]').toString('base64url');
    expect((await app.graphql(query, { lineId, after: bad }, tokens.hub)).codes).toEqual([
      'INVALID_DATE',
    ]);
  });

  it('finalises a run, after which buyers see their invoices and siblings none', async () => {
    const runId = await bill(tokens.hub);
    const answer = await app.graphql(FINALISE_RUN, { runId, key: 'f' }, tokens.hub);
    expect(answer.errors).toEqual([]);
    expect(answer.data.finaliseBillRun.batchesTotal).toBe(2);
    await finished(answer.data.finaliseBillRun.id, tokens.hub);
    const ofHub = await listed(tokens.hub, { state: 'FINALISED' });
    expect(ofHub.map((one: { number: string }) => one.number).sort()).toEqual([
      'INV-2026-000001',
      'INV-2026-000002',
    ]);
    const ofNorth = await listed(tokens.north);
    expect(
      ofNorth.map((one: { sellerName: string; seller: unknown }) => [one.sellerName, one.seller]),
    ).toEqual([
      ['Hub GmbH', null],
      ['North', { name: 'North' }],
    ]);
    expect((await listed(tokens.south)).length).toBe(1);
    expect(await listed(tokens.shop)).toEqual([]);
    const partner = await app.graphql(
      'query ($id: ID!) { partner(id: $id) { invoices { nodes { number } } } }',
      { id: toGlobalId('Partner', partners.north) },
      tokens.north,
    );
    expect(partner.data.partner.invoices.nodes.length).toBe(1);
  });

  it('serves the PDF as stored, and a preview of a draft, to those who may see them', async () => {
    const [draft] = await listed(tokens.north, { state: 'DRAFT' });
    const id = draft.id;
    const preview = await fetchPdf(`/documents/invoices/${id}.pdf`, tokens.north);
    expect([preview.status, preview.headers.get('content-type')]).toEqual([200, 'application/pdf']);
    expect(preview.headers.get('content-disposition')).toMatch(/filename="draft-\d+\.pdf"/);
    const answer = await app.graphql(FINALISE, { id }, tokens.north);
    const { number, pdfSha256, pdfPath, state } = answer.data.finaliseInvoice;
    expect([state, number]).toEqual(['FINALISED', 'INV-2026-000001']);
    expect((await app.graphql(FINALISE, { id }, tokens.north)).data).toEqual(answer.data);
    for (const token of [tokens.north, tokens.shop, tokens.hub]) {
      const pdf = await fetchPdf(pdfPath, token);
      const bytes = Buffer.from(await pdf.arrayBuffer());
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(pdfSha256);
      expect(bytes.subarray(0, 5).toString()).toBe('%PDF-');
      expect(pdf.headers.get('content-disposition')).toContain('INV-2026-000001.pdf');
    }
    const hidden = await fetchPdf(pdfPath, tokens.south);
    const missing = await fetchPdf(
      `/documents/invoices/${toGlobalId('Invoice', 999_999)}.pdf`,
      tokens.south,
    );
    expect([hidden.status, missing.status]).toEqual([404, 404]);
    expect((await fetchPdf(pdfPath)).status).toBe(401);
    expect((await fetchPdf(pdfPath, tokens.uninvited)).status).toBe(403);
    expect((await fetchPdf('/documents/invoices/nonsense.pdf', tokens.hub)).status).toBe(400);
  });

  it('gives the whole invoice as data with amounts as text', async () => {
    const [invoice] = await listed(tokens.shop);
    const answer = await app.graphql(
      'query ($id: ID!) { invoiceDocument(id: $id) }',
      { id: invoice.id },
      tokens.shop,
    );
    expect(answer.data.invoiceDocument).toMatchObject({
      number: 'INV-2026-000001',
      seller: { name: 'North', address: ['Hauptstraße 1', '10115 Berlin'] },
      buyer: { name: 'Shop' },
      currency: 'EUR',
      periodFromOn: '2026-10-01',
      lines: [
        { section: 'PERIODIC_FEE', records: '3', basis: '30.00', net: '30.00' },
        { section: 'VOICE', records: '10', basis: '4.00', net: '4.00' },
      ],
      taxes: [{ taxCode: 'S', taxPercent: '19', basis: '34.00', tax: '6.46' }],
      totals: { basis: '34.00', rounding: '0.00', net: '34.00', tax: '6.46', gross: '40.46' },
    });
  });

  it('reports margins by destination, currencies apart or converted when asked', async () => {
    const rows = async (token: string, variables: object = {}) => {
      const answer = await app.graphql(REPORT, { period: '2026-10', ...variables }, token);
      return answer.errors.length > 0 ? answer.codes : answer.data.usageByDestination.nodes;
    };
    const call = { service: 'VOICE', destination: 'France Mobile', currency: 'EUR' };
    expect(await rows(tokens.north)).toEqual([
      {
        ...call,
        records: '10',
        quantity: '595',
        billedQuantity: '600',
        cost: '2.625',
        revenue: '4.00',
        margin: '1.375',
      },
    ]);
    expect(await rows(tokens.hub)).toMatchObject([
      { ...call, records: '21', cost: '0.00', revenue: '5.625', margin: '5.625' },
      { ...call, currency: 'USD', records: '20', cost: '1.00', revenue: '0.00', margin: '-1.00' },
    ]);
    // What re-rating took back out of dollars is not sold in them; nor is it a row of nothing.
    const { database } = app.app;
    const between = {
      sellerId: partners.hub,
      buyerId: partners.south,
      level: 'WHOLESALE',
    } as const;
    const dollars = await aBillableContract(database, { ...between, currency: 'USD' });
    const destinationId = await aDestination(database, 'Nowhere');
    for (const sign of [1, -1]) {
      const moved = {
        on: '2026-10-07',
        records: 5 * sign,
        quantity: 9 * sign,
        amount: `${3 * sign}`,
      };
      for (const to of [mobile, destinationId]) {
        await someUsage(database, dollars, { ...moved, destinationId: to });
      }
    }
    expect(await rows(tokens.hub)).toMatchObject([
      { ...call, records: '21', cost: '0.00', revenue: '5.625', margin: '5.625' },
      { ...call, currency: 'USD', records: '20', cost: '1.00', revenue: '0.00', margin: '-1.00' },
    ]);
    expect(await rows(tokens.hub, { currency: 'EUR' })).toEqual(['EXCHANGE_RATE_MISSING']);
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(`INSERT INTO exchange_rate (base_currency, quote_currency, rate, valid_from, source)
        VALUES ('USD', 'EUR', 0.9, '2026-10-01', 'test')`),
    );
    expect(await rows(tokens.hub, { currency: 'EUR' })).toMatchObject([
      { ...call, records: '21', cost: '0.90', revenue: '5.625', margin: '4.725' },
    ]);
    expect(await rows(tokens.clerk)).toMatchObject([
      { cost: null, revenue: null, margin: null },
      { cost: null, revenue: null, margin: null },
    ]);
    const asNorth = { partnerId: toGlobalId('Partner', partners.north) };
    expect(await rows(tokens.hub, asNorth)).toMatchObject([{ cost: '2.625', revenue: '4.00' }]);
    expect(await rows(tokens.south, asNorth)).toEqual(['NOT_FOUND']);
  });

  it('refuses by code who may not, what is not, and what makes no sense', async () => {
    const codes = async (query: string, variables: object, token?: string) =>
      (await app.graphql(query, variables, token)).codes;
    const input = { period: '2026-10' };
    expect(await codes(START, { input })).toEqual(['UNAUTHENTICATED']);
    expect(await codes(START, { input }, tokens.clerk)).toEqual(['FORBIDDEN']);
    expect(await codes(START, { input: { period: '2026-13' } }, tokens.hub)).toEqual([
      'BAD_USER_INPUT',
    ]);
    const above = { ...input, sellerPartnerId: toGlobalId('Partner', partners.hub) };
    expect(await codes(START, { input: above }, tokens.north)).toEqual(['NOT_FOUND']);
    expect(await codes(START, { input }, tokens.south)).toEqual(['NOTHING_TO_BILL']);
    const [invoice] = await listed(tokens.south);
    expect(await codes(FINALISE, { id: invoice.id }, tokens.clerk)).toEqual(['FORBIDDEN']);
    expect(await codes(FINALISE, { id: invoice.id }, tokens.north)).toEqual(['NOT_FOUND']);
    expect(await codes(FINALISE, { id: toGlobalId('Partner', 1) }, tokens.hub)).toEqual([
      'INVALID_ID',
    ]);
  });

  it('asks the database the same number of questions for one invoice as for many', async () => {
    const count = async (first: number) => {
      const answer = await app.graphql(INVOICES, { first }, tokens.hub);
      expect(answer.data.invoices.nodes.length).toBe(first);
      return app.statements(answer);
    };
    expect(await count(3)).toBe(await count(1));
  });

  it('leaves every invariant whole', async () => {
    const { database } = app.app;
    expect(await database.read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);
  });
});
