import pg from 'pg';
import { enterScope, SYSTEM_SCOPE } from '../platform/index.js';
import type { BookFacts } from './book.js';
import { copyOut } from './copy-out.store.js';
import { RATE_COLUMNS, RateDecoder } from './decode-rates.js';
import { known, rows } from './facts-query.store.js';
import { tierSchedules } from './price-list-facts.store.js';
import { RateTable } from './rate-table.js';

/**
 * Reads the rows of all lists that were known at a moment, in the order of the heap, in a
 * transaction that sees all partners.
 */
export async function loadRates(
  client: pg.Client,
  knownAt: string,
  lists: BookFacts['lists'],
): Promise<RateTable> {
  const [rate] = await rows<{ expected: number }>(
    client,
    `SELECT reltuples::float8 AS expected FROM pg_class WHERE oid = 'rate'::regclass`,
  );
  const table = new RateTable(Math.ceil((rate?.expected ?? 0) * 1.02));
  const listPlace = new Int32Array(lists.reduce((most, { id }) => Math.max(most, id), 0) + 1);
  lists.forEach(({ id }, place) => {
    listPlace[id] = place + 1;
  });
  const decoder = new RateDecoder(table, listPlace, await tierSchedules(client));
  // A COPY takes no parameters.
  const moment = `${pg.escapeLiteral(knownAt)}::timestamptz`;
  const condition = known('rate').replaceAll('$1::timestamptz', () => moment);
  await client.query(ENTER_OWNERS);
  await copyOut(
    client,
    `COPY (SELECT ${RATE_COLUMNS} FROM rate WHERE ${condition}) TO STDOUT (FORMAT binary)`,
    (bytes, from, to) => decoder.read(bytes, from, to),
  );
  await enterScope(client, SYSTEM_SCOPE);
  return table;
}

// Row security looks for the partner of each row in the list of the visible ones, from its
// beginning. Among thousands of partners that takes twenty times as long as the reading itself, so
// for this statement only those are visible that have lists, first those with lists of their own.
const ENTER_OWNERS = `SELECT set_config('kontor.partner_ids', coalesce(array_agg(o.partner_id
    ORDER BY o.lists DESC, o.partner_id), '{}')::text, true)
  FROM (SELECT partner_id, count(*) FILTER (WHERE parent_id IS NULL) AS lists
    FROM price_list GROUP BY partner_id) AS o`;
