/**
 * The text with comments and the contents of strings, templates and regular expressions blanked.
 *
 * Every character that is blanked becomes a space and every line break stays, so that positions
 * in the result are positions in the source. Code inside `${…}` is kept.
 */
export function codeOnly(text: string): string {
  const out = text.split('');
  const blank = (from: number, to: number): void => {
    for (let i = from; i < to && i < out.length; i++) if (out[i] !== '\n') out[i] = ' ';
  };
  // One entry for each open `${`: how many braces were open when it began.
  const templates: number[] = [];
  let braces = 0;
  let at = 0;
  while (at < text.length) {
    const end = literalEnd(text, at);
    if (end > at) {
      blank(at + 1, isComment(text, at) ? end : end - 1);
      if (isComment(text, at)) blank(at, end);
      at = end;
    } else if (text[at] === '`' || (text[at] === '}' && templates.at(-1) === braces)) {
      if (text[at] === '}') templates.pop();
      const close = templateEnd(text, at + 1);
      blank(at + 1, close.at);
      if (close.opens) templates.push(braces);
      at = close.at + (close.opens ? 2 : 1);
    } else {
      if (text[at] === '{') braces++;
      if (text[at] === '}') braces--;
      at++;
    }
  }
  return out.join('');
}

function isComment(text: string, at: number): boolean {
  return text.startsWith('//', at) || text.startsWith('/*', at);
}

/** Where the comment, string or regular expression that starts here ends, or `at` if none does. */
function literalEnd(text: string, at: number): number {
  if (text.startsWith('//', at)) return endOr(text.indexOf('\n', at), text.length);
  if (text.startsWith('/*', at)) return endOr(text.indexOf('*/', at + 2) + 2, text.length);
  const quote = text[at];
  if (quote === "'" || quote === '"') return quotedEnd(text, at, quote);
  if (quote === '/' && startsExpression(text, at)) return quotedEnd(text, at, '/');
  return at;
}

function endOr(found: number, otherwise: number): number {
  return found < 2 ? otherwise : found;
}

function quotedEnd(text: string, at: number, quote: string): number {
  let inClass = false;
  for (let i = at + 1; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === '\\') i++;
    else if (quote === '/' && text[i] === '[') inClass = true;
    else if (quote === '/' && text[i] === ']') inClass = false;
    else if (text[i] === quote && !inClass) return i + 1;
  }
  // Nothing closes it on its line: a division after all, or a line that does not compile.
  return at;
}

function templateEnd(text: string, from: number): { at: number; opens: boolean } {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '`') return { at: i, opens: false };
    else if (text.startsWith('${', i)) return { at: i, opens: true };
  }
  return { at: text.length, opens: false };
}

/** Whether a slash at this place begins a regular expression rather than divides. */
function startsExpression(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 80), at).trimEnd();
  return (
    before === '' || /(?:[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|of|in))$/.test(before)
  );
}
