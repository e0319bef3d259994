import { Readable } from 'node:stream';
import { DomainError } from '../kernel/index.js';
import {
  type Connection,
  notFound,
  once,
  type Page,
  pageById,
  rowByGlobalId,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { writableList } from './keeper.store.js';
import { guardActivation, guardUndo, keepMargin } from './margin.service.js';
import { PriceList } from './price-list.entity.js';
import { lockPriceList } from './rate.store.js';
import { RateSheet, RateSheetRow } from './rate-sheet.entity.js';
import type { ImportRateSheetInput, RateSheetRowFilter } from './rate-sheet.input.js';
import {
  activateRows,
  type Comparison,
  compareRows,
  comparisonOf,
  recordMoment,
  stageRows,
} from './rate-sheet.store.js';
import { undoRows } from './rate-sheet-undo.store.js';
import { columnNames, readSheetColumns } from './sheet-columns.js';
import { SheetFile } from './sheet-file.service.js';
import { completeMapping, type SheetMapping } from './sheet-mapping.js';
import { assertReading, mappingFor } from './sheet-mapping.service.js';
import { SheetNames } from './sheet-names.js';
import { type NoticeRule, noticeRules } from './sheet-notice.js';
import { noticeTerms } from './sheet-notice.store.js';
import { SheetReader } from './sheet-reader.js';
import type { SheetReading } from './sheet-row.js';

/**
 * Opens an uploaded file that the transaction can see, or answers null. Uploads belong to a lower
 * folder, which `app.ts` brings in.
 */
export type ReadUpload = (tx: Tx, viewer: Viewer, fileId: string) => Promise<Readable | null>;

const CHUNK_ROWS = 5_000;
const MAX_PRICES = 1_000_000;

/** Rate sheets: read, compared, activated at once, taken back, or put aside. */
export class RateSheetService {
  readonly #readUpload: ReadUpload;

  constructor(readUpload: ReadUpload) {
    this.#readUpload = readUpload;
  }

  /**
   * Reads a sheet and compares it with its list. Rows with errors are kept with their text.
   * Refuses with SHEET_SOURCE_REFUSED, SHEET_COLUMN_MISSING, SHEET_COLUMN_TWICE,
   * SHEET_COLUMNS_REFUSED, SHEET_UNREADABLE, SHEET_ENCODING_REFUSED, SHEET_FORMAT_REFUSED,
   * SHEET_WORKSHEET_MISSING, SHEET_TOO_LARGE, RATE_REFUSED (defaults), PRICE_LIST_READ_ONLY,
   * FORBIDDEN (a file of records) or NOT_FOUND.
   */
  async import(
    tx: Tx,
    viewer: Viewer,
    input: ImportRateSheetInput,
    key: string | null,
    now: Date,
  ): Promise<RateSheet> {
    const made = await once(tx, viewer, key, 'importRateSheet', input, async () => ({
      id: await this.#import(tx, viewer, input, now),
    }));
    return rowOf(tx, RateSheet, 'RateSheet', made.id);
  }

  async #import(tx: Tx, viewer: Viewer, input: ImportRateSheetInput, now: Date): Promise<number> {
    const list = await writableList(tx, input.priceListId);
    assertReading(input);
    const mapping = completeMapping(input, await mappingFor(tx, list));
    const source = await this.#open(tx, viewer, input);
    const inserted = await tx.insert(RateSheet, {
      partnerId: list.partnerId,
      priceListId: list.id,
      name: input.name.trim(),
      contentHash: '',
      complete: input.complete,
      effectiveFrom: input.effectiveFrom,
      receivedAt: input.receivedAt ?? now,
    });
    const { id } = inserted.identifiers[0] as { id: number };
    const reader = new SheetReader();
    const file = new SheetFile(source);
    await stageAll(tx, { id, list, effectiveFrom: input.effectiveFrom }, file, mapping, reader);
    const { rowCount, errorCount } = reader;
    await tx.update(RateSheet, { id }, { contentHash: file.contentHash(), rowCount, errorCount });
    await compareSheet(tx, await rowOf(tx, RateSheet, 'RateSheet', id), viewer);
    return id;
  }

  async #open(tx: Tx, viewer: Viewer, input: ImportRateSheetInput): Promise<Readable> {
    const { csv, fileId } = input;
    if ((csv ?? null) === null ? !fileId : Boolean(fileId)) {
      throw new DomainError('SHEET_SOURCE_REFUSED', 'Give either the text or one stored file.');
    }
    if (typeof csv === 'string') return Readable.from([Buffer.from(csv, 'utf8')]);
    const stream = await this.#readUpload(tx, viewer, fileId as string);
    if (stream !== null) return stream;
    throw notFound('UsageFile', fileId as string);
  }

  /**
   * Compares a sheet with its list, contracts and margins as they are now. Refuses with
   * SHEET_ACTIVATED, SHEET_DISCARDED, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async compare(tx: Tx, viewer: Viewer, sheetId: string): Promise<RateSheet> {
    const sheet = await lockedSheet(tx, sheetId);
    if (sheet.state === 'ACTIVATED') throw activated();
    if (sheet.state === 'DISCARDED') throw discarded();
    await compareSheet(tx, sheet, viewer);
    return rowOf(tx, RateSheet, 'RateSheet', sheet.id);
  }

  /**
   * Puts the sheet's prices into its list, all at once; what they replace ends when they take
   * effect. A sheet that is active already stays as it is. Refuses with SHEET_DISCARDED,
   * SHEET_HAS_ERRORS (unless `skipErrors`), SHEET_NOTICE_TOO_SHORT, MARGIN_REFUSED, MARGIN_HELD
   * (unless `confirmedMargins` names the findings), EXCHANGE_RATE_MISSING, PRICE_LIST_READ_ONLY
   * or NOT_FOUND.
   */
  async activate(
    tx: Tx,
    sheetId: string,
    given: { readonly skipErrors: boolean; readonly confirmedMargins: string | null },
    now: Date,
  ): Promise<RateSheet> {
    const sheet = await lockedSheet(tx, sheetId);
    if (sheet.state === 'ACTIVATED') return sheet;
    if (sheet.state === 'DISCARDED') throw discarded();
    if (sheet.errorCount > 0 && !given.skipErrors) {
      throw new DomainError(
        'SHEET_HAS_ERRORS',
        'Rows of the sheet have errors; mend and import it again, or activate it with skipErrors.',
        { errors: sheet.errorCount },
      );
    }
    // The list may have changed since the sheet was read, so it is compared again under the lock.
    const comparison = await compareNow(tx, sheet);
    assertNotice(comparison);
    const { takesEffectAt } = comparison;
    const tell = await guardActivation(tx, sheet, takesEffectAt, given.confirmedMargins);
    await activateRows(tx, sheet);
    await tx.update(
      RateSheet,
      { id: sheet.id },
      { ...comparison, state: 'ACTIVATED', activatedAt: now, undoneAt: null },
    );
    await recordMoment(tx, sheet);
    await tell();
    return rowOf(tx, RateSheet, 'RateSheet', sheet.id);
  }

  /**
   * Takes an activation back before it takes effect: what the sheet recorded counts no more, and
   * what it closed counts again. Sellers who lose by that are told. The sheet can then be activated
   * anew; undoing twice is undoing once. Refuses with SHEET_NOT_ACTIVATED, SHEET_IN_FORCE,
   * SHEET_CHANGED_SINCE, PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async undo(tx: Tx, sheetId: string, now: Date): Promise<RateSheet> {
    const sheet = await lockedSheet(tx, sheetId);
    if (sheet.state !== 'ACTIVATED') {
      if (sheet.undoneAt !== null) return sheet;
      throw new DomainError('SHEET_NOT_ACTIVATED', 'The rate sheet is not active.');
    }
    if (sheet.takesEffectAt !== null && sheet.takesEffectAt <= now) {
      throw new DomainError('SHEET_IN_FORCE', 'Prices of the sheet are in force already.', {
        since: sheet.takesEffectAt.toISOString(),
      });
    }
    const tell = await guardUndo(tx, sheet, sheet.takesEffectAt);
    const undone = await undoRows(tx, sheet);
    if (undone.withdrawn !== undone.recorded || undone.inTheWay > 0) {
      throw new DomainError(
        'SHEET_CHANGED_SINCE',
        'Prices that the sheet recorded have been changed since; undo those changes first.',
        { rates: undone.recorded - undone.withdrawn + undone.inTheWay },
      );
    }
    const state = { state: 'DRAFT', activatedAt: null, undoneAt: now } as const;
    await tx.update(RateSheet, { id: sheet.id }, state);
    await tell(await recordMoment(tx, sheet));
    return rowOf(tx, RateSheet, 'RateSheet', sheet.id);
  }

  /** Puts a sheet aside; twice is once. Refuses with SHEET_ACTIVATED or NOT_FOUND. */
  async discard(tx: Tx, sheetId: string): Promise<RateSheet> {
    const sheet = await lockedSheet(tx, sheetId);
    if (sheet.state === 'ACTIVATED') throw activated();
    await tx.update(RateSheet, { id: sheet.id }, { state: 'DISCARDED' });
    return rowOf(tx, RateSheet, 'RateSheet', sheet.id);
  }

  /** Rows of a sheet in the order of its lines; the rates that it closes come last. */
  async rows(
    tx: Tx,
    sheetId: number,
    filter: RateSheetRowFilter,
    page: Page,
  ): Promise<Connection<RateSheetRow>> {
    const query = tx
      .createQueryBuilder(RateSheetRow, 'row')
      .where('row.rateSheetId = :sheet', { sheet: sheetId });
    if (filter.statuses) {
      query.andWhere('row.status = ANY(:statuses)', { statuses: filter.statuses });
    }
    if (typeof filter.errors === 'boolean') {
      query.andWhere(`row.errorCode IS ${filter.errors ? 'NOT NULL' : 'NULL'}`);
    }
    if (typeof filter.findings === 'boolean') {
      query.andWhere(`row.findingCode IS ${filter.findings ? 'NOT NULL' : 'NULL'}`);
    }
    if (filter.prefix) {
      query.andWhere('starts_with(row.prefix, :prefix)', { prefix: filter.prefix });
    }
    return pageById(query, page);
  }
}

interface StagedSheet {
  readonly id: number;
  readonly list: PriceList;
  readonly effectiveFrom: Date;
}

async function stageAll(
  tx: Tx,
  sheet: StagedSheet,
  file: SheetFile,
  mapping: SheetMapping,
  reader: SheetReader,
): Promise<void> {
  const key = { id: sheet.id, partnerId: sheet.list.partnerId, priceListId: sheet.list.id };
  // One chunk is stored while the next is read.
  let storing: Promise<void> = Promise.resolve();
  const store = async (): Promise<void> => {
    await storing;
    storing = stageRows(tx, key, reader.take());
    storing.catch(() => undefined);
  };
  try {
    await readAll(tx, sheet, file, mapping, reader, store);
    if (reader.rowCount === 0) {
      throw new DomainError('SHEET_UNREADABLE', 'The sheet holds no row below its line of names.');
    }
    await store();
  } finally {
    // The transaction takes no other statement before this one has ended.
    await storing.catch(() => undefined);
  }
  await storing;
}

async function readAll(
  tx: Tx,
  sheet: StagedSheet,
  file: SheetFile,
  mapping: SheetMapping,
  reader: SheetReader,
  store: () => Promise<void>,
): Promise<void> {
  for await (const { line, text, cells, numeric } of file.lines(mapping)) {
    if (line <= mapping.skipRows) continue;
    if (!reader.isReading) await begin(tx, sheet, file, mapping, reader, cells);
    else reader.row(line, text, cells, numeric);
    if (reader.rowCount > MAX_PRICES) {
      throw new DomainError('SHEET_TOO_LARGE', `A sheet has up to ${MAX_PRICES} prices.`);
    }
    if (reader.waiting >= CHUNK_ROWS) await store();
  }
}

/** Finds the columns in the line of names, and keeps with the sheet which they are. */
async function begin(
  tx: Tx,
  sheet: StagedSheet,
  file: SheetFile,
  mapping: SheetMapping,
  reader: SheetReader,
  header: readonly string[],
): Promise<void> {
  const reading = await readingOf(tx, sheet, mapping, file, header);
  const kept: SheetMapping = { ...mapping, columns: columnNames(reading.columns, header) };
  await tx.update(RateSheet, { id: sheet.id }, { reading: kept as never });
  reader.begin(reading);
}

async function readingOf(
  tx: Tx,
  sheet: StagedSheet,
  mapping: SheetMapping,
  file: SheetFile,
  header: readonly string[],
): Promise<SheetReading> {
  const columns = readSheetColumns(mapping.columns, header);
  const bands = await tx.query<{ id: number; name: string }[]>(
    'SELECT id, name FROM time_band WHERE time_profile_id = $1',
    [sheet.list.timeProfileId],
  );
  const destinations = columns.has('destination')
    ? await tx.query<{ id: number; name: string }[]>('SELECT id, name FROM destination')
    : [];
  return {
    columns,
    ...(file.isText && { cellCount: header.length }),
    defaults: mapping.defaults,
    currency: sheet.list.currency,
    decimalComma: mapping.decimalComma,
    timeZone: mapping.timeZone,
    dateFormat: mapping.dateFormat,
    effectiveFrom: sheet.effectiveFrom.getTime(),
    bands: new SheetNames(bands),
    destinations: new SheetNames(destinations),
  };
}

/** Compares a sheet with list, contracts and margins, and keeps what came of it. */
async function compareSheet(tx: Tx, sheet: RateSheet, viewer: Viewer): Promise<void> {
  const comparison = await compareNow(tx, sheet);
  await tx.update(RateSheet, { id: sheet.id }, comparison);
  await keepMargin(tx, sheet, comparison.takesEffectAt, viewer);
}

async function compareNow(tx: Tx, sheet: RateSheet): Promise<Comparison> {
  const rules: NoticeRule[] = noticeRules(
    await noticeTerms(tx, sheet, sheet.receivedAt),
    sheet.receivedAt.getTime(),
  );
  await compareRows(tx, sheet, rules);
  return comparisonOf(tx, sheet, rules);
}

function assertNotice(comparison: Comparison): void {
  if (comparison.noticePolicy !== 'REFUSE') return;
  throw new DomainError(
    'SHEET_NOTICE_TOO_SHORT',
    'Prices come with less notice than a contract demands.',
    { prices: comparison.noticeCount },
  );
}

function activated(): DomainError {
  return new DomainError('SHEET_ACTIVATED', 'The rate sheet has been activated.');
}

function discarded(): DomainError {
  return new DomainError('SHEET_DISCARDED', 'The rate sheet has been discarded.');
}

/** The sheet and its list, locked in the order list, sheet. */
async function lockedSheet(tx: Tx, sheetId: string): Promise<RateSheet> {
  const { priceListId } = await rowByGlobalId(tx, RateSheet, 'RateSheet', sheetId);
  const list = await rowOf(tx, PriceList, 'PriceList', priceListId);
  await writableList(tx, list.globalId);
  await lockPriceList(tx, list.id);
  return rowByGlobalId(tx, RateSheet, 'RateSheet', sheetId);
}
