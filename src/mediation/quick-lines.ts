import { hashOf } from './byte-dictionary.js';
import { ABSENT, columnRoles } from './column-roles.js';
import { columnOf, type FormatDefinition, serviceCodes } from './format.js';
import type { ParserFacts } from './parser-facts.js';
import type { RecordBatch } from './record-batch.js';
import {
  EARLIEST_MS_AT,
  LINE_WORDS_AT,
  LineWord,
  MOST_COLUMNS,
  NAME_BYTES,
} from './record-columns.js';
import type { ThreadMemory } from './thread-memory.js';

/** What `read-lines.stage.ts` exports. */
export interface LineStage {
  readLines(base: number, from: number, to: number, linesBefore: number): number;
  rowsRead(): number;
  rowsLeft(): number;
  linesRead(): number;
}

type Names = readonly (readonly [name: string, value: number])[];

/** How lines of a format are read, for lines that have nothing particular about them. */
export interface LineDescription {
  readonly words: readonly (readonly [LineWord, number])[];
  readonly services: Names;
  readonly trunks: Names;
  readonly earliestMs: number;
}

/** Null where lines of the format take more than the quick reader knows. */
export function describeLines(
  format: FormatDefinition,
  facts: ParserFacts,
): LineDescription | null {
  const { service, duration } = format;
  const at = columnRoles(format);
  const isPlain =
    format.columns.length <= MOST_COLUMNS &&
    format.startedAt.type === 'ISO' &&
    at.startedAtElse === ABSENT &&
    at.answered === ABSENT &&
    format.identity.length === 1;
  if (!isPlain) return null;
  const isConstant = 'constant' in service;
  const signOf = (text: string | null | undefined) => text?.charCodeAt(0) ?? ABSENT;
  return {
    words: [
      [LineWord.DELIMITER, signOf(format.delimiter)],
      [LineWord.QUOTE, signOf(format.quote)],
      [LineWord.COMMENT, signOf(format.comment)],
      [LineWord.COLUMNS, format.columns.length],
      [LineWord.SERVICE, at.service],
      [LineWord.CONSTANT_SERVICE, isConstant ? serviceCodes[service.constant] : 0],
      [LineWord.STARTED_AT, at.startedAt],
      [LineWord.A_NUMBER, at.aNumber],
      [LineWord.B_NUMBER, at.bNumber],
      [LineWord.DURATION, at.duration],
      [LineWord.IN_MILLISECONDS, duration?.unit === 'MILLISECONDS' ? 1 : 0],
      [LineWord.QUANTITY, at.quantity],
      [LineWord.VALUE, at.value],
      [LineWord.IN_TRUNK, at.inTrunk],
      [LineWord.OUT_TRUNK, at.outTrunk],
      [LineWord.DEFAULT_IN_TRUNK, facts.defaultInTrunkId],
      [LineWord.DEFAULT_OUT_TRUNK, facts.defaultOutTrunkId],
      [LineWord.IDENTITY, columnOf(format, format.identity[0]!)],
    ],
    services: isConstant
      ? []
      : Object.entries(service.values).map(([text, name]) => [text, serviceCodes[name]]),
    trunks: [...facts.trunks],
    earliestMs: facts.earliestMs ?? Number.NEGATIVE_INFINITY,
  };
}

/** Reads plain lines by WebAssembly, in the memory that the batch shares with it. */
export class QuickLines {
  readonly #memory: ThreadMemory;
  readonly #stage: LineStage;
  // What the memory describes at the moment, and where it keeps names.
  #described: LineDescription | null = null;
  #namesAt = 0;
  #namesBytes = 0;

  constructor(memory: ThreadMemory, stage: LineStage) {
    this.#memory = memory;
    this.#stage = stage;
  }

  /** Whether bytes lie where it can read them. */
  holds(bytes: Buffer): boolean {
    return this.#memory.holds(bytes);
  }

  /** Whether the lines that were read last hold any that only the parser can read. */
  get hasLeft(): boolean {
    return this.#stage.rowsLeft() > 0;
  }

  /**
   * Reads lines of `[from, to)` that have an end into `batch`, until it is full; answers where the
   * next one begins.
   */
  read(
    lines: LineDescription,
    bytes: Buffer,
    from: number,
    to: number,
    batch: RecordBatch,
  ): number {
    if (this.#described !== lines) this.#describe(lines);
    const base = bytes.byteOffset;
    const next = this.#stage.readLines(base, base + from, base + to, batch.lines);
    batch.count = this.#stage.rowsRead();
    batch.lines = this.#stage.linesRead();
    return next - base;
  }

  #describe(lines: LineDescription): void {
    const services = dictionaryOf(lines.services);
    const trunks = dictionaryOf(lines.trunks);
    const needed = services.bytes + trunks.bytes;
    if (needed > this.#namesBytes) {
      if (this.#namesBytes > 0) this.#memory.release(this.#namesAt, this.#namesBytes);
      this.#namesAt = this.#memory.allocate(needed);
      this.#namesBytes = needed;
    }
    const { view } = this.#memory;
    const setWord = (word: LineWord, value: number) => {
      view.setInt32(LINE_WORDS_AT + word * 4, value, true);
    };
    for (const [word, value] of lines.words) setWord(word, value);
    const trunksAt = this.#namesAt + services.bytes;
    setWord(LineWord.SERVICES_AT, this.#namesAt);
    setWord(LineWord.SERVICES_MASK, services.slots.length - 1);
    setWord(LineWord.TRUNKS_AT, trunksAt);
    setWord(LineWord.TRUNKS_MASK, trunks.slots.length - 1);
    view.setFloat64(EARLIEST_MS_AT, lines.earliestMs, true);
    write(services, view, this.#namesAt);
    write(trunks, view, trunksAt);
    this.#described = lines;
  }
}

interface Dictionary {
  readonly slots: readonly (readonly [name: Uint8Array, value: number] | undefined)[];
  readonly bytes: number;
}

function dictionaryOf(names: Names): Dictionary {
  let size = 16;
  while (size < names.length * 2) size *= 2;
  const slots = new Array<readonly [Uint8Array, number] | undefined>(size).fill(undefined);
  const encoder = new TextEncoder();
  let bytes = size * NAME_BYTES;
  for (const [text, value] of names) {
    const name = encoder.encode(text);
    let slot = hashOf(new DataView(name.buffer), 0, name.length) & (size - 1);
    while (slots[slot] !== undefined) slot = (slot + 1) & (size - 1);
    slots[slot] = [name, value];
    bytes += name.length;
  }
  // What comes behind stands on a whole word.
  return { slots, bytes: Math.ceil(bytes / 8) * 8 };
}

function write({ slots }: Dictionary, view: DataView, at: number): void {
  let nameAt = at + slots.length * NAME_BYTES;
  slots.forEach((entry, slot) => {
    const entryAt = at + slot * NAME_BYTES;
    view.setInt32(entryAt, entry === undefined ? ABSENT : entry[0].length, true);
    if (entry === undefined) return;
    view.setInt32(entryAt + 4, entry[1], true);
    view.setInt32(entryAt + 8, nameAt, true);
    new Uint8Array(view.buffer, nameAt).set(entry[0]);
    nameAt += entry[0].length;
  });
}
