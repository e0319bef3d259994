import { RetentionResolver } from './retention.resolver.js';

export { privacyErrors } from './errors.js';
export { maskNumbers } from './masked-schema.service.js';
export { PurgeService } from './purge.service.js';
export { RetentionService } from './retention.service.js';
export { RetentionResolver };

export const privacyResolvers = [RetentionResolver] as const;
