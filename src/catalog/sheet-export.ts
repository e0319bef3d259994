import type { ColumnNames, SheetMapping } from './sheet-mapping.js';
import { SHEET_FIELDS, type SheetField } from './sheet-row.js';

/** A rate as a row of a sheet tells it; amounts are exact decimal text. */
export interface SheetRate {
  readonly prefix: string | null;
  readonly destination: string | null;
  readonly band: string | null;
  readonly price: string;
  readonly connectionFee: string;
  readonly rateUnit: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum: number;
  readonly grace: number;
  readonly minCharge: string;
  readonly maxCharge: string | null;
  readonly validFrom: Date;
  readonly validTo: Date | null;
}

/** A column of a sheet that is written. */
export interface SheetColumn {
  readonly name: string;
  readonly kind: 'TEXT' | 'NUMBER' | 'TIME';
  readonly cell: (rate: SheetRate) => string | null;
}

/** Names under which the import finds columns by itself. */
const USUAL_NAMES: ColumnNames = {
  prefix: 'Prefix',
  destination: 'Destination',
  price: 'Price',
  currency: 'Currency',
  connectionFee: 'Connection fee',
  rateUnit: 'Rate unit',
  firstIncrement: 'First increment',
  nextIncrement: 'Next increment',
  minimum: 'Minimum',
  grace: 'Grace',
  minCharge: 'Minimum charge',
  maxCharge: 'Maximum charge',
  band: 'Band',
  effectiveFrom: 'Effective from',
};

type Writer = Omit<SheetColumn, 'name'>;

const WRITERS: Readonly<Record<Exclude<SheetField, 'countryCode' | 'currency'>, Writer>> = {
  price: { kind: 'NUMBER', cell: ({ price }) => price },
  prefix: { kind: 'TEXT', cell: ({ prefix }) => prefix },
  destination: { kind: 'TEXT', cell: ({ destination }) => destination },
  connectionFee: { kind: 'NUMBER', cell: ({ connectionFee }) => connectionFee },
  rateUnit: { kind: 'NUMBER', cell: ({ rateUnit }) => String(rateUnit) },
  increments: {
    kind: 'TEXT',
    cell: ({ firstIncrement, nextIncrement }) => `${firstIncrement}/${nextIncrement}`,
  },
  firstIncrement: { kind: 'NUMBER', cell: ({ firstIncrement }) => String(firstIncrement) },
  nextIncrement: { kind: 'NUMBER', cell: ({ nextIncrement }) => String(nextIncrement) },
  minimum: { kind: 'NUMBER', cell: ({ minimum }) => String(minimum) },
  grace: { kind: 'NUMBER', cell: ({ grace }) => String(grace) },
  minCharge: { kind: 'NUMBER', cell: ({ minCharge }) => minCharge },
  maxCharge: { kind: 'NUMBER', cell: ({ maxCharge }) => maxCharge },
  band: { kind: 'TEXT', cell: ({ band }) => band },
  effectiveFrom: { kind: 'TIME', cell: ({ validFrom }) => validFrom.toISOString() },
};

/** For people alone: the import knows no end of a price, and no column by this name. */
const END: SheetColumn = {
  name: 'Ends',
  kind: 'TIME',
  cell: ({ validTo }) => validTo?.toISOString() ?? null,
};

/** The columns by which an import with this mapping reads back what they say. */
export function sheetColumns({ columns }: SheetMapping, currency: string): SheetColumn[] {
  const names = columns ?? USUAL_NAMES;
  const written = SHEET_FIELDS.flatMap((field): SheetColumn[] => {
    const name = names[field];
    if (!name) return [];
    // A code of a country goes before each prefix; where prefixes have no column it is one.
    if (field === 'countryCode') {
      const cell = names.prefix ? () => null : WRITERS.prefix.cell;
      return [{ name, kind: 'TEXT', cell }];
    }
    if (field === 'currency') return [{ name, kind: 'TEXT', cell: () => currency }];
    return [{ name, ...WRITERS[field] }];
  });
  const taken = written.some(({ name }) => name.trim().toLowerCase() === END.name.toLowerCase());
  return taken ? written : [...written, END];
}

/** Which fields an import with this mapping reads from the sheet. */
export function saidFields({ columns }: SheetMapping): ReadonlySet<SheetField> {
  const names = columns ?? USUAL_NAMES;
  const said = new Set(SHEET_FIELDS.filter((field) => Boolean(names[field])));
  if (said.has('countryCode')) said.add('prefix');
  if (said.has('increments')) said.add('firstIncrement').add('nextIncrement');
  return said;
}
