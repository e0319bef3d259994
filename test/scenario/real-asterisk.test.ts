import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { Integrator } from './integrator.js';

const PATH = '../shared/data/cdr/asterisk-cdr.csv';
const SINCE = '2017-01-01T00:00:00Z';

let app: TestApp;
let hub: Integrator;
let sourceId: string;

beforeAll(async () => {
  app = await testApp();
  const root = await aPartner(app);
  hub = await Integrator.signIn(app, await aUser(app, { partnerId: root.id }));
  sourceId = await ready(root.globalId);
});
afterAll(() => app?.stop());

/** A customer who owns every number of North America, and a source; answers the source's id. */
async function ready(hubId: string): Promise<string> {
  const input = { parentId: hubId, kind: 'BUSINESS_CUSTOMER', name: 'All callers', country: 'US' };
  const partnerId = await hub.make('createPartner', 'CreatePartnerInput', input);
  const account = { partnerId, name: 'Main account' };
  const accountId = await hub.make('createAccount', 'CreateAccountInput', account);
  const list = { partnerId: hubId, name: 'A cent a minute', currency: 'USD' };
  const priceListId = await hub.make('createPriceList', 'CreatePriceListInput', list);
  const rate = { priceListId, prefix: '', price: '0.01', validFrom: SINCE };
  await hub.make('setRate', 'SetRateInput', rate);
  const contractId = await hub.make('createContract', 'CreateContractInput', {
    sellerId: hubId,
    buyerId: partnerId,
    level: 'RETAIL',
    accountId,
    name: 'Telephony',
    terms: {
      validFrom: SINCE,
      currency: 'USD',
      timeZone: 'UTC',
      roundingDecimals: 8,
      priceLists: [{ priceListId }],
    },
  });
  await hub.make('createSubscription', 'CreateSubscriptionInput', {
    accountId,
    contractId,
    label: 'Everybody',
    startsAt: SINCE,
    numbers: ['10000000000-19999999999'],
  });
  const presets = await hub.ask('query { usageFormatPresets { name definition } }');
  const preset = presets.find(({ name }: { name: string }) => name === 'asterisk-master');
  const format = await hub.ask(
    'mutation ($name: String!, $definition: JSON!) { createUsageFormat(name: $name, definition: $definition) { id } }',
    { name: preset.name, definition: preset.definition },
  );
  const source = { name: 'pbx', formatId: format.id, identityDomain: 'pbx', timeZone: 'UTC' };
  return hub.make('createUsageSource', 'CreateUsageSourceInput', source);
}

/** What the file holds, read from its text with none of Kontor's own code. */
function expectationsOf(text: string) {
  const lines = text.split('\n').filter((line) => line !== '');
  // A line that stands there twice is the same leg twice. No line of this file holds a line break.
  const distinct = [...new Set(lines)];
  const seconds = distinct.map((line) => {
    // …,duration,billsec,"disposition",…: numbers have no quotes, outcomes are capital letters.
    const [, billsec = '', disposition] = /,\d+,(\d+),"([A-Z ]+)",/.exec(line) ?? [];
    return disposition === 'ANSWERED' ? Number(billsec) : 0;
  });
  // A cent for 60 s: 1,000,000 units of 8 decimals, a second is 50,000 / 3; half a unit is never
  // reached by thirds, so rounding half up is adding one and dividing by three.
  const units = seconds.map((n) => Math.floor((n * 50_000 + 1) / 3));
  const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);
  return {
    received: lines.length,
    rated: distinct.length,
    seconds: sum(seconds),
    units: sum(units),
  };
}

/** An amount in units of 8 decimals. */
const unitsOf = (decimal: string): number => {
  const [whole = '', part = ''] = decimal.split('.');
  return Number(whole + part.padEnd(8, '0'));
};

describe('a real file of Asterisk', () => {
  it('is rated line for line, to the second and to the last decimal', async ({ skip }) => {
    if (!existsSync(PATH)) skip(`the real file ${PATH} is not there`);
    const text = readFileSync(PATH, 'utf8');
    const expected = expectationsOf(text);
    expect(expected).toEqual({ received: 218, rated: 210, seconds: 38_839, units: 647_316_663 });

    const { fileId, runId } = await hub.send('Master.csv', text, sourceId);
    await hub.done(runId);
    expect(await hub.counts(fileId)).toEqual({
      received: 218,
      rated: 210,
      rejected: 0,
      duplicate: 8,
      held: 0,
    });
    const { nodes } = await hub.ask(
      `query { usageByDestination(period: "2017-06") {
        nodes { records quantity billedQuantity revenue }
      } }`,
    );
    const [all, ...others] = nodes;
    expect(others).toEqual([]);
    expect(all).toMatchObject({
      records: '210',
      quantity: `${expected.seconds}`,
      billedQuantity: `${expected.seconds}`,
    });
    expect(unitsOf(all.revenue)).toBe(expected.units);

    const { nodes: xdrs } = await hub.ask(
      `query ($filter: XdrFilter!) {
        xdrs(filter: $filter, first: 500) { nodes { quantity prices { level amount } } }
      }`,
      { filter: { from: '2017-06-01T00:00:00Z', to: '2017-07-01T00:00:00Z', fileId } },
    );
    expect(xdrs.length).toBe(210);
    let units = 0;
    for (const { quantity, prices } of xdrs) {
      const retail = prices.find(({ level }: { level: string }) => level === 'RETAIL');
      expect(unitsOf(retail.amount)).toBe(Math.floor((Number(quantity) * 50_000 + 1) / 3));
      units += unitsOf(retail.amount);
    }
    expect(units).toBe(expected.units);
  });
});
