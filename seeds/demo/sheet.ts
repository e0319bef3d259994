/** One price of a rate sheet; prices and fees are whole millionths of the currency. */
export interface SheetRow {
  readonly prefix?: string;
  readonly destination?: string;
  readonly band?: string;
  readonly price: number;
  readonly connectionFee?: number;
  readonly rateUnit?: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
  readonly minimum?: number;
  readonly grace?: number;
}

/** The columns of the demo's sheets, as `importRateSheet` wants to know them. */
export const SHEET_COLUMNS = {
  prefix: 'Prefix',
  destination: 'Destination',
  band: 'Band',
  price: 'Price',
  connectionFee: 'Connection fee',
  rateUnit: 'Unit',
  increments: 'Increments',
  minimum: 'Minimum',
  grace: 'Grace',
} as const;

/** A rate sheet as CSV text. */
export function sheetText(rows: readonly SheetRow[]): string {
  const lines = rows.map((row) =>
    [
      row.prefix ?? '',
      quoted(row.destination ?? ''),
      row.band ?? '',
      decimal(row.price),
      decimal(row.connectionFee ?? 0),
      row.rateUnit ?? 60,
      `${row.firstIncrement}/${row.nextIncrement}`,
      row.minimum ?? 0,
      row.grace ?? 0,
    ].join(','),
  );
  return `${Object.values(SHEET_COLUMNS).join(',')}\n${lines.join('\n')}\n`;
}

/** Whole millionths as a decimal without idle zeros. */
export function decimal(millionths: number): string {
  const digits = String(Math.abs(millionths)).padStart(7, '0');
  const text = `${digits.slice(0, -6)}.${digits.slice(-6)}`.replace(/\.?0+$/, '');
  return millionths < 0 ? `-${text}` : text;
}

function quoted(text: string): string {
  return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
