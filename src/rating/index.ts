import { XdrExplanationResolver, XdrLevelExplanationResolver } from './explain.resolver.js';
import { XdrPriceResolver, XdrResolver } from './xdr.resolver.js';

export { FOLD_TOPIC } from './allowance.store.js';
export { DataPlane, type DataPlaneOptions } from './data-plane.service.js';
export { ratingErrors } from './errors.js';
export { XdrExplanationResolver, XdrLevelExplanationResolver } from './explain.resolver.js';
export { ExplainService } from './explain.service.js';
export { LineReader } from './explain-line.service.js';
export { CREDIT_USAGE_TOPIC } from './findings.store.js';
export { startFold } from './fold.service.js';
export { vectorsCommand } from './vector.service.js';
export { XdrPriceResolver, XdrResolver } from './xdr.resolver.js';

/** Tables of this folder: none, since COPY fills them and hand-written statements read them. */
export const ratingEntities = [] as const;

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const ratingResolvers = [
  XdrResolver,
  XdrPriceResolver,
  XdrExplanationResolver,
  XdrLevelExplanationResolver,
] as const;
