import type { DialCountry } from './country-codes.js';
import type { PrefixNames } from './numbering-plan.js';

/** A destination of the trade: numbers that are bought and sold alike. */
export interface ReferenceDestination {
  readonly name: string;
  /** ISO 3166 in two capitals; null for worldwide services. */
  readonly country: string | null;
  readonly kind: 'GEOGRAPHIC' | 'MOBILE' | 'SPECIAL';
  /** Dial codes in rising order; none begins with another of the same destination. */
  readonly prefixes: readonly string[];
}

/** A network is a destination of its own from this share of its country's mobile numbers. */
const OWN_SHARE = 0.08;
const MOST_PER_COUNTRY = 5;
const LONGEST = 15;

/**
 * The destinations of a numbering plan: `<country>`, `<country> Mobile` and, for the larger
 * networks, `<country> Mobile <network>`. A prefix is left out where the next shorter one leads
 * to the same destination. The same plan gives the same destinations in the same order.
 */
export function buildDestinations(
  countries: readonly DialCountry[],
  carriers: PrefixNames,
): ReferenceDestination[] {
  const countryOf = new Map(countries.flatMap((entry) => entry.codes.map((code) => [code, entry])));
  const destinations = new Map<string, Draft>();
  const destinationAt = new Map<string, string>();
  for (const [code, entry] of countryOf) {
    const kind = entry.country === null ? 'SPECIAL' : 'GEOGRAPHIC';
    destinationAt.set(code, put(destinations, entry.name, entry.country, kind));
  }
  for (const [entry, networks] of byCountry(carriers, countryOf)) {
    const own = largeNetworks(networks);
    const mobile = `${entry.name}${entry.country === null ? '' : ' Mobile'}`;
    const kind = entry.country === null ? 'SPECIAL' : 'MOBILE';
    for (const [network, prefixes] of networks) {
      const name = own.has(network) ? `${mobile} ${network}` : mobile;
      put(destinations, name, entry.country, kind);
      for (const prefix of prefixes) destinationAt.set(prefix, name);
    }
  }
  for (const [prefix, name] of destinationAt) {
    if (destinationAt.get(nextShorter(prefix, destinationAt)) !== name) {
      destinations.get(name)?.prefixes.push(prefix);
    }
  }
  return [...destinations.values()]
    .filter(({ prefixes }) => prefixes.length > 0)
    .map((draft) => ({ ...draft, prefixes: draft.prefixes.sort() }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Draft extends Omit<ReferenceDestination, 'prefixes'> {
  readonly prefixes: string[];
}

function put(
  drafts: Map<string, Draft>,
  name: string,
  country: string | null,
  kind: Draft['kind'],
): string {
  if (!drafts.has(name)) drafts.set(name, { name, country, kind, prefixes: [] });
  return name;
}

/** The longest other prefix in `known` that begins this one; '' when there is none. */
function nextShorter(prefix: string, known: ReadonlyMap<string, unknown>): string {
  for (let length = prefix.length - 1; length > 0; length -= 1) {
    if (known.has(prefix.slice(0, length))) return prefix.slice(0, length);
  }
  return '';
}

/** The networks of each country with their prefixes; a prefix of no known country is dropped. */
function byCountry(
  carriers: PrefixNames,
  countryOf: ReadonlyMap<string, DialCountry>,
): Map<DialCountry, Map<string, string[]>> {
  const found = new Map<DialCountry, Map<string, string[]>>();
  for (const [prefix, name] of carriers) {
    const code = countryOf.has(prefix) ? prefix : nextShorter(prefix, countryOf);
    const entry = countryOf.get(code);
    if (entry === undefined || prefix === code) continue;
    const networks = found.get(entry) ?? new Map<string, string[]>();
    found.set(entry, networks);
    const network = networkName(name, entry.name);
    const prefixes = networks.get(network);
    if (prefixes === undefined) networks.set(network, [prefix]);
    else prefixes.push(prefix);
  }
  return found;
}

/** The networks that are destinations of their own, by their share of the numbers. */
function largeNetworks(networks: ReadonlyMap<string, readonly string[]>): Set<string> {
  const sizes = [...networks].map(([network, prefixes]) => ({
    network,
    size: prefixes.reduce((sum, prefix) => sum + 10 ** (LONGEST - prefix.length), 0),
  }));
  const all = sizes.reduce((sum, { size }) => sum + size, 0);
  if (sizes.length === 1) return new Set();
  return new Set(
    sizes
      .filter(({ size }) => size >= all * OWN_SHARE)
      .sort((a, b) => b.size - a.size || (a.network < b.network ? -1 : 1))
      .slice(0, MOST_PER_COUNTRY)
      .map(({ network }) => network),
  );
}

/** A name as the trade would write it: readable letters, one spelling, without its country. */
export function networkName(name: string, country: string): string {
  const repaired = /[ÃÂ]/.test(name) ? Buffer.from(name, 'latin1').toString('utf8') : name;
  const spaced = repaired.replace(/\s+/g, ' ').trim();
  const short = spaced.replace(new RegExp(`[ -]${country}$`, 'i'), '');
  return /^\p{Ll}/u.test(short) ? `${short[0]?.toUpperCase()}${short.slice(1)}` : short;
}
