export { convert, type RateFacts } from './convert.js';
export * from './inherit.js';
export { type Span, type Timeline, valueAt } from './timeline.js';
