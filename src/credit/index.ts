import { CreditResolver } from './credit.resolver.js';
import { CreditBalance } from './credit-balance.entity.js';

export { CreditResolver } from './credit.resolver.js';
export { CreditService } from './credit.service.js';
export { SUBSCRIPTION_BLOCKED_TOPIC, SUBSCRIPTION_RELEASED_TOPIC } from './credit.store.js';
export { creditErrors } from './errors.js';
export { checkCreditUse, type UnequalUse } from './invariants.store.js';

export const creditEntities = [CreditBalance];
export const creditResolvers = [CreditResolver];
