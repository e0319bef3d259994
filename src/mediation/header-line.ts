import { columnOf, type FormatDefinition, type Service } from './format.js';
import { type NumberReader, readWhole, type TimeReader } from './parse-field.js';

/** Bytes behind a field that its readers may look at. */
const SLACK = 32;

/**
 * Whether a line that cannot be read as a record tells of one all the same. A header holds names
 * of columns, or their places: whatever they are, no time, number, quantity or service is among
 * them. A line with other fields than declared may be a title, which may hold one of these.
 */
export function tellsOfRecord(
  line: Buffer,
  format: FormatDefinition,
  time: TimeReader,
  numbers: NumberReader,
): boolean {
  const fields = fieldsOf(line.toString('latin1'), format);
  if (fields.every((field, at) => field === String(at + 1))) return false;
  const fieldOf = (column: string | undefined): string =>
    column === undefined ? '' : (fields[columnOf(format, column)] ?? '');
  const { startedAt, aNumber, bNumber, duration, quantity } = format;
  const timed = reads(fieldOf(startedAt.column) || fieldOf(startedAt.orElse), (...field) =>
    time.read(...field),
  );
  const numbered = [aNumber, bNumber].some(({ column }) =>
    reads(fieldOf(column), (...field) => numbers.read(...field) && field[3][0] !== 0),
  );
  if (fields.length !== format.columns.length) return timed && numbered;
  const counted = [duration, quantity].some((one) => reads(fieldOf(one?.column), readWhole));
  return timed || numbered || counted || serves(fieldOf, format.service);
}

function serves(
  fieldOf: (column: string) => string,
  service: FormatDefinition['service'],
): boolean {
  if ('constant' in service) return false;
  const values: Readonly<Record<string, Service>> = service.values;
  const field = fieldOf(service.column);
  return field !== '' && Object.hasOwn(values, Buffer.from(field, 'latin1').toString('utf8'));
}

type Reader = (
  ...field: [view: DataView, from: number, to: number, into: Float64Array, row: number]
) => boolean;

function reads(field: string, read: Reader): boolean {
  if (field === '') return false;
  const bytes = new Uint8Array(field.length + SLACK);
  bytes.set(Buffer.from(field, 'latin1'));
  return read(new DataView(bytes.buffer), 0, field.length, new Float64Array(1), 0);
}

// Fields as far as there are any, also of a line whose quotes or number of fields are wrong.
function fieldsOf(line: string, { delimiter, quote }: FormatDefinition): string[] {
  const fields: string[] = [];
  let field = '';
  let quoted = false;
  for (const sign of line) {
    if (sign === quote) quoted = !quoted;
    else if (sign !== delimiter || quoted) field += sign;
    else {
      fields.push(field);
      field = '';
    }
  }
  return [...fields, field];
}
