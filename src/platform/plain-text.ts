import { Length, Matches } from 'class-validator';

// Neither control characters nor halves of characters, nor marks that turn the direction of what
// follows: with those a name can be shown as another.
const PLAIN = String.raw`[^\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]`;
const TEXT = new RegExp(`^${PLAIN}*$`, 'u');
const SOME_TEXT = new RegExp(`^(?=.*\\S)${PLAIN}*$`, 'u');
const LINES = new RegExp(`^(?:${PLAIN}|\\n)*$`, 'u');
const SOME_LINES = new RegExp(`^(?=\\s*\\S)(?:${PLAIN}|\\n)*$`, 'u');

const NO_SIGNS = 'without control characters';
const kindOf = (min: number): string => (min > 0 ? 'text that is more than blanks' : 'text');

/** An input field of plain text without control characters; blanks alone do not count as text. */
export function PlainText(min: number, max: number): PropertyDecorator {
  return (target, key) => {
    Length(min, max)(target, key as string);
    const message = `$property is ${kindOf(min)} on one line, ${NO_SIGNS}`;
    Matches(min > 0 ? SOME_TEXT : TEXT, { message })(target, key as string);
  };
}

/** As {@link PlainText}, with line feeds. */
export function PlainLines(min: number, max: number): PropertyDecorator {
  return (target, key) => {
    Length(min, max)(target, key as string);
    const message = `$property is ${kindOf(min)}, ${NO_SIGNS} but line feeds`;
    Matches(min > 0 ? SOME_LINES : LINES, { message })(target, key as string);
  };
}

const E164 = /^[1-9]\d{0,14}$/;

/** An input field of a number as E.164 digits. */
export function E164Digits(): PropertyDecorator {
  const message = '$property is 1 to 15 digits from the country code on, without plus, 0 or 00';
  return Matches(E164, { message });
}
