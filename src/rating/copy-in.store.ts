import type pg from 'pg';
import type { CopyChunk } from './copy-rows.js';

/** Bytes that may wait in the socket before the sender waits, too. */
const IN_FLIGHT_BYTES = 2 * 1024 * 1024;

const COPY_DONE = Buffer.from([0x63, 0, 0, 0, 4]);

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * One `COPY ... FROM STDIN` on a connection. Chunks carry the frame of the protocol already, so
 * they go to the socket as they are, and return to their pool once the socket has taken them.
 * After a failure every further call throws it; the connection can go on with ROLLBACK then.
 */
export class CopyIn {
  /** The statement, under the name that the driver's own queries have for it. */
  readonly text: string;
  readonly #recycle: (chunk: CopyChunk) => void;
  #connection: pg.Connection | null = null;
  #failure: Error | null = null;
  #ready = false;
  #inFlight = 0;
  /** Who waits: for the server's next word, or for room in the socket. Never two at a time. */
  #waiting: Waiting | null = null;

  private constructor(statement: string, recycle: (chunk: CopyChunk) => void) {
    this.text = statement;
    this.#recycle = recycle;
  }

  /** Begins; returns when the server is ready for rows. */
  static async begin(
    client: pg.Client,
    statement: string,
    recycle: (chunk: CopyChunk) => void,
  ): Promise<CopyIn> {
    const copy = new CopyIn(statement, recycle);
    const begun = copy.#wait();
    client.query(copy);
    await begun;
    return copy;
  }

  /** Sends chunks; returns when the socket has taken all but a little of them. */
  async send(chunks: readonly CopyChunk[]): Promise<void> {
    for (const chunk of chunks) {
      this.#write(chunk);
      while (this.#inFlight > IN_FLIGHT_BYTES) await this.#wait();
    }
  }

  /** Ends the COPY; returns when the server has taken all rows. */
  async end(): Promise<void> {
    this.#throwFailure();
    this.#connection!.stream.write(COPY_DONE);
    while (!this.#ready) await this.#wait();
  }

  /** Makes the server forget the rows; returns when it has, or when the connection is lost. */
  async cancel(reason: string): Promise<void> {
    if (this.#failure !== null) return;
    this.#connection!.stream.write(copyFail(reason));
    // The server answers with an error, which is what was asked for.
    while (this.#failure === null) await this.#wait().catch(() => undefined);
  }

  #write(chunk: CopyChunk): void {
    this.#throwFailure();
    const bytes = chunk.seal();
    this.#inFlight += bytes.length;
    this.#connection!.stream.write(bytes, (error) => {
      this.#inFlight -= bytes.length;
      // A chunk of a socket that failed may still be read by the system: it is left to the
      // garbage collector.
      if (error) this.#fail(error);
      else {
        this.#recycle(chunk);
        if (this.#inFlight <= IN_FLIGHT_BYTES) this.#wake();
      }
    });
  }

  async #wait(): Promise<void> {
    this.#throwFailure();
    await new Promise<void>((resolve, reject) => {
      this.#waiting = { resolve, reject };
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.resolve();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.reject(this.#failure);
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  // What follows is what node-postgres calls on the statement that it is working on.

  submit(connection: pg.Connection): void {
    this.#connection = connection;
    connection.query(this.text);
  }

  handleCopyInResponse(): void {
    this.#wake();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#ready = true;
    this.#wake();
  }

  handleError(error: Error): void {
    this.#fail(error);
  }
}

function copyFail(reason: string): Buffer {
  const text = Buffer.from(`${reason}\0`);
  const message = Buffer.alloc(5 + text.length);
  message.write('f');
  message.writeInt32BE(4 + text.length, 1);
  text.copy(message, 5);
  return message;
}
