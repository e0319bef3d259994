import type { ErrorCatalogue } from '../kernel/index.js';

export const integrationErrors = {
  WEBHOOK_URL_REFUSED:
    'Events are not sent to this address: `details.fault` says why, and docs/webhooks.md what it ' +
    'may be.',
  TOO_MANY_WEBHOOKS: 'The partner has as many webhooks as a partner can have.',
} as const satisfies ErrorCatalogue;
