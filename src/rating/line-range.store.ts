import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHeader, MAX_LINE_BYTES, markLength } from '../mediation/thread.js';
import { BLOCK_BYTES, READ_BYTES } from './thread-stages.js';

const NEWLINE = 10;

/** Takes bytes `[at, to)`; answers how far it has read. `final`: nothing follows. */
export type LineReader = (bytes: Buffer, at: number, to: number, final: boolean) => number;

/** What to do between two blocks, while the next one is not yet read. */
export type BetweenBlocks = () => Promise<void>;

/**
 * Reads the lines of a file that begin in `[from, to)`, block by block with flat memory, however
 * long a line is: one that does not fit is offered up to its first 64 KiB and skipped after that.
 */
export class LineRange {
  readonly #fd: number;
  readonly #size: number;
  readonly #bytes: Buffer;
  /** File offset of the first byte of the buffer that the reader is given. */
  base = 0;

  /** `bytes` is where the file is read to: {@link READ_BYTES} of it. */
  constructor(path: string, bytes: Buffer = Buffer.allocUnsafe(READ_BYTES)) {
    this.#bytes = bytes;
    this.#fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    this.#size = fstatSync(this.#fd).size;
  }

  close(): void {
    closeSync(this.#fd);
  }

  async read(
    from: number,
    to: number,
    header: FileHeader,
    reader: LineReader,
    between: BetweenBlocks,
  ): Promise<void> {
    let position = from === 0 ? this.#behindHeader(header) : this.#lineStart(from);
    const end = to >= this.#size ? this.#size : this.#lineStart(to);
    let carried = 0;
    let skipping = false;
    while (position < end || carried > 0) {
      const want = Math.min(BLOCK_BYTES, end - position);
      const got = want > 0 ? readSync(this.#fd, this.#bytes, carried, want, position) : 0;
      this.base = position - carried;
      position += got;
      const final = position >= end || got === 0;
      const filled = carried + got;
      let at = 0;
      if (skipping) {
        at = afterNewlineIn(this.#bytes, filled);
        skipping = at === filled && this.#bytes[filled - 1] !== NEWLINE;
      }
      if (!skipping) at = reader(this.#bytes, at, filled, final);
      if (!skipping && filled - at > MAX_LINE_BYTES) {
        // No line end in sight: offer what is there as a last line, and drop the rest of it.
        at = reader(this.#bytes, at, at + MAX_LINE_BYTES + 1, true);
        skipping = true;
        at = filled;
      }
      carried = filled - at;
      if (carried > 0) this.#bytes.copyWithin(0, at, filled);
      await between();
      if (got === 0 && final) break;
    }
  }

  #behindHeader(header: FileHeader): number {
    let position = markLength(this.#line(0, 3));
    let lines = 0;
    while (lines < header.lines && position < this.#size) {
      const next = this.#afterNewline(position);
      if (!header.has(this.#line(position, next))) break;
      position = next;
      lines += 1;
    }
    header.passed(lines);
    return position;
  }

  // With its line end; of a line that is too long as much as shows that it is.
  #line(from: number, to: number): Buffer {
    const line = Buffer.allocUnsafe(Math.min(to - from, MAX_LINE_BYTES + 3));
    return line.subarray(0, readSync(this.#fd, line, 0, line.length, from));
  }

  // A line belongs to the range that holds its first byte.
  #lineStart(offset: number): number {
    return offset === 0 ? 0 : this.#afterNewline(offset - 1);
  }

  #afterNewline(offset: number): number {
    const probe = Buffer.allocUnsafe(MAX_LINE_BYTES);
    for (let position = offset; position < this.#size; ) {
      const got = readSync(this.#fd, probe, 0, probe.length, position);
      const at = probe.subarray(0, got).indexOf(NEWLINE);
      if (at >= 0) return position + at + 1;
      if (got === 0) break;
      position += got;
    }
    return this.#size;
  }
}

function afterNewlineIn(bytes: Buffer, filled: number): number {
  const at = bytes.subarray(0, filled).indexOf(NEWLINE);
  return at < 0 ? filled : at + 1;
}
