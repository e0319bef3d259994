import type { ErrorCatalogue } from '../kernel/index.js';

export const creditErrors = {
  SUBSCRIPTION_NOT_BLOCKED: 'Only a blocked subscription can be released.',
  SUBSCRIPTION_NOT_ACTIVE: 'Only an active subscription can be blocked.',
} as const satisfies ErrorCatalogue;
