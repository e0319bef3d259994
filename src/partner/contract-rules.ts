import {
  assertTimeZone,
  DomainError,
  minorUnits,
  overlaps,
  type Period,
  parseAmount,
  period,
  subtractPeriods,
} from '../kernel/index.js';

/** What the rules need to know of a partner. */
export interface Side {
  readonly id: number;
  readonly kind: string;
  readonly parentId: number | null;
}

/**
 * Refuses with CONTRACT_SIDES_REFUSED unless the seller of a RETAIL or WHOLESALE contract is the
 * buyer's parent, and a COST contract is bought by the hub from a supplier or operator.
 */
export function assertSides(level: string, seller: Side, buyer: Side): void {
  const sound =
    level === 'COST'
      ? buyer.kind === 'HUB' && (seller.kind === 'SUPPLIER' || seller.kind === 'OPERATOR')
      : buyer.parentId === seller.id;
  if (sound) return;
  throw new DomainError(
    'CONTRACT_SIDES_REFUSED',
    level === 'COST'
      ? 'A COST contract is bought by the hub from a supplier or operator.'
      : `The seller of a ${level} contract is the parent of the buyer.`,
    { level },
  );
}

/** What a price list must agree with. */
export interface PriceListFacts {
  readonly id: number;
  readonly partnerId: number;
  readonly currency: string;
}

/**
 * Refuses with PRICE_LIST_NOT_OF_SELLER or PRICE_LIST_CURRENCY a list that the seller cannot sell
 * by under a contract in this currency; `converts` takes lists of any currency.
 */
export function assertPriceLists(
  lists: readonly PriceListFacts[],
  sellerId: number,
  currency: string,
  converts: boolean,
): void {
  for (const list of lists) {
    if (list.partnerId !== sellerId) {
      throw new DomainError(
        'PRICE_LIST_NOT_OF_SELLER',
        "The price list does not belong to the contract's seller.",
      );
    }
    if (list.currency !== currency && !converts) {
      throw new DomainError(
        'PRICE_LIST_CURRENCY',
        'The price list is kept in another currency than the contract.',
        { contract: currency, priceList: list.currency },
      );
    }
  }
}

/** The parts of the terms that can be wrong by themselves. */
export interface TermsFacts {
  readonly currency: string;
  readonly timeZone: string;
  readonly taxPercent: string;
  readonly lists: readonly { readonly service: string; readonly trunkId: number | null }[];
}

/** Zones of places, but for those that only the platform knows; and that of no place. */
const placedZone = /^(?:UTC|GMT|(?!SystemV\/|US\/Pacific-New$)[A-Z_]+\/.+)$/i;

/**
 * Whether a zone is named by a place, or is UTC. The database takes names without a place for
 * abbreviations first: its CET has no summer, while that of rating does.
 */
export function isPlacedZone(zone: string): boolean {
  return placedZone.test(zone);
}

/**
 * Refuses terms with INVALID_CURRENCY, INVALID_TIME_ZONE, CONTRACT_TERMS_REFUSED (tax rate not
 * from 0 to 100 with 4 decimals, or no price list) or CONTRACT_SERVICE_TWICE.
 */
export function assertTerms(terms: TermsFacts): void {
  minorUnits(terms.currency);
  assertTimeZone(terms.timeZone);
  if (!isPlacedZone(terms.timeZone)) {
    throw new DomainError(
      'INVALID_TIME_ZONE',
      'A contract names its zone by a place, such as Europe/Berlin, or UTC.',
      { zone: terms.timeZone },
    );
  }
  const wellFormed = /^\d{1,3}(\.\d{1,4})?$/.test(terms.taxPercent);
  if (!wellFormed || parseAmount(terms.taxPercent) > 10_000_000_000n) {
    throw new DomainError(
      'CONTRACT_TERMS_REFUSED',
      'The tax rate is a percentage from 0 to 100 with at most 4 decimals.',
      { field: 'taxPercent' },
    );
  }
  if (terms.lists.length === 0) {
    throw new DomainError('CONTRACT_TERMS_REFUSED', 'The terms name at least one price list.', {
      field: 'priceLists',
    });
  }
  const keys = new Set(terms.lists.map(({ service, trunkId }) => `${service} ${trunkId}`));
  if (keys.size < terms.lists.length) {
    throw new DomainError(
      'CONTRACT_SERVICE_TWICE',
      'The terms name two price lists for one service, or for one service over one trunk.',
    );
  }
}

/** Refuses with CONTRACT_TERMS_REFUSED a margin policy where nothing is sold: a COST contract. */
export function assertMarginPolicy(level: string, policy: string): void {
  if (level !== 'COST' || policy === 'NONE') return;
  throw new DomainError('CONTRACT_TERMS_REFUSED', 'A COST contract sells nothing of ours.', {
    field: 'marginPolicy',
  });
}

/** A version that counts now, with its period of validity in epoch milliseconds. */
export interface KnownVersion {
  readonly id: number;
  readonly valid: Period;
}

/** What an amendment does to the versions known so far. */
export interface Amendment {
  /** Versions that count no more from the amendment on. */
  readonly superseded: readonly number[];
  /** Terms of superseded versions that go on outside of the amended period. */
  readonly kept: readonly { readonly id: number; readonly valid: Period }[];
  readonly added: Period;
}

/**
 * Lays new terms over a period. Versions that the period touches are superseded, and what they
 * cover outside of it is recorded anew. Refuses an empty period with INVALID_PERIOD.
 */
export function amend(
  known: readonly KnownVersion[],
  validFrom: number,
  validTo: number | null,
): Amendment {
  const added = period(validFrom, validTo);
  const touched = known.filter((version) => overlaps(version.valid, added));
  return {
    superseded: touched.map((version) => version.id),
    kept: touched.flatMap(({ id, valid }) =>
      subtractPeriods(valid, [added]).map((left) => ({ id, valid: left })),
    ),
    added,
  };
}
