import { DomainError, parseAmount } from '../kernel/index.js';
import { chargeFault, type RateFault, rateFault } from './rate-rules.js';
import { type DateFormat, readInstant } from './sheet-date.js';
import type { NamedIds } from './sheet-names.js';
import { type FaultyTarget, mayMean, readTarget, type SheetTarget } from './sheet-target.js';

/** Why a row of a rate sheet is not a price: codes of its error. */
export const rowFaults = {
  SURPLUS_CELLS:
    'The row has more cells than the line of names, so nobody can tell which is which.',
  MISSING_TARGET: 'The row names neither a prefix nor a destination.',
  INVALID_PREFIX: 'A prefix is not 1 to 15 digits that begin with 1 to 9, or a range is no range.',
  UNKNOWN_DESTINATION: 'No destination has this name.',
  UNKNOWN_BAND: "The list's time profile has no band of this name.",
  INVALID_DECIMAL: 'The field is not a plain decimal number.',
  INVALID_INTEGER: 'The field is not a whole number.',
  INVALID_INCREMENTS: 'Increments are written first/next.',
  INVALID_DATE: 'The field is not a date or instant.',
  VALUE_REFUSED: 'The value lies outside of what a rate may have.',
  WRONG_CURRENCY: 'The row is in another currency than the list.',
  DUPLICATE_ROW: 'An earlier row prices the same prefix and band from the same instant.',
} as const;
export type RowFaultCode = keyof typeof rowFaults;

/** The error of a row. */
export interface RowFault {
  readonly code: RowFaultCode;
  /** Null when it is the whole row. */
  readonly field: string | null;
  readonly message: string;
}

/** What a sheet can say about a price, by the names of the API. */
export const SHEET_FIELDS = [
  'price',
  'prefix',
  'countryCode',
  'destination',
  'currency',
  'connectionFee',
  'rateUnit',
  'increments',
  'firstIncrement',
  'nextIncrement',
  'minimum',
  'grace',
  'minCharge',
  'maxCharge',
  'band',
  'effectiveFrom',
] as const;
export type SheetField = (typeof SHEET_FIELDS)[number];

/** How to read the rows of one sheet. */
export interface SheetReading {
  /** Column of each field that the sheet has, from 0. */
  readonly columns: ReadonlyMap<SheetField, number>;
  /** How many cells a row has, where one delimiter too many moves all cells behind it. */
  readonly cellCount?: number;
  readonly defaults: SheetNumbers;
  /** That of the list. */
  readonly currency: string;
  readonly decimalComma: boolean;
  readonly timeZone: string;
  readonly dateFormat: DateFormat;
  /** Epoch milliseconds. */
  readonly effectiveFrom: number;
  readonly bands: NamedIds;
  readonly destinations: NamedIds;
}

export interface SheetNumbers {
  readonly connectionFee: string;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
}

type DecimalField = 'price' | 'connectionFee' | 'minCharge' | 'maxCharge';
type ReadDecimal = (field: DecimalField) => string;

/** One price of a row; a row with several prefixes has several. */
export interface SheetPrice extends SheetNumbers {
  readonly prefix: string | null;
  readonly destinationId: number | null;
  readonly destinationName: string | null;
  readonly bandId: number | null;
  readonly price: string;
  readonly minCharge: string;
  readonly maxCharge: string | null;
  readonly validFrom: number;
}

/** What a row comes to: its prices, or its error with all that the row may be about. */
export type SheetRow =
  | { readonly prices: readonly SheetPrice[] }
  | { readonly fault: RowFault; readonly targets: readonly FaultyTarget[] };

class Faulty extends Error {
  readonly fault: RowFault;
  constructor(code: RowFaultCode, field: string, message: string) {
    super(message);
    this.fault = { code, field, message };
  }
}

/**
 * Reads the cells of one row. What it is for comes first, so that no other fault can hide it.
 * Cells of the columns `numeric` are numbers with a decimal point, whatever the sheet says.
 */
export function readSheetRow(
  cells: readonly string[],
  reading: SheetReading,
  numeric: readonly number[] = [],
): SheetRow {
  if (cells.slice(reading.cellCount ?? cells.length).some((cell) => cell.trim() !== '')) {
    return surplus(cells);
  }
  const cell = (field: SheetField): string => cellOf(cells, reading, field);
  const written = {
    prefix: cell('prefix'),
    countryCode: cell('countryCode'),
    destination: cell('destination'),
  };
  const target = readTarget(written, reading.destinations);
  const decimal = (field: DecimalField): string => {
    const comma = reading.decimalComma && !numeric.includes(reading.columns.get(field) ?? -1);
    return decimalOf(cell(field), field, comma);
  };
  try {
    return { prices: pricesOf(cell, decimal, target, reading) };
  } catch (error) {
    if (!(error instanceof Faulty)) throw error;
    const priced = /\p{N}/u.test(cell('price'));
    return { fault: error.fault, targets: mayMean(target, written, priced) };
  }
}

/** Which cells moved is not known, so a row with digits may be for anything. */
function surplus(cells: readonly string[]): SheetRow {
  const meant = cells.some((cell) => /\p{N}/u.test(cell)) ? '' : null;
  const fault = { code: 'SURPLUS_CELLS', field: null, message: rowFaults.SURPLUS_CELLS } as const;
  return { fault, targets: [{ prefix: null, destinationId: null, meant }] };
}

function pricesOf(
  cell: (field: SheetField) => string,
  decimal: ReadDecimal,
  target: SheetTarget,
  reading: SheetReading,
): SheetPrice[] {
  const [unread] = target.unread;
  if (unread !== undefined) throw prefixFault(unread);
  refuseCurrency(cell('currency'), reading.currency);
  const destinationName = cell('destination') || null;
  const numbers = readNumbers(cell, decimal, reading);
  const limits = limitsOf(cell, decimal);
  const rest = {
    ...numbers,
    ...limits,
    destinationName,
    bandId: bandOf(cell('band'), reading),
    validFrom: instantOf(cell('effectiveFrom'), reading),
  };
  const charge = { kind: 'ABSOLUTE', model: 'PER_UNIT', ...numbers, ...limits } as const;
  refuseFault(rateFault(charge) ?? chargeFault(charge));
  if (target.prefixes.length > 0) {
    return target.prefixes.map((prefix) => ({ ...rest, prefix, destinationId: null }));
  }
  const destinationId = target.destinationId ?? refuseTarget(destinationName);
  return [{ ...rest, prefix: null, destinationId }];
}

function prefixFault(part: string): Faulty {
  return new Faulty('INVALID_PREFIX', 'prefix', `"${part.slice(0, 40)}" is not a prefix or range.`);
}

function cellOf(cells: readonly string[], reading: SheetReading, field: SheetField): string {
  const column = reading.columns.get(field);
  return column === undefined ? '' : (cells[column] ?? '').trim();
}

function readNumbers(
  cell: (field: SheetField) => string,
  decimal: ReadDecimal,
  reading: SheetReading,
): SheetNumbers & { readonly price: string } {
  const { defaults } = reading;
  const whole = (field: SheetField, silent: number): number =>
    integerOf(cell(field), field, silent);
  const increments = incrementsOf(cell('increments'));
  return {
    price: decimal('price'),
    connectionFee: cell('connectionFee') === '' ? defaults.connectionFee : decimal('connectionFee'),
    rateUnit: whole('rateUnit', defaults.rateUnit),
    firstIncrement: increments?.[0] ?? whole('firstIncrement', defaults.firstIncrement),
    nextIncrement: increments?.[1] ?? whole('nextIncrement', defaults.nextIncrement),
    minimum: whole('minimum', defaults.minimum),
    grace: whole('grace', defaults.grace),
  };
}

/** The least and the most that a record is charged. */
function limitsOf(
  cell: (field: SheetField) => string,
  decimal: ReadDecimal,
): { readonly minCharge: string; readonly maxCharge: string | null } {
  const amount = (field: 'minCharge' | 'maxCharge'): string | null =>
    cell(field) === '' ? null : decimal(field);
  return { minCharge: amount('minCharge') ?? '0', maxCharge: amount('maxCharge') };
}

// Where a comma is the decimal sign, a point groups thousands, which are not read.
function decimalOf(text: string, field: DecimalField, comma: boolean): string {
  const plain = comma ? text.replace(/[.,]/g, (sign) => (sign === ',' ? '.' : ',')) : text;
  try {
    parseAmount(plain);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new Faulty('INVALID_DECIMAL', field, `"${text.slice(0, 40)}" is not a decimal number.`);
  }
  return plain;
}

function integerOf(text: string, field: SheetField, silent: number): number {
  if (text === '') return silent;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Faulty('INVALID_INTEGER', field, `"${text.slice(0, 40)}" is not a whole number.`);
}

function incrementsOf(text: string): [number, number] | null {
  if (text === '') return null;
  const match = /^(\d{1,10})\s*[/+:-]\s*(\d{1,10})$/.exec(text);
  if (match) return [Number(match[1]), Number(match[2])];
  const message = `"${text.slice(0, 40)}" is not written first/next.`;
  throw new Faulty('INVALID_INCREMENTS', 'increments', message);
}

function bandOf(text: string, reading: SheetReading): number | null {
  if (text === '') return null;
  const band = reading.bands.get(text);
  if (band !== undefined) return band;
  throw new Faulty('UNKNOWN_BAND', 'band', `The list has no band "${text.slice(0, 40)}".`);
}

function refuseCurrency(text: string, currency: string): void {
  if (text === '' || text.toUpperCase() === currency) return;
  const message =
    `The list is in ${currency}, the row in "${text.slice(0, 40)}". If that is the same, ` +
    'name the columns without this one.';
  throw new Faulty('WRONG_CURRENCY', 'currency', message);
}

function refuseTarget(name: string | null): never {
  if (name === null) {
    throw new Faulty('MISSING_TARGET', 'prefix', 'The row names no prefix and no destination.');
  }
  const message = `No destination is named "${name.slice(0, 40)}".`;
  throw new Faulty('UNKNOWN_DESTINATION', 'destination', message);
}

function instantOf(text: string, reading: SheetReading): number {
  if (text === '') return reading.effectiveFrom;
  const at = readInstant(text, reading.timeZone, reading.dateFormat);
  if (at !== null) return at;
  throw new Faulty('INVALID_DATE', 'effectiveFrom', `"${text.slice(0, 40)}" is not a date.`);
}

function refuseFault(found: RateFault | null): void {
  if (found === null) return;
  const message = `The field ${found.field} ${found.message}.`;
  throw new Faulty('VALUE_REFUSED', found.field, message);
}
