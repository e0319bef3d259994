import { roundingCode, type ZoneTransitions, zoneTransitions } from '../kernel/index.js';
import { serviceCodes } from '../mediation/index.js';
import {
  type BookFacts,
  bandPolicies,
  type Contracts,
  type DatedFactor,
  marginPolicies,
  priceLevels,
  type TrunkList,
} from './book.js';
import { floats, ints } from './compile-arrays.js';
import { shared } from './prefix-tree.js';

const SERVICES = 5;
const FOREVER = Number.POSITIVE_INFINITY;
const NO_LIST = -1;

type Version = BookFacts['versions'][number];

/** Contracts with their versions in order of time, and the zones that they name. */
export function compileContracts(
  facts: BookFacts,
  listPlace: ReadonlyMap<number, number>,
): { contracts: Contracts; zones: ZoneTransitions[]; contractPlace: Map<number, number> } {
  const contractPlace = new Map(facts.contracts.map(({ id }, place) => [id, place]));
  const versions = facts.versions
    .filter((version) => contractPlace.has(version.contractId))
    .sort((a, b) => a.contractId - b.contractId || a.validFrom - b.validFrom);
  const firstOf = new Map<number, number>();
  const countOf = new Map<number, number>();
  versions.forEach(({ contractId }, place) => {
    if (!firstOf.has(contractId)) firstOf.set(contractId, place);
    countOf.set(contractId, (countOf.get(contractId) ?? 0) + 1);
  });
  const zoneNames = [...new Set(versions.map((version) => version.timeZone))];
  const contracts: Contracts = {
    id: ints(facts.contracts, (contract) => contract.id),
    partnerId: ints(facts.contracts, (contract) => contract.partnerId),
    accountId: ints(facts.contracts, (contract) => contract.accountId),
    sellerPartnerId: ints(facts.contracts, (contract) => contract.sellerPartnerId),
    buyerPartnerId: ints(facts.contracts, (contract) => contract.buyerPartnerId),
    level: bytes(facts.contracts, (contract) => priceLevels.indexOf(contract.level)),
    firstVersion: ints(facts.contracts, ({ id }) => firstOf.get(id) ?? 0),
    versionCount: ints(facts.contracts, ({ id }) => countOf.get(id) ?? 0),
    versionId: ints(versions, (version) => version.id),
    versionContract: ints(versions, ({ contractId }) => contractPlace.get(contractId)!),
    versionFrom: floats(versions, (version) => version.validFrom),
    versionTo: floats(versions, (version) => version.validTo ?? FOREVER),
    versionZone: ints(versions, (version) => zoneNames.indexOf(version.timeZone)),
    versionStep: floats(versions, (version) => 10 ** (8 - version.roundingDecimals)),
    versionRounding: bytes(versions, (version) => roundingCode(version.roundingMode)),
    versionCurrency: versions.map((version) => version.currency),
    versionBandPolicy: bytes(versions, (version) => bandPolicies.indexOf(version.bandPolicy)),
    versionMargin: bytes(versions, (version) => marginPolicies.indexOf(version.marginPolicy)),
    ...listsOfVersions(facts, versions, listPlace),
  };
  return { contracts, zones: zoneNames.map(zoneTable), contractPlace };
}

// A century of a zone takes milliseconds, and every book asks for the same few.
const zoneTables = new Map<string, ZoneTransitions>();

function zoneTable(zone: string): ZoneTransitions {
  const known = zoneTables.get(zone);
  if (known !== undefined) return known;
  const table = zoneTransitions(zone, Date.UTC(1999, 11, 1), Date.UTC(2101, 0, 1));
  zoneTables.set(zone, table);
  return table;
}

// A list kept in another currency than the contract is as good as none unless the contract
// converts; it does not give way to another list that the contract names less precisely.
function listsOfVersions(
  facts: BookFacts,
  versions: readonly Version[],
  listPlace: ReadonlyMap<number, number>,
): Pick<Contracts, 'versionList' | 'versionTrunkLists' | 'conversions' | 'exchange'> {
  const exchange = new Exchange(facts);
  const conversions = new Map<number, readonly DatedFactor[]>();
  const versionList = shared(Int32Array, versions.length * SERVICES).fill(NO_LIST);
  const versionTrunkLists = versions.map((version, place) => {
    const placeOf = (listId: number): number => {
      const list = listPlace.get(listId);
      if (list === undefined) return NO_LIST;
      const { currency } = facts.lists[list]!;
      if (currency === version.currency) return list;
      if (version.conversion === 'NONE') return NO_LIST;
      conversions.set(
        place * facts.lists.length + list,
        exchange.factors(currency, version.currency),
      );
      return list;
    };
    const named = version.lists.filter(({ trunkId }) => trunkId === null);
    const other = named.find(({ service }) => service === '*');
    for (const [service, code] of Object.entries(serviceCodes)) {
      const entry = named.find((one) => one.service === service) ?? other;
      if (entry) versionList[place * SERVICES + code] = placeOf(entry.priceListId);
    }
    return trunkLists(version, placeOf);
  });
  return { versionList, versionTrunkLists, conversions, exchange: exchangeOf(facts, exchange) };
}

// Shares of what a subscriber is charged are taken in the currency of the list that names them, and
// what a record cost is held against what it brings in the currency that it is sold in. Prices that
// re-rating keeps may be in a currency that no contract has any more.
function exchangeOf(facts: BookFacts, exchange: Exchange): Contracts['exchange'] {
  const charged = new Set(facts.versions.map(({ currency }) => currency));
  const wanted = new Set([...charged, ...facts.lists.map(({ currency }) => currency)]);
  const quoted = facts.exchangeRates.flatMap(({ base, quote }) => [base, quote]);
  const found = new Map<string, readonly DatedFactor[]>();
  for (const from of new Set([...charged, ...quoted])) {
    for (const to of wanted) {
      if (from !== to) found.set(`${from} ${to}`, exchange.factors(from, to));
    }
  }
  return found;
}

// A row for any service holds only for those that have no row of their own without a trunk.
function trunkLists(
  version: Version,
  placeOf: (listId: number) => number,
): TrunkList[] | undefined {
  const ownRow = (name: string) =>
    version.lists.some(({ service, trunkId }) => service === name && trunkId === null);
  const others = Object.entries(serviceCodes).filter(([name]) => !ownRow(name));
  const rows = version.lists.filter(({ trunkId }) => trunkId !== null);
  const found = [
    ...rows.filter(({ service }) => service !== '*'),
    ...rows.filter(({ service }) => service === '*'),
  ].flatMap(({ service, trunkId, priceListId }): TrunkList[] => {
    const list = placeOf(priceListId);
    const codes = service === '*' ? others.map(([, code]) => code) : [serviceCodes[service]];
    const isGeneral = service === '*';
    return codes.map((code) => ({ service: code, isGeneral, trunkId: trunkId!, list }));
  });
  return found.length === 0 ? undefined : found;
}

/** One unit of a rate at scale 10. */
const ONE = 10_000_000_000n;

/** Exchange rates by pair of currencies, each pair worked out once. */
class Exchange {
  readonly #quotes = new Map<string, DatedFactor[]>();
  readonly #factors = new Map<string, readonly DatedFactor[]>();

  constructor({ exchangeRates }: BookFacts) {
    for (const { base, quote, rate, validFrom } of exchangeRates) {
      const factor = { fromMs: validFrom, numerator: rate, denominator: ONE };
      const known = this.#quotes.get(`${base} ${quote}`);
      if (known === undefined) this.#quotes.set(`${base} ${quote}`, [factor]);
      else known.push(factor);
    }
    for (const factors of this.#quotes.values()) factors.sort((a, b) => a.fromMs - b.fromMs);
  }

  /** Quoted either way; of two from the same instant the direct one stands last, and holds. */
  factors(from: string, to: string): readonly DatedFactor[] {
    const key = `${from} ${to}`;
    const known = this.#factors.get(key);
    if (known !== undefined) return known;
    const turned = (this.#quotes.get(`${to} ${from}`) ?? []).map(
      ({ fromMs, numerator, denominator }) => {
        return { fromMs, numerator: denominator, denominator: numerator };
      },
    );
    const direct = this.#quotes.get(key) ?? [];
    const factors = [...turned, ...direct].sort((a, b) => a.fromMs - b.fromMs);
    this.#factors.set(key, factors);
    return factors;
  }
}

function bytes<T>(items: readonly T[], value: (item: T) => number): Uint8Array {
  const array = new Uint8Array(new SharedArrayBuffer(Math.max(1, items.length)));
  items.forEach((item, place) => {
    array[place] = value(item);
  });
  return array;
}
