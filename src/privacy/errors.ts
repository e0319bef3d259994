import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of retention, purging and erasure. */
export const privacyErrors = {
  RETENTION_BELOW_MINIMUM: 'The law, or what the system itself needs, asks for a longer period.',
  RETENTION_IN_PAST: 'A period begins today or later.',
  RETENTION_OF_HUB: 'Data of this kind belongs to no single partner; its period is the hub’s.',
  RETENTION_HOLD_RELEASED: 'The hold has been released already.',
  PURGE_BUSY: 'Records of that time are being worked on.',
} as const satisfies ErrorCatalogue;
