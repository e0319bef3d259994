import type pg from 'pg';
import type { CopyIn } from './copy-in.store.js';

/** Values that PostgreSQL reads as text; the types are those that the statement says. */
export type TextValue = string | number | boolean;

/**
 * Runs a statement whose last parameter is a large bytea. The driver would copy the bytes twice
 * into memory of its own; here they go to the socket from where they lie, and may be changed again
 * once it is done. After a failure the socket may still hold them.
 */
export async function sendBytes(
  client: pg.Client,
  sql: string,
  values: readonly TextValue[],
  bytes: Uint8Array,
): Promise<void> {
  const statement = new Statement(sql, values, bytes);
  client.query(statement as unknown as CopyIn);
  await statement.done;
}

const TEXT = 0;
const BINARY = 1;

/** What the driver drives as a query. */
class Statement {
  readonly text: string;
  readonly done: Promise<void>;
  readonly #head: Buffer;
  readonly #bytes: Uint8Array;
  #settle!: { resolve: () => void; reject: (error: Error) => void };

  constructor(sql: string, values: readonly TextValue[], bytes: Uint8Array) {
    this.text = sql;
    this.#head = Buffer.concat([parse(sql), bindHead(values, bytes.length)]);
    this.#bytes = bytes;
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  }

  submit(connection: pg.Connection): void {
    const { stream } = connection;
    stream.cork();
    stream.write(this.#head);
    stream.write(this.#bytes);
    stream.write(TAIL);
    stream.uncork();
  }

  // What follows is what node-postgres calls on the statement that it is working on.

  handleCommandComplete(): void {}

  handleError(error: Error): void {
    this.#settle.reject(error);
  }

  handleReadyForQuery(): void {
    this.#settle.resolve();
  }
}

function message(kind: string, parts: readonly Uint8Array[], more = 0): Buffer {
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(5);
  head.write(kind, 'latin1');
  head.writeInt32BE(4 + body.length + more, 1);
  return Buffer.concat([head, body]);
}

// A statement without a name whose types the server finds out.
function parse(sql: string): Buffer {
  return message('P', [Buffer.from(`\0${sql}\0`), Buffer.alloc(2)]);
}

// Up to where the bytes begin; they and the formats of no results follow.
function bindHead(values: readonly TextValue[], bytes: number): Buffer {
  const formats = [...values.map(() => TEXT), BINARY];
  const texts = values.map((value) => Buffer.from(String(value)));
  const parts = [
    Buffer.alloc(2),
    int2(formats.length),
    ...formats.map(int2),
    int2(formats.length),
    ...texts.flatMap((text) => [int4(text.length), text]),
    int4(bytes),
  ];
  return message('B', parts, bytes + 2);
}

function int2(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int4(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** The end of Bind, then Execute of all rows, then Sync. */
const TAIL = Buffer.concat([int2(0), message('E', [Buffer.alloc(5)]), message('S', [])]);

/** Numbers and dates as PostgreSQL writes an array of them. */
export function arrayOf<T>(
  rows: readonly T[],
  value: (row: T) => number | bigint | string,
): string {
  return `{${rows.map(value).join(',')}}`;
}
