import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of the partner register. */
export const partnerErrors = {
  PARTNER_PLACE_REFUSED: 'A partner of this kind cannot stand below the given parent.',
  PARTNER_TOO_DEEP: 'The partner would stand deeper in the tree than prices are passed down.',
  PARTNER_CLOSED: 'The partner is closed and takes no new business.',
  INVALID_COUNTRY: 'The code is not an ISO 3166 country in two capitals.',
  INVALID_LANGUAGE: 'The tag is not a BCP 47 language.',
  ACCOUNT_OF_OTHER_PARTNER: 'The account belongs to another partner than it must here.',
  ACCOUNT_CLOSED: 'The account is closed.',
  ACCOUNT_NUMBER_TAKEN: 'The account number is in use.',
  CONTRACT_NUMBER_TAKEN: 'The contract number is in use.',
  CONTRACT_SIDES_REFUSED: 'The seller and the buyer cannot have a contract of this level.',
  NOT_SELLER: 'Only the side that sets the terms may do this.',
  CONTRACT_TERMINATED: 'The contract is terminated.',
  CONTRACT_TERMS_REFUSED: 'The terms of the contract break a rule; details name the field.',
  CONTRACT_SERVICE_TWICE: 'The terms name two price lists for one service and trunk.',
  PRICE_LIST_NOT_OF_SELLER: "The price list does not belong to the contract's seller.",
  PRICE_LIST_CURRENCY: 'The price list is kept in another currency than the contract.',
} as const satisfies ErrorCatalogue;
