import { ZONE } from './month.js';
import { type DemoService, PRICES_FROM } from './price-lists.js';
import type { DemoPlan } from './subscriptions.js';
import { demoCustomers, demoOperators, HUB } from './world.js';

/** A contract of the demo with the terms that hold all the time. */
export interface DemoContract {
  readonly key: string;
  readonly seller: string;
  readonly buyer: string;
  readonly level: 'COST' | 'WHOLESALE' | 'RETAIL';
  readonly name: string;
  readonly currency: 'EUR';
  readonly timeZone: string;
  readonly roundingDecimals: number;
  readonly taxCode: string;
  readonly taxPercent: string;
  readonly paymentTermsDays: number;
  readonly bandPolicy: 'START' | 'SPLIT';
  readonly conversion: 'NONE' | 'RECORD';
  readonly marginPolicy: 'NONE' | 'WARN';
  /** Keys of the price lists by service. */
  readonly lists: readonly (readonly [DemoService, string])[];
}

const supplierTerms: Readonly<Record<string, { zone: string; tax: readonly [string, string] }>> = {
  aurel: { zone: ZONE, tax: ['S', '19'] },
  baltica: { zone: 'Europe/Vilnius', tax: ['AE', '0'] },
  pacific: { zone: 'UTC', tax: ['O', '0'] },
};

function contract(
  level: DemoContract['level'],
  seller: string,
  buyer: string,
  lists: DemoContract['lists'],
): DemoContract {
  return {
    key: `${level} ${seller} ${buyer}`,
    seller,
    buyer,
    level,
    name: names[level],
    currency: 'EUR',
    timeZone: ZONE,
    roundingDecimals: level === 'RETAIL' ? 4 : 6,
    taxCode: 'S',
    taxPercent: '19',
    paymentTermsDays: level === 'RETAIL' ? 14 : 30,
    bandPolicy: 'START',
    conversion: 'NONE',
    marginPolicy: 'NONE',
    lists,
  };
}

/** Pays each part of a call at the price of its time band. */
const SPLIT_CUSTOMER = 'hub-1';

const names = { COST: 'Termination', WHOLESALE: 'Wholesale', RETAIL: 'Telephony' } as const;

function sold(seller: string, use: 'resale' | 'business'): DemoContract['lists'] {
  const prefix = `${seller}-${use}`;
  return [
    ['VOICE', prefix],
    ['SMS', `${prefix}-sms`],
    ['DATA', `${prefix}-data`],
    ['EVENT', `${prefix}-event`],
  ];
}

function operatorContracts(key: string): DemoContract[] {
  const { zone, tax } = supplierTerms[key] ?? { zone: ZONE, tax: ['S', '19'] };
  const [taxCode, taxPercent] = tax;
  const terms = { timeZone: zone, taxCode, taxPercent };
  // Pacific prices in dollars and is paid in euro.
  const conversion = key === 'pacific' ? 'RECORD' : 'NONE';
  const bought = [
    ['VOICE', `${key}-az`],
    ['SMS', `${key}-sms`],
  ] as const;
  return [
    { ...contract('COST', key, HUB, bought), ...terms, conversion },
    { ...contract('WHOLESALE', HUB, key, [['VOICE', 'hub-carrier']]), ...terms },
  ];
}

/** Every contract of the demo. */
export const demoContracts: readonly DemoContract[] = [
  ...demoOperators.flatMap(({ key }) => operatorContracts(key)),
  { ...contract('WHOLESALE', HUB, 'rheinfunk', sold(HUB, 'resale')), marginPolicy: 'WARN' },
  contract('WHOLESALE', 'rheinfunk', 'kieztel', sold('rheinfunk', 'resale')),
  ...demoCustomers.map(({ key, parent }) => ({
    ...contract('RETAIL', parent, key, sold(parent, 'business')),
    bandPolicy: key === SPLIT_CUSTOMER ? ('SPLIT' as const) : ('START' as const),
  })),
];

/** The contract under which a partner buys what its subscriptions use. */
export function purchaseOf(buyer: string): DemoContract | undefined {
  return demoContracts.find((each) => each.buyer === buyer && each.level !== 'COST');
}

/** A plan that a seller has, with its fees in euro. */
export interface DemoServicePlan {
  readonly seller: string;
  readonly plan: DemoPlan;
  readonly name: string;
  readonly fees: readonly {
    readonly name: string;
    readonly kind: 'ONE_TIME' | 'PERIODIC';
    readonly amount: string;
    readonly validFrom: string;
  }[];
}

const feeNames = { de: ['Grundgebühr', 'Einrichtung'], en: ['Monthly fee', 'Activation'] } as const;

function servicePlan(
  seller: string,
  plan: DemoPlan,
  name: string,
  monthly: string,
  once: string,
): DemoServicePlan {
  const [periodic, oneTime] = feeNames[plan === 'INTERCONNECT' ? 'en' : 'de'];
  return {
    seller,
    plan,
    name,
    fees: [
      { name: periodic, kind: 'PERIODIC', amount: monthly, validFrom: PRICES_FROM },
      { name: oneTime, kind: 'ONE_TIME', amount: once, validFrom: PRICES_FROM },
    ],
  };
}

export const demoPlans: readonly DemoServicePlan[] = [
  servicePlan(HUB, 'INTERCONNECT', 'Interconnect port', '450', '900'),
  servicePlan(HUB, 'PBX', 'Anlagenanschluss', '79', '190'),
  servicePlan(HUB, 'RANGE', 'Rufnummernblock 100', '19.90', '49'),
  servicePlan(HUB, 'LINE', 'Geschäftsanschluss', '9.90', '25'),
  servicePlan('rheinfunk', 'RANGE', 'Rheinfunk Block 100', '22.50', '55'),
  servicePlan('rheinfunk', 'LINE', 'Rheinfunk Anschluss', '8.40', '20'),
  servicePlan('kieztel', 'RANGE', 'KiezTel Block 100', '24.90', '60'),
  servicePlan('kieztel', 'LINE', 'KiezTel Anschluss', '11.90', '15'),
];
