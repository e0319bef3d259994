import { TextDecoder } from 'node:util';

const TAB = 9;
const FIRST_PRINTABLE = 32;
const DELETE = 127;

/**
 * A line that was kept aside as it stood in its file, to be read anew. Its line end has two signs,
 * because of the carriage returns before a newline only the last is none of the line.
 */
export function suspendedLine(raw: Uint8Array): Buffer {
  return Buffer.concat([raw, Buffer.from('\r\n')]);
}

/**
 * The bytes of a record as text: valid UTF-8 as it is, every other byte and every control
 * character but the tab as `\xNN`. For the eye; the exact bytes are given beside it.
 */
export function rawText(raw: Uint8Array): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let shown = '';
  for (let at = 0; at < raw.length; ) {
    const length = sequenceLength(raw[at] as number);
    const text = length === 0 ? null : decodeOne(decoder, raw.subarray(at, at + length), length);
    if (text === null || isControl(raw[at] as number)) {
      shown += `\\x${(raw[at] as number).toString(16).padStart(2, '0')}`;
      at += 1;
    } else {
      shown += text;
      at += length;
    }
  }
  return shown;
}

function isControl(byte: number): boolean {
  return (byte < FIRST_PRINTABLE && byte !== TAB) || byte === DELETE;
}

// How many bytes a sequence that begins with this byte has; 0 when none begins with it.
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return 2;
  if (first >= 0xe0 && first <= 0xef) return 3;
  return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

function decodeOne(decoder: TextDecoder, bytes: Uint8Array, length: number): string | null {
  if (bytes.length < length) return null;
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
