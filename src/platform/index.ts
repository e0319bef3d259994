export * from './tenancy.js';
export * from './database.service.js';
export * from './migrate.service.js';
export * from './postgres-server.service.js';
