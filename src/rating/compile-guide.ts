import { type BookFacts, type Guide, type Packed, RANGE, SUBSCRIBER } from './book.js';
import { floats, ints, sharedPacked } from './compile-arrays.js';
import { shared } from './prefix-tree.js';
import { indexRanges } from './range-index.js';

const FOREVER = Number.POSITIVE_INFINITY;

/** Who owns which numbers and trunks, and through which contracts a subscription is sold. */
export function compileGuide(facts: BookFacts, contractPlace: ReadonlyMap<number, number>): Guide {
  const place = new Map(facts.subscriptions.map(({ id }, index) => [id, index]));
  const identities = facts.identities.filter(({ subscriptionId }) => place.has(subscriptionId));
  const claims = new ClaimList(place);
  const ranges = elementaryRanges(identities);
  const rangeFirst = ints(ranges, ({ owners }) => claims.add(owners));
  const trunks = trunkClaims(facts, identities, claims, contractPlace);
  const chains = new ChainList(facts, contractPlace);
  return {
    subscribers: packedSubscribers(facts, chains),
    startsMs: floats(facts.subscriptions, ({ startsAt }) => startsAt),
    endsMs: floats(facts.subscriptions, ({ endsAt }) => endsAt ?? FOREVER),
    chains: chains.all,
    successors: chains.successors,
    ranges: packedRanges(
      ranges.map(({ from, to, owners }) => {
        const [owner] = owners;
        const subscription = place.get(owner!.subscriptionId)!;
        const { startsAt, endsAt } = facts.subscriptions[subscription]!;
        return {
          from,
          to,
          subscription,
          validFrom: Math.max(owner!.validFrom, startsAt),
          validTo: Math.min(owner!.validTo ?? FOREVER, endsAt ?? FOREVER),
        };
      }),
    ),
    rangeTo: floats(ranges, ({ to }) => to),
    rangeFirst,
    rangeCount: ints(ranges, ({ owners }) => owners.length),
    ...indexRanges(ranges),
    ...trunks,
    ...claims.finish(),
    trunkNames: facts.trunks.map(({ name, id }) => [name, id] as const),
  };
}

function packedSubscribers({ subscriptions }: BookFacts, chains: ChainList): Packed {
  const packed = sharedPacked(subscriptions.length);
  const { words } = packed;
  subscriptions.forEach((subscription, place) => {
    const at = place * 8;
    words[at + SUBSCRIBER.ID] = subscription.id;
    words[at + SUBSCRIBER.PARTNER] = subscription.partnerId;
    words[at + SUBSCRIBER.ACCOUNT] = subscription.accountId;
    words[at + SUBSCRIBER.ROOT_ACCOUNT] = subscription.rootAccountId;
    words[at + SUBSCRIBER.PLAN] = subscription.servicePlanId ?? 0;
    words[at + SUBSCRIBER.CHAIN] = chains.placeOf(subscription.contractId);
  });
  return packed;
}

/** Ranges as they are found; each has an owner. */
export function packedRanges(
  ranges: readonly {
    readonly from: number;
    readonly to: number;
    /** The first owner's place, and when both its claim and its subscription hold. */
    readonly subscription: number;
    readonly validFrom: number;
    readonly validTo: number;
  }[],
): Packed {
  const packed = sharedPacked(ranges.length);
  const { numbers, words } = packed;
  ranges.forEach(({ from, to, subscription, validFrom, validTo }, range) => {
    numbers[range * 4 + RANGE.FROM] = from;
    const at = range * 8;
    words[at + RANGE.LENGTH] = to - from > MOST ? -1 : to - from;
    words[at + RANGE.VALID_FROM] = Math.max(-MOST, Math.min(MOST, Math.ceil(validFrom / MINUTE)));
    words[at + RANGE.VALID_TO] = Math.max(-MOST, Math.min(MOST, Math.floor(validTo / MINUTE)));
    words[at + RANGE.SUBSCRIPTION] = subscription;
  });
  return packed;
}

const MINUTE = 60_000;
const MOST = 2 ** 31 - 1;

interface OwnedRange {
  readonly from: number;
  readonly to: number;
  readonly owners: readonly Identity[];
}

type Identity = BookFacts['identities'][number];

/** Longest chain of contracts: cost, resellers and the subscriber's own. */
export const MAX_LEVELS = 8;

/**
 * The contracts through which a subscription's traffic is sold: its own, then the contract under
 * which its seller buys, and so on up to the hub. Where the seller buys under several, the one
 * with the lowest id says from whom; it and others of the same two partners take turns by time.
 */
class ChainList {
  readonly all: Int32Array[] = [];
  /** As {@link Guide.successors}. */
  readonly successors: ReadonlyMap<number, Int32Array>;
  readonly #places = new Map<number, number>();
  readonly #facts: BookFacts;
  readonly #contractPlace: ReadonlyMap<number, number>;
  readonly #purchaseOf = new Map<number, BookFacts['contracts'][number]>();
  readonly #byId = new Map<number, BookFacts['contracts'][number]>();

  constructor(facts: BookFacts, contractPlace: ReadonlyMap<number, number>) {
    this.#facts = facts;
    this.#contractPlace = contractPlace;
    for (const contract of [...facts.contracts].sort((a, b) => a.id - b.id)) {
      this.#byId.set(contract.id, contract);
      if (contract.level !== 'WHOLESALE') continue;
      if (!this.#purchaseOf.has(contract.buyerPartnerId)) {
        this.#purchaseOf.set(contract.buyerPartnerId, contract);
      }
    }
    this.successors = this.#successors();
  }

  /** Place of the chain that ends with the contract; -1 when it does not reach the hub. */
  placeOf(contractId: number): number {
    const known = this.#places.get(contractId);
    if (known !== undefined) return known;
    const chain = this.#chain(contractId);
    const place = chain === null ? -1 : this.all.push(chain) - 1;
    this.#places.set(contractId, place);
    return place;
  }

  #successors(): Map<number, Int32Array> {
    const sales = new Map<number, number[]>();
    for (const { id, level, sellerPartnerId, buyerPartnerId } of this.#byId.values()) {
      const first = this.#purchaseOf.get(buyerPartnerId);
      if (level !== 'WHOLESALE' || first?.sellerPartnerId !== sellerPartnerId) continue;
      const firstPlace = this.#contractPlace.get(first.id)!;
      const places = sales.get(firstPlace) ?? [];
      places.push(this.#contractPlace.get(id)!);
      sales.set(firstPlace, places);
    }
    const several = [...sales].filter(([, places]) => places.length > 1);
    return new Map(several.map(([first, places]) => [first, Int32Array.from(places)]));
  }

  #chain(contractId: number): Int32Array | null {
    const chain: number[] = [];
    let contract = this.#byId.get(contractId);
    while (contract !== undefined && chain.length < MAX_LEVELS - 1) {
      chain.unshift(this.#contractPlace.get(contract.id)!);
      if (contract.sellerPartnerId === this.#facts.hubPartnerId) return Int32Array.from(chain);
      contract = this.#purchaseOf.get(contract.sellerPartnerId);
    }
    return null;
  }
}

/** Cuts overlapping ranges (of different times) into disjoint ones with all their owners. */
function elementaryRanges(identities: readonly Identity[]): OwnedRange[] {
  const numbered = identities.filter((identity) => identity.numberFrom !== null);
  const byStart = [...numbered].sort((a, b) => a.numberFrom! - b.numberFrom!);
  const edges = [...new Set(numbered.flatMap((i) => [i.numberFrom!, i.numberTo! + 1]))].sort(
    (a, b) => a - b,
  );
  const ranges: OwnedRange[] = [];
  let open: Identity[] = [];
  let next = 0;
  edges.forEach((edge, at) => {
    open = open.filter((identity) => identity.numberTo! >= edge);
    while (next < byStart.length && byStart[next]!.numberFrom === edge) open.push(byStart[next++]!);
    const end = edges[at + 1];
    if (open.length > 0 && end !== undefined)
      ranges.push({ from: edge, to: end - 1, owners: open });
  });
  return ranges;
}

function trunkClaims(
  facts: BookFacts,
  identities: readonly Identity[],
  claims: ClaimList,
  contractPlace: ReadonlyMap<number, number>,
): Pick<Guide, 'trunkFirst' | 'trunkCount' | 'trunkCost'> {
  const highest = facts.trunks.reduce((most, { id }) => Math.max(most, id), 0);
  const trunkFirst = shared(Int32Array, highest + 1);
  const trunkCount = shared(Int32Array, highest + 1);
  const trunkCost = shared(Int32Array, highest + 1).fill(-1);
  const byTrunk = new Map<number, Identity[]>();
  for (const identity of identities) {
    if (identity.trunkId === null) continue;
    byTrunk.set(identity.trunkId, [...(byTrunk.get(identity.trunkId) ?? []), identity]);
  }
  for (const trunk of facts.trunks) {
    const owners = byTrunk.get(trunk.id) ?? [];
    trunkFirst[trunk.id] = claims.add(owners);
    trunkCount[trunk.id] = owners.length;
    const cost = trunk.costContractId;
    trunkCost[trunk.id] = cost === null ? -1 : (contractPlace.get(cost) ?? -1);
  }
  return { trunkFirst, trunkCount, trunkCost };
}

class ClaimList {
  readonly #owners: Identity[] = [];

  constructor(readonly places: ReadonlyMap<number, number>) {}

  add(owners: readonly Identity[]): number {
    const first = this.#owners.length;
    this.#owners.push(...owners);
    return first;
  }

  finish(): Pick<Guide, 'claimSubscription' | 'claimFrom' | 'claimTo'> {
    return {
      claimSubscription: ints(this.#owners, (owner) => this.places.get(owner.subscriptionId)!),
      claimFrom: floats(this.#owners, (owner) => owner.validFrom),
      claimTo: floats(this.#owners, (owner) => owner.validTo ?? FOREVER),
    };
  }
}
