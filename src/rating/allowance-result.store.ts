import type pg from 'pg';
import { invariant, isoFromEpochDay } from '../kernel/index.js';
import type { BatchTicket, SqlClient } from '../platform/index.js';
import {
  type AdjustedRecord,
  type AdjustmentSums,
  decodePots,
  decodeRecords,
} from './allowance-result.js';
import { copyOutRows } from './copy-out.store.js';
import { MS, rows } from './facts-query.store.js';
import type { FoldContract } from './fold-facts.store.js';
import type { MonthEnd, ResultChunk, Resumption } from './month-in-parts.js';
import type { StoredPot } from './pots.js';
import { arrayOf, sendBytes } from './send-bytes.store.js';

/** A chunk of one contract; the first one of a month has its pots. */
export interface ContractChunk {
  readonly contract: FoldContract;
  readonly chunk: ResultChunk;
  readonly pots: Buffer | null;
}

/** What a fold changes in the sums of one contract. */
export interface ContractSums {
  readonly contract: FoldContract;
  readonly sums: AdjustmentSums;
}

/** Where the folds of contracts go on, by contract. */
export type Beginnings = ReadonlyMap<number, Beginning>;

/** A chunk with a state, and the instant at which it begins. */
export interface Beginning {
  readonly chunk: number;
  readonly atMs: number;
}

/** Bytes that one statement stores, more or less. */
const STATEMENT_BYTES = 1024 * 1024;

/** The last place in a month where the fold of each contract can go on before its instant. */
export async function findBeginnings(
  client: SqlClient,
  month: string,
  earliest: ReadonlyMap<number, number>,
): Promise<Map<number, Beginning>> {
  const contracts = [...earliest];
  const found = await rows<{ contractId: number; chunk: number; atMs: number }>(
    client,
    `SELECT DISTINCT ON (r.contract_id) r.contract_id AS "contractId", r.chunk,
       ${MS('r.resumes_at')} AS "atMs"
     FROM unnest($2::int[], $3::float8[]) AS k (contract_id, at)
     JOIN allowance_result r ON r.contract_id = k.contract_id AND r.month = $1
       AND r.resumes_at <= to_timestamp(k.at / 1000)
     ORDER BY r.contract_id, r.chunk DESC`,
    [month, contracts.map(([id]) => id), contracts.map(([, atMs]) => atMs)],
  );
  return new Map(found.map(({ contractId, ...beginning }) => [contractId, beginning]));
}

/** A contract's month, by its first day, up to an instant. */
export interface MonthPast {
  readonly contractId: number;
  readonly month: string;
  readonly atMs: number;
}

/** The last states that were kept of months at an instant or before, in the order asked for. */
export async function lastStates(
  client: SqlClient,
  pasts: readonly MonthPast[],
): Promise<(Omit<Resumption, 'chunk'> | null)[]> {
  const found = await rows<{ atMs: number | null; state: Buffer }>(
    client,
    `SELECT ${MS('r.resumes_at')} AS "atMs", r.state
     FROM unnest($1::int[], $2::date[], $3::float8[]) WITH ORDINALITY AS k (contract, month, at, n)
     LEFT JOIN LATERAL (SELECT resumes_at, state FROM allowance_result
       WHERE contract_id = k.contract AND month = k.month
         AND resumes_at <= to_timestamp(k.at / 1000)
       ORDER BY chunk DESC LIMIT 1) r ON true
     ORDER BY k.n`,
    [
      pasts.map(({ contractId }) => contractId),
      pasts.map(({ month }) => month),
      pasts.map(({ atMs }) => atMs),
    ],
  );
  return found.map(({ atMs, state }) => (atMs === null ? null : { atMs, state }));
}

/** What the folds before said of a contract's month, but for its records. */
export interface TakenMonth {
  readonly resumption: Resumption | null;
  /** Lineages of the buckets that had pots. */
  readonly buckets: readonly number[];
}

/**
 * Takes what the folds before said of some contracts' months, from where each of them goes on; it
 * makes room for this one. Records are handed over one by one, for there may be millions.
 */
export async function takeResults(
  client: pg.Client,
  contractIds: readonly number[],
  month: string,
  beginnings: Beginnings,
  take: (contractId: number, record: AdjustedRecord) => void,
): Promise<Map<number, TakenMonth>> {
  const taken = new Map<number, TakenMonth>();
  for (const { contractId, pots } of await storedPots(client, contractIds, month)) {
    taken.set(contractId, { resumption: null, buckets: pots.map(({ bucket }) => bucket) });
  }
  const from = (id: number) => beginnings.get(id)?.chunk ?? 0;
  await copyOutRows(client, goneSql(contractIds, month, from), ([id, number, records, state]) => {
    const contractId = id!.readInt32BE(0);
    for (const record of decodeRecords(records!)) take(contractId, record);
    const beginning = beginnings.get(contractId);
    if (beginning?.chunk !== number!.readInt32BE(0)) return;
    invariant(state, 'a fold goes on where a state was kept');
    const { buckets } = taken.get(contractId)!;
    const resumption = { ...beginning, state: Buffer.from(state) };
    taken.set(contractId, { resumption, buckets });
  });
  return taken;
}

/** The pots of contracts' months as they were folded last. */
export async function storedPots(
  client: SqlClient,
  contractIds: readonly number[],
  month: string,
): Promise<{ contractId: number; pots: readonly StoredPot[] }[]> {
  const found = await rows<{ contractId: number; pots: Buffer }>(
    client,
    `SELECT contract_id AS "contractId", pots FROM allowance_result
     WHERE contract_id = ANY ($1::int[]) AND month = $2 AND chunk = 0`,
    [contractIds, month],
  );
  return found.map(({ contractId, pots }) => ({ contractId, pots: decodePots(pots).pots }));
}

function goneSql(
  contractIds: readonly number[],
  month: string,
  from: (contractId: number) => number,
): string {
  const isPlain = contractIds.every(Number.isInteger) && /^\d{4}-\d\d-01$/.test(month);
  invariant(isPlain, 'ids and a month');
  return `COPY (DELETE FROM allowance_result r
    USING unnest('{${contractIds.join(',')}}'::int[], '{${contractIds.map(from).join(',')}}'::int[])
      AS k (contract_id, chunk)
    WHERE r.contract_id = k.contract_id AND r.month = '${month}' AND r.chunk >= k.chunk
    RETURNING r.contract_id, r.chunk, r.records, r.state) TO STDOUT (FORMAT binary)`;
}

/** Chunks and sums of many contracts on their way into the database, a statement for many. */
export class ResultWriter {
  readonly #client: pg.Client;
  readonly #ticket: BatchTicket;
  readonly #month: string;
  #chunks: ContractChunk[] = [];
  #bytes = 0;
  #sums: ContractSums[] = [];
  #renewed: { contractId: number; pots: Buffer }[] = [];
  /** The statement that stores chunks at the moment. */
  #storing: Promise<void> = Promise.resolve();

  constructor(client: pg.Client, ticket: BatchTicket, month: string) {
    this.#client = client;
    this.#ticket = ticket;
    this.#month = month;
  }

  /** Takes chunks; what has become many is stored while the caller goes on. */
  async add(contract: FoldContract, chunks: readonly ResultChunk[]): Promise<void> {
    for (const chunk of chunks) await this.#add({ contract, chunk, pots: null });
  }

  /** Takes the last chunks of a month, with its pots and what it changes in the sums. */
  async end(contract: FoldContract, end: MonthEnd, sums: AdjustmentSums): Promise<void> {
    for (const chunk of end.chunks) {
      await this.#add({ contract, chunk, pots: chunk.number === 0 ? end.pots : null });
    }
    // Where the fold went on, the first chunk is stored already, whatever is left at the end.
    const isRenewed = end.chunks[0]?.number !== 0;
    if (isRenewed) this.#renewed.push({ contractId: contract.id, pots: end.pots });
    this.#sums.push({ contract, sums });
  }

  /** Stores what is left; returns when all is stored. */
  async finish(): Promise<void> {
    await this.#storeChunks();
    await this.#storing;
    if (this.#renewed.length > 0) {
      await this.#client.query(
        `UPDATE allowance_result r SET pots = u.pots
         FROM unnest($2::int[], $3::bytea[]) AS u (contract_id, pots)
         WHERE r.contract_id = u.contract_id AND r.month = $1 AND r.chunk = 0`,
        [
          this.#month,
          this.#renewed.map(({ contractId }) => contractId),
          this.#renewed.map(({ pots }) => pots),
        ],
      );
    }
    await storeSums(this.#client, this.#ticket, this.#sums);
    [this.#renewed, this.#sums] = [[], []];
  }

  async #add(row: ContractChunk): Promise<void> {
    this.#chunks.push(row);
    this.#bytes += partsOf(row).reduce((sum, { length }) => sum + length, 0);
    if (this.#bytes >= STATEMENT_BYTES) await this.#storeChunks();
  }

  // Returns while the database is at it.
  async #storeChunks(): Promise<void> {
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    [this.#chunks, this.#bytes] = [[], 0];
    await this.#storing;
    this.#storing = this.#send(chunks);
    // Whoever waits for it next is told.
    this.#storing.catch(() => undefined);
  }

  // All bytes go as one value, which PostgreSQL cuts up. They are named once: each time that a
  // statement names a parameter its plan has a copy of it, which took half of the time here.
  async #send(chunks: readonly ContractChunk[]): Promise<void> {
    await sendBytes(
      this.#client,
      `INSERT INTO allowance_result (contract_id, month, chunk, batch_id, partner_id,
         started_from, started_to, adjustment, records, pots, resumes_at, state)
       SELECT u.contract, $1, u.chunk, $2, u.partner, to_timestamp(u.started_from / 1000),
         to_timestamp(u.started_to / 1000), u.adjustment,
         substring(b.bytes FROM (u.before + 1)::int FOR u.records),
         substring(b.bytes FROM (u.before + 1)::int + u.records FOR u.pots),
         to_timestamp(u.resumes / 1000), CASE WHEN u.resumes IS NOT NULL THEN
           substring(b.bytes FROM (u.before + 1)::int + u.records + u.pots FOR u.state) END
       FROM (SELECT n.*, sum(records + pots + state) OVER (ORDER BY place)
           - records - pots - state AS before
         FROM unnest($3::int[], $4::int[], $5::int[], $6::float8[], $7::float8[],
           $8::numeric[], $9::int[], $10::int[], $11::float8[], $12::int[]) WITH ORDINALITY
         AS n (contract, chunk, partner, started_from, started_to, adjustment, records, pots,
           resumes, state, place)
       ) u CROSS JOIN (SELECT $13::bytea AS bytes OFFSET 0) AS b`,
      [
        this.#month,
        this.#ticket.id,
        arrayOf(chunks, ({ contract }) => contract.id),
        arrayOf(chunks, ({ chunk }) => chunk.number),
        arrayOf(chunks, ({ contract }) => contract.partnerId),
        arrayOf(chunks, ({ chunk }) => chunk.startedFromMs),
        arrayOf(chunks, ({ chunk }) => chunk.startedToMs),
        arrayOf(chunks, ({ chunk }) => chunk.adjustment),
        arrayOf(chunks, ({ chunk }) => chunk.records.length),
        arrayOf(chunks, ({ pots }) => pots?.length ?? 0),
        arrayOf(chunks, ({ chunk }) => chunk.resumption?.atMs ?? 'NULL'),
        arrayOf(chunks, ({ chunk }) => chunk.resumption?.state.length ?? 0),
      ],
      Buffer.concat(chunks.flatMap(partsOf)),
    );
  }
}

function partsOf({ chunk, pots }: ContractChunk): Buffer[] {
  const nothing = Buffer.alloc(0);
  return [chunk.records, pots ?? nothing, chunk.resumption?.state ?? nothing];
}

async function storeSums(
  client: pg.Client,
  ticket: BatchTicket,
  results: readonly ContractSums[],
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
