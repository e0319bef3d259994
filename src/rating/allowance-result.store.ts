import type pg from 'pg';
import { grouped, isoFromEpochDay } from '../kernel/index.js';
import { type BatchTicket, rowsOf } from '../platform/index.js';
import { type EntryList, NUMBER } from './allowance-entry.js';
import {
  type AdjustedRecord,
  type AdjustmentSums,
  CHUNK_RECORDS,
  decodePots,
  decodeRecords,
  ExactSum,
  encodePots,
  encodeRecords,
  type StoredPot,
} from './allowance-result.js';
import type { FoldContract } from './fold-facts.store.js';
import type { FoldedMonth } from './fold-month.js';
import { arrayOf, sendBytes } from './send-bytes.store.js';

/** What a fold made of one contract's month. */
export interface ContractResult {
  readonly contract: FoldContract;
  /** Entries of the records, as the fold has taken them. */
  readonly order: Int32Array;
  readonly folded: FoldedMonth;
  readonly sums: AdjustmentSums;
}

/** Part of a contract's month as it is stored; the first part holds the pots. */
interface Chunk {
  readonly contract: FoldContract;
  readonly number: number;
  readonly startedFromMs: number;
  readonly startedToMs: number;
  /** Scale 8. */
  readonly adjustment: bigint;
  readonly records: Buffer;
  readonly pots: Buffer;
}

/** Bytes that one statement stores, more or less. */
const STATEMENT_BYTES = 4 * 1024 * 1024;

// Made one after the other: all chunks of a large month would take as much memory as its entries.
function* chunksOf(list: EntryList, results: readonly ContractResult[]): Generator<Chunk> {
  for (const { contract, order, folded } of results) {
    if (order.length === 0) continue;
    const kept = placesToKeep(folded);
    // The first chunk says that the month was folded, whatever came out.
    for (let from = 0; from === 0 || from < kept.length; from += CHUNK_RECORDS) {
      const places = kept.subarray(from, from + CHUNK_RECORDS);
      const sum = new ExactSum();
      for (const place of places) sum.add(folded.adjustments[place]!);
      const startedMs = (place: number) => list.number(order[place]!, NUMBER.STARTED_MS);
      yield {
        contract,
        number: from / CHUNK_RECORDS,
        startedFromMs: startedMs(places[0] ?? 0),
        startedToMs: startedMs(places.at(-1) ?? 0),
        adjustment: sum.total,
        records: encodeRecords(list, order, folded, places),
        pots: from === 0 ? encodePots(folded) : Buffer.alloc(0),
      };
    }
  }
}

/** The records that the month has changed or a bucket has covered. */
function placesToKeep({ adjustments, covered }: FoldedMonth): Int32Array {
  const places = new Int32Array(adjustments.length);
  let count = 0;
  for (let place = 0; place < adjustments.length; place += 1) {
    places[count] = place;
    if (adjustments[place] !== 0 || covered[place] !== 0) count += 1;
  }
  return places.subarray(0, count);
}

/** What the fold before made of a month. */
interface TakenResult {
  readonly records: readonly AdjustedRecord[];
  readonly pots: readonly StoredPot[];
}

/** Takes what the fold before said of some contracts; it makes room for this one. */
export async function takeResults(
  client: pg.Client,
  contractIds: readonly number[],
  month: string,
): Promise<Map<number, TakenResult>> {
  const taken = rowsOf<{ contractId: number; records: Buffer; pots: Buffer }>(
    await client.query(
      `WITH gone AS (DELETE FROM allowance_result
         WHERE contract_id = ANY ($1::int[]) AND month = $2
         RETURNING contract_id, chunk, records, pots)
       SELECT contract_id AS "contractId", records, pots FROM gone ORDER BY contract_id, chunk`,
      [contractIds, month],
    ),
  );
  return new Map(
    [...grouped(taken, ({ contractId }) => contractId)].map(([id, chunks]) => [
      id,
      {
        records: chunks.flatMap(({ records }) => decodeRecords(records)),
        pots: chunks.flatMap(({ pots }) => decodePots(pots).pots),
      },
    ]),
  );
}

/** Stores what a fold said of some contracts, and what it changes in their sums. */
export async function storeResults(
  client: pg.Client,
  ticket: BatchTicket,
  month: string,
  list: EntryList,
  results: readonly ContractResult[],
): Promise<void> {
  let chunks: Chunk[] = [];
  let bytes = 0;
  for (const chunk of chunksOf(list, results)) {
    chunks.push(chunk);
    bytes += chunk.records.length + chunk.pots.length;
    if (bytes < STATEMENT_BYTES) continue;
    await storeChunks(client, ticket, month, chunks);
    chunks = [];
    bytes = 0;
  }
  if (chunks.length > 0) await storeChunks(client, ticket, month, chunks);
  await storeSums(client, ticket, results);
}

// All bytes go as one value, which PostgreSQL cuts up.
async function storeChunks(
  client: pg.Client,
  ticket: BatchTicket,
  month: string,
  rows: readonly Chunk[],
): Promise<void> {
  await sendBytes(
    client,
    `INSERT INTO allowance_result (contract_id, month, chunk, batch_id, partner_id,
       started_from, started_to, adjustment, records, pots)
     SELECT u.contract, $1, u.chunk, $2, u.partner, to_timestamp(u.started_from / 1000),
       to_timestamp(u.started_to / 1000), u.adjustment,
       substring($11::bytea FROM (u.before + 1)::int FOR u.records),
       substring($11::bytea FROM (u.before + 1)::int + u.records FOR u.pots)
     FROM (SELECT n.*, sum(records + pots) OVER (ORDER BY place) - records - pots AS before
       FROM unnest($3::int[], $4::smallint[], $5::int[], $6::float8[], $7::float8[],
         $8::bigint[], $9::int[], $10::int[]) WITH ORDINALITY
       AS n (contract, chunk, partner, started_from, started_to, adjustment, records, pots, place)
     ) u`,
    [
      month,
      ticket.id,
      arrayOf(rows, ({ contract }) => contract.id),
      arrayOf(rows, ({ number }) => number),
      arrayOf(rows, ({ contract }) => contract.partnerId),
      arrayOf(rows, ({ startedFromMs }) => startedFromMs),
      arrayOf(rows, ({ startedToMs }) => startedToMs),
      arrayOf(rows, ({ adjustment }) => adjustment),
      arrayOf(rows, ({ records }) => records.length),
      arrayOf(rows, ({ pots }) => pots.length),
    ],
    Buffer.concat(rows.flatMap(({ records, pots }) => [records, pots])),
  );
}

async function storeSums(
  client: pg.Client,
  ticket: BatchTicket,
  results: readonly ContractResult[],
): Promise<void> {
  const changed = results.flatMap(({ contract, sums }) =>
    sums.rows().map((sum) => ({ ...sum, contract })),
  );
  if (changed.length === 0) return;
  await client.query(
    `INSERT INTO usage_summary (batch_id, usage_on, partner_id, contract_id,
       contract_version_id, account_id, service, destination_id, records, quantity,
       billed_quantity, amount)
     SELECT $1, u.usage_on, u.partner, u.contract, u.version, u.account, u.service,
       u.destination, 0, 0, 0, u.amount
     FROM unnest($2::date[], $3::int[], $4::int[], $5::int[], $6::int[], $7::smallint[],
       $8::int[], $9::bigint[])
       AS u (usage_on, partner, contract, version, account, service, destination, amount)`,
    [
      ticket.id,
      arrayOf(changed, ({ day }) => isoFromEpochDay(day)),
      arrayOf(changed, ({ contract }) => contract.partnerId),
      arrayOf(changed, ({ contract }) => contract.id),
      arrayOf(changed, ({ versionId }) => versionId),
      arrayOf(changed, ({ contract }) => contract.accountId),
      arrayOf(changed, ({ service }) => service),
      arrayOf(changed, ({ destinationId }) => destinationId),
      arrayOf(changed, ({ amount }) => amount),
    ],
  );
}
