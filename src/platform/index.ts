export { Searches } from './armour.js';
export { callerOf } from './caller-limits.service.js';
export * from './config.js';
export * from './connection.js';
export { cursorRows } from './cursor.store.js';
export * from './database.service.js';
export * from './doorbell.service.js';
export * from './enum-type.js';
export * from './error-format.js';
export * from './errors.js';
export * from './event.store.js';
export * from './event-stream.service.js';
export * from './event-watch.service.js';
export {
  fieldsByPermission,
  markAccess,
  markShownWith,
  ShownWith,
} from './field-access.service.js';
export * from './gate.service.js';
export { demandIds } from './given-id.js';
export { demandText } from './given-text.js';
export * from './http.service.js';
export * from './idempotency.store.js';
export { knownUntil } from './known-time.js';
export * from './log.service.js';
export { buildMailer, type Mail, type Mailer } from './mail.service.js';
export { Metrics } from './metrics.service.js';
export * from './migrate.service.js';
export * from './outbox.service.js';
export * from './plain-text.js';
export * from './postgres-server.service.js';
export { isTokenAlive, lock, processToken } from './process-lock.service.js';
export * from './request.service.js';
export { reasonOf } from './request-reason.js';
export * from './row.store.js';
export * from './row-number.js';
export * from './run.entity.js';
export * from './run.input.js';
export * from './run.resolver.js';
export * from './run.service.js';
export * from './run-rules.js';
export * from './scalars.js';
export * from './secret.service.js';
export * from './thread.js';
export { addressKey } from './token-buckets.js';
export * from './work.service.js';
