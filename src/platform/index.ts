export * from './tenancy.js';
export * from './database.service.js';
export * from './migrate.service.js';
