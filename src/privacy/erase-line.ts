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
  /** Milliseconds since 1970; null when the line has no time that can be read. */
  readonly startedMs: number | null;
  /** E.164 digits of the calling number. */
  readonly aNumber: string | null;
  /** The trunk that it came in by; 0 for none. */
  readonly inTrunkId: number;
}

/** By what the lines of a file are read: what its import froze. */
export interface LineTerms {
  readonly formatId: number;
  readonly definition: object;
  readonly timeZone: string;
  readonly defaultInTrunkId: number;
}

/** Reads a line, given as Latin-1. */
export type ReadLine = (line: string) => LineReading;

/** From a moment on until before another; null for no end. */
interface Held {
  readonly sinceMs: number;
  readonly tillMs: number | null;
}

/** Numbers, from one to another, that somebody else had. */
export interface OthersNumbers extends Held {
  readonly from: string;
  readonly to: string;
}

/** A trunk of the person, or of somebody else. */
export interface HeldTrunk extends Held {
  readonly trunkId: number;
  readonly isOwn: boolean;
}

/** Whose numbers and trunks are, and what takes the place of numbers. */
export interface Belongings {
  readonly own: Iterable<Replacement>;
  readonly othersNumbers: readonly OthersNumbers[];
  readonly trunks: readonly HeldTrunk[];
  /** What takes the place of a number that the person called, or called from. */
  readonly ofOther: (number: string) => string;
}

/** Whether a number was somebody else's at a time. */
export function isOthers(number: string, atMs: number, held: readonly OthersNumbers[]): boolean {
  const value = BigInt(number);
  return held.some((each) => {
    return isAt(atMs, each) && BigInt(each.from) <= value && value <= BigInt(each.to);
  });
}

/**
 * Takes numbers out of lines: those of the person wherever they stand, but while somebody else
 * had them, and all numbers in the person's own records. Records of others keep their numbers.
 */
export class LineEraser {
  readonly #own: KnownNumbers;
  readonly #belongings: Belongings;

  constructor(belongings: Belongings) {
    this.#own = new KnownNumbers(belongings.own);
    this.#belongings = belongings;
  }

  /** The line without the numbers, each digit in its place; without a reading all of it is text. */
  erase(line: string, reading: LineReading | null): string {
    const own = this.#ownAt(reading?.startedMs ?? null);
    if (reading === null) {
      // Blanks may stand within a number or between two.
      const whole = replaceNumbers(line, own);
      return whole.replace(/\S+/g, (piece) => replaceNumbers(piece, own));
    }
    if (!this.#isOwn(reading, own)) return inFields(line, reading.fields, own);
    const parties = reading.fields.flatMap(({ number }) => {
      return number === null ? [] : { number, by: this.#belongings.ofOther(number) };
    });
    const { find } = new KnownNumbers(parties);
    return inFields(line, reading.fields, (digits, plus) => {
      return own(digits, plus) ?? find(digits, plus);
    });
  }

  // A line without a time can be billed to nobody, so nobody else's number is looked for.
  #ownAt(atMs: number | null): FindNumber {
    if (atMs === null) return this.#own.find;
    return (digits, plus) => {
      const found = this.#own.find(digits, plus);
      const { othersNumbers } = this.#belongings;
      return found === null || isOthers(found.number, atMs, othersNumbers) ? null : found;
    };
  }

  // As a record finds its subscription: by the owner of its trunk, else by the calling number.
  #isOwn({ inTrunkId, aNumber, startedMs }: LineReading, own: FindNumber): boolean {
    const owners = this.#belongings.trunks.filter((trunk) => {
      return trunk.trunkId === inTrunkId && (startedMs === null || isAt(startedMs, trunk));
    });
    if (owners.length > 0) return owners.every(({ isOwn }) => isOwn);
    return aNumber !== null && own(aNumber, true) !== null;
  }
}

function isAt(atMs: number, { sinceMs, tillMs }: Held): boolean {
  return sinceMs <= atMs && (tillMs === null || atMs < tillMs);
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
