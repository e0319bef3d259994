import { thirdCountryCodes, unionCodes } from '../reference/european-union.js';

/** Tiers of a seller, counted for each contract and month. */
export interface DemoTiers {
  readonly key: string;
  readonly owner: string;
  readonly name: string;
  /** Units at which a step ends, null for the last, and the price of one unit in it. */
  readonly steps: readonly (readonly [upTo: number | null, price: string])[];
}

/** First digits of calling numbers that a seller prices alike. */
export interface DemoOrigins {
  readonly key: string;
  readonly owner: string;
  readonly name: string;
  readonly prefixes: readonly string[];
}

/** A rate that is more than a price per unit. */
export interface DemoRate {
  /** Key of the price list. */
  readonly list: string;
  /** Name of the destination; null for every number. */
  readonly destination: string | null;
  readonly model: 'PER_UNIT' | 'PACKAGE' | 'GRADUATED' | 'VOLUME';
  readonly price: string;
  readonly rateUnit: number;
  /** Key of the tiers. */
  readonly tiers: string | null;
  /** Key of the origins. */
  readonly origins: string | null;
}

export const MESSAGE_TIERS: DemoTiers = {
  key: 'messages',
  owner: 'hub',
  name: 'Messages',
  steps: [
    [1_000, '0.062'],
    [3_000, '0.055'],
    [null, '0.048'],
  ],
};
export const EVENT_TIERS: DemoTiers = {
  key: 'events',
  owner: 'hub',
  name: 'Events',
  steps: [
    [200, '0.49'],
    [500, '0.45'],
    [null, '0.39'],
  ],
};

export const demoTiers: readonly DemoTiers[] = [MESSAGE_TIERS, EVENT_TIERS];

export const demoOrigins: readonly DemoOrigins[] = [
  { key: 'union', owner: 'hub', name: 'European Union', prefixes: unionCodes },
  { key: 'third', owner: 'hub', name: 'Third countries', prefixes: thirdCountryCodes },
];

const GERMANY = ['Germany'];
const GERMANY_MOBILE = ['', ' Eplus', ' O2', ' T-Mobile', ' Vodafone'].map(
  (network) => `Germany Mobile${network}`,
);

// Operators pay more for calls to Germany that come from outside the Union.
const byOrigin: readonly DemoRate[] = [
  ...GERMANY.flatMap((name) => originRates(name, '0.0016', '0.0045')),
  ...GERMANY_MOBILE.flatMap((name) => originRates(name, '0.0078', '0.015')),
];

/** Rates by tiers, packages and origins; a list that is named here has no row for every number. */
export const demoRates: readonly DemoRate[] = [
  { ...rate('hub-business-sms', null, '0', 1), model: 'GRADUATED', tiers: MESSAGE_TIERS.key },
  { ...rate('hub-business-event', null, '0', 1), model: 'VOLUME', tiers: EVENT_TIERS.key },
  { ...rate('rheinfunk-business', 'United States', '0.10', 300), model: 'PACKAGE' },
  ...byOrigin,
];

function rate(list: string, destination: string | null, price: string, unit: number): DemoRate {
  return {
    list,
    destination,
    model: 'PER_UNIT',
    price,
    rateUnit: unit,
    tiers: null,
    origins: null,
  };
}

function originRates(destination: string, union: string, third: string): DemoRate[] {
  return [
    { ...rate('hub-carrier', destination, union, 60), origins: 'union' },
    { ...rate('hub-carrier', destination, third, 60), origins: 'third' },
  ];
}
