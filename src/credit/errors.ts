import type { ErrorCatalogue } from '../kernel/index.js';

export const creditErrors = {
  CREDIT_LIMIT_INVALID: 'A credit limit is above zero and below ten thousand million.',
  SUBSCRIPTION_NOT_BLOCKED: 'Only a blocked subscription can be released.',
  SUBSCRIPTION_NOT_ACTIVE: 'Only an active subscription can be blocked.',
} as const satisfies ErrorCatalogue;
