import { Length, Matches } from 'class-validator';

// Neither control characters nor halves of characters, nor marks that turn the direction of what
// follows: with those a name can be shown as another.
const PLAIN = String.raw`[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]`;
const TEXT = new RegExp(`^${PLAIN}*$`, 'u');
const SOME_TEXT = new RegExp(`^(?=.*\\S)${PLAIN}*$`, 'u');
const LINES = new RegExp(`^(?:${PLAIN}|\\n)*$`, 'u');
const SOME_LINES = new RegExp(`^(?=\\s*\\S)(?:${PLAIN}|\\n)*$`, 'u');

/** An input field of plain text without control characters; blanks alone do not count as text. */
export function PlainText(min: number, max: number): PropertyDecorator {
  return (target, key) => {
    Length(min, max)(target, key as string);
    Matches(min > 0 ? SOME_TEXT : TEXT)(target, key as string);
  };
}

/** As {@link PlainText}, with line feeds. */
export function PlainLines(min: number, max: number): PropertyDecorator {
  return (target, key) => {
    Length(min, max)(target, key as string);
    Matches(min > 0 ? SOME_LINES : LINES)(target, key as string);
  };
}
