import type { FieldPlaces } from './line-format.js';
import type { LineWriter } from './line-writer.js';
import type { Random } from './random.js';

/** What can be wrong with a line, named as Kontor names it, with how seldom it happens. */
const LINE_FAULTS = [
  ['MALFORMED_LINE', 2000],
  ['INVALID_TIME', 4000],
  ['INVALID_QUANTITY', 5000],
  ['INVALID_B_NUMBER', 5000],
  ['UNKNOWN_TRUNK', 6000],
  ['UNKNOWN_SERVICE', 9000],
] as const;

export type LineFault = (typeof LINE_FAULTS)[number][0];

const LETTER_X = 120;
const HASH = 35;
const WHOLE_FIELDS = 3;

/** The fault of the next line, nearly always none. */
export function drawFault(random: Random): LineFault | null {
  if (!random.onceIn(600)) return null;
  const all = LINE_FAULTS.reduce((sum, [, times]) => sum + 1 / times, 0);
  let at = (random.below(1_000_000) / 1_000_000) * all;
  for (const [fault, times] of LINE_FAULTS) {
    at -= 1 / times;
    if (at < 0) return fault;
  }
  return null;
}

/** Spoils the line that begins at `from`; false when its format has no such field. */
export function spoil(
  fault: LineFault,
  out: LineWriter,
  from: number,
  places: FieldPlaces,
  delimiter: number,
): boolean {
  switch (fault) {
    case 'MALFORMED_LINE':
      out.length = endOfField(out, from, delimiter);
      return true;
    case 'INVALID_TIME':
      return overwrite(out, places.time, LETTER_X);
    case 'INVALID_QUANTITY':
      return overwrite(out, places.quantity, LETTER_X);
    case 'INVALID_B_NUMBER':
      return overwrite(out, places.called, HASH);
    case 'UNKNOWN_TRUNK':
      return overwrite(out, places.trunk, LETTER_X);
    case 'UNKNOWN_SERVICE':
      return overwrite(out, places.service, LETTER_X);
  }
}

function overwrite(out: LineWriter, at: number, sign: number): boolean {
  if (at < 0) return false;
  out.bytes[at] = sign;
  return true;
}

// The connection broke: what follows the first fields never arrived.
function endOfField(out: LineWriter, from: number, delimiter: number): number {
  let at = from;
  for (let fields = 0; fields < WHOLE_FIELDS; fields += 1) {
    at = out.bytes.indexOf(delimiter, at) + 1;
  }
  return at - 1;
}
