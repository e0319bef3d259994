import { DomainError } from '../kernel/index.js';
import type { ColumnNames } from './sheet-mapping.js';
import { withoutNul } from './sheet-reader.js';
import { SHEET_FIELDS, type SheetField } from './sheet-row.js';

/**
 * Where the columns stand in the line of names: those that are named, or those with usual names
 * when `names` is null. Names are compared without regard to case and outer blanks. Refuses with
 * SHEET_COLUMN_MISSING a name that the line does not hold, with SHEET_COLUMN_TWICE one that it
 * holds twice, and with SHEET_COLUMNS_REFUSED names that cannot tell a price.
 */
export function readSheetColumns(
  names: ColumnNames | null,
  header: readonly string[],
): Map<SheetField, number> {
  const columns = names === null ? usualColumns(header) : namedColumns(names, header);
  refuseUseless(columns, header);
  return columns;
}

/** The names of the columns as they stand in the line of names. */
export function columnNames(
  columns: ReadonlyMap<SheetField, number>,
  header: readonly string[],
): ColumnNames {
  const nameAt = (at: number): string => withoutNul(header[at] as string).trim();
  return Object.fromEntries([...columns].map(([field, at]) => [field, nameAt(at)]));
}

function namedColumns(names: ColumnNames, header: readonly string[]): Map<SheetField, number> {
  const plain = header.map((name) => name.trim().toLowerCase());
  const columns = new Map<SheetField, number>();
  for (const field of SHEET_FIELDS) {
    const name = names[field];
    if (name === undefined || name === null) continue;
    const wanted = name.trim().toLowerCase();
    const places = plain.flatMap((one, at) => (one === wanted ? [at] : []));
    if (places[0] === undefined) {
      throw new DomainError('SHEET_COLUMN_MISSING', 'The line of names has no such column.', {
        field,
        column: name.slice(0, 100),
      });
    }
    columns.set(field, onlyPlace(field, places, header));
  }
  return columns;
}

/** Letters and digits of the names that columns usually have, in lower case, umlauts as `ue`. */
const USUAL: Readonly<Record<SheetField, string>> = {
  price:
    'price rate tariff newprice newrate priceperminute ratepermin ratepermin priceminute preis',
  prefix: 'prefix prefixes code codes dialcode dialcodes dialingcode areacode destinationcode',
  countryCode: 'countrycode cc',
  destination: 'destination destinationname name zone zonename ziel',
  currency: 'currency currencycode ccy curr waehrung',
  connectionFee: 'connectionfee connectfee setupfee fee',
  rateUnit: 'rateunit unit',
  increments: 'increments increment billingincrement billingincrements interval intervals',
  firstIncrement: 'firstincrement initialincrement firstinterval interval1',
  nextIncrement: 'nextincrement subsequentincrement nextinterval intervaln',
  minimum: 'minimum minimumduration',
  grace: 'grace graceperiod gracevolume',
  minCharge: 'mincharge minimumcharge',
  maxCharge: 'maxcharge maximumcharge',
  band: 'band timeband timeperiod',
  effectiveFrom: 'effectivefrom effectivedate effective validfrom startdate gueltigab',
};

const FIELD_OF = new Map<string, SheetField>(
  SHEET_FIELDS.flatMap((field) => USUAL[field].split(' ').map((name) => [name, field] as const)),
);

function usualColumns(header: readonly string[]): Map<SheetField, number> {
  const places = new Map<SheetField, number[]>();
  header.forEach((name, at) => {
    const field = FIELD_OF.get(bareName(name));
    if (field !== undefined) places.set(field, [...(places.get(field) ?? []), at]);
  });
  return new Map([...places].map(([field, found]) => [field, onlyPlace(field, found, header)]));
}

const UMLAUTS: Readonly<Record<string, string>> = { ä: 'ae', ö: 'oe', ü: 'ue', ß: 'ss' };

function bareName(name: string): string {
  const plain = name.normalize('NFC').toLowerCase();
  return plain.replace(/[äöüß]/g, (sign) => UMLAUTS[sign] as string).replace(/[^a-z0-9]/g, '');
}

function onlyPlace(
  field: SheetField,
  places: readonly number[],
  header: readonly string[],
): number {
  if (places.length === 1) return places[0] as number;
  throw new DomainError('SHEET_COLUMN_TWICE', 'Two columns of the sheet could be meant.', {
    field,
    columns: places.slice(0, 10).map((at) => (header[at] as string).trim().slice(0, 100)),
    places: places.slice(0, 10).map((at) => at + 1),
  });
}

function refuseUseless(columns: ReadonlyMap<SheetField, number>, header: readonly string[]): void {
  const target = columns.has('prefix') || columns.has('countryCode') || columns.has('destination');
  const twice =
    columns.has('increments') && (columns.has('firstIncrement') || columns.has('nextIncrement'));
  if (target && columns.has('price') && !twice) return;
  throw new DomainError(
    'SHEET_COLUMNS_REFUSED',
    twice
      ? 'Increments stand in one column or in two.'
      : 'A sheet has a column of prices and one of prefixes or destinations.',
    { header: header.slice(0, 50).map((name) => name.trim().slice(0, 100)) },
  );
}
