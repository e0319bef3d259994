import { roundingModes } from '../kernel/index.js';
import {
  carriedMoney,
  day,
  decimal,
  digits,
  exchangeRate,
  flag,
  instant,
  type JsonSchema,
  listOf,
  mapOf,
  object,
  oneOf,
  phoneNumber,
  prefix,
  quantity,
  recordInstant,
  text,
  textOr,
  whole,
} from './vector-shape.js';

// The format of `docs/vectors.md`, field by field. Names stand for what has ids in a database.

const service = oneOf('VOICE', 'SMS', 'DATA', 'EVENT');
const anyService = oneOf('VOICE', 'SMS', 'DATA', 'EVENT', '*');
const holder = oneOf('SUBSCRIPTION', 'ACCOUNT', 'CONTRACT');
const time = { from: instant, to: instant };

const timeProfile = object(
  {
    bands: mapOf(
      listOf(
        object(
          {
            days: listOf(
              oneOf(
                ...(['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const),
                ...(['SUNDAY', 'HOLIDAY'] as const),
              ),
            ),
            from: text,
            to: text,
          },
          {},
        ),
      ),
    ),
  },
  { holidays: text },
);

const tierSchedule = object(
  {
    steps: listOf(
      object(
        { price: decimal },
        { from: digits, upTo: digits, rateUnit: whole, flatFee: decimal, block: flag },
      ),
    ),
  },
  { per: oneOf('SUBSCRIPTION', 'CONTRACT'), period: oneOf('DAY', 'MONTH') },
);

const rate = object(
  {},
  {
    prefix: digits,
    destination: text,
    band: text,
    origin: text,
    kind: oneOf('ABSOLUTE', 'PERCENT', 'DIFFERENCE'),
    model: oneOf(
      ...(['PER_UNIT', 'PER_EVENT', 'PERCENTAGE', 'REVENUE_SHARE', 'PACKAGE'] as const),
      ...(['GRADUATED', 'VOLUME'] as const),
    ),
    price: decimal,
    connectionFee: decimal,
    rateUnit: whole,
    firstIncrement: whole,
    nextIncrement: whole,
    minimum: whole,
    grace: whole,
    minCharge: decimal,
    maxCharge: decimal,
    tiers: text,
    ...time,
  },
);

const priceList = object(
  { rates: listOf(rate) },
  { parent: text, timeProfile: text, currency: text },
);

const terms = {
  zone: text,
  decimals: whole,
  rounding: oneOf(...roundingModes),
  currency: text,
  bands: oneOf('START', 'SPLIT', 'MAJORITY'),
  conversion: oneOf('NONE', 'RECORD'),
  margin: oneOf('NONE', 'WARN', 'HOLD', 'REFUSE'),
  list: text,
  lists: listOf(object({ list: text }, { service: anyService, trunk: text })),
  ...time,
};

const contract = object(
  {},
  {
    seller: text,
    buyer: text,
    level: oneOf('COST', 'WHOLESALE', 'RETAIL'),
    account: text,
    versions: listOf(object({}, terms)),
    ...terms,
  },
);

const subscription = object(
  {},
  {
    contract: text,
    account: text,
    plan: text,
    numbers: listOf(text),
    trunks: listOf(text),
    ...time,
  },
);

const rule = object(
  { name: text, effect: oneOf('PERCENT', 'FIXED'), amount: decimal },
  {
    seller: text,
    type: oneOf('DISCOUNT', 'SURCHARGE'),
    stacking: oneOf('ORDERED', 'EXCLUSIVE', 'BEST_OF'),
    priority: whole,
    level: oneOf('COST', 'WHOLESALE', 'RETAIL'),
    group: text,
    buyer: text,
    contract: text,
    subscription: text,
    service,
    destinations: listOf(text),
    days: listOf(
      oneOf(
        ...(['MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY'] as const),
        'SUNDAY',
      ),
    ),
    fromTime: text,
    toTime: text,
    measure: oneOf('QUANTITY', 'AMOUNT'),
    volumeFrom: decimal,
    volumeTo: decimal,
    per: oneOf('SUBSCRIPTION', 'CONTRACT'),
    period: oneOf('DAY', 'MONTH'),
    cap: decimal,
    ...time,
  },
);

/** To whom a bucket or bonus belongs, and what it counts. */
const scope = {
  plan: text,
  contract: text,
  per: holder,
  services: listOf(service),
  destinations: listOf(text),
  ...time,
};

const bucket = object(
  { name: text, kind: oneOf('UNITS', 'MONEY'), amount: decimal },
  { ...scope, priority: whole, rolloverCap: decimal },
);

const bonus = object(
  {
    name: text,
    measure: oneOf('SPEND', 'USAGE'),
    threshold: decimal,
    grants: oneOf('UNITS', 'MONEY', 'POINTS'),
    amount: decimal,
  },
  { ...scope, repeats: flag, bucket: text },
);

const worldFields = {
  holidays: mapOf(listOf(day)),
  timeProfiles: mapOf(timeProfile),
  destinations: mapOf(listOf(prefix)),
  originSets: mapOf(listOf(prefix)),
  exchangeRates: listOf(object({ base: text, quote: text, rate: exchangeRate }, { from: instant })),
  tierSchedules: mapOf(tierSchedule),
  priceLists: mapOf(priceList),
  trunks: mapOf(object({}, { costContract: text })),
  contracts: mapOf(contract),
  accounts: mapOf(object({}, { parent: text })),
  subscriptions: mapOf(subscription),
  customerGroups: mapOf(listOf(textOr(text, object({ partner: text }, time)))),
  rules: listOf(rule),
  buckets: listOf(bucket),
  bonuses: listOf(bonus),
};

const event = object(
  { at: recordInstant },
  {
    id: text,
    service,
    quantity,
    value: carriedMoney,
    from: phoneNumber,
    to: phoneNumber,
    inTrunk: text,
    outTrunk: text,
    subscription: text,
  },
);

const levelExpectation = object({}, { amount: decimal, base: decimal, billed: whole });

const eventExpectation = object(
  {},
  {
    amount: decimal,
    base: decimal,
    billed: whole,
    fault: text,
    levels: mapOf(textOr(decimal, levelExpectation)),
  },
);

const expectation = object(
  {},
  {
    events: mapOf(textOr(decimal, eventExpectation)),
    totals: mapOf(decimal),
    buckets: listOf(
      object(
        { bucket: text, month: text },
        { holder: text, contract: text, available: decimal, used: decimal, left: decimal },
      ),
    ),
    points: listOf(
      object({ bonus: text, month: text, points: decimal }, { holder: text, contract: text }),
    ),
    refusal: text,
  },
);

const world = object({}, worldFields);

const vectorCase = object(
  { name: text, expect: expectation },
  { why: text, events: listOf(event), ...worldFields },
);

/** Reads a whole file of vectors; refuses with VECTOR_INVALID, naming the place. */
export const vectorFile = object(
  { title: text, cases: listOf(vectorCase) },
  { $schema: text, about: text, world },
);

/** The format as JSON Schema, for editors and for who writes vectors by program. */
export function vectorSchema(): JsonSchema {
  const head = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Pricing vectors',
  };
  return { ...head, ...vectorFile.schema };
}

export type VectorFile = ReturnType<typeof vectorFile>;
export type VectorCase = VectorFile['cases'][number];
export type VectorWorld = ReturnType<typeof world>;
export type VectorEvent = ReturnType<typeof event>;
type Item<T> = T extends ReadonlyMap<string, infer U> ? U : never;
export type VectorProfile = ReturnType<typeof timeProfile>;
export type VectorList = ReturnType<typeof priceList>;
export type VectorRate = ReturnType<typeof rate>;
export type VectorContract = ReturnType<typeof contract>;
export type VectorTerms = NonNullable<VectorContract['versions']>[number];
export type VectorRule = ReturnType<typeof rule>;
export type VectorBucket = ReturnType<typeof bucket>;
export type VectorBonus = ReturnType<typeof bonus>;
export type VectorExpectation = ReturnType<typeof expectation>;
export type VectorEventExpectation = ReturnType<typeof eventExpectation>;
export type VectorSubscription = Item<NonNullable<VectorWorld['subscriptions']>>;
