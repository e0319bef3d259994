import { ErasureResolver } from './erasure.resolver.js';
import { RetentionResolver } from './retention.resolver.js';

export { EraseService } from './erase.service.js';
export { ErasureService } from './erasure.service.js';
export { privacyErrors } from './errors.js';
export { maskNumbers } from './masked-schema.service.js';
export { PurgeService } from './purge.service.js';
export { LEAF_DAY } from './purge.store.js';
export { RetentionService } from './retention.service.js';
export { ErasureResolver, RetentionResolver };

export const privacyResolvers = [RetentionResolver, ErasureResolver] as const;
