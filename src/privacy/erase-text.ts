import type { LineEraser, LineTerms, ReadLine } from './erase-line.js';

/** What becomes of the lines of a file. */
export interface LineChange {
  /** Whether a text of many lines may hold anything to change; asked before it is cut up. */
  readonly concerns: (text: string) => boolean;
  readonly change: (line: string) => string;
}

interface TextEraserParts {
  readonly eraser: LineEraser;
  /** What text has that holds one of the person's numbers or trunks. */
  readonly marks: RegExp;
  /** Trunks that the person has or had. */
  readonly trunkIds: ReadonlySet<number>;
  /** How lines may be written of which nobody has said yet where they come from. */
  readonly possible: readonly LineTerms[];
  readonly reader: (terms: LineTerms) => ReadLine;
}

/** Takes the numbers of a person out of files, each read as it was imported, or could be. */
export class TextEraser {
  readonly #parts: TextEraserParts;
  readonly #readers = new Map<string, ReadLine>();

  constructor(parts: TextEraserParts) {
    this.#parts = parts;
  }

  /** What becomes of the lines of a file; null for one that was not imported. */
  changeOf(terms: LineTerms | null): LineChange {
    const { marks, trunkIds, eraser, possible } = this.#parts;
    // Lines that come in by a person's trunk need not name it.
    const unmarked = terms !== null && trunkIds.has(terms.defaultInTrunkId);
    const concerns = (text: string) => unmarked || marks.test(text);
    if (terms === null) {
      const readers = possible.map((each) => this.#reader(each));
      return { concerns, change: (line) => this.#asAny(line, readers) };
    }
    const read = this.#reader(terms);
    return { concerns, change: (line) => eraser.erase(line, read(line)) };
  }

  // By every format of which it is a line, since none can be told to be the right one.
  #asAny(line: string, readers: readonly ReadLine[]): string {
    const { eraser } = this.#parts;
    const fitting = readers.filter((read) => read(line).startedMs !== null);
    if (fitting.length === 0) return eraser.erase(line, null);
    return fitting.reduce((changed, read) => eraser.erase(changed, read(changed)), line);
  }

  #reader(terms: LineTerms): ReadLine {
    const { formatId, timeZone, defaultInTrunkId } = terms;
    const key = `${formatId} ${timeZone} ${defaultInTrunkId}`;
    const reader = this.#readers.get(key) ?? this.#parts.reader(terms);
    this.#readers.set(key, reader);
    return reader;
  }
}

/** What text has that holds a number of these beginnings, however written, or one of the names. */
export function marksOf(blocks: readonly string[], names: readonly string[]): RegExp {
  const numbers = blocks.map((block) => [...block].join('[ \\t()[\\]/._-]*'));
  const escaped = names.map((name) => name.replace(/[^\w ]/g, '\\$&'));
  const parts = [...numbers, ...escaped];
  return parts.length === 0 ? /(?!)/ : new RegExp(parts.join('|'));
}
