/** Text between quotes where a cell begins; breaks in it end no line. */
const QUOTED = /(?<![^\ufeff,;\t|\r\n])"[^"]*"/g;

/**
 * What ends a line of a sheet that begins with `head`. Files are joined and edited on different
 * systems, so each line may end in its own way; a carriage return alone stands in cells, too, and
 * ends lines only where it ends the first.
 */
export function lineEndsOf(head: string): string[] {
  const first = /\r\n|\r|\n/.exec(head.replace(QUOTED, ''));
  return first?.[0] === '\r' ? ['\r\n', '\n', '\r'] : ['\r\n', '\n'];
}
