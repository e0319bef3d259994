import { invariant } from '../kernel/index.js';
import { type RowFault, readSheetRow, type SheetPrice, type SheetReading } from './sheet-row.js';

/** A row ready to be staged: a price, or an error. */
export interface StagedRow {
  readonly line: number;
  readonly raw: string;
  readonly fault: RowFault | null;
  /** What the row is about, also when it has an error. */
  readonly prefix: string | null;
  readonly destinationId: number | null;
  /** What a row with an error may mean besides (`FaultyTarget`). */
  readonly meant: string | null;
  readonly price: SheetPrice | null;
}

/** Turns the rows of one sheet into prices and errors, and finds rows that say a thing twice. */
export class SheetReader {
  #reading: SheetReading | null = null;
  #rows: StagedRow[] = [];
  readonly #firstLines = new Map<string, number>();
  rowCount = 0;
  errorCount = 0;

  /** Whether the first line has been read. */
  get isReading(): boolean {
    return this.#reading !== null;
  }

  /** Rows that wait to be taken. */
  get waiting(): number {
    return this.#rows.length;
  }

  begin(reading: SheetReading): void {
    this.#reading = reading;
  }

  /** Reads one row; `line` is where it ends in the file, `numeric` the columns of numbers. */
  row(line: number, text: string, cells: readonly string[], numeric: readonly number[] = []): void {
    invariant(this.#reading !== null, 'the first line of a sheet comes first');
    const raw = plain(text);
    // Faults quote cells.
    const held = text.includes('\0') ? cells.map(withoutNul) : cells;
    const read = readSheetRow(held, this.#reading, numeric);
    if ('fault' in read) {
      const { fault } = read;
      for (const target of read.targets) this.#add({ line, raw, fault, ...target, price: null });
      return;
    }
    for (const price of read.prices) this.#price(line, raw, price);
  }

  /** The rows read since it was last called. */
  take(): StagedRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  #price(line: number, raw: string, price: SheetPrice): void {
    const target = price.prefix ?? `d${price.destinationId}`;
    const key = `${target} ${price.bandId ?? 0} ${price.validFrom}`;
    const first = this.#firstLines.get(key);
    const { prefix, destinationId } = price;
    const row = { line, raw, prefix, destinationId, meant: null, price };
    if (first === undefined) {
      this.#firstLines.set(key, line);
      this.#add({ ...row, fault: null });
      return;
    }
    const message = `Line ${first} prices the same prefix and band from the same instant.`;
    const fault = { code: 'DUPLICATE_ROW', field: 'prefix', message } as const;
    this.#add({ ...row, fault });
  }

  #add(row: StagedRow): void {
    this.#rows.push(row);
    this.rowCount += 1;
    if (row.fault !== null) this.errorCount += 1;
  }
}

function plain(text: string): string {
  let [begin, end] = [0, text.length];
  while (isBreak(text[begin])) begin += 1;
  while (end > begin && isBreak(text[end - 1])) end -= 1;
  return withoutNul(text.slice(begin, end));
}

function isBreak(sign: string | undefined): boolean {
  return sign === '\r' || sign === '\n';
}

/** Text that the database takes: it knows no NUL. */
export function withoutNul(text: string): string {
  return text.replaceAll('\0', '\uFFFD');
}
