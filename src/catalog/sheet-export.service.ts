import { DomainError } from '../kernel/index.js';
import { type RequestContext, rowByGlobalId, type Tx } from '../platform/index.js';
import { demandPrices } from './price-access.store.js';
import { PriceList } from './price-list.entity.js';
import { type SheetColumn, type SheetRate, sheetColumns } from './sheet-export.js';
import { exportRates, type RateSelection, unsaidRates } from './sheet-export.store.js';
import { completeMapping, type SheetMapping } from './sheet-mapping.js';
import { mappingFor } from './sheet-mapping.service.js';

/** Which rates of a list are to be written as a sheet. */
export interface SheetWanted {
  readonly asOf: Date;
  readonly upcoming: boolean;
  /** Whether the list's stored mapping decides how; else what is usual. */
  readonly stored: boolean;
  /** Whether rates that no sheet can say are passed over. */
  readonly leaveOut: boolean;
}

/** A sheet that may be written: by what mapping, with what columns, and its rows. */
export interface WrittenSheet {
  readonly listId: number;
  readonly listName: string;
  readonly mapping: SheetMapping;
  readonly columns: readonly SheetColumn[];
  /** Rates that the sheet does not hold because it cannot say them. */
  readonly leftOut: number;
  rates(tx: Tx): AsyncIterable<readonly SheetRate[]>;
}

/**
 * The list's own rates as a sheet that its import reads back without a difference. Refuses with
 * SHEET_CANNOT_SAY when the list has rates that no sheet of the mapping can say, NOT_FOUND, or
 * FORBIDDEN as the prices of the list themselves.
 */
export async function writtenSheet(
  context: RequestContext,
  priceListId: string,
  { asOf, upcoming, stored, leaveOut }: SheetWanted,
): Promise<WrittenSheet> {
  await demandPrices(context, priceListId);
  const tx = await context.read();
  const list = await rowByGlobalId(tx, PriceList, 'PriceList', priceListId);
  const mapping = completeMapping({}, stored ? await mappingFor(tx, list) : null);
  const selection: RateSelection = { listId: list.id, asOf, upcoming, mapping };
  const leftOut = await unsaidRates(tx, selection);
  if (leftOut > 0 && !leaveOut) {
    throw new DomainError(
      'SHEET_CANNOT_SAY',
      'The list has rates that a sheet cannot say: adjustments, other models, origins, or ' +
        'values that the mapping has no column for. Ask to have them left out, or for the ' +
        'prices in force.',
      { rates: leftOut },
    );
  }
  return {
    listId: list.id,
    listName: list.name,
    mapping,
    columns: sheetColumns(mapping, list.currency),
    leftOut,
    rates: (stream) => exportRates(stream, selection),
  };
}
