import { AuditResolver } from './audit.resolver.js';

export type { Act, Actor } from './act.js';
export { AuditService, actorFound, actorOf, actorOfCommand } from './audit.service.js';
export { auditMutations } from './audited-schema.service.js';
export { AuditorService } from './auditor.service.js';
export { auditErrors } from './errors.js';
export { AUDIT_TAMPERED_TOPIC, HeadService } from './head.service.js';
export { HeadFiles, readHeadFile } from './head-file.service.js';
export { HeadKey, isSignedBy } from './head-key.service.js';
export type { Restore } from './restore.js';
export { trustedHead } from './verify.service.js';
export { AuditResolver };

export const auditResolvers = [AuditResolver] as const;
