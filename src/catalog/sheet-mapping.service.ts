import { assertTimeZone, DomainError } from '../kernel/index.js';
import {
  type Connection,
  type Page,
  pageById,
  rowByGlobalId,
  rowNumber,
  rowOf,
  type Tx,
} from '../platform/index.js';
import { assertKept, keptPartner, writableList } from './keeper.store.js';
import type { PriceList } from './price-list.entity.js';
import { assertRate } from './rate-rules.js';
import { SheetMappingRow, type SheetReadingView } from './sheet-mapping.entity.js';
import type { SaveSheetMappingInput, SheetReadingInput } from './sheet-mapping.input.js';

/** How the sheets of a supplier or of one list are read by default. */
export class SheetMappingService {
  /**
   * Saves how sheets of a partner's lists, or of one list, are read; what was saved before for
   * the same is replaced. Refuses with SHEET_MAPPING_REFUSED, INVALID_TIME_ZONE, RATE_REFUSED
   * (defaults), PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async save(tx: Tx, input: SaveSheetMappingInput): Promise<SheetMappingRow> {
    const { partnerId, priceListId } = input;
    if (Boolean(partnerId) === Boolean(priceListId)) {
      throw new DomainError(
        'SHEET_MAPPING_REFUSED',
        'A mapping is for the lists of a partner or for one list.',
      );
    }
    assertReading(input);
    const list = priceListId ? await writableList(tx, priceListId) : null;
    const owner = list?.partnerId ?? (await keptPartner(tx, partnerId as string)).id;
    const rows = await tx.query<{ id: number }[]>(
      `INSERT INTO sheet_mapping (partner_id, price_list_id, definition) VALUES ($1, $2, $3)
       ON CONFLICT (partner_id, COALESCE(price_list_id, 0))
       DO UPDATE SET definition = excluded.definition, saved_at = now() RETURNING id`,
      [owner, list?.id ?? null, readingOf(input)],
    );
    return rowOf(tx, SheetMappingRow, 'SheetMapping', (rows[0] as { id: number }).id);
  }

  /** Forgets a mapping. Refuses with PRICE_LIST_READ_ONLY or NOT_FOUND. */
  async remove(tx: Tx, globalId: string): Promise<boolean> {
    const row = await rowByGlobalId(tx, SheetMappingRow, 'SheetMapping', globalId);
    await assertKept(tx, row.partnerId);
    await tx.delete(SheetMappingRow, { id: row.id });
    return true;
  }

  /** Visible mappings by rising id, of one partner if given. */
  async list(tx: Tx, partnerId: string | null, page: Page): Promise<Connection<SheetMappingRow>> {
    const query = tx.createQueryBuilder(SheetMappingRow, 'row');
    if (partnerId) {
      query.andWhere('row.partnerId = :owner', { owner: rowNumber('Partner', partnerId) });
    }
    return pageById(query, page);
  }
}

/** The mapping that counts for a list: its own, else its partner's, else none. */
export async function mappingFor(tx: Tx, list: PriceList): Promise<SheetReadingView | null> {
  const row = await tx
    .createQueryBuilder(SheetMappingRow, 'row')
    .where('row.partnerId = :partner', { partner: list.partnerId })
    .andWhere('(row.priceListId = :list OR row.priceListId IS NULL)', { list: list.id })
    .orderBy('row.priceListId', 'ASC', 'NULLS LAST')
    .getOne();
  return row?.definition ?? null;
}

/** Refuses with INVALID_TIME_ZONE or RATE_REFUSED what no sheet can be read by. */
export function assertReading(input: SheetReadingInput): void {
  if (typeof input.timeZone === 'string') assertTimeZone(input.timeZone);
  if (input.defaults) assertRate({ kind: 'ABSOLUTE', price: '0', ...input.defaults });
}

function readingOf(input: SheetReadingInput): SheetReadingView {
  return {
    columns: input.columns ?? null,
    defaults: input.defaults ?? null,
    delimiter: input.delimiter ?? null,
    decimalComma: input.decimalComma ?? null,
    timeZone: input.timeZone ?? null,
    dateFormat: input.dateFormat ?? null,
    encoding: input.encoding ?? null,
    skipRows: input.skipRows ?? null,
    worksheet: input.worksheet ?? null,
  };
}
