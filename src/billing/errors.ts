import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of billing. */
export const billingErrors = {
  BILL_PERIOD_NOT_OVER: 'A period can be billed once it is over in the zone of every contract.',
  BILL_RUN_NOT_FOUND: 'There is no such bill run.',
  BILL_RUN_OPEN: 'The bill run is still working; its invoices can be finalised when it has ended.',
  CONTRACT_WITHOUT_TERMS: 'The contract has no version in force by the end of the period.',
  INVOICE_NOT_FOUND: 'There is no such invoice.',
  INVOICE_NUMBERS_EXHAUSTED: 'The number series of the year has no number left.',
  NOTHING_TO_BILL: 'No contract of the seller has usage or fees to bill in the period.',
  NOTHING_TO_FINALISE: 'The bill run has no draft invoice.',
  NO_EXCHANGE_RATE: 'No exchange rate was in force on a day of usage.',
  SELLER_NOT_FOUND: 'There is no such seller.',
} as const satisfies ErrorCatalogue;
