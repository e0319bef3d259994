import { DomainError, formatAmount, isTimeZone } from '../kernel/index.js';
import { markLength } from './byte-order-mark.js';
import { type FormatDefinition, type Service, serviceNames } from './format.js';
import { type FileHeader, RecordParser } from './parse.js';
import { faultCodes, MICRO_BATCH, RecordBatch, recordFaults } from './record-batch.js';

const NEWLINE = 10;

/** What became of one record of a sample. */
export interface TriedRecord {
  /** Line of the sample, counted from 1. */
  readonly line: number;
  readonly code: string | null;
  readonly message: string | null;
  readonly field: string | null;
  readonly service: Service | null;
  readonly startedAt: Date | null;
  readonly aNumber: string | null;
  readonly bNumber: string | null;
  readonly quantity: string | null;
  readonly value: string | null;
  readonly inTrunk: string | null;
  readonly outTrunk: string | null;
  /** Earlier line of the sample with the same identity. */
  readonly duplicateOfLine: number | null;
}

/** Reads the records of a sample; a line that cannot be read carries its fault instead. */
export function tryFormat(
  definition: FormatDefinition,
  sample: string,
  timeZone: string,
  trunks: readonly { readonly id: number; readonly name: string }[],
): TriedRecord[] {
  if (!isTimeZone(timeZone)) {
    throw new DomainError('INVALID_TIME_ZONE', 'The name is not an IANA time zone.', { timeZone });
  }
  const parser = new RecordParser(definition, {
    timeZone,
    trunks: trunks.map(({ id, name }) => [name, id] as const),
    defaultInTrunkId: 0,
    defaultOutTrunkId: 0,
  });
  const names = new Map(trunks.map(({ id, name }) => [id, name]));
  const bytes = Buffer.from(sample, 'utf8');
  const batch = new RecordBatch();
  const seen = new Map<string, number>();
  const records: TriedRecord[] = [];
  let at = behindHeader(bytes, parser.header(batch));
  while (at < bytes.length) {
    at = parser.parse(bytes, at, bytes.length, true, batch);
    for (let row = 0; row < batch.count; row += 1) {
      records.push(recordOf(parser, batch, row, names, seen));
    }
    if (batch.count < MICRO_BATCH) break;
  }
  return records;
}

function behindHeader(bytes: Buffer, header: FileHeader): number {
  let at = markLength(bytes);
  let lines = 0;
  while (lines < header.lines && at < bytes.length) {
    const newline = bytes.indexOf(NEWLINE, at);
    const next = newline < 0 ? bytes.length : newline + 1;
    if (!header.has(bytes.subarray(at, next))) break;
    at = next;
    lines += 1;
  }
  header.passed(lines);
  return at;
}

function recordOf(
  parser: RecordParser,
  batch: RecordBatch,
  row: number,
  trunks: ReadonlyMap<number, string>,
  seen: Map<string, number>,
): TriedRecord {
  const line = batch.lineNumber[row] ?? 0;
  const code = faultCodes[batch.fault[row] ?? 0];
  if (code !== undefined) {
    const field = parser.columnName(batch.faultColumn[row] ?? -1);
    return { ...NOTHING, line, code, message: recordFaults[code], field };
  }
  const identity = [batch.identity0, batch.identity1, batch.identity2, batch.identity3]
    .map((words) => words[row])
    .join(' ');
  const duplicateOfLine = seen.get(identity) ?? null;
  if (duplicateOfLine === null) seen.set(identity, line);
  return {
    ...NOTHING,
    line,
    service: serviceNames[batch.service[row] ?? 0] ?? null,
    startedAt: new Date(batch.startedMs[row] ?? 0),
    aNumber: digits(batch.aNumber[row]),
    bNumber: digits(batch.bNumber[row]),
    quantity: String(batch.quantity[row]),
    value: batch.value[row] ? formatAmount(BigInt(batch.value[row] ?? 0)) : null,
    inTrunk: trunks.get(batch.inTrunk[row] ?? 0) ?? null,
    outTrunk: trunks.get(batch.outTrunk[row] ?? 0) ?? null,
    duplicateOfLine,
  };
}

const NOTHING: Omit<TriedRecord, 'line'> = {
  code: null,
  message: null,
  field: null,
  service: null,
  startedAt: null,
  aNumber: null,
  bNumber: null,
  quantity: null,
  value: null,
  inTrunk: null,
  outTrunk: null,
  duplicateOfLine: null,
};

function digits(number: number | undefined): string | null {
  return number ? String(number) : null;
}
