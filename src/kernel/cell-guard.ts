/** With these a spreadsheet takes what follows for a formula; the last four are full-width. */
const ACTS = new Set(['=', '+', '-', '@', '\uff1d', '\uff0b', '\uff0d', '\uff20']);
/** A cell that begins with one of these is cut or joined to others by some readers. */
const SPLITS = new Set(['\t', '\r', '\n', '\0']);
const ANY = /[=+\-@\uff1d\uff0b\uff0d\uff20\t\r\n\0]/;
const SKIPPED = /['"\s\0\ufeff\u200b-\u200f\u2060]/;
const SEPARATORS = [',', ';', '\t', '\r', '\n'];
const GUARD = "'";

/**
 * A text as a cell of a CSV file in which no spreadsheet sees a formula (OWASP, "CSV injection"):
 * an apostrophe goes before what would act. That is the beginning of the text, when its first
 * character but blanks and quotes is one of `= + - @`, plain or full-width, or when it begins
 * with a tab, a line break or a NUL; and likewise whatever stands behind a line break or behind a
 * separator of cells other than `delimiter`, where a reader that splits by that one would see a
 * cell begin. {@link bareCell} gives the very same text back.
 */
export function guardCell(text: string, delimiter: string): string {
  if (!ANY.test(text)) return text;
  const places = guardPlaces(text, delimiter);
  let guarded = '';
  let from = 0;
  for (const at of places) {
    guarded += text.slice(from, at) + GUARD;
    from = at;
  }
  return guarded + text.slice(from);
}

/** The text behind a cell that {@link guardCell} wrote with this delimiter. */
export function bareCell(cell: string, delimiter: string): string {
  if (!cell.includes(GUARD)) return cell;
  let bare = '';
  let from = 0;
  for (const at of guardPlaces(cell, delimiter)) {
    if (cell[at] !== GUARD) continue;
    bare += cell.slice(from, at);
    from = at + 1;
  }
  return bare + cell.slice(from);
}

/** Rising places before which something begins that would act. Read once, from the end. */
function guardPlaces(text: string, delimiter: string): number[] {
  const places: number[] = [];
  // Whether what begins at the place behind the current one would act.
  let acts = false;
  for (let at = text.length - 1; at >= 0; at -= 1) {
    const sign = text[at] as string;
    if (acts && sign !== delimiter && SEPARATORS.includes(sign)) places.push(at + 1);
    if (ACTS.has(sign)) acts = true;
    else if (!SKIPPED.test(sign)) acts = false;
  }
  if (acts || splits(text)) places.push(0);
  return places.reverse();
}

function splits(text: string): boolean {
  let at = 0;
  while (text[at] === GUARD) at += 1;
  return SPLITS.has(text[at] ?? '');
}
