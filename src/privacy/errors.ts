import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of retention, purging and erasure. */
export const privacyErrors = {
  RETENTION_BELOW_MINIMUM: 'The law, or what the system itself needs, asks for a longer period.',
  RETENTION_IN_PAST: 'A period begins today or later.',
  RETENTION_OF_HUB: 'Data of this kind belongs to no single partner; its period is the hub’s.',
  RETENTION_HOLD_RELEASED: 'The hold has been released already.',
  RETENTION_HOLD_FROM_ABOVE: 'A partner above holds the usage, and only from there is it released.',
  ERASURE_NOT_ENDED: 'The subscription has not ended, so its numbers are still needed.',
  ERASURE_TOO_WIDE: 'So many numbers are no person’s: a block is not forgotten.',
  ERASURE_WAITS: 'Imports are under way that began before; resume the run when they have ended.',
  ERASURE_EXISTS: 'The subscription was forgotten already, or is about to be.',
  ERASURE_ON_HOLD: 'Usage of the subscription is held, for example for a dispute.',
  ERASURE_OWN_APPROVAL: 'Whoever asked for it cannot approve it.',
  ERASURE_STATE: 'The erasure is not in a state in which this can be done.',
} as const satisfies ErrorCatalogue;
