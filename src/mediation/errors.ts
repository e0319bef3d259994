import type { ErrorCatalogue } from '../kernel/index.js';

/** Refusals of intake: uploads, formats, sources, imports and recycling. */
export const mediationErrors = {
  FILE_NAME_INVALID: 'The file name is empty, too long, or holds a path or a control character.',
  UPLOAD_TOO_LARGE: 'The file, as sent or as unpacked, is larger than this server takes.',
  UPLOAD_ENCODING_UNSUPPORTED: 'The Content-Encoding is neither identity nor gzip.',
  UPLOAD_ENCODING_INVALID: 'The body is not what its Content-Encoding says, or is cut short.',
  UPLOAD_INTERRUPTED: 'The body ended before it was complete; nothing was stored.',
  STORAGE_FULL: 'The server has no room for the file; nothing was stored.',
  FILE_ALREADY_IMPORTED: 'The same content was imported before; details name that file.',
  FILE_PURGED: 'The bytes of the file were purged before it was read; send them again.',
  FILE_QUARANTINED: 'The file was set aside and cannot be imported.',
  USAGE_FORMAT_INVALID: 'The format definition breaks rules; details list each place.',
  USAGE_FORMAT_NAME_INVALID: 'A format name has 1 to 63 letters, digits, spaces and . _ -',
  USAGE_SAMPLE_TOO_LARGE: 'A sample has at most 65,536 bytes.',
  USAGE_SOURCE_NAME_INVALID: 'A source name has 1 to 63 lower-case letters, digits and hyphens.',
  USAGE_SOURCE_NAME_TAKEN: 'Another source has this name.',
  IDENTITY_DOMAIN_INVALID: 'An identity domain has 1 to 63 lower-case letters, digits, . and -',
  IDENTITY_DOMAIN_TAKEN: 'Another partner uses this identity domain.',
  SOURCE_OF_OTHER_PARTNER:
    'The source belongs neither to the partner of the file nor to one above or below it.',
  TRUNK_NOT_FOUND_FOR_SOURCE: 'The default trunk does not exist or is not visible to the caller.',
  NOTHING_TO_RECYCLE: 'No rejected or held record fits the filter.',
} as const satisfies ErrorCatalogue;
