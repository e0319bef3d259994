import type { ReferenceDestination } from '../reference/destinations.js';
import { type PrefixNames, readAreas } from '../reference/numbering-plan.js';
import { type SupplierHabit, sellerRows, supplierRows } from './prices.js';
import type { SheetRow } from './sheet.js';

export type DemoService = 'VOICE' | 'SMS' | 'DATA' | 'EVENT';

/** A price list of the demo with all that it holds. */
export interface DemoPriceList {
  readonly key: string;
  /** Key of the partner that sells by it. */
  readonly owner: string;
  readonly parent: string | null;
  readonly name: string;
  readonly currency: 'EUR' | 'USD';
  /** Name of the time profile; a list that inherits has that of its parent. */
  readonly profile: string | null;
  /** Rate sheets in the order in which they are activated. */
  readonly sheets: readonly DemoSheet[];
  /**
   * The row that holds for every number: a price, or a change of every inherited price. Null also
   * where such a row is among the rates of `charges.ts`.
   */
  readonly everywhere: {
    readonly kind: 'ABSOLUTE' | 'PERCENT' | 'DIFFERENCE';
    readonly price: string;
    readonly rateUnit: number;
    readonly increment: number;
  } | null;
}

export interface DemoSheet {
  readonly name: string;
  readonly effectiveFrom: string;
  readonly rows: (facts: SheetFacts) => SheetRow[];
}

export interface SheetFacts {
  readonly destinations: readonly ReferenceDestination[];
}

/** All prices hold from here on, unless a later sheet says otherwise. */
export const PRICES_FROM = '2026-06-30T22:00:00.000Z';
const MID_MONTH = '2026-10-14T22:00:00.000Z';

/** Operators and sellers divide the week alike; KiezTel's shops are open on Saturdays. */
const PEAK = 'Peak 08-20';
const SHOPS = 'Peak Mon-Sat 08-20, Berlin';

const GIB = 1_073_741_824;
const MIB = 1_048_576;

const suppliers: readonly (SupplierHabit & {
  currency: 'EUR' | 'USD';
  countries: readonly string[];
  longestArea: number;
})[] = [
  {
    key: 'aurel',
    level: 96,
    spread: 9,
    bands: true,
    currency: 'EUR',
    countries: ['49', '43', '41'],
    longestArea: 9,
    increments: () => [1, 1],
  },
  {
    key: 'baltica',
    level: 99,
    spread: 12,
    bands: false,
    currency: 'EUR',
    countries: ['48', '370', '371', '372', '380', '7'],
    longestArea: 7,
    increments: ({ kind }) => (kind === 'MOBILE' ? [30, 6] : [1, 1]),
  },
  {
    key: 'pacific',
    level: 108,
    spread: 6,
    bands: false,
    currency: 'USD',
    countries: ['1', '81', '82', '86', '61'],
    longestArea: 6,
    increments: ({ country }) => (country === 'MX' ? [60, 60] : [6, 6]),
  },
];

function supplierLists(): DemoPriceList[] {
  return suppliers.flatMap((supplier) => [
    {
      ...list(`${supplier.key}-az`, supplier.key, 'Termination A-Z'),
      currency: supplier.currency,
      profile: supplier.bands ? PEAK : null,
      sheets: [
        {
          name: 'A-Z July 2026',
          effectiveFrom: PRICES_FROM,
          rows: ({ destinations }: SheetFacts) =>
            supplierRows(supplier, destinations, areasOf(supplier)),
        },
        {
          name: 'Amendment of 15 October 2026',
          effectiveFrom: MID_MONTH,
          rows: ({ destinations }: SheetFacts) => amendment(supplier, destinations),
        },
      ],
    },
    {
      ...list(`${supplier.key}-sms`, supplier.key, 'Messages'),
      currency: supplier.currency,
      everywhere: flat('0.031', 1),
    },
  ]);
}

/** Every supplier raises its prices for mobile numbers of some countries within the month. */
function amendment(
  supplier: SupplierHabit,
  destinations: readonly ReferenceDestination[],
): SheetRow[] {
  const raised = destinations.filter(
    ({ kind, country }) => kind === 'MOBILE' && ['AT', 'CH', 'TR', 'PL'].includes(country ?? ''),
  );
  return supplierRows({ ...supplier, level: supplier.level + 7 }, raised, new Map());
}

function areasOf(supplier: { countries: readonly string[]; longestArea: number }): PrefixNames {
  const areas = readAreas(supplier.countries);
  return new Map([...areas].filter(([prefix]) => prefix.length <= supplier.longestArea));
}

/** Lists by which the hub and its resellers sell calls, messages, data and events. */
const sellerLists: readonly DemoPriceList[] = [
  {
    ...list('hub-az', 'hub', 'Wholesale A-Z'),
    profile: PEAK,
    sheets: [destinationSheet({ level: 118, plus: 0, firstIncrement: 1, nextIncrement: 1 })],
  },
  {
    ...list('hub-carrier', 'hub', 'Carrier wholesale'),
    parent: 'hub-az',
    everywhere: change('PERCENT', '-4'),
  },
  {
    ...list('hub-resale', 'hub', 'Reseller wholesale'),
    parent: 'hub-az',
    everywhere: change('PERCENT', '6'),
    sheets: [germanSheet('Germany for resellers', 1_900, 8_900, 0, 1, 1)],
  },
  {
    ...list('hub-business', 'hub', 'Business retail'),
    parent: 'hub-az',
    everywhere: change('DIFFERENCE', '0.012'),
    sheets: [germanSheet('Germany for business', 14_000, 39_000, 0, 60, 60)],
  },
  {
    ...list('rheinfunk-az', 'rheinfunk', 'Rheinfunk A-Z'),
    profile: PEAK,
    sheets: [destinationSheet({ level: 140, plus: 4_000, firstIncrement: 30, nextIncrement: 6 })],
  },
  {
    ...list('rheinfunk-resale', 'rheinfunk', 'Rheinfunk partner'),
    parent: 'rheinfunk-az',
    everywhere: change('PERCENT', '-8.5'),
  },
  {
    ...list('rheinfunk-business', 'rheinfunk', 'Rheinfunk business'),
    parent: 'rheinfunk-az',
    everywhere: change('DIFFERENCE', '0.009'),
    sheets: [germanSheet('Germany for business', 12_000, 35_000, 40_000, 60, 1)],
  },
  {
    ...list('kieztel-az', 'kieztel', 'KiezTel A-Z'),
    profile: SHOPS,
    sheets: [destinationSheet({ level: 165, plus: 6_000, firstIncrement: 60, nextIncrement: 60 })],
  },
  {
    ...list('kieztel-business', 'kieztel', 'KiezTel business'),
    parent: 'kieztel-az',
    everywhere: change('DIFFERENCE', '0.015'),
    sheets: [germanSheet('Germany for business', 19_000, 49_000, 50_000, 60, 60, 3)],
  },
];

// One price for everything that is not a call, at each seller's own level; null for tiers.
const otherLists: readonly DemoPriceList[] = [
  { seller: 'hub', use: 'resale', sms: '0.038', gib: '2.1', event: '0.24' },
  { seller: 'hub', use: 'business', sms: null, gib: '3.9', event: null },
  { seller: 'rheinfunk', use: 'resale', sms: '0.045', gib: '2.6', event: '0.3' },
  { seller: 'rheinfunk', use: 'business', sms: '0.069', gib: '4.4', event: '0.59' },
  { seller: 'kieztel', use: 'business', sms: '0.079', gib: '4.9', event: '0.69' },
].flatMap(({ seller, use, sms, gib, event }) => [
  {
    ...list(`${seller}-${use}-sms`, seller, `Messages, ${use}`),
    everywhere: sms === null ? null : flat(sms, 1),
  },
  { ...list(`${seller}-${use}-data`, seller, `Data, ${use}`), everywhere: flat(gib, GIB, MIB) },
  {
    ...list(`${seller}-${use}-event`, seller, `Events, ${use}`),
    everywhere: event === null ? null : flat(event, 1),
  },
]);

/** Every price list of the demo; a list comes after the one that it inherits from. */
export const demoPriceLists: readonly DemoPriceList[] = [
  ...supplierLists(),
  ...sellerLists,
  ...otherLists,
];

function list(key: string, owner: string, name: string): DemoPriceList {
  return {
    key,
    owner,
    parent: null,
    name,
    currency: 'EUR',
    profile: null,
    sheets: [],
    everywhere: null,
  };
}

function destinationSheet(habit: Parameters<typeof sellerRows>[0]): DemoSheet {
  return {
    name: 'Destinations July 2026',
    effectiveFrom: PRICES_FROM,
    rows: ({ destinations }) => sellerRows(habit, destinations),
  };
}

/** Absolute prices for Germany, for each band, in place of those that are inherited. */
function germanSheet(
  name: string,
  fixed: number,
  mobile: number,
  connectionFee: number,
  firstIncrement: number,
  nextIncrement: number,
  grace = 0,
): DemoSheet {
  return {
    name,
    effectiveFrom: PRICES_FROM,
    rows: ({ destinations }) =>
      destinations
        .filter(({ country }) => country === 'DE')
        .flatMap(({ name: destination, kind }) =>
          ['Peak', 'Off-peak'].map((band) => ({
            destination,
            band,
            price: kind === 'MOBILE' ? mobile : fixed,
            connectionFee,
            firstIncrement,
            nextIncrement,
            grace,
          })),
        ),
  };
}

function flat(price: string, rateUnit: number, increment = 1): DemoPriceList['everywhere'] {
  return { kind: 'ABSOLUTE', price, rateUnit, increment };
}

function change(kind: 'PERCENT' | 'DIFFERENCE', price: string): DemoPriceList['everywhere'] {
  return { kind, price, rateUnit: 60, increment: 1 };
}
