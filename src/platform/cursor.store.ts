import type { Tx } from './database.service.js';
import { rowsOf } from './sql-client.js';

const ROWS = 1_000;

/**
 * The rows of a query a thousand at a time, however many there are: a cursor of the transaction,
 * of which no more is held than the rows asked for last. Each thousand is a statement, so each is
 * bound by the statement timeout. One at a time of a transaction; `sql` may not be built from
 * anything but text of this program.
 */
export async function* cursorRows<T>(
  tx: Tx,
  sql: string,
  values: readonly unknown[],
): AsyncGenerator<T[]> {
  await tx.query(`DECLARE streamed NO SCROLL CURSOR FOR ${sql}`, [...values]);
  for (;;) {
    const rows = rowsOf<T>(await tx.query(`FETCH ${ROWS} FROM streamed`));
    if (rows.length > 0) yield rows;
    if (rows.length < ROWS) break;
  }
  // What is broken off ends with its transaction.
  await tx.query('CLOSE streamed');
}
