// What threads of the data plane use of this folder; they load nothing of the API.
export { markLength } from './byte-order-mark.js';
export * from './format.js';
export { IdentityTable, SEEN } from './identity-table.js';
export { type IdentityTime, identityTime } from './identity-time.js';
export * from './parse.js';
export type { ParserFacts } from './parser-facts.js';
export { type LineStage, QuickLines } from './quick-lines.js';
export { rawText, suspendedLine } from './raw-text.js';
export * from './record-batch.js';
export { ThreadMemory } from './thread-memory.js';
