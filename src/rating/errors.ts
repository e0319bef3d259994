import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of rating. */
export const ratingErrors = {
  PRICE_BOOK_CHANGING: 'Prices changed while the book was being compiled; try again.',
  PRICE_BOOK_NOT_FOUND: 'There is no price book of that number.',
  XDR_NOT_FOUND: 'There is no such record among those that the viewer may see.',
} as const satisfies ErrorCatalogue;
