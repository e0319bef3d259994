const MARK = [0xef, 0xbb, 0xbf] as const;

/**
 * How many bytes of a file are the UTF-8 byte order mark, of which no field is to be read: 3 or 0.
 * Programs put it before a file that they save, so the same records come with it and without.
 */
export function markLength(start: Uint8Array): number {
  return MARK.every((byte, at) => start[at] === byte) ? MARK.length : 0;
}
