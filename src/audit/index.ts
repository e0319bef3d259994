export type { Act, Actor } from './act.js';
export { AuditService, actorFound, actorOf } from './audit.service.js';
export { auditMutations } from './audited-schema.service.js';
