import { DomainError } from '../kernel/index.js';
import { SHEET_FIELDS, type SheetField } from './sheet-row.js';

/**
 * Where the named columns stand in the first line of a sheet. Names are compared without regard
 * to case and outer blanks. Refuses with SHEET_COLUMN_MISSING a name that the line does not hold,
 * and with SHEET_COLUMNS_REFUSED names that cannot tell a price.
 */
export function readSheetColumns(
  names: Readonly<Partial<Record<SheetField, string | null>>>,
  header: readonly string[],
): Map<SheetField, number> {
  const places = new Map<string, number>();
  header.forEach((name, i) => {
    const plain = name.trim().toLowerCase();
    if (!places.has(plain)) places.set(plain, i);
  });
  const columns = new Map<SheetField, number>();
  for (const field of SHEET_FIELDS) {
    const name = names[field];
    if (name === undefined || name === null) continue;
    const place = places.get(name.trim().toLowerCase());
    if (place === undefined) {
      throw new DomainError('SHEET_COLUMN_MISSING', 'The first line does not name the column.', {
        field,
        column: name.slice(0, 100),
      });
    }
    columns.set(field, place);
  }
  refuseUseless(columns);
  return columns;
}

function refuseUseless(columns: ReadonlyMap<SheetField, number>): void {
  const target = columns.has('prefix') || columns.has('countryCode') || columns.has('destination');
  const twice =
    columns.has('increments') && (columns.has('firstIncrement') || columns.has('nextIncrement'));
  if (target && columns.has('price') && !twice) return;
  throw new DomainError(
    'SHEET_COLUMNS_REFUSED',
    twice
      ? 'Increments stand in one column or in two.'
      : 'A sheet has a column of prices and one of prefixes or destinations.',
  );
}
