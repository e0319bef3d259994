import { LAST_LEVEL, RECORD_BYTES } from './allowance-result.js';

const byte = (at: number) => `get_byte(r.bytes, n + ${at})`;

/** The whole number of 32 bits at a place of the record, whose first byte is its lowest. */
function word(at: number): string {
  const bits = [0, 1, 2, 3].map((place) => `(${byte(at + place)} << ${place * 8})`);
  return `(${bits.join(' | ')})`;
}

/** The whole number that a floating point number of 64 bits at a place stands for. */
function whole(at: number): string {
  const low = [0, 1, 2, 3, 4, 5].map((place) => `(${byte(at + place)}::bigint << ${place * 8})`);
  const mantissa = `(${low.join(' | ')} | (((${byte(at + 6)} & 15) | 16)::bigint << 48))`;
  const exponent = `(((${byte(at + 7)} & 127) << 4) | (${byte(at + 6)} >> 4))`;
  return `CASE WHEN ${exponent} < 1023 THEN 0 ELSE (${mantissa} >> (1075 - ${exponent}))
    * CASE WHEN ${byte(at + 7)} < 128 THEN 1 ELSE -1 END END`;
}

/**
 * What folds have stored for each record, a row for each, for statements of the nightly checks: the
 * bytes of `allowance_result` as `encodeRecords` writes them. What a statement does not name is not
 * decoded.
 */
export const ADJUSTED_RECORDS = `
  (SELECT r.contract_id, r.month, ${whole(0)} AS xdr_id, ${whole(8)} AS adjustment,
    ${word(24)} AS version_id, '1970-01-01'::date + ${word(28)} AS usage_on,
    ${word(32)} AS destination_id, ${word(36)} AS service, ${word(40)} % ${LAST_LEVEL} AS level,
    ${word(40)} >= ${LAST_LEVEL} AS is_last_level, ${word(44)} AS subscription_id
  -- Bytes that lie elsewhere are fetched once a row and not for each byte.
  FROM (SELECT contract_id, month, records || ''::bytea AS bytes FROM allowance_result
    OFFSET 0) AS r
  CROSS JOIN generate_series(0, length(r.bytes) - ${RECORD_BYTES}, ${RECORD_BYTES}) AS n
  -- Decoded here: a join or a sort would carry all bytes of the row along with each record.
  OFFSET 0)`;
