const ELLIPSIS = '\u2026';

/** Width of a text in the font at hand. */
export type Measure = (text: string) => number;

/**
 * Breaks a text into at most `most` lines no wider than `width`. Words too long for a line are
 * cut; what does not fit at all ends in an ellipsis.
 */
export function wrapText(text: string, width: number, most: number, measure: Measure): string[] {
  const lines: string[] = [];
  let line = '';
  const pieces = text
    .split(' ')
    .filter((word) => word !== '')
    .flatMap((word) => cutWord(word, width, measure));
  for (const [place, { piece, glued }] of pieces.entries()) {
    const longer = line === '' || glued ? line + piece : `${line} ${piece}`;
    if (line === '' || (!glued && measure(longer) <= width)) {
      line = longer;
      continue;
    }
    if (lines.length === most - 1) {
      const rest = pieces.slice(place).map((left) => (left.glued ? '' : ' ') + left.piece);
      return [...lines, shorten(line + rest.join(''), width, measure)];
    }
    lines.push(line);
    line = piece;
  }
  return line === '' ? lines : [...lines, line];
}

/** The text, or as much of its beginning as fits together with an ellipsis. */
export function shorten(text: string, width: number, measure: Measure): string {
  if (measure(text) <= width) return text;
  const characters = [...text];
  let kept = fitting(characters, (part) => measure(part + ELLIPSIS) <= width);
  while (kept > 0 && characters[kept - 1] === ' ') kept -= 1;
  return characters.slice(0, kept).join('') + ELLIPSIS;
}

interface Piece {
  readonly piece: string;
  /** Whether it continues the word before, without a blank. */
  readonly glued: boolean;
}

function cutWord(word: string, width: number, measure: Measure): Piece[] {
  const pieces: Piece[] = [];
  let left = [...word];
  while (left.length > 0) {
    const size = Math.max(
      1,
      fitting(left, (part) => measure(part) <= width),
    );
    pieces.push({ piece: left.slice(0, size).join(''), glued: pieces.length > 0 });
    left = left.slice(size);
  }
  return pieces;
}

/** The largest number of leading characters that fit, found by halving. */
function fitting(characters: readonly string[], fits: (part: string) => boolean): number {
  let least = 0;
  let most = characters.length;
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if (fits(characters.slice(0, middle).join(''))) least = middle;
    else most = middle - 1;
  }
  return least;
}
