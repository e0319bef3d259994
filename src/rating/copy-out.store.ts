import type { EventEmitter } from 'node:events';
import type pg from 'pg';

/** Takes one message of a COPY: `bytes[from .. to)`, valid during the call only. */
export type CopyReader = (bytes: Buffer, from: number, to: number) => void;

interface Connection {
  query(text: string): void;
  readonly stream: EventEmitter;
}

const COPY_DATA = 0x64;
const COPY_DONE = 0x63;
const ERROR = 0x45;
/** The kind of a message and its length. */
const HEADER_BYTES = 5;
/** Room for a message that blocks break off, kept from one to the next. */
const FIRST_ROOM_BYTES = 64 * 1024;
const KEPT_ROOM_BYTES = 16 * 1024 * 1024;

/**
 * Runs `COPY … TO STDOUT` and hands over its messages as they stand in the blocks that the socket
 * delivers: streams of objects would cost more than reading the rows.
 */
export async function copyOut(client: pg.Client, sql: string, read: CopyReader): Promise<void> {
  const copy = new CopyOut(sql, read);
  client.query(copy as unknown as pg.Submittable);
  await copy.done;
}

/** The signature of a binary COPY, its flags and the length of what may follow. */
const PREAMBLE_BYTES = 19;
const SIGNATURE = 'PGCOPY';

/** Runs `COPY … TO STDOUT (FORMAT binary)`; hands over the fields of its rows, null for NULL. */
export async function copyOutRows(
  client: pg.Client,
  sql: string,
  take: (fields: readonly (Buffer | null)[]) => void,
): Promise<void> {
  await copyOut(client, sql, (bytes, from, to) => {
    const begins = bytes.toString('latin1', from, from + SIGNATURE.length) === SIGNATURE;
    let at = begins ? from + PREAMBLE_BYTES : from;
    // Behind the last row stands -1 in place of the number of fields.
    const count = at < to ? bytes.readInt16BE(at) : -1;
    if (count < 0) return;
    at += 2;
    take(
      Array.from({ length: count }, () => {
        const length = bytes.readInt32BE(at);
        at += 4 + Math.max(0, length);
        return length < 0 ? null : bytes.subarray(at - length, at);
      }),
    );
  });
}

/** What the driver drives as a query, but for the messages that it takes off the socket itself. */
class CopyOut {
  readonly done: Promise<void>;
  /** The statement, under the name that the driver's own queries have for it. */
  readonly text: string;
  readonly #read: CopyReader;
  #settle!: { resolve: () => void; reject: (error: Error) => void };
  #stream!: EventEmitter;
  #driver!: (bytes: Buffer) => void;
  /** A message that the last block broke off, with room for all of it once its length is known. */
  #rest = takeRoom();
  #filled = 0;
  #failure: Error | null = null;

  constructor(sql: string, read: CopyReader) {
    this.text = sql;
    this.#read = read;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  submit(connection: Connection): void {
    this.#stream = connection.stream;
    this.#driver = this.#stream.listeners('data')[0] as (bytes: Buffer) => void;
    this.#stream.removeListener('data', this.#driver);
    this.#stream.on('data', this.#take);
    connection.query(this.text);
  }

  // An arrow function, since the stream calls it without its object.
  readonly #take = (block: Buffer): void => {
    let at = this.#completeRest(block);
    if (this.#filled > 0) {
      if (!this.#isWhole()) return;
      const rest = this.#rest.subarray(0, this.#filled);
      this.#filled = 0;
      if (isEnd(rest[0]!)) {
        this.#giveBack(Buffer.concat([rest, block.subarray(at)]));
        return;
      }
      this.#message(rest, 0, rest.length);
    }
    while (at + HEADER_BYTES <= block.length) {
      if (isEnd(block[at]!)) {
        this.#giveBack(block.subarray(at));
        return;
      }
      const end = at + 1 + block.readUInt32BE(at + 1);
      if (end > block.length) break;
      this.#message(block, at, end);
      at = end;
    }
    if (at < block.length) this.#completeFrom(block, at);
  };

  /** Gives the message that the last block broke off what it lacks; answers how much that was. */
  #completeRest(block: Buffer): number {
    return this.#filled === 0 ? 0 : this.#completeFrom(block, 0);
  }

  #completeFrom(block: Buffer, from: number): number {
    const at = this.#fillTo(HEADER_BYTES, block, from);
    if (this.#filled < HEADER_BYTES) return at;
    const length = 1 + this.#rest.readUInt32BE(1);
    if (this.#rest.length < length) {
      const whole = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#rest.length));
      this.#rest.copy(whole, 0, 0, this.#filled);
      this.#rest = whole;
    }
    return this.#fillTo(length, block, at);
  }

  #fillTo(length: number, block: Buffer, from: number): number {
    const to = Math.min(block.length, from + Math.max(0, length - this.#filled));
    this.#filled += block.copy(this.#rest, this.#filled, from, to);
    return to;
  }

  #isWhole(): boolean {
    return this.#filled >= HEADER_BYTES && this.#filled === 1 + this.#rest.readUInt32BE(1);
  }

  // The stream must be read to its end even when a row cannot be.
  #message(bytes: Buffer, from: number, to: number): void {
    if (this.#failure !== null || bytes[from] !== COPY_DATA) return;
    try {
      this.#read(bytes, from + HEADER_BYTES, to);
    } catch (error) {
      this.#failure = error as Error;
    }
  }

  /** The driver reads the end of the COPY, or why there is none, and all that follows. */
  #giveBack(bytes: Buffer): void {
    this.#filled = 0;
    if (this.#rest.length <= KEPT_ROOM_BYTES) spareRoom = this.#rest;
    this.#stream.removeListener('data', this.#take);
    this.#stream.on('data', this.#driver);
    this.#driver(bytes);
  }

  handleError(error: Error): void {
    this.#stream.removeListener('data', this.#take);
    this.#settle.reject(error);
  }

  handleReadyForQuery(): void {
    if (this.#failure === null) this.#settle.resolve();
    else this.#settle.reject(this.#failure);
  }

  handleCommandComplete(): void {}
}

// The room of the COPY before: memory that is asked for again and again is what makes V8 collect.
let spareRoom: Buffer | null = null;

function takeRoom(): Buffer {
  const room = spareRoom ?? Buffer.allocUnsafeSlow(FIRST_ROOM_BYTES);
  spareRoom = null;
  return room;
}

function isEnd(kind: number): boolean {
  return kind === COPY_DONE || kind === ERROR;
}
