// The stages of the data plane that run as WebAssembly: what TypeScript calls of them.
export { linesRead, readLines, rowsLeft, rowsRead } from '../mediation/thread.stage';
export { encodeRows, rowsEnd, rowsWritten } from './encode-rows.stage';
export { derivedEntry, rateRows, touchedRates } from './rate-rows.stage';
export { findBundles, sumRows, touchedSums } from './sum-rows.stage';
