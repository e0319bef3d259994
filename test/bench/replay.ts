import pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { withChildren } from './measure.js';

/** Rows of one COPY and commit, as many as a batch of the pipeline writes. */
const ROWS_A_COMMIT = 250_000;
const CHUNK_BYTES = 262_144;
const HEADER_BYTES = 19;
const TRAILER = Buffer.from([255, 255]);

interface Part {
  readonly leaf: string;
  readonly chunks: Buffer[];
}

/** Copies the very rows that the pipeline wrote into the very tables that it wrote them to. */
export class Replay {
  readonly #admin: pg.Client;
  #leaves: string[] = [];
  #parts: Part[] = [];
  #postmaster = 0;

  constructor(readonly ownerUrl: string) {
    this.#admin = new pg.Client({ connectionString: ownerUrl });
  }

  async connect(): Promise<void> {
    await this.#admin.connect();
    const file = await this.#admin.query(
      `SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1)::int AS pid`,
    );
    this.#postmaster = file.rows[0].pid;
  }

  readonly backendPids = async (): Promise<number[]> => withChildren(this.#postmaster);

  /** Empties the tables that the pipeline fills and settles the disk. */
  async clear(): Promise<void> {
    // Sums that may have been invoiced refuse this; a bench has no invoices.
    await this.#admin.query('SET session_replication_role = replica');
    await this.#admin.query('TRUNCATE xdr, usage_summary, suspense_record, duplicate_record');
    await this.#admin.query(
      'TRUNCATE identity_segment, identity_piece, allowance_entry, entry_piece, allowance_due',
    );
    await this.#admin.query('TRUNCATE allowance_result, outbox');
    await this.#admin.query('RESET session_replication_role');
    await this.#admin.query('CHECKPOINT');
  }

  /** Reads the rows of all leaves in the binary form in which they were written. */
  async record(): Promise<void> {
    const found = await this.#admin.query(
      `SELECT inhrelid::regclass::text AS leaf FROM pg_inherits
       WHERE inhparent = 'xdr'::regclass ORDER BY 1`,
    );
    this.#leaves = found.rows.map((row) => row.leaf);
    for (const leaf of this.#leaves) this.#parts.push(...split(leaf, await this.#read(leaf)));
  }

  /** Copies all parts over so many connections, each commit at once when its COPY ends. */
  async run(connections: number): Promise<void> {
    const clients = await Promise.all(
      Array.from({ length: connections }, async () => {
        const client = new pg.Client({ connectionString: this.ownerUrl });
        await client.connect();
        return client;
      }),
    );
    const queue = [...this.#parts];
    const drain = async (client: pg.Client): Promise<void> => {
      for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
        await copy(client, part);
      }
    };
    await Promise.all(clients.map(drain));
    await Promise.all(clients.map((client) => client.end()));
  }

  async verify(rows: number): Promise<void> {
    const found = await this.#admin.query('SELECT count(*)::int AS rows FROM xdr');
    if (found.rows[0].rows !== rows) throw new Error('COPY wrote other rows than the pipeline');
  }

  async close(): Promise<void> {
    await this.#admin.end();
  }

  async #read(leaf: string): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const stream = this.#admin.query(copyTo(`COPY ${leaf} TO STDOUT (FORMAT binary)`));
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  }
}

function copy(client: pg.Client, part: Part): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = client.query(copyFrom(`COPY ${part.leaf} FROM STDIN (FORMAT binary)`));
    stream.once('error', reject);
    stream.once('finish', resolve);
    const send = (at: number): void => {
      if (at === part.chunks.length) stream.end();
      else stream.write(part.chunks[at], (error) => (error ? reject(error) : send(at + 1)));
    };
    send(0);
  });
}

/** Cuts the rows of a leaf into commits, and those into chunks of the size the pipeline sends. */
function split(leaf: string, bytes: Buffer): Part[] {
  const parts: Part[] = [];
  const header = bytes.subarray(0, HEADER_BYTES);
  let at = HEADER_BYTES;
  while (bytes.readInt16BE(at) !== -1) {
    const start = at;
    for (let row = 0; row < ROWS_A_COMMIT && bytes.readInt16BE(at) !== -1; row += 1) {
      const fields = bytes.readInt16BE(at);
      at += 2;
      for (let field = 0; field < fields; field += 1) at += 4 + Math.max(0, bytes.readInt32BE(at));
    }
    const all = Buffer.concat([header, bytes.subarray(start, at), TRAILER]);
    const chunks: Buffer[] = [];
    for (let from = 0; from < all.length; from += CHUNK_BYTES) {
      chunks.push(all.subarray(from, from + CHUNK_BYTES));
    }
    parts.push({ leaf, chunks });
  }
  return parts;
}
