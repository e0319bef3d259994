import DataLoader from 'dataloader';
import { type RequestContext, rowsOf, type Tx } from '../platform/index.js';
import { type AdjustedRecord, decodeRecords } from './allowance-result.js';

/** A record at the level of one contract. */
export interface AdjustedKey {
  readonly contractId: number;
  readonly xdrId: string;
  readonly startedMicros: string;
}

const ADJUSTMENTS = Symbol('adjustments of xDRs by their months');

/**
 * What the month of its contract made of a record, null where it has no say. Two statements at
 * most, however many records of a page are asked for.
 */
export function adjustments(
  context: RequestContext,
): DataLoader<AdjustedKey, AdjustedRecord | null> {
  return context.loader<AdjustedKey, AdjustedRecord | null>(ADJUSTMENTS, (read) => {
    return new DataLoader(async (keys) => adjustedRecords(await read(), keys), { cache: false });
  });
}

/** A span of time at one contract, in microseconds since the epoch, both ends within. */
interface AdjustedSpan {
  readonly contractId: number;
  readonly from: string;
  readonly to: string;
}

/**
 * As {@link adjustments}, for keys that are all known: one for each of them, in their order.
 * Where they follow each other in time, as in a portion of a long list, `spans` asks for each
 * contract once instead of for each record.
 */
export async function adjustedRecords(
  tx: Tx,
  keys: readonly AdjustedKey[],
  spans: readonly AdjustedSpan[] = keys.map(({ contractId, startedMicros }) => {
    return { contractId, from: startedMicros, to: startedMicros };
  }),
): Promise<(AdjustedRecord | null)[]> {
  const chunks = rowsOf<{ contractId: number; records: Buffer }>(
    await tx.query(
      `SELECT DISTINCT ON (r.contract_id, r.month, r.chunk)
         r.contract_id AS "contractId", r.records
       FROM unnest($1::int[], $2::bigint[], $3::bigint[]) AS k (contract_id, first, last)
       JOIN allowance_result r ON r.contract_id = k.contract_id AND r.started_from
         <= timestamptz 'epoch' + k.last * interval '1 microsecond' AND r.started_to
         >= timestamptz 'epoch' + k.first * interval '1 microsecond'`,
      [
        spans.map((span) => span.contractId),
        spans.map(({ from }) => from),
        spans.map(({ to }) => to),
      ],
    ),
  );
  const wanted = new Set(keys.map(({ xdrId }) => Number(xdrId)));
  const found = new Map<string, AdjustedRecord>();
  for (const { contractId, records } of chunks) {
    for (const record of decodeRecords(records)) {
      if (wanted.has(record.xdrId)) found.set(`${contractId}:${record.xdrId}`, record);
    }
  }
  return keys.map(({ contractId, xdrId }) => found.get(`${contractId}:${xdrId}`) ?? null);
}
