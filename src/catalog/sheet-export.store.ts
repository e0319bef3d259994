import { formatAmount, parseAmount } from '../kernel/index.js';
import { cursorRows, rowsOf, type Tx } from '../platform/index.js';
import { type SheetRate, saidFields } from './sheet-export.js';
import type { SheetMapping } from './sheet-mapping.js';
import type { SheetField } from './sheet-row.js';

/** Which rates of a list are written. */
export interface RateSelection {
  readonly listId: number;
  readonly asOf: Date;
  /** Whether versions that begin later are written, too. */
  readonly upcoming: boolean;
  readonly mapping: SheetMapping;
}

interface Conditions {
  readonly inForce: string;
  /** What a sheet that is read by the mapping can say. */
  readonly sayable: string;
  readonly values: readonly unknown[];
}

/** What a rate must be where the sheet has no column for it; `$` stands for the default. */
const SILENT: Readonly<Partial<Record<SheetField, string>>> = {
  prefix: 'r.prefix IS NULL',
  destination: 'r.destination_id IS NULL',
  connectionFee: 'r.connection_fee = $::numeric',
  rateUnit: 'r.rate_unit = $::int',
  firstIncrement: 'r.first_increment = $::int',
  nextIncrement: 'r.next_increment = $::int',
  minimum: 'r.minimum = $::int',
  grace: 'r.grace = $::int',
  minCharge: 'r.min_charge = 0',
  maxCharge: 'r.max_charge IS NULL',
  band: 'r.time_band_id IS NULL',
};

function conditionsOf({ listId, asOf, upcoming, mapping }: RateSelection): Conditions {
  const values: unknown[] = [listId, asOf];
  const sayable = [
    "r.kind = 'ABSOLUTE' AND r.model = 'PER_UNIT' AND r.origin_set_id IS NULL",
    "coalesce(r.prefix, '-') <> ''",
  ];
  const said = saidFields(mapping);
  for (const [field, text] of Object.entries(SILENT)) {
    if (said.has(field as SheetField)) continue;
    if (text.includes('$')) values.push(mapping.defaults[field as keyof SheetMapping['defaults']]);
    sayable.push(text.replace('$', () => `$${values.length}`));
  }
  const later = upcoming && said.has('effectiveFrom') ? '' : 'AND r.valid_from <= $2';
  return {
    inForce: `r.price_list_id = $1 AND r.superseded_at IS NULL
      AND (r.valid_to IS NULL OR r.valid_to > $2) ${later}`,
    sayable: sayable.join(' AND '),
    values,
  };
}

/** How many rates of the selection a sheet that is read by the mapping cannot say. */
export async function unsaidRates(tx: Tx, selection: RateSelection): Promise<number> {
  const { inForce, sayable, values } = conditionsOf(selection);
  const [found] = rowsOf<{ rates: number }>(
    await tx.query(
      `SELECT count(*)::int AS rates FROM rate r WHERE ${inForce} AND NOT (${sayable})`,
      [...values],
    ),
  );
  return found?.rates ?? 0;
}

/** The rates of the selection that a sheet can say, by prefix, in portions. */
export async function* exportRates(
  tx: Tx,
  selection: RateSelection,
): AsyncGenerator<readonly SheetRate[]> {
  const { inForce, sayable, values } = conditionsOf(selection);
  const sql = `SELECT r.prefix, coalesce(d.name, named.name) AS destination, b.name AS band,
      r.price::text, r.connection_fee::text AS "connectionFee", r.rate_unit AS "rateUnit",
      r.first_increment AS "firstIncrement", r.next_increment AS "nextIncrement", r.minimum,
      r.grace, r.min_charge::text AS "minCharge", r.max_charge::text AS "maxCharge",
      r.valid_from AS "validFrom", r.valid_to AS "validTo"
    FROM rate r LEFT JOIN destination d ON d.id = r.destination_id
    LEFT JOIN destination_prefix p ON p.prefix = r.prefix
    LEFT JOIN destination named ON named.id = p.destination_id
    LEFT JOIN time_band b ON b.id = r.time_band_id
    WHERE ${inForce} AND ${sayable}
    ORDER BY r.prefix COLLATE "C", r.destination_id, r.time_band_id NULLS FIRST, r.valid_from`;
  for await (const rows of cursorRows<SheetRate>(tx, sql, values)) {
    yield rows.map((row) => ({
      ...row,
      price: plain(row.price),
      connectionFee: plain(row.connectionFee),
      minCharge: plain(row.minCharge),
      maxCharge: row.maxCharge === null ? null : plain(row.maxCharge),
    }));
  }
}

function plain(text: string): string {
  return formatAmount(parseAmount(text), 0);
}
