export * from './connection.js';
export * from './database.service.js';
export * from './errors.js';
export * from './migrate.service.js';
export * from './postgres-server.service.js';
export * from './request.context.js';
export * from './scalars.js';
export * from './tenancy.js';
