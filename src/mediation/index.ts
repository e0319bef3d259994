import { DuplicateRecord, SuspenseRecord } from './suspense.entity.js';
import {
  DuplicateRecordResolver,
  SuspenseCountResolver,
  SuspenseResolver,
} from './suspense.resolver.js';
import { DuplicateFile, UsageFile } from './usage-file.entity.js';
import { UsageFileResolver } from './usage-file.resolver.js';
import { UsageFormat } from './usage-format.entity.js';
import { UsageFormatResolver } from './usage-format.resolver.js';
import { UsageSource } from './usage-source.entity.js';
import { UsageSourceResolver } from './usage-source.resolver.js';

export { mediationErrors } from './errors.js';
export { checkFileCounts, type UnequalCounts } from './file-count.store.js';
export { rewriteKept, rewriteLines } from './file-rewrite.service.js';
export { FileStorage, type StoredContent } from './file-storage.service.js';
export { IdentityHash } from './identity-hash.js';
export { laneOf } from './import-plan.js';
export { type InboxOptions, type InboxReport, InboxService } from './inbox.service.js';
export { keptFiles, keptSince, removeKept } from './kept-aside.service.js';
export { fieldSpans, LineFields } from './line-fields.js';
export { readSheet } from './sheet-upload.service.js';
export {
  DuplicateRecordResolver,
  SuspenseCountResolver,
  SuspenseResolver,
} from './suspense.resolver.js';
export { type RecycleBatchPayload, SuspenseService } from './suspense.service.js';
export * from './thread.js';
export { type UploadAnswer, UploadService, uploadRoute } from './upload.service.js';
export { UsageFile } from './usage-file.entity.js';
export { UsageFileResolver } from './usage-file.resolver.js';
export {
  type ImportBatchPayload,
  type ImportRunParams,
  UsageFileService,
} from './usage-file.service.js';
export { UsageService } from './usage-format.input.js';
export { UsageFormatResolver } from './usage-format.resolver.js';
export { UsageFormatService } from './usage-format.service.js';
export { UsageSource } from './usage-source.entity.js';
export { UsageSourceResolver } from './usage-source.resolver.js';
export { UsageSourceService } from './usage-source.service.js';

/** Tables of this folder. */
export const mediationEntities = [
  UsageFormat,
  UsageSource,
  UsageFile,
  DuplicateFile,
  SuspenseRecord,
  DuplicateRecord,
];

/** Resolver classes of this folder; `app.ts` builds one of each. */
export const mediationResolvers = [
  UsageFormatResolver,
  UsageSourceResolver,
  UsageFileResolver,
  SuspenseResolver,
  SuspenseCountResolver,
  DuplicateRecordResolver,
] as const;
