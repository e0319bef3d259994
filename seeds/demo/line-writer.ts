import { closeSync, openSync, writeSync } from 'node:fs';
import { berlinOffset } from './month.js';

const CHUNK = 1 << 20;
const LONGEST_LINE = 4096;
const DAY_MS = 86_400_000;
const ZERO = 48;

/** Writes lines of records to a file, byte by byte into one buffer that is flushed when full. */
export class LineWriter {
  /** Where the next byte goes; `bytes` holds what is not yet in the file. */
  length = 0;
  readonly bytes = Buffer.allocUnsafe(CHUNK + LONGEST_LINE);
  readonly #file: number;
  readonly #dates = new Map<number, Uint8Array>();
  #written = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'w', 0o644);
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#written + this.length;
  }

  text(text: string): void {
    for (let at = 0; at < text.length; at += 1) this.bytes[this.length++] = text.charCodeAt(at);
  }

  copy(from: Uint8Array): void {
    for (let at = 0; at < from.length; at += 1) this.bytes[this.length++] = from[at] ?? 0;
  }

  byte(code: number): void {
    this.bytes[this.length++] = code;
  }

  /** A whole number below 2^31 without leading zeros. */
  whole(value: number): void {
    let width = 1;
    for (let limit = 10; limit <= value && width < 10; limit *= 10) width += 1;
    this.digits(value, width);
  }

  /** A whole number below 2^31 with leading zeros. */
  digits(value: number, width: number): void {
    let rest = value | 0;
    for (let at = this.length + width - 1; at >= this.length; at -= 1) {
      const next = (rest / 10) | 0;
      this.bytes[at] = ZERO + (rest - next * 10);
      rest = next;
    }
    this.length += width;
  }

  /** `2026-10-05T08:30:00Z` */
  isoTime(atMs: number): void {
    this.#date(atMs, true);
    this.byte(84);
    this.#clock(atMs, true);
    this.byte(90);
  }

  /** `2026-10-05 10:30:00` on the clocks of Berlin. */
  localTime(atMs: number): void {
    const local = atMs + berlinOffset(atMs);
    this.#date(local, true);
    this.byte(32);
    this.#clock(local, true);
  }

  /** `20261005103000` on the clocks of Berlin. */
  compactTime(atMs: number): void {
    const local = atMs + berlinOffset(atMs);
    this.#date(local, false);
    this.#clock(local, false);
  }

  /** Ends the line; what was written before this may move to the file now. */
  endLine(): void {
    this.byte(10);
    if (this.length >= CHUNK) this.#flush();
  }

  close(): void {
    this.#flush();
    closeSync(this.#file);
  }

  #flush(): void {
    for (let from = 0; from < this.length; ) {
      from += writeSync(this.#file, this.bytes, from, this.length - from);
    }
    this.#written += this.length;
    this.length = 0;
  }

  #date(ms: number, dashes: boolean): void {
    const day = Math.floor(ms / DAY_MS);
    const key = dashes ? day : -day;
    let text = this.#dates.get(key);
    if (text === undefined) {
      const iso = new Date(day * DAY_MS).toISOString().slice(0, 10);
      text = Buffer.from(dashes ? iso : iso.replaceAll('-', ''), 'latin1');
      this.#dates.set(key, text);
    }
    this.copy(text);
  }

  #clock(ms: number, colons: boolean): void {
    const seconds = Math.floor((ms % DAY_MS) / 1000);
    this.digits((seconds / 3600) | 0, 2);
    if (colons) this.byte(58);
    this.digits(((seconds / 60) | 0) % 60, 2);
    if (colons) this.byte(58);
    this.digits(seconds % 60, 2);
  }
}
