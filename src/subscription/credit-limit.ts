import { DomainError, parseAmount } from '../kernel/index.js';
import { subscriptionErrors } from './errors.js';

/** The amount of a credit limit, whoever sets it. Refuses with CREDIT_LIMIT_REFUSED. */
export function creditLimit(text: string): bigint {
  const isSound = /^\d{1,10}(\.\d{1,8})?$/.test(text) && /[1-9]/.test(text);
  if (isSound) return parseAmount(text);
  const { CREDIT_LIMIT_REFUSED } = subscriptionErrors;
  throw new DomainError('CREDIT_LIMIT_REFUSED', CREDIT_LIMIT_REFUSED, { limit: text });
}
