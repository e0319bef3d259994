import { assertTimeZone, DomainError, minorUnits, overlaps, period } from '../kernel/index.js';
import { assertMarginPolicy, assertTerms } from '../partner/index.js';
import type { BookFacts } from './book.js';
import type {
  VectorContract,
  VectorSubscription,
  VectorTerms,
  VectorWorld,
} from './vector-format.js';
import { Names } from './vector-names.js';
import { pricesOf } from './vector-prices.js';
import { pricingOf } from './vector-pricing.js';
import { refused } from './vector-shape.js';

/** A world of names as the facts of a book. */
export interface BuiltWorld {
  readonly facts: BookFacts;
  readonly names: Names;
  /** Where a call begins that names no number, by subscription. */
  readonly firstNumber: ReadonlyMap<string, string>;
}

type Version = BookFacts['versions'][number];
type Contracts = ReadonlyMap<string, VectorContract>;

const HUB = 'hub';
/** What is there when a world does not say. */
const DEFAULT_CONTRACTS: Contracts = new Map([['retail', { buyer: 'customer' }]]);
const DEFAULT_NUMBER = '4930000001';
const DEFAULT_SUBSCRIPTIONS: ReadonlyMap<string, VectorSubscription> = new Map([['line', {}]]);

/** Turns a world into facts; refuses as the catalogue does, or with VECTOR_INVALID. */
export function worldFacts(world: VectorWorld): BuiltWorld {
  const names = new Names();
  names.add('partner', HUB);
  const all = world.contracts ?? DEFAULT_CONTRACTS;
  for (const [name, { seller = HUB, buyer = HUB }] of all) {
    names.add('contract', name);
    names.add('partner', seller);
    names.add('partner', buyer);
  }
  for (const name of world.trunks?.keys() ?? []) names.add('trunk', name);
  for (const name of world.accounts?.keys() ?? []) names.add('account', name);
  const prices = pricesOf(world, names);
  const contracts = [...all].map(([name, contract]) => contractOf(name, contract, names));
  const last = [...all].at(-1)?.[0] ?? '';
  const subscriptions = world.subscriptions ?? DEFAULT_SUBSCRIPTIONS;
  const owners = [...subscriptions].map(([name, one]) =>
    subscriptionOf(name, one, world, all, one.contract ?? last, names),
  );
  const facts: BookFacts = {
    hubPartnerId: names.id('partner', HUB, 'contracts'),
    ...prices,
    contracts,
    versions: versionsOf(all, names),
    subscriptions: owners.map(({ subscription }) => subscription),
    identities: owners.flatMap(({ identities }) => identities),
    trunks: [...(world.trunks ?? [])].map(([name, { costContract }]) => ({
      id: names.id('trunk', name, 'trunks'),
      name,
      costContractId: names.optional('contract', costContract, `trunks.${name}.costContract`),
    })),
    exchangeRates: exchangeRatesOf(world),
    pricing: pricingOf(world, names),
  };
  assertApart(facts);
  assertOfSeller(facts);
  const firstNumber = new Map(owners.map(({ name, first }) => [name, first]));
  return { facts, names, firstNumber };
}

function exchangeRatesOf(world: VectorWorld): BookFacts['exchangeRates'] {
  const rates = (world.exchangeRates ?? []).map(({ base, quote, rate, from }) => {
    minorUnits(base);
    minorUnits(quote);
    if (base === quote) {
      const said = 'An exchange rate is between two currencies.';
      throw new DomainError('EXCHANGE_RATE_REFUSED', said);
    }
    return { base, quote, rate: scaled(rate, 10), validFrom: from ?? 0 };
  });
  const keys = new Set(rates.map(({ base, quote, validFrom }) => `${base} ${quote} ${validFrom}`));
  if (keys.size === rates.length) return rates;
  const said = 'There is another exchange rate of the pair from the same instant.';
  throw new DomainError('EXCHANGE_RATE_EXISTS', said);
}

// At no instant has a contract two versions, or a number or trunk two subscriptions.
function assertApart({ versions, identities }: BookFacts): void {
  const meeting = <T extends Times>(all: readonly T[], isSame: (one: T, other: T) => boolean) =>
    all.some((one, place) =>
      all
        .slice(0, place)
        .some((other) => overlaps(timeOf(one), timeOf(other)) && isSame(one, other)),
    );
  if (meeting(versions, (one, other) => one.contractId === other.contractId)) {
    throw refused('contracts', 'have one version at a time');
  }
  if (meeting(identities, haveOneNumber)) {
    const said = 'A number belongs to a subscription at that time already.';
    throw new DomainError('NUMBER_TAKEN', said);
  }
  if (meeting(identities, ({ trunkId }, other) => trunkId !== null && trunkId === other.trunkId)) {
    const said = 'A trunk identifies a subscription at that time already.';
    throw new DomainError('TRUNK_TAKEN', said);
  }
}

type Identity = BookFacts['identities'][number];

function haveOneNumber(one: Identity, other: Identity): boolean {
  if (one.numberFrom === null || other.numberFrom === null) return false;
  return one.numberFrom <= other.numberTo! && other.numberFrom <= one.numberTo!;
}

type Times = Pick<Version, 'validFrom' | 'validTo'>;

function timeOf({ validFrom, validTo }: Times) {
  return { from: validFrom, to: validTo };
}

// A rule names contracts and subscriptions of its own seller.
function assertOfSeller({ pricing, contracts, subscriptions }: BookFacts): void {
  const sellers = new Map(contracts.map((one) => [one.id, one.sellerPartnerId]));
  const contractOf = new Map(subscriptions.map((one) => [one.id, one.contractId]));
  for (const { sellerPartnerId, contractId, subscriptionId } of pricing.rules) {
    const named = [contractId, contractOf.get(subscriptionId ?? 0) ?? null];
    if (named.every((id) => id === null || sellers.get(id) === sellerPartnerId)) continue;
    const said = 'A rule names a contract or a subscription that another partner sells.';
    throw new DomainError('NOT_OF_OWNER', said);
  }
}

function contractOf(
  name: string,
  contract: VectorContract,
  names: Names,
): BookFacts['contracts'][number] {
  const { seller = HUB, buyer = HUB, account } = contract;
  const [sellerPartnerId, buyerPartnerId] = [seller, buyer].map((partner) =>
    names.id('partner', partner, `contracts.${name}`),
  ) as [number, number];
  return {
    id: names.id('contract', name, 'contracts'),
    partnerId: buyer === HUB ? sellerPartnerId : buyerPartnerId,
    accountId: names.add('account', account ?? buyer),
    sellerPartnerId,
    buyerPartnerId,
    level: levelOf(contract),
  };
}

function levelOf({ buyer = HUB, level }: VectorContract): BookFacts['contracts'][number]['level'] {
  return level ?? (buyer === HUB ? 'COST' : 'RETAIL');
}

function versionsOf(all: Contracts, names: Names): Version[] {
  const versions: Version[] = [];
  for (const [name, contract] of all) {
    const { versions: several } = contract;
    const terms: readonly VectorTerms[] = several ?? [contract];
    terms.forEach((one, place) => {
      const path = `contracts.${name}${several === undefined ? '' : `.versions[${place}]`}`;
      // What the contract says itself holds for all of its versions.
      const merged = several === undefined ? one : { ...contract, ...one };
      const contractId = names.id('contract', name, path);
      assertMarginPolicy(levelOf(contract), merged.margin ?? 'NONE');
      versions.push({ id: versions.length + 1, contractId, ...termsOf(merged, path, names) });
    });
  }
  return versions;
}

function termsOf(
  terms: VectorTerms,
  path: string,
  names: Names,
): Omit<Version, 'id' | 'contractId'> {
  const { zone = 'UTC', currency = 'EUR' } = terms;
  assertTimeZone(zone);
  const time = period(terms.from ?? 0, terms.to ?? null);
  const decimals = terms.decimals ?? 4;
  if (decimals > 8) throw refused(`${path}.decimals`, 'is at most 8');
  const only = terms.list ?? names.first('list');
  const entries = terms.lists ?? (only === undefined ? [] : [{ list: only }]);
  const lists = entries.map(({ list, service = '*', trunk }: ListEntry, place) => ({
    service,
    trunkId: names.optional('trunk', trunk, `${path}.lists[${place}].trunk`),
    priceListId: names.id('list', list, `${path}.lists[${place}].list`),
  }));
  if (lists.length > 0) assertTerms({ currency, timeZone: zone, taxPercent: '0', lists });
  return {
    validFrom: time.from,
    validTo: time.to,
    timeZone: zone,
    roundingDecimals: decimals,
    roundingMode: terms.rounding ?? 'HALF_UP',
    currency,
    bandPolicy: terms.bands ?? 'START',
    conversion: terms.conversion ?? 'NONE',
    marginPolicy: terms.margin ?? 'NONE',
    lists,
  };
}

type ListEntry = NonNullable<VectorTerms['lists']>[number];

interface Owner {
  readonly name: string;
  readonly first: string;
  readonly subscription: BookFacts['subscriptions'][number];
  readonly identities: readonly BookFacts['identities'][number][];
}

function subscriptionOf(
  name: string,
  one: VectorSubscription,
  world: VectorWorld,
  contracts: Contracts,
  contractName: string,
  names: Names,
): Owner {
  const path = `subscriptions.${name}`;
  const id = names.add('subscription', name);
  const contractId = names.id('contract', contractName, `${path}.contract`);
  const contract = contracts.get(contractName);
  const account = one.account ?? contract?.account ?? contract?.buyer ?? HUB;
  const numbers = one.numbers ?? [DEFAULT_NUMBER];
  const ranges = numbers.map((range, place) => rangeOf(range, `${path}.numbers[${place}]`));
  const { from: validFrom, to: validTo } = period(one.from ?? 0, one.to ?? null);
  const time = { validFrom, validTo };
  const owner = { subscriptionId: id, ...time };
  const trunks = names.some('trunk', one.trunks, `${path}.trunks`) ?? [];
  return {
    name,
    first: String(ranges[0]?.[0] ?? ''),
    subscription: {
      id,
      partnerId: names.id('partner', contract?.buyer ?? HUB, path),
      accountId: names.add('account', account),
      contractId,
      startsAt: time.validFrom,
      endsAt: time.validTo,
      servicePlanId: one.plan === undefined ? null : names.add('plan', one.plan),
      rootAccountId: names.add('account', rootOf(account, world, path)),
    },
    identities: [
      ...ranges.map(([numberFrom, numberTo]) => ({
        ...owner,
        numberFrom,
        numberTo,
        trunkId: null,
      })),
      ...trunks.map((trunkId) => ({ ...owner, numberFrom: null, numberTo: null, trunkId })),
    ],
  };
}

function rangeOf(range: string, path: string): [number, number] {
  const match = /^([1-9]\d{0,14})(?:-([1-9]\d{0,14}))?$/.exec(range);
  const [from, to] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (to >= from) return [from, to];
  throw refused(path, 'is a number, or the first and the last one with a hyphen between them');
}

function rootOf(account: string, world: VectorWorld, path: string): string {
  let at = account;
  for (let steps = 0; steps <= (world.accounts?.size ?? 0); steps += 1) {
    const parent = world.accounts?.get(at)?.parent;
    if (parent === undefined) return at;
    if (!world.accounts?.has(parent)) {
      throw refused(`accounts.${at}.parent`, `names the account "${parent}", which is not there`);
    }
    at = parent;
  }
  throw refused(path, 'has an account whose parents go in a circle');
}

function scaled(text: string, scale: number): bigint {
  const [whole, fraction = ''] = text.split('.');
  return BigInt(`${whole}${fraction.padEnd(scale, '0')}`);
}
