/** The most bytes of UTF-8 that a file name may have. */
const MAX_FILE_NAME_BYTES = 255;

/** Why a text cannot be the name of a usage file. */
export type FileNameFault = 'EMPTY' | 'TOO_LONG' | 'PATH' | 'CONTROL_CHARACTER' | 'NOT_TEXT';

// Control, format (bidirectional marks too) and line-separating characters would let a name
// look like another one in a list or a log.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;
const PATH_SIGN = /[/\\]/;

/**
 * What is wrong with a name, or null. A name is a label only: where the bytes lie is decided by
 * the server, so the rules keep out what would mislead a reader, not what would break a disk.
 */
export function fileNameFault(name: string): FileNameFault | null {
  if (name.trim() === '') return 'EMPTY';
  if (Buffer.from(name, 'utf8').toString('utf8') !== name) return 'NOT_TEXT';
  if (Buffer.byteLength(name, 'utf8') > MAX_FILE_NAME_BYTES) return 'TOO_LONG';
  if (PATH_SIGN.test(name) || name === '.' || name === '..') return 'PATH';
  return INVISIBLE.test(name) ? 'CONTROL_CHARACTER' : null;
}

/**
 * A name for display from the bytes of a directory entry: what {@link fileNameFault} refuses is
 * replaced, so the answer always passes it.
 */
export function printableName(entry: Uint8Array): string {
  let shown = '';
  let bytes = 0;
  for (const sign of Buffer.from(entry).toString('utf8')) {
    const kept = INVISIBLE.test(sign) || PATH_SIGN.test(sign) ? '_' : sign;
    bytes += Buffer.byteLength(kept, 'utf8');
    if (bytes > MAX_FILE_NAME_BYTES) break;
    shown += kept;
  }
  return fileNameFault(shown) === null ? shown : 'unnamed';
}
