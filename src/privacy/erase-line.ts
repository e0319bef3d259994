import {
  type FindNumber,
  KnownNumbers,
  type Replacement,
  replaceNumber,
  replaceNumbers,
} from './replace-numbers.js';

/** A field of a line: a number, what stays whatever it holds, or text. */
export interface LineField {
  readonly from: number;
  readonly to: number;
  readonly kind: 'NUMBER' | 'FIXED' | 'TEXT';
  /** E.164 digits of a number; null when it is none by the rules of its format. */
  readonly number: string | null;
}

/** A line as its format has it. */
export interface LineReading {
  readonly fields: readonly LineField[];
}

/** Reads a line, given as Latin-1; null when nothing is known of how it is written. */
export type ReadLine = (line: string) => LineReading | null;

/** Takes the numbers of a person out of lines. */
export class LineEraser {
  readonly #own: KnownNumbers;
  readonly #others: KnownNumbers;

  /** `others` are replaced only in lines that hold one of `own`. */
  constructor(own: readonly Replacement[], others: readonly Replacement[]) {
    this.#own = new KnownNumbers(own);
    this.#others = new KnownNumbers(others);
  }

  /** The line without the numbers, each digit in its place; without a reading all of it is text. */
  erase(line: string, reading: LineReading | null): string {
    const fields = reading?.fields ?? [
      { from: 0, to: line.length, kind: 'TEXT', number: null } as const,
    ];
    const changed = inFields(line, fields, this.#own.find);
    return changed === line ? line : inFields(changed, fields, this.#others.find);
  }
}

function inFields(line: string, fields: readonly LineField[], find: FindNumber): string {
  let [changed, done] = ['', 0];
  for (const { from, to, kind, number } of fields) {
    const text = line.slice(from, to);
    changed += line.slice(done, from);
    if (kind === 'NUMBER') changed += replaceNumber(text, number, find);
    else changed += kind === 'FIXED' ? text : replaceNumbers(text, find);
    done = to;
  }
  return changed + line.slice(done);
}
