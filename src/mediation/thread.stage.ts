// What stages of other folders use of this one.
export * from './read-lines.stage';
export * from './record-columns';
