/** Who takes part in the demo. Everybody is invented; partners are known by a short key. */
export interface DemoPartner {
  readonly key: string;
  /** Key of the partner above; the hub has none. */
  readonly parent: string | null;
  readonly kind: 'HUB' | 'OPERATOR' | 'RESELLER' | 'BUSINESS_CUSTOMER';
  readonly name: string;
  readonly legalName: string;
  readonly country: string;
  readonly address: string;
  readonly taxNumber: string;
  readonly email: string;
  readonly language: string;
}

export const HUB = 'hub';

function partner(
  key: string,
  parent: string | null,
  kind: DemoPartner['kind'],
  name: string,
  legalName: string,
  country: string,
  address: string,
  taxNumber: string,
): DemoPartner {
  const email = `invoices@${key}.example`;
  const language = country === 'DE' ? 'de' : 'en';
  return { key, parent, kind, name, legalName, country, address, taxNumber, email, language };
}

const companies: readonly DemoPartner[] = [
  partner(
    HUB,
    null,
    'HUB',
    'Nordhafen Clearing',
    'Nordhafen Clearing GmbH',
    'DE',
    'Westhafenstraße 1\n13353 Berlin',
    'DE811000001',
  ),
  partner(
    'aurel',
    HUB,
    'OPERATOR',
    'Aurel Telecom',
    'Aurel Telecom AG',
    'DE',
    'Mainzer Landstraße 200\n60326 Frankfurt am Main',
    'DE811000002',
  ),
  partner(
    'baltica',
    HUB,
    'OPERATOR',
    'Baltica Voice',
    'UAB Baltica Voice',
    'LT',
    'Gedimino pr. 20\nLT-01103 Vilnius',
    'LT100000000003',
  ),
  partner(
    'pacific',
    HUB,
    'OPERATOR',
    'Pacific Gateway',
    'Pacific Gateway Inc.',
    'US',
    '600 Mission Street\nSan Francisco, CA 94105',
    'US-94-0000004',
  ),
  partner(
    'rheinfunk',
    HUB,
    'RESELLER',
    'Rheinfunk',
    'Rheinfunk Vertriebs GmbH',
    'DE',
    'Rheinuferstraße 12\n50668 Köln',
    'DE811000005',
  ),
  partner(
    'kieztel',
    'rheinfunk',
    'RESELLER',
    'KiezTel',
    'KiezTel UG (haftungsbeschränkt)',
    'DE',
    'Weserstraße 44\n12045 Berlin',
    'DE811000006',
  ),
];

// Name, town with its postal code, and the area code of its numbers.
const customers: Readonly<Record<string, readonly (readonly [string, string, string])[]>> = {
  [HUB]: [
    ['Spreewerk Maschinenbau GmbH', '10997 Berlin', '30'],
    ['Hanse Logistik AG', '20457 Hamburg', '40'],
    ['Isar Medizintechnik GmbH', '80539 München', '89'],
    ['Mainkontor Bank AG', '60311 Frankfurt am Main', '69'],
    ['Elbtal Versand GmbH', '01067 Dresden', '351'],
    ['Ruhr Stahlhandel GmbH', '45127 Essen', '201'],
    ['Neckar Software GmbH', '70173 Stuttgart', '711'],
    ['Pleiße Druckhaus GmbH', '04109 Leipzig', '341'],
  ],
  rheinfunk: [
    ['Domblick Hotels GmbH', '50667 Köln', '221'],
    ['Bonner Bauplanung PartG', '53111 Bonn', '228'],
    ['Düssel Mode GmbH', '40213 Düsseldorf', '211'],
    ['Eifel Mineralbrunnen GmbH', '52062 Aachen', '241'],
    ['Mosel Weinhandel eG', '56068 Koblenz', '261'],
    ['Westfalen Pflege gGmbH', '48143 Münster', '251'],
    ['Lahn Optik GmbH', '35037 Marburg', '6421'],
  ],
  kieztel: [
    ['Café Kanal GmbH', '12047 Berlin', '30'],
    ['Fahrradwerk Neukölln eG', '12053 Berlin', '30'],
    ['Buchladen am Ufer OHG', '10999 Berlin', '30'],
    ['Praxis Dr. Seidel', '12043 Berlin', '30'],
    ['Studio Hinterhof GbR', '12051 Berlin', '30'],
  ],
};

/** A customer with the area code of its numbers. */
export interface DemoCustomer {
  readonly key: string;
  readonly parent: string;
  readonly area: string;
  readonly partner: DemoPartner;
}

export const demoCustomers: readonly DemoCustomer[] = Object.entries(customers).flatMap(
  ([seller, entries]) =>
    entries.map(([legalName, town, area], place) => {
      const key = `${seller}-${place + 1}`;
      const number = `DE8120${String(place + 1 + seller.length * 100).padStart(5, '0')}`;
      const name = legalName.replace(/ (GmbH|AG|eG|gGmbH|OHG|GbR|PartG)$/, '');
      const street = `Hauptstraße ${(place + 1) * 7}\n${town}`;
      const kind = 'BUSINESS_CUSTOMER';
      const made = partner(key, seller, kind, name, legalName, 'DE', street, number);
      return { key, parent: seller, area, partner: made };
    }),
);

/** Accounts of branches below the account of their partner, known by keys like partners. */
export const demoBranches = [
  { key: 'hub-2/bremen', partner: 'hub-2', name: 'Hanse Logistik, Bremen' },
  { key: 'hub-2/rostock', partner: 'hub-2', name: 'Hanse Logistik, Rostock' },
] as const;

/** Everybody, in an order in which parents come before those below them. */
export const demoPartners: readonly DemoPartner[] = [
  ...companies,
  ...demoCustomers.map((customer) => customer.partner),
];

/** The operators, with the trunks by which traffic comes from them and goes to them. */
export const demoOperators = [
  { key: 'aurel', trunkIn: 'AUREL-IN', trunkOut: 'AUREL-OUT' },
  { key: 'baltica', trunkIn: 'BALTICA-IN', trunkOut: 'BALTICA-OUT' },
  { key: 'pacific', trunkIn: 'PACIFIC-IN', trunkOut: 'PACIFIC-OUT' },
] as const;

/** The three places that deliver records. */
export const demoSources = {
  gateway: { name: 'gateway-berlin', domain: 'gateway' },
  cloud: { name: 'cloud-pbx', domain: 'cloud-pbx' },
  transit: { name: 'transit-switch', domain: 'transit' },
} as const;

export type DemoSource = keyof typeof demoSources;
