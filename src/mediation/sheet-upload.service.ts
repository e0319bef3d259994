import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { requirePermission, rowOrNull, type Tx, type Viewer } from '../platform/index.js';
import type { FileStorage } from './file-storage.service.js';
import { UsageFile } from './usage-file.entity.js';
import { assertKept } from './usage-file.service.js';

const RECORD_READERS = ['usage.read', 'subscriber.number.read'];

/**
 * Opens a stored file to be read as a rate sheet; null where none is visible. The rows of a sheet
 * show its text, so what was not sent as one, or was imported as usage since, is opened only for
 * who may see records as they are. Refuses with FORBIDDEN or FILE_PURGED.
 */
export async function readSheet(
  storage: FileStorage,
  tx: Tx,
  viewer: Viewer,
  fileId: string,
): Promise<Readable | null> {
  const file = await rowOrNull(tx, UsageFile, 'UsageFile', fileId);
  if (file === null) return null;
  if (mayHoldRecords(file)) for (const one of RECORD_READERS) requirePermission(viewer, one);
  assertKept(file);
  return createReadStream(storage.pathOf(file.storedAs));
}

function mayHoldRecords({ rateSheet, state }: UsageFile): boolean {
  return !rateSheet || state !== 'STORED';
}
