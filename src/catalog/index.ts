export * from './inherit.js';
export { type Span, type Timeline, valueAt } from './timeline.js';
