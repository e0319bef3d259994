import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parse } from 'csv-parse';
import { assertTimeZone, DomainError } from '../kernel/index.js';
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
import { PriceList } from './price-list.entity.js';
import { writableList } from './price-list.service.js';
import { lockPriceList, recordingMoment } from './rate.store.js';
import { assertRate } from './rate-rules.js';
import { RateSheet, RateSheetRow } from './rate-sheet.entity.js';
import type { ImportRateSheetInput, RateSheetRowFilter } from './rate-sheet.input.js';
import { activateRows, compareRows, stageRows } from './rate-sheet.store.js';
import { readSheetColumns } from './sheet-columns.js';
import { SheetReader } from './sheet-reader.js';
import type { SheetReading } from './sheet-row.js';

/**
 * Opens an uploaded file that the transaction can see, or answers null. Uploads belong to a lower
 * folder, which `app.ts` brings in.
 */
export type ReadUpload = (tx: Tx, fileId: string) => Promise<Readable | null>;

const CHUNK_ROWS = 5_000;
const MAX_PRICES = 1_000_000;
const MAX_ROW_BYTES = 65_536;

/** Rate sheets: read, compared, activated at once or put aside. */
export class RateSheetService {
  readonly #readUpload: ReadUpload;

  constructor(readUpload: ReadUpload) {
    this.#readUpload = readUpload;
  }

  /**
   * Reads a sheet and compares it with its list. Rows with errors are kept with their text.
   * Refuses with SHEET_SOURCE_REFUSED, SHEET_COLUMN_MISSING, SHEET_COLUMNS_REFUSED,
   * SHEET_UNREADABLE, SHEET_TOO_LARGE, RATE_REFUSED (defaults), PRICE_LIST_READ_ONLY or
   * NOT_FOUND.
   */
  async import(
    tx: Tx,
    viewer: Viewer,
    input: ImportRateSheetInput,
    key: string | null,
  ): Promise<RateSheet> {
    const made = await once(tx, viewer, key, 'importRateSheet', input, async () => ({
      id: await this.#import(tx, input),
    }));
    return rowOf(tx, RateSheet, 'RateSheet', made.id);
  }

  async #import(tx: Tx, input: ImportRateSheetInput): Promise<number> {
    const list = await writableList(tx, input.priceListId);
    assertTimeZone(input.timeZone);
    assertRate({ kind: 'ABSOLUTE', price: '0', ...input.defaults });
    const source = await this.#open(tx, input);
    const inserted = await tx.insert(RateSheet, {
      partnerId: list.partnerId,
      priceListId: list.id,
      name: input.name.trim(),
      contentHash: '',
      complete: input.complete,
      effectiveFrom: input.effectiveFrom,
    });
    const { id } = inserted.identifiers[0] as { id: number };
    const reader = new SheetReader();
    const sheet = { id, partnerId: list.partnerId, priceListId: list.id };
    const contentHash = await this.#stage(tx, sheet, source, input, list, reader);
    if (reader.rowCount === 0) throw unreadable('The sheet holds no row below its first line.');
    await compareRows(tx, {
      ...sheet,
      complete: input.complete,
      effectiveFrom: input.effectiveFrom,
    });
    const { rowCount, errorCount } = reader;
    await tx.update(RateSheet, { id }, { contentHash, rowCount, errorCount });
    return id;
  }

  async #open(tx: Tx, input: ImportRateSheetInput): Promise<Readable> {
    const { csv, fileId } = input;
    if ((csv ?? null) === null ? !fileId : Boolean(fileId)) {
      throw new DomainError('SHEET_SOURCE_REFUSED', 'Give either the text or one stored file.');
    }
    if (typeof csv === 'string') return Readable.from([Buffer.from(csv, 'utf8')]);
    const stream = await this.#readUpload(tx, fileId as string);
    if (stream !== null) return stream;
    throw notFound('UsageFile', fileId as string);
  }

  async #stage(
    tx: Tx,
    sheet: { id: number; partnerId: number; priceListId: number },
    source: Readable,
    input: ImportRateSheetInput,
    list: PriceList,
    reader: SheetReader,
  ): Promise<string> {
    const hash = createHash('sha256');
    source.on('data', (chunk: Buffer) => hash.update(chunk));
    let lastLine = 0;
    const parser = csvParser(input.delimiter, (line) => {
      lastLine = line;
    });
    // What a pipeline rejects with, when its last stage fails while bytes flow, is an AbortError.
    let fault: unknown;
    const read = async (records: AsyncIterable<CsvRecord>): Promise<void> => {
      for await (const { record, raw, info } of records) {
        if (!reader.isReading) reader.begin(await this.#reading(tx, input, list, record));
        else reader.row(info.lines, raw, record);
        if (reader.rowCount > MAX_PRICES) {
          throw new DomainError('SHEET_TOO_LARGE', `A sheet has up to ${MAX_PRICES} prices.`);
        }
        if (reader.waiting >= CHUNK_ROWS) await stageRows(tx, sheet, reader.take());
      }
    };
    try {
      await pipeline(source, parser, (records: AsyncIterable<CsvRecord>) =>
        read(records).catch((error: unknown) => {
          fault = error;
          throw error;
        }),
      );
    } catch (error) {
      const cause = fault ?? error;
      if (!isCsvError(cause)) throw cause;
      throw unreadable('A row of the sheet does not end.', { line: lastLine + 1 });
    }
    await stageRows(tx, sheet, reader.take());
    return hash.digest('hex');
  }

  async #reading(
    tx: Tx,
    input: ImportRateSheetInput,
    list: PriceList,
    header: readonly string[],
  ): Promise<SheetReading> {
    const columns = readSheetColumns(input.columns, header);
    const bands = await tx.query<{ id: number; name: string }[]>(
      'SELECT id, lower(name) AS name FROM time_band WHERE time_profile_id = $1',
      [list.timeProfileId],
    );
    const destinations = columns.has('destination')
      ? await tx.query<{ id: number; name: string }[]>(
          'SELECT id, lower(name) AS name FROM destination',
        )
      : [];
    return {
      columns,
      defaults: input.defaults,
      decimalComma: input.decimalComma,
      timeZone: input.timeZone,
      effectiveFrom: input.effectiveFrom.getTime(),
      bands: new Map(bands.map((band) => [band.name, band.id])),
      destinations: new Map(destinations.map((one) => [one.name, one.id])),
    };
  }

  /**
   * Puts the sheet's prices into its list, all at once; what they replace ends when they take
   * effect. A sheet that is active already stays as it is. Refuses with SHEET_DISCARDED,
   * SHEET_HAS_ERRORS (unless `skipErrors`), PRICE_LIST_READ_ONLY or NOT_FOUND.
   */
  async activate(tx: Tx, sheetId: string, skipErrors: boolean, now: Date): Promise<RateSheet> {
    const sheet = await lockedSheet(tx, sheetId);
    if (sheet.state === 'ACTIVATED') return sheet;
    if (sheet.state === 'DISCARDED') {
      throw new DomainError('SHEET_DISCARDED', 'The rate sheet has been discarded.');
    }
    if (sheet.errorCount > 0 && !skipErrors) {
      throw new DomainError('SHEET_HAS_ERRORS', 'Rows of the sheet have errors.', {
        errors: sheet.errorCount,
      });
    }
    // The list may have changed since the sheet was read, so it is compared again under the lock.
    await compareRows(tx, sheet);
    await activateRows(tx, sheet, await recordingMoment(tx));
    await tx.update(RateSheet, { id: sheet.id }, { state: 'ACTIVATED', activatedAt: now });
    return rowOf(tx, RateSheet, 'RateSheet', sheet.id);
  }

  /** Puts a sheet aside; twice is once. Refuses with SHEET_ACTIVATED or NOT_FOUND. */
  async discard(tx: Tx, sheetId: string): Promise<RateSheet> {
    const sheet = await lockedSheet(tx, sheetId);
    if (sheet.state === 'ACTIVATED') {
      throw new DomainError('SHEET_ACTIVATED', 'The rate sheet has been activated.');
    }
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
    if (filter.prefix) {
      query.andWhere('starts_with(row.prefix, :prefix)', { prefix: filter.prefix });
    }
    return pageById(query, page);
  }
}

interface CsvRecord {
  readonly record: string[];
  readonly raw: string;
  readonly info: { readonly lines: number };
}

// A quote in the wrong place stays in its field, which then has an error of its own; a quote that
// is never closed would swallow all rows behind it, so it refuses the sheet.
function csvParser(delimiter: string, sawLine: (line: number) => void) {
  return parse({
    delimiter,
    bom: true,
    raw: true,
    info: true,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_BYTES,
    on_record: (record, context) => {
      sawLine(context.lines);
      return record;
    },
  });
}

function isCsvError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('CSV_');
}

function unreadable(message: string, details: Record<string, unknown> = {}): DomainError {
  return new DomainError('SHEET_UNREADABLE', message, details);
}

/** The sheet and its list, locked in the order list, sheet. */
async function lockedSheet(tx: Tx, sheetId: string): Promise<RateSheet> {
  const { priceListId } = await rowByGlobalId(tx, RateSheet, 'RateSheet', sheetId);
  const list = await rowOf(tx, PriceList, 'PriceList', priceListId);
  await writableList(tx, list.globalId);
  await lockPriceList(tx, list.id);
  return rowByGlobalId(tx, RateSheet, 'RateSheet', sheetId);
}
