import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of rating. */
export const ratingErrors = {
  PRICE_BOOK_CHANGING: 'Prices changed while the book was being compiled; try again.',
  PRICE_BOOK_NOT_FOUND: 'There is no price book of that number.',
  XDR_NOT_FOUND: 'There is no such record among those that the viewer may see.',
} as const satisfies ErrorCatalogue;

/** Refusals of files with vectors; the API does not read any. */
const vectorErrors = {
  VECTOR_UNREADABLE: 'The file cannot be read or is not JSON.',
  VECTOR_INVALID: 'The file breaks the format of vectors; details name the place.',
} as const satisfies ErrorCatalogue;

export type VectorErrorCode = keyof typeof vectorErrors;
