import { aPartner, aUser } from '../fixtures/partner-builder.js';
import type { TestApp } from '../fixtures/test-app.js';
import { Integrator } from './integrator.js';

/** The hub of the pricing month with the ids of what it made. */
export interface PricingMonth {
  readonly hub: Integrator;
  readonly ids: Readonly<Record<string, string>>;
}

const SINCE = '2025-12-31T23:00:00Z';
const OCTOBER = '2026-09-30T22:00:00Z';
const WORKDAYS = ['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'];

/** Ostsee Carrier -> Hub -> Shipyard, where every amount but the cost depends on its month. */
export async function aPricingMonth(app: TestApp): Promise<PricingMonth> {
  const root = await aPartner(app, { name: 'Hanse Hub' });
  const hub = await Integrator.signIn(app, await aUser(app, { partnerId: root.id }));
  const ids: Record<string, string> = { hub: root.globalId };
  await partners(hub, ids);
  await priceLists(hub, ids);
  await contracts(hub, ids);
  await allowances(hub, ids);
  await subscriptions(hub, ids);
  return { hub, ids };
}

async function partners(hub: Integrator, ids: Record<string, string>): Promise<void> {
  for (const [key, kind] of [
    ['carrier', 'OPERATOR'],
    ['shipyard', 'BUSINESS_CUSTOMER'],
  ] as const) {
    const terms = { parentId: ids.hub, kind, name: key, country: 'DE', taxNumber: `DE2${key}` };
    ids[key] = await hub.make('createPartner', 'CreatePartnerInput', terms);
    const account = { partnerId: ids[key], name: 'Main account' };
    ids[`${key}Account`] = await hub.make('createAccount', 'CreateAccountInput', account);
  }
}

// Peak is on workdays and Saturdays from 8 to 18 by the clock of Berlin, and never on the Day of
// German Unity, which is a Saturday in 2026.
async function officeHours(hub: Integrator): Promise<{ id: string; peak: string }> {
  const holidayCalendarId = await hub.make('createHolidayCalendar', 'CreateHolidayCalendarInput', {
    name: 'Germany',
  });
  const source = 'Einigungsvertrag, Artikel 2 Absatz 2';
  await hub.make('addHolidays', 'AddHolidaysInput', {
    calendarId: holidayCalendarId,
    days: [{ onDate: '2026-10-03', name: 'Tag der Deutschen Einheit', source }],
  });
  const bands = [
    { name: 'Peak', rules: [{ weekdays: WORKDAYS, from: '08:00', to: '18:00' }] },
    { name: 'Rest', rules: [{ weekdays: ['SUNDAY', 'HOLIDAY'] }] },
  ];
  const profile = await hub.ask(
    `mutation ($input: CreateTimeProfileInput!) {
      createTimeProfile(input: $input) { id bands { id name } }
    }`,
    { input: { name: 'Office hours', holidayCalendarId, bands } },
  );
  return { id: profile.id, peak: profile.bands[0].id };
}

async function priceLists(hub: Integrator, ids: Record<string, string>): Promise<void> {
  for (const [name, country, prefix] of [
    ['Germany', 'DE', '49'],
    ['France', 'FR', '33'],
    ['Poland', 'PL', '48'],
  ] as const) {
    const input = { name, country, prefixes: [prefix] };
    ids[name] = await hub.make('createDestination', 'CreateDestinationInput', input);
  }
  const hours = await officeHours(hub);
  ids.cost = await hub.make('createPriceList', 'CreatePriceListInput', {
    partnerId: ids.carrier,
    name: 'Dollars',
    currency: 'USD',
  });
  ids.retail = await hub.make('createPriceList', 'CreatePriceListInput', {
    partnerId: ids.hub,
    name: 'Retail',
    currency: 'EUR',
    timeProfileId: hours.id,
  });
  const tierScheduleId = await hub.make('createTierSchedule', 'CreateTierScheduleInput', {
    partnerId: ids.hub,
    name: 'Poland',
    scope: 'SUBSCRIPTION',
    steps: [{ upTo: '300', price: '0.12' }, { price: '0.06' }],
  });
  const rates: [string, object][] = [
    ['cost', { prefix: '', price: '0.0109' }],
    ['retail', { prefix: '49', price: '0.10', connectionFee: '0.02' }],
    ['retail', { prefix: '33', price: '0.10' }],
    ['retail', { prefix: '33', price: '0.20', bandId: hours.peak }],
    ['retail', { prefix: '48', price: '0', model: 'GRADUATED', tierScheduleId }],
  ];
  for (const [list, rate] of rates) {
    const input = { priceListId: ids[list], validFrom: SINCE, ...rate };
    await hub.make('setRate', 'SetRateInput', input);
  }
  await hub.make('setExchangeRate', 'SetExchangeRateInput', {
    baseCurrency: 'EUR',
    quoteCurrency: 'USD',
    rate: '1.09',
    validFrom: SINCE,
    source: 'Worked out by hand',
  });
}

async function contracts(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const terms = { validFrom: SINCE, currency: 'EUR', timeZone: 'Europe/Berlin', taxPercent: '19' };
  ids.buying = await hub.make('createContract', 'CreateContractInput', {
    sellerId: ids.carrier,
    buyerId: ids.hub,
    level: 'COST',
    accountId: ids.carrierAccount,
    name: 'Termination',
    terms: {
      ...terms,
      roundingDecimals: 8,
      conversion: 'RECORD',
      priceLists: [{ service: 'VOICE', priceListId: ids.cost }],
    },
  });
  ids.selling = await hub.make('createContract', 'CreateContractInput', {
    sellerId: ids.hub,
    buyerId: ids.shipyard,
    level: 'RETAIL',
    accountId: ids.shipyardAccount,
    name: 'Telephony',
    terms: {
      ...terms,
      bandPolicy: 'SPLIT',
      priceLists: [{ service: 'VOICE', priceListId: ids.retail }],
    },
  });
}

/** Ten free minutes to Germany a month, and ten percent off France, at most ten cents. */
async function allowances(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const fee = { name: 'Monthly fee', kind: 'PERIODIC', amount: '12.40', validFrom: SINCE };
  ids.plan = await hub.make('createServicePlan', 'CreateServicePlanInput', {
    partnerId: ids.hub,
    name: 'Office line',
    currency: 'EUR',
    fees: [fee],
  });
  await hub.ask(
    `mutation ($target: AllowanceTargetInput!, $bucket: BucketInput!) {
      createBucket(target: $target, bucket: $bucket) { id }
    }`,
    {
      target: { servicePlanId: ids.plan },
      bucket: {
        name: 'Ten minutes',
        kind: 'UNITS',
        amount: '600',
        services: ['VOICE'],
        destinationIds: [ids.Germany],
        rolloverCap: '60',
        validFrom: OCTOBER,
      },
    },
  );
  await hub.ask(
    `mutation ($partnerId: ID!, $rule: PriceRuleInput!) {
      createPriceRule(partnerId: $partnerId, rule: $rule) { id }
    }`,
    {
      partnerId: ids.hub,
      rule: {
        name: 'Ten percent off France',
        type: 'DISCOUNT',
        effect: 'PERCENT',
        amount: '10',
        cap: '0.10',
        destinationIds: [ids.France],
        validFrom: SINCE,
      },
    },
  );
}

async function subscriptions(hub: Integrator, ids: Record<string, string>): Promise<void> {
  const trunk = { name: 'OUT-OSTSEE', costContractId: ids.buying };
  ids.out = await hub.make('createTrunk', 'CreateTrunkInput', trunk);
  for (const [label, number] of [
    ['reception', '4930111222'],
    ['workshop', '4930333444'],
  ] as const) {
    ids[label] = await hub.make('createSubscription', 'CreateSubscriptionInput', {
      accountId: ids.shipyardAccount,
      contractId: ids.selling,
      servicePlanId: ids.plan,
      label,
      startsAt: OCTOBER,
      numbers: [number],
    });
  }
  const presets = await hub.ask('query { usageFormatPresets { name definition } }');
  const { definition } = presets.find(({ name }: { name: string }) => name === 'kontor');
  const format = await hub.ask(
    `mutation ($definition: JSON!) {
      createUsageFormat(name: "kontor", definition: $definition) { id }
    }`,
    { definition },
  );
  ids.source = await hub.make('createUsageSource', 'CreateUsageSourceInput', {
    name: 'gateway',
    formatId: format.id,
    identityDomain: 'gateway',
    timeZone: 'Europe/Berlin',
  });
}
