import { DomainError, isCountry } from '../kernel/index.js';

/** Kinds that may stand directly below each kind of partner. */
const belowKind: Readonly<Record<string, readonly string[]>> = {
  HUB: ['OPERATOR', 'SUPPLIER', 'RESELLER', 'AGENT', 'BUSINESS_CUSTOMER', 'PRIVATE_CUSTOMER'],
  RESELLER: ['RESELLER', 'AGENT', 'BUSINESS_CUSTOMER', 'PRIVATE_CUSTOMER'],
};

/** A record keeps one price per level of the tree, so the tree's depth is bounded. */
const MAX_DEPTH = 12;

/**
 * Refuses with PARTNER_PLACE_REFUSED a kind that cannot stand below the parent's kind, and with
 * PARTNER_TOO_DEEP one below the deepest level.
 */
export function assertPlacement(
  kind: string,
  parent: { readonly kind: string; readonly depth: number },
): void {
  if (!belowKind[parent.kind]?.includes(kind)) {
    throw new DomainError(
      'PARTNER_PLACE_REFUSED',
      `A partner of kind ${kind} cannot stand below one of kind ${parent.kind}.`,
      { kind, parentKind: parent.kind },
    );
  }
  if (parent.depth >= MAX_DEPTH) {
    throw new DomainError('PARTNER_TOO_DEEP', 'The tree of partners is not made deeper.', {
      maxDepth: MAX_DEPTH,
    });
  }
}

/** Refuses with INVALID_COUNTRY what is not an ISO 3166 code in two capitals. */
export function assertCountry(code: string): void {
  if (!isCountry(code)) {
    throw new DomainError('INVALID_COUNTRY', 'The country is not an ISO 3166 code.', {
      country: code.slice(0, 16),
    });
  }
}

/** The tag in canonical spelling. Refuses with INVALID_LANGUAGE what is not BCP 47. */
export function languageTag(text: string): string {
  try {
    return Intl.getCanonicalLocales(text)[0] ?? refuseLanguage(text);
  } catch {
    return refuseLanguage(text);
  }
}

function refuseLanguage(text: string): never {
  throw new DomainError('INVALID_LANGUAGE', 'The language is not a BCP 47 tag.', {
    language: text.slice(0, 35),
  });
}
