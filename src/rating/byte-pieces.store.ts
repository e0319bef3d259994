import type pg from 'pg';
import { APP_ROLE, LOADER_ROLE } from '../platform/thread.js';
import { PieceRows } from './byte-pieces.js';
import { CopyIn } from './copy-in.store.js';
import type { ChunkPool } from './copy-rows.js';

/** Where pieces go, and the keys that come before their number. */
export interface PieceTable {
  readonly leaf: string;
  readonly keys: readonly string[];
}

/** A large value and what it is found by, in the order of the table's keys. */
export interface PieceValue {
  readonly keys: readonly number[];
  readonly bytes: Uint8Array;
}

/**
 * Stores values in pieces in the transaction of an app role's connection, which it is again
 * afterwards: rows by COPY are taken from the role alone that may write to leaves.
 */
export async function storePieces(
  client: pg.Client,
  { leaf, keys }: PieceTable,
  values: readonly PieceValue[],
  pool: ChunkPool,
): Promise<void> {
  await client.query(`SET LOCAL ROLE ${LOADER_ROLE}`);
  const columns = [...keys, 'piece', 'bytes'].join(', ');
  const statement = `COPY ${leaf} (${columns}) FROM STDIN (FORMAT binary)`;
  const copy = await CopyIn.begin(client, statement, pool.give);
  const pieces = new PieceRows(pool);
  for (const value of values) {
    pieces.add(value.keys, value.bytes);
    await copy.send(pieces.rows.takeFull());
  }
  await copy.send(pieces.rows.finish());
  await copy.end();
  await client.query(`SET LOCAL ROLE ${APP_ROLE}`);
}
