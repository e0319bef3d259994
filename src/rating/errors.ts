import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of rating. */
export const ratingErrors = {
  MONTH_CHARGE_TOO_LARGE: 'A record costs more in its month than can be stored.',
  PRICE_BOOK_CHANGING: 'Prices changed while the book was being compiled; try again.',
  PRICE_BOOK_NOT_FOUND: 'There is no price book of that number.',
  RERATE_BUSY:
    'Another change set of the period is being applied or undone, or records are being purged.',
  RERATE_CHANGED_AGAIN: 'A later change set was applied to the same records.',
  RERATE_PURGED: 'Records of that time have been purged; what is left cannot be rated anew.',
  RERATE_NOT_SELLER: 'Only the hub rates anew what others sell.',
  RERATE_OWN_APPROVAL: 'A change set is approved by another user than the one who asked for it.',
  RERATE_PREVIEW_OUTDATED: 'The change set was previewed again since it was looked at.',
  RERATE_STATE: 'The change set does not allow it as it stands.',
  XDR_NOT_FOUND: 'There is no such record among those that the viewer may see.',
  QUOTE_INVALID: 'Quantity, value or beginning of a quote is out of range; details name the field.',
  QUOTE_NOT_GUIDED: 'Neither trunk nor calling number leads to a visible subscription then.',
  QUOTE_NOT_ACTIVE: 'The subscription is not held at that instant.',
  QUOTE_NOT_SOLD: 'No chain of contracts leads from the hub to the subscription.',
} as const satisfies ErrorCatalogue;

/** Refusals of files with vectors; the API does not read any. */
const vectorErrors = {
  VECTOR_UNREADABLE: 'The file cannot be read or is not JSON.',
  VECTOR_INVALID: 'The file breaks the format of vectors; details name the place.',
} as const satisfies ErrorCatalogue;

export type VectorErrorCode = keyof typeof vectorErrors;
