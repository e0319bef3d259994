export { maskNumbers } from './masked-schema.service.js';
