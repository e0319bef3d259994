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
const NOTHING = Buffer.alloc(0);

/**
 * Runs `COPY … TO STDOUT` and hands over its messages as they stand in the blocks that the socket
 * delivers: streams of objects would cost more than reading the rows.
 */
export async function copyOut(client: pg.Client, sql: string, read: CopyReader): Promise<void> {
  const copy = new CopyOut(sql, read);
  client.query(copy as unknown as pg.Submittable);
  await copy.done;
}

/** What the driver drives as a query, but for the messages that it takes off the socket itself. */
class CopyOut {
  readonly done: Promise<void>;
  readonly #sql: string;
  readonly #read: CopyReader;
  #settle!: { resolve: () => void; reject: (error: Error) => void };
  #stream!: EventEmitter;
  #driver!: (bytes: Buffer) => void;
  #rest: Buffer = NOTHING;
  #failure: Error | null = null;

  constructor(sql: string, read: CopyReader) {
    this.#sql = sql;
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
    connection.query(this.#sql);
  }

  // An arrow function, since the stream calls it without its object.
  readonly #take = (block: Buffer): void => {
    let at = this.#completeRest(block);
    if (this.#rest.length > 0) {
      if (!isWhole(this.#rest)) return;
      const rest = this.#rest;
      this.#rest = NOTHING;
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
    this.#rest = block.subarray(at);
  };

  /** Gives the message that the last block broke off what it lacks; answers how much that was. */
  #completeRest(block: Buffer): number {
    if (this.#rest.length === 0) return 0;
    let used = 0;
    const fillTo = (length: number): void => {
      const lacking = block.subarray(used, used + Math.max(0, length - this.#rest.length));
      used += lacking.length;
      this.#rest = Buffer.concat([this.#rest, lacking]);
    };
    fillTo(HEADER_BYTES);
    if (this.#rest.length >= HEADER_BYTES) fillTo(1 + this.#rest.readUInt32BE(1));
    return used;
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
    this.#rest = NOTHING;
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

function isEnd(kind: number): boolean {
  return kind === COPY_DONE || kind === ERROR;
}

function isWhole(message: Buffer): boolean {
  return message.length >= HEADER_BYTES && message.length === 1 + message.readUInt32BE(1);
}
