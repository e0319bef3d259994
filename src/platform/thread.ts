// What threads of the data plane use of this folder. They load nothing of the API, which would
// take a second of each thread's start.
export { appendEvent } from './event.store.js';
export { hashJoined } from './hash-joined.store.js';
export * from './new-run.store.js';
export * from './outbox.store.js';
export { enterScope, type Scope, type StatementClass, SYSTEM_SCOPE } from './scope.store.js';
export * from './sql-client.js';
export * from './tenancy.js';
export * from './work.store.js';
export { connectWorker } from './worker-connection.service.js';
