/** Five or more digits of any script, with the signs between them that numbers are written with. */
const DIGITS = /\p{Nd}(?:[ ()/._-]{0,2}\p{Nd}){4,}/gu;
const SHOWN = 2;

/**
 * A line as a source delivered it, with the digits of everything that may be a number as asterisks
 * but the first two. Nothing else moves, so columns can still be counted. Times go with the
 * numbers: in a line that could not be read, nobody can tell one from the other.
 */
export function maskRaw(line: string): string {
  return line.replace(DIGITS, (found) => {
    let seen = 0;
    return found.replace(/\p{Nd}/gu, (digit) => {
      seen += 1;
      return seen <= SHOWN ? digit : '*';
    });
  });
}
