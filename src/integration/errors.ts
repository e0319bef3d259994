import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of what leaves the system. */
export const integrationErrors = {
  WEBHOOK_URL_REFUSED:
    'Events are not sent to this address: `details.fault` says why, and docs/webhooks.md what it ' +
    'may be.',
  TOO_MANY_WEBHOOKS: 'The partner has as many webhooks as a partner can have.',
  EXPORT_REFUSED: 'A parameter of the export is unknown, given twice or wrong; details name it.',
  EXPORT_OVERTAKEN: 'Records of the period were purged while the export began; ask for it again.',
  EXPORT_TOO_LARGE: 'A workbook has fewer rows than this; ask for CSV, which has no end.',
  EXPORT_NEEDS_HTTP_1_1:
    'Over this version of HTTP a file that breaks off would look complete; use HTTP/1.1.',
} as const satisfies ErrorCatalogue;
