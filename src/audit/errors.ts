import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of the audit. */
export const auditErrors = {
  AUDIT_HEAD_INVALID: 'A head of the audit is not one that was signed here.',
  AUDIT_VERIFYING: 'The audit is being verified already.',
} as const satisfies ErrorCatalogue;
