import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of billing. */
export const billingErrors = {
  BILL_PERIOD_NOT_OVER: 'A period can be billed once it is over in the zone of every contract.',
  BILL_RUN_OPEN: 'The bill run is still working; its invoices can be finalised when it has ended.',
  CONTRACT_WITHOUT_TERMS: 'The contract has no terms that began before the end of the period.',
  FEE_COUNTS_TOO_MUCH: 'A fee counts 2^53 units or more in a month; details name it.',
  FOLD_PENDING: 'Tiers and allowances of the usage to be billed are still being worked out.',
  NOTHING_TO_BILL: 'No contract of the seller has usage or fees to bill in the period.',
  NOTHING_TO_FINALISE: 'The bill run has no draft invoice.',
  NUMBERS_NOT_RECONCILED:
    'Invoices were issued that this database does not know, since an older state was restored.',
  NUMBER_NOT_KEPT: 'The number of an invoice cannot be written down outside of the database.',
} as const satisfies ErrorCatalogue;
