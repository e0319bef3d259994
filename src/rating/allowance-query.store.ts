import DataLoader from 'dataloader';
import { type RequestContext, rowsOf } from '../platform/index.js';
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
    return new DataLoader(
      async (keys: readonly AdjustedKey[]) => {
        const chunks = rowsOf<{ contractId: number; records: Buffer }>(
          await (await read()).query(
            `SELECT DISTINCT ON (r.contract_id, r.month, r.chunk)
               r.contract_id AS "contractId", r.records
             FROM unnest($1::int[], $2::bigint[]) AS k (contract_id, micros)
             JOIN allowance_result r ON r.contract_id = k.contract_id AND r.started_from
               <= timestamptz 'epoch' + k.micros * interval '1 microsecond' AND r.started_to
               >= timestamptz 'epoch' + k.micros * interval '1 microsecond'`,
            [keys.map(({ contractId }) => contractId), keys.map((key) => key.startedMicros)],
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
      },
      { cache: false },
    );
  });
}
