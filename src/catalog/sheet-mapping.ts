import type { DateFormat } from './sheet-date.js';
import type { SheetField, SheetNumbers } from './sheet-row.js';

/** How the bytes of a sheet of text become characters. */
export const sheetEncodings = {
  AUTO: 'UTF-8, or UTF-16 where a byte order mark or zero bytes show it; else refused.',
  UTF_16LE: 'UTF-16, low byte first.',
  UTF_16BE: 'UTF-16, high byte first.',
  WINDOWS_1252: 'Western European, as old spreadsheets write it.',
} as const;
export type SheetEncoding = keyof typeof sheetEncodings;

/** Names of columns in the first line; a field without name has no column. */
export type ColumnNames = Readonly<Partial<Record<SheetField, string | null>>>;

/** How the sheets of one supplier or for one price list are read. */
export interface SheetMapping {
  /** Null: found by their usual names. */
  readonly columns: ColumnNames | null;
  readonly defaults: SheetNumbers;
  readonly delimiter: string;
  readonly decimalComma: boolean;
  readonly timeZone: string;
  readonly dateFormat: DateFormat;
  readonly encoding: SheetEncoding;
  /** Lines above the line with the names of columns. */
  readonly skipRows: number;
  /** Null: the first that is not hidden. */
  readonly worksheet: string | null;
}

const PLAIN: SheetMapping = {
  columns: null,
  defaults: {
    connectionFee: '0',
    rateUnit: 60,
    firstIncrement: 1,
    nextIncrement: 1,
    minimum: 0,
    grace: 0,
  },
  delimiter: ',',
  decimalComma: false,
  timeZone: 'UTC',
  dateFormat: 'ISO',
  encoding: 'AUTO',
  skipRows: 0,
  worksheet: null,
};

/** What an import says of its own; what it leaves out is taken from the stored mapping. */
export type GivenMapping = {
  readonly [K in keyof SheetMapping]?: SheetMapping[K] | null | undefined;
};

/** What is given, before what is stored, before what is usual. */
export function completeMapping(given: GivenMapping, stored: GivenMapping | null): SheetMapping {
  const pick = <K extends keyof SheetMapping>(key: K): SheetMapping[K] =>
    (given[key] ?? stored?.[key] ?? PLAIN[key]) as SheetMapping[K];
  return {
    columns: pick('columns'),
    defaults: pick('defaults'),
    delimiter: pick('delimiter'),
    decimalComma: pick('decimalComma'),
    timeZone: pick('timeZone'),
    dateFormat: pick('dateFormat'),
    encoding: pick('encoding'),
    skipRows: pick('skipRows'),
    worksheet: pick('worksheet'),
  };
}
