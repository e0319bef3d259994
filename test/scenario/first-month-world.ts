import { expect } from 'vitest';
import { profileInput } from '../fixtures/catalog.js';
import { enrol } from '../fixtures/entrance.js';
import { aPartner, aUser } from '../fixtures/partner-builder.js';
import type { TestApp } from '../fixtures/test-app.js';
import { Integrator } from './integrator.js';

/** The parties of the first month, ready to receive records. */
export interface FirstMonth {
  readonly hub: Integrator;
  readonly north: Integrator;
  readonly fjord: Integrator;
  /** Ids of partners, subscriptions and sources. */
  readonly ids: Readonly<Record<string, string>>;
  /** Signs all three in anew, as after a long time. */
  signInAgain(): Promise<Pick<FirstMonth, 'hub' | 'north' | 'fjord'>>;
}

const SINCE = '2025-12-31T23:00:00Z';
const PASSWORD = 'seven quiet herons wading';
const RESELLER_MAY = ['partner.read', 'contract.read', 'catalog.read', 'subscription.read'].concat(
  ['usage.read', 'price.cost.read', 'price.wholesale.read', 'price.retail.read'],
  ['run.read', 'bill.run'],
  ['invoice.read', 'invoice.finalise', 'subscriber.number.read'],
);

/**
 * Ostsee Carrier -> Hub -> North -> Fjord -> Shipyard, all made over the API. Only the hub itself
 * and its first user are there before, as a new installation has them.
 */
export async function aFirstMonth(app: TestApp): Promise<FirstMonth> {
  const root = await aPartner(app, { name: 'Hanse Hub' });
  const admin = await aUser(app, { partnerId: root.id });
  const hub = await Integrator.signIn(app, admin);
  const ids: Record<string, string> = { hub: root.globalId };
  await partners(hub, ids);
  await priceLists(hub, ids);
  await contracts(hub, ids);
  await subscriptions(hub, ids);
  await sources(hub, ids);
  await hub.stepUp();
  const logins = {
    hub: admin,
    north: await aReseller(hub, ids, 'north'),
    fjord: await aReseller(hub, ids, 'fjord'),
  };
  const signInAgain = async () => ({
    hub: await Integrator.signIn(app, logins.hub),
    north: await Integrator.signIn(app, logins.north),
    fjord: await Integrator.signIn(app, logins.fjord),
  });
  const north = await Integrator.signIn(app, logins.north);
  return { hub, north, fjord: await Integrator.signIn(app, logins.fjord), ids, signInAgain };
}

async function partners(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const facts = (taxNumber: string) => ({ taxNumber, address: 'Kai 1\n20457 Hamburg' });
  await hub.ask('mutation ($input: UpdatePartnerInput!) { updatePartner(input: $input) { id } }', {
    input: { id: ids.hub, ...facts('DE100000001') },
  });
  const parties = [
    ['carrier', 'hub', 'OPERATOR', 'Ostsee Carrier'],
    ['north', 'hub', 'RESELLER', 'North Telecom'],
    ['fjord', 'north', 'RESELLER', 'Fjord Voice'],
    ['shipyard', 'fjord', 'BUSINESS_CUSTOMER', 'Shipyard'],
  ] as const;
  for (const [key, parent, kind, name] of parties) {
    const terms = {
      parentId: ids[parent],
      kind,
      name,
      country: 'DE',
      ...facts(`DE2${key.length}`),
    };
    ids[key] = await hub.make('createPartner', 'CreatePartnerInput', terms);
    ids[`${key}Account`] = await hub.make('createAccount', 'CreateAccountInput', {
      partnerId: ids[key],
      name: 'Main account',
    });
  }
}

/** What a reseller's administrator signs in with. */
async function aReseller(hub: Integrator, ids: Record<string, string>, key: string) {
  const partnerId = ids[key];
  const roleId = await hub.make('createRole', 'CreateRoleInput', {
    partnerId,
    name: 'Billing desk',
    permissions: RESELLER_MAY,
  });
  const email = `billing@${key}.example`;
  await hub.ask('mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }', {
    input: { partnerId, email, displayName: key, password: PASSWORD, roleIds: [roleId] },
  });
  const { totpSecret } = await enrol(hub.app, { email, password: PASSWORD });
  // The code that confirmed the enrolment is used up.
  hub.app.clock.advance(30_000);
  return { email, password: PASSWORD, totpSecret };
}

// Destinations are Germany 49, France 33, France mobile 336 and 337, Poland 48. Peak is on
// workdays from 8 to 18 by the clock of Berlin.
async function priceLists(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const destination = (name: string, country: string, ...prefixes: string[]) =>
    hub.make('createDestination', 'CreateDestinationInput', { name, country, prefixes });
  await destination('Germany', 'DE', '49');
  await destination('France', 'FR', '33');
  await destination('Poland', 'PL', '48');
  const mobile = await destination('France mobile', 'FR', '336', '337');
  const profile = await hub.ask(
    `mutation ($input: CreateTimeProfileInput!) {
      createTimeProfile(input: $input) { id bands { id name } }
    }`,
    { input: profileInput('Office hours') },
  );
  const bandId = profile.bands.find((band: { name: string }) => band.name === 'Peak').id;
  const list = async (key: string, owner: string, given: object = {}) => {
    const input = { partnerId: ids[owner], name: key, currency: 'EUR', ...given };
    ids[key] = await hub.make('createPriceList', 'CreatePriceListInput', input);
  };
  const timeProfileId = profile.id;
  await list('costList', 'carrier');
  await list('hubBase', 'hub', { timeProfileId });
  await list('northBuys', 'hub', { parentId: ids.hubBase });
  await list('northBase', 'north');
  await list('fjordBuys', 'north', { parentId: ids.northBase });
  await list('retail', 'fjord', { timeProfileId });
  const minutes = { firstIncrement: 60, nextIncrement: 60 };
  const half = { firstIncrement: 30, nextIncrement: 6 };
  const mobileAt = (price: string) => ({ destinationId: mobile, price });
  const rates: [string, object][] = [
    ['hubBase', { prefix: '49', price: '0.05', ...minutes }],
    ['hubBase', { prefix: '33', price: '0.06', ...minutes }],
    ['hubBase', { prefix: '48', price: '0.04', ...minutes }],
    ['hubBase', { ...mobileAt('0.12'), ...minutes }],
    ['hubBase', { ...mobileAt('0.15'), bandId, ...minutes }],
    ['northBuys', { prefix: '', kind: 'PERCENT', price: '-20' }],
    ['northBuys', { prefix: '48', price: '0.0333' }],
    ['northBase', { prefix: '49', price: '0.06', ...half }],
    ['northBase', { prefix: '33', price: '0.08', ...half }],
    ['northBase', { prefix: '48', price: '0.05', ...half }],
    ['northBase', { ...mobileAt('0.15'), ...half }],
    ['fjordBuys', { prefix: '', kind: 'DIFFERENCE', price: '0.005' }],
    ['fjordBuys', { prefix: '33', price: '0.07' }],
    ['retail', { prefix: '49', price: '0.09', connectionFee: '0.05', ...minutes }],
    ['retail', { prefix: '33', price: '0.20', minimum: 30, grace: 3 }],
    ['retail', { prefix: '48', price: '0.10' }],
    ['retail', { ...mobileAt('0.30'), ...minutes }],
    ['retail', { ...mobileAt('0.36'), bandId, ...minutes }],
  ];
  for (const [key, rate] of rates) {
    const input = { priceListId: ids[key], validFrom: SINCE, ...rate };
    await hub.make('setRate', 'SetRateInput', input);
  }
  await rateSheet(hub, ids);
}

/** The carrier's prices come as a sheet with a faulty row. */
async function rateSheet(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const csv =
    'Code;Name;Price\n49;Germany;0,012\n33;France;0,018\n"336, 337";France mobile;0,03\n' +
    '44;United Kingdom;one cent\n48;Poland;0,0211\n';
  const sheet = await hub.ask(
    `mutation ($input: ImportRateSheetInput!) {
      importRateSheet(input: $input) {
        id state rowCount errorCount counts { status rows }
        rows(filter: { errors: true }) { nodes { line errorCode errorField raw } }
      }
    }`,
    {
      input: {
        priceListId: ids.costList,
        name: 'First sheet',
        csv,
        delimiter: ';',
        decimalComma: true,
        columns: { prefix: 'Code', price: 'Price' },
        effectiveFrom: SINCE,
      },
    },
  );
  // Two codes stand in one line, so five lines are six rows, of which one is faulty.
  expect(sheet).toMatchObject({ state: 'DRAFT', rowCount: 6, errorCount: 1 });
  expect(sheet.counts).toMatchObject([{ status: 'NEW', rows: 5 }]);
  expect(sheet.rows.nodes).toMatchObject([
    {
      line: 5,
      errorCode: 'INVALID_DECIMAL',
      errorField: 'price',
      raw: '44;United Kingdom;one cent',
    },
  ]);
  const activate = `mutation ($id: ID!, $skip: Boolean! = false) {
    activateRateSheet(id: $id, skipErrors: $skip) { state }
  }`;
  expect(await hub.refusal(activate, { id: sheet.id })).toEqual(['SHEET_HAS_ERRORS']);
  const activated = await hub.ask(activate, { id: sheet.id, skip: true });
  expect(activated.state).toBe('ACTIVATED');
}

async function contracts(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const contract = async (
    [key, level, seller, buyer, account]: readonly [string, string, string, string, string],
    priceList: string,
    rounding: object,
  ) => {
    ids[key] = await hub.make('createContract', 'CreateContractInput', {
      sellerId: ids[seller],
      buyerId: ids[buyer],
      level,
      accountId: ids[`${account}Account`],
      name: key,
      terms: {
        validFrom: SINCE,
        currency: 'EUR',
        timeZone: 'Europe/Berlin',
        taxPercent: '19',
        priceLists: [{ service: 'VOICE', priceListId: ids[priceList] }],
        ...rounding,
      },
    });
  };
  const to = (roundingDecimals: number, roundingMode = 'HALF_UP') => {
    return { roundingDecimals, roundingMode };
  };
  await contract(['buying', 'COST', 'carrier', 'hub', 'carrier'], 'costList', to(8));
  await contract(['toNorth', 'WHOLESALE', 'hub', 'north', 'north'], 'northBuys', to(8));
  await contract(
    ['toFjord', 'WHOLESALE', 'north', 'fjord', 'fjord'],
    'fjordBuys',
    to(3, 'HALF_EVEN'),
  );
  await contract(['toShipyard', 'RETAIL', 'fjord', 'shipyard', 'shipyard'], 'retail', to(4));
}

async function subscriptions(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const validFrom = SINCE;
  const servicePlanId = await hub.make('createServicePlan', 'CreateServicePlanInput', {
    partnerId: ids.fjord,
    name: 'Office line',
    currency: 'EUR',
    fees: [
      { name: 'Monthly fee', kind: 'PERIODIC', amount: '12.40', validFrom },
      { name: 'Set-up', kind: 'ONE_TIME', amount: '25', validFrom },
    ],
  });
  const trunk = (input: object) => hub.make('createTrunk', 'CreateTrunkInput', input);
  ids.out = await trunk({ name: 'OUT-OSTSEE', costContractId: ids.buying });
  await trunk({ name: 'PBX-1', partnerId: ids.shipyard });
  const line = async (key: string, input: object) => {
    ids[key] = await hub.make('createSubscription', 'CreateSubscriptionInput', {
      accountId: ids.shipyardAccount,
      contractId: ids.toShipyard,
      label: key,
      ...input,
    });
  };
  // Midnight in Berlin: the first and the twenty-first of October, and the first of September.
  const first = '2026-09-30T22:00:00Z';
  await line('reception', { startsAt: first, servicePlanId, numbers: ['4930111222'] });
  await line('offices', {
    startsAt: '2026-10-20T22:00:00Z',
    servicePlanId,
    numbers: ['4930200000-4930200999'],
  });
  await line('workshop', { startsAt: first, numbers: ['4930333444'], creditLimit: '2.00' });
  await line('exchange', { startsAt: '2026-08-31T22:00:00Z', trunks: ['PBX-1'] });
}

/** One source for each preset format, all with the clock of Berlin. */
async function sources(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const presets = await hub.ask('query { usageFormatPresets { name definition } }');
  expect(presets.length).toBe(3);
  for (const { name, definition } of presets) {
    const format = await hub.ask(
      `mutation ($name: String!, $definition: JSON!) {
        createUsageFormat(name: $name, definition: $definition) { id }
      }`,
      { name, definition },
    );
    ids[name] = await hub.make('createUsageSource', 'CreateUsageSourceInput', {
      name,
      formatId: format.id,
      identityDomain: name,
      timeZone: 'Europe/Berlin',
      defaultOutTrunkId: ids.out,
    });
  }
}
