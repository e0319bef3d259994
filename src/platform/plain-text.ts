import { Length, Matches } from 'class-validator';

/** An input field of plain text without control characters; blanks alone do not count as text. */
export function PlainText(min: number, max: number): PropertyDecorator {
  return (target, key) => {
    Length(min, max)(target, key as string);
    Matches(min > 0 ? /^(?=.*\S)\P{Cc}*$/u : /^\P{Cc}*$/u)(target, key as string);
  };
}

/** As {@link PlainText}, with line feeds. */
export function PlainLines(max: number): PropertyDecorator {
  return (target, key) => {
    Length(0, max)(target, key as string);
    Matches(/^(?:\P{Cc}|\n)*$/u)(target, key as string);
  };
}
