import { PRICES_FROM } from './price-lists.js';

/** What a service plan includes every month. */
export interface DemoBucket {
  readonly key: string;
  /** Key of the service plan. */
  readonly plan: string;
  /** Calls to this country alone; null for all. */
  readonly country: string | null;
  readonly terms: {
    readonly name: string;
    readonly kind: 'UNITS' | 'MONEY';
    readonly amount: string;
    readonly sharing: 'SUBSCRIPTION' | 'ACCOUNT';
    readonly services: readonly ('VOICE' | 'DATA')[];
    readonly rolloverCap: string | null;
    readonly validFrom: string;
  };
}

/** What a month's spending gives to the subscriptions of a plan. */
export interface DemoBonus {
  readonly key: string;
  readonly plan: string;
  /** Key of the bucket that money goes to. */
  readonly bucket: string | null;
  readonly terms: {
    readonly name: string;
    readonly measure: 'SPEND';
    readonly threshold: string;
    readonly repeats: boolean;
    readonly sharing: 'SUBSCRIPTION' | 'CONTRACT';
    readonly services: readonly 'VOICE'[];
    readonly grants: 'MONEY' | 'POINTS';
    readonly amount: string;
    readonly validFrom: string;
  };
}

/** A discount or surcharge of a seller. */
export interface DemoRule {
  readonly key: string;
  readonly seller: string;
  /** Key of the customer group. */
  readonly group: string | null;
  /** Key of the only buyer. */
  readonly buyer: string | null;
  readonly terms: Readonly<Record<string, string | number>>;
}

/** Customers of a seller who are priced alike. */
export interface DemoGroup {
  readonly key: string;
  readonly seller: string;
  readonly name: string;
  readonly members: readonly string[];
}

/** Seconds to Germany that a line of Rheinfunk has free, and most that it carries over. */
export const FREE_SECONDS = 3_600;
export const CARRIED_SECONDS = 1_800;
/** Octets that the lines of a customer of the hub share. */
export const POOL_OCTETS = 10_737_418_240;
export const EVENT_SURCHARGE = '0.05';

const always = { validFrom: PRICES_FROM };
const month = { ...always, rolloverCap: null };

export const demoBuckets: readonly DemoBucket[] = [
  {
    key: 'minutes',
    plan: 'rheinfunk LINE',
    country: 'DE',
    terms: {
      ...always,
      name: '60 Freiminuten Deutschland',
      kind: 'UNITS',
      amount: String(FREE_SECONDS),
      sharing: 'SUBSCRIPTION',
      services: ['VOICE'],
      rolloverCap: String(CARRIED_SECONDS),
    },
  },
  {
    key: 'data',
    plan: 'hub LINE',
    country: null,
    terms: {
      ...month,
      name: 'Datenpool 10 GB',
      kind: 'UNITS',
      amount: String(POOL_OCTETS),
      sharing: 'ACCOUNT',
      services: ['DATA'],
    },
  },
  {
    key: 'money',
    plan: 'kieztel LINE',
    country: null,
    terms: {
      ...month,
      name: 'Inklusivguthaben',
      kind: 'MONEY',
      amount: '3',
      sharing: 'SUBSCRIPTION',
      services: ['VOICE'],
    },
  },
];

export const demoBonuses: readonly DemoBonus[] = [
  {
    key: 'money',
    plan: 'kieztel LINE',
    bucket: 'money',
    terms: {
      ...always,
      name: '1 Euro je 10 Euro Umsatz',
      measure: 'SPEND',
      threshold: '10',
      repeats: true,
      sharing: 'SUBSCRIPTION',
      services: ['VOICE'],
      grants: 'MONEY',
      amount: '1',
    },
  },
  {
    key: 'points',
    plan: 'rheinfunk LINE',
    bucket: null,
    terms: {
      ...always,
      name: 'Rheinfunk-Punkte',
      measure: 'SPEND',
      threshold: '10',
      repeats: true,
      sharing: 'CONTRACT',
      services: ['VOICE'],
      grants: 'POINTS',
      amount: '100',
    },
  },
];

export const demoGroups: readonly DemoGroup[] = [
  { key: 'loyal', seller: 'hub', name: 'Stammkunden', members: ['hub-3', 'hub-5'] },
];

export const demoRules: readonly DemoRule[] = [
  {
    key: 'loyal',
    seller: 'hub',
    group: 'loyal',
    buyer: null,
    terms: {
      ...always,
      name: 'Treuerabatt 5 %',
      type: 'DISCOUNT',
      effect: 'PERCENT',
      amount: '5',
      service: 'VOICE',
    },
  },
  {
    key: 'volume',
    seller: 'hub',
    group: null,
    buyer: 'hub-4',
    terms: {
      ...always,
      name: 'Mengenrabatt 8 % ab 5.000 Euro, bis 250 Euro',
      type: 'DISCOUNT',
      effect: 'PERCENT',
      amount: '8',
      service: 'VOICE',
      measure: 'AMOUNT',
      volumeFrom: '5000',
      cap: '250',
    },
  },
  {
    key: 'event',
    seller: 'hub',
    group: null,
    buyer: null,
    terms: {
      ...always,
      name: 'Zuschlag für Sonderdienste',
      type: 'SURCHARGE',
      effect: 'FIXED',
      amount: EVENT_SURCHARGE,
      level: 'RETAIL',
      service: 'EVENT',
    },
  },
];
