export { mediationErrors } from './errors.js';
export * from './format.js';
export { IdentityHash } from './identity-hash.js';
export { IdentityTable, SEEN } from './identity-table.js';
export * from './parse.js';
export * from './record-batch.js';
