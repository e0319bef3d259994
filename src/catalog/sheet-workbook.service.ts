import yauzl, { type Entry, type ZipFile } from 'yauzl';
import { DomainError } from '../kernel/index.js';
import { columnOf, isDateFormat, plainDate, plainNumber, plainText } from './sheet-cell.js';
import { bare, type PartReader, unreadable, XmlPart } from './sheet-xml.js';

/** A line of a sheet that is not empty: where it stands, as text, and its cells. */
export interface SheetLine {
  readonly line: number;
  readonly text: string;
  readonly cells: readonly string[];
  /** Columns whose cells are stored as numbers: these have a decimal point in any language. */
  readonly numeric: readonly number[];
}

/** Limits of what a workbook may unpack to, whatever its packed size promises. */
export interface WorkbookLimits {
  readonly unpackedBytes: number;
  readonly rowBytes: number;
}

/** Parts and columns beyond these are nothing that a rate sheet has. */
const MAX_PARTS = 5_000;
const MAX_COLUMNS = 256;
/** Characters of all shared strings together, which are held while the worksheet is read. */
const MAX_STRINGS = 64 * 1024 * 1024;

/**
 * The lines of one worksheet of a workbook (XLSX): the one of this name, or the first that is not
 * hidden. A cell is what is stored in it; for a formula that is the value last worked out. The
 * worksheet is read as a stream; only its shared strings are held. Refuses with SHEET_UNREADABLE,
 * SHEET_TOO_LARGE or SHEET_WORKSHEET_MISSING.
 */
export async function* workbookLines(
  bytes: Buffer,
  worksheet: string | null,
  limits: WorkbookLimits,
): AsyncGenerator<SheetLine> {
  const parts = await Parts.open(bytes, limits.unpackedBytes);
  const book = await readBook(parts);
  const place = placeOf(book.sheets, worksheet);
  const { rowBytes } = limits;
  const facts: BookFacts = {
    from1904: book.from1904,
    strings: await sharedStrings(parts, book.stringsPart),
    dateStyles: await dateStyles(parts, book.stylesPart),
    rowBytes,
  };
  const rows = new RowReader(facts);
  for await (const _ of parts.read(place, rows)) yield* rows.take();
}

interface BookFacts {
  readonly from1904: boolean;
  readonly strings: readonly string[];
  readonly dateStyles: readonly boolean[];
  readonly rowBytes: number;
}

/** The parts of a workbook, which is a ZIP archive of XML. */
class Parts {
  readonly #zip: ZipFile;
  readonly #entries: ReadonlyMap<string, Entry>;
  #left: number;

  private constructor(zip: ZipFile, entries: ReadonlyMap<string, Entry>, left: number) {
    this.#zip = zip;
    this.#entries = entries;
    this.#left = left;
  }

  static async open(bytes: Buffer, unpackedBytes: number): Promise<Parts> {
    const zip = await new Promise<ZipFile>((done, failed) => {
      yauzl.fromBuffer(bytes, { lazyEntries: true }, (error, opened) =>
        error === null ? done(opened) : failed(unreadable(error)),
      );
    });
    const entries = new Map<string, Entry>();
    let count = 0;
    await new Promise<void>((done, failed) => {
      zip.on('entry', (entry: Entry) => {
        entries.set(entry.fileName, entry);
        count += 1;
        if (count > MAX_PARTS) failed(tooLarge());
        else zip.readEntry();
      });
      zip.on('end', done);
      zip.on('error', (error) => failed(unreadable(error)));
      zip.readEntry();
    });
    return new Parts(zip, entries, unpackedBytes);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  async readWhole(name: string, reader: PartReader): Promise<void> {
    for await (const _ of this.read(name, reader));
  }

  /** Feeds a part to a reader; yields after each piece, so that what was read can be taken. */
  async *read(name: string, reader: PartReader): AsyncGenerator<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) throw unreadable(new Error(`The part ${name} is missing.`));
    if (entry.uncompressedSize > this.#left) throw tooLarge();
    const xml = new XmlPart(reader);
    try {
      for await (const chunk of await this.#stream(entry)) {
        this.#left -= chunk.length;
        if (this.#left < 0) throw tooLarge();
        xml.write(chunk);
        yield;
      }
      xml.end();
      yield;
    } catch (error) {
      throw error instanceof DomainError ? error : unreadable(error);
    }
  }

  #stream(entry: Entry): Promise<AsyncIterable<Buffer>> {
    return new Promise((done, failed) => {
      this.#zip.openReadStream(entry, (error, stream) =>
        error === null ? done(stream) : failed(unreadable(error)),
      );
    });
  }
}

interface Worksheet {
  readonly name: string;
  readonly part: string;
  readonly hidden: boolean;
}

interface Book {
  readonly sheets: readonly Worksheet[];
  readonly from1904: boolean;
  readonly stringsPart: string | null;
  readonly stylesPart: string | null;
}

async function readBook(parts: Parts): Promise<Book> {
  const root = await relations(parts, '_rels/.rels', '');
  const main = root.find(({ type }) => type === 'officeDocument')?.part ?? 'xl/workbook.xml';
  const folder = main.slice(0, main.lastIndexOf('/') + 1);
  const name = main.slice(folder.length);
  const related = await relations(parts, `${folder}_rels/${name}.rels`, folder);
  const sheets: Worksheet[] = [];
  let from1904 = false;
  await parts.readWhole(main, {
    open: (tag, given) => {
      if (tag === 'workbookPr') from1904 = given.date1904 === '1' || given.date1904 === 'true';
      if (tag !== 'sheet') return;
      const key = Object.keys(given).find((one) => bare(one) === 'id' && one !== 'sheetId');
      const relation = related.find(({ id }) => key !== undefined && id === given[key]);
      if (relation?.type !== 'worksheet') return;
      const hidden = given.state === 'hidden' || given.state === 'veryHidden';
      sheets.push({ name: given.name ?? '', part: relation.part, hidden });
    },
  });
  const partOf = (type: string) => related.find((one) => one.type === type)?.part ?? null;
  return {
    sheets,
    from1904,
    stringsPart: partOf('sharedStrings'),
    stylesPart: partOf('styles'),
  };
}

interface Relation {
  readonly id: string;
  readonly type: string;
  readonly part: string;
}

async function relations(parts: Parts, name: string, folder: string): Promise<Relation[]> {
  const found: Relation[] = [];
  if (!parts.has(name)) return found;
  await parts.readWhole(name, {
    open: (tag, given) => {
      if (tag !== 'Relationship') return;
      const { Id: id = '', Type: type = '', Target: target = '' } = given;
      const path = target.startsWith('/') ? target.slice(1) : folder + target;
      found.push({ id, type: type.slice(type.lastIndexOf('/') + 1), part: resolved(path) });
    },
  });
  return found;
}

/** A path without steps back. */
function resolved(path: string): string {
  const steps: string[] = [];
  for (const step of path.split('/')) {
    if (step === '..') steps.pop();
    else steps.push(step);
  }
  return steps.join('/');
}

function placeOf(sheets: readonly Worksheet[], wanted: string | null): string {
  const found =
    wanted === null
      ? sheets.find((sheet) => !sheet.hidden)
      : sheets.find(({ name }) => name.trim().toLowerCase() === wanted.trim().toLowerCase());
  if (found !== undefined) return found.part;
  throw new DomainError('SHEET_WORKSHEET_MISSING', 'The workbook has no such worksheet.', {
    worksheet: wanted?.slice(0, 100) ?? null,
    worksheets: sheets.slice(0, 50).map(({ name }) => name.slice(0, 100)),
  });
}

/** Strings that cells refer to by number. Of text in several formats all runs count. */
async function sharedStrings(parts: Parts, name: string | null): Promise<string[]> {
  const strings: string[] = [];
  if (name === null || !parts.has(name)) return strings;
  let text: string | null = null;
  let inText = false;
  let inReading = false;
  let characters = 0;
  await parts.readWhole(name, {
    open: (tag) => {
      if (tag === 'si') text = '';
      else if (tag === 'rPh') inReading = true;
      else inText = tag === 't' && !inReading;
    },
    text: (piece) => {
      if (!inText || text === null) return;
      characters += piece.length;
      if (characters > MAX_STRINGS) throw tooLarge();
      text += piece;
    },
    close: (tag) => {
      if (tag === 't') inText = false;
      if (tag === 'rPh') inReading = false;
      if (tag !== 'si') return;
      strings.push(plainText(text ?? ''));
      text = null;
    },
  });
  return strings;
}

/** Whether numbers in a style are dates, by the style's number. */
async function dateStyles(parts: Parts, name: string | null): Promise<boolean[]> {
  const styles: boolean[] = [];
  if (name === null || !parts.has(name)) return styles;
  const codes = new Map<number, string>();
  let inCells = false;
  await parts.readWhole(name, {
    open: (tag, given) => {
      if (tag === 'numFmt') codes.set(Number(given.numFmtId), given.formatCode ?? '');
      if (tag === 'cellXfs') inCells = true;
      if (tag !== 'xf' || !inCells) return;
      const id = Number(given.numFmtId ?? 0);
      styles.push(isDateFormat(id, codes.get(id)));
    },
    close: (tag) => {
      if (tag === 'cellXfs') inCells = false;
    },
  });
  return styles;
}

/** Reads the rows of a worksheet. */
class RowReader implements PartReader {
  readonly #book: BookFacts;
  #lines: SheetLine[] = [];
  #line = 0;
  #cells: string[] = [];
  #numeric: number[] = [];
  #bytes = 0;
  #column = -1;
  #type = 'n';
  #isDate = false;
  #value = '';
  #hasValue = false;
  #formula: string | null = null;
  #into: 'value' | 'formula' | null = null;
  #inReading = false;

  constructor(book: BookFacts) {
    this.#book = book;
  }

  take(): SheetLine[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  open(name: string, given: Readonly<Record<string, string>>): void {
    if (name === 'row') {
      this.#line = given.r === undefined ? this.#line + 1 : Number(given.r);
      this.#cells = [];
      this.#numeric = [];
      this.#bytes = 0;
      this.#column = -1;
    } else if (name === 'c') {
      this.#column = given.r === undefined ? this.#column + 1 : columnOf(given.r);
      this.#type = given.t ?? 'n';
      this.#isDate = this.#book.dateStyles[Number(given.s ?? 0)] ?? false;
      this.#value = '';
      this.#hasValue = false;
      this.#formula = null;
    } else if (name === 'rPh') {
      this.#inReading = true;
    } else if (name === 'v' || (name === 't' && !this.#inReading)) {
      this.#into = 'value';
      this.#hasValue = true;
    } else if (name === 'f') {
      this.#into = 'formula';
      this.#formula = '';
    }
  }

  text(text: string): void {
    if (this.#into === null) return;
    this.#bytes += text.length;
    if (this.#bytes > this.#book.rowBytes) throw rowTooLong(this.#line);
    if (this.#into === 'value') this.#value += text;
    else this.#formula += text;
  }

  close(name: string): void {
    if (name === 'v' || name === 't' || name === 'f') this.#into = null;
    else if (name === 'rPh') this.#inReading = false;
    else if (name === 'c') this.#endCell();
    else if (name === 'row') this.#endRow();
  }

  #endCell(): void {
    if (this.#column < 0 || this.#column >= MAX_COLUMNS) return;
    const text = this.#cellText();
    if (text === '') return;
    this.#bytes += text.length;
    if (this.#bytes > this.#book.rowBytes) throw rowTooLong(this.#line);
    while (this.#cells.length < this.#column) this.#cells.push('');
    this.#cells[this.#column] = text;
    if (this.#type === 'n' && this.#value !== '') this.#numeric.push(this.#column);
  }

  #cellText(): string {
    const value = this.#value;
    // A formula that was never worked out has no value; left empty it would pass for silence. One
    // that came to an empty text has it, and is silent.
    const silent = this.#formula === null || (this.#type === 'str' && this.#hasValue);
    if (value === '') return silent ? '' : `=${this.#formula}`;
    switch (this.#type) {
      case 's':
        return this.#book.strings[Number(value)] ?? `#${value}`;
      case 'n':
        return this.#isDate ? plainDate(value, this.#book.from1904) : plainNumber(value);
      case 'b':
        return value === '1' ? 'TRUE' : 'FALSE';
      case 'd':
        return value.replace(/T00:00:00(?:\.0+)?Z?$/, '');
      default:
        return plainText(value);
    }
  }

  #endRow(): void {
    if (this.#cells.every((cell) => cell.trim() === '')) return;
    const [cells, numeric] = [this.#cells, this.#numeric];
    this.#lines.push({ line: this.#line, text: cells.join('\t'), cells, numeric });
    this.#cells = [];
    this.#numeric = [];
  }
}

function rowTooLong(line: number): DomainError {
  return new DomainError('SHEET_UNREADABLE', 'A row of the sheet is too long.', { line });
}

function tooLarge(): DomainError {
  return new DomainError('SHEET_TOO_LARGE', 'The workbook unpacks to more than one import takes.');
}
