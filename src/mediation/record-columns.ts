// Where the columns of a record batch stand in the memory of a thread. The stages that are
// compiled to WebAssembly read this file as well as TypeScript does: it is written in what both
// understand and needs no other file.

/** Rows of a batch. */
export const ROWS = 512;

/** In place of a fault where a line is left to the parser, which knows all that formats may say. */
export const LEFT_TO_PARSER = 255;

/** A longer line is rejected; its first 64 KiB are kept. */
export const MAX_LINE_BYTES = 65_536;

/** A longer identity is none. */
export const MAX_IDENTITY_BYTES = 4096;

/** Most columns of a line that is read here. */
export const MOST_COLUMNS = 64;

/** The words that say how a line is read; -1 stands for what a format does not have. */
export const LINE_WORDS_AT = 1024;
export enum LineWord {
  DELIMITER,
  QUOTE,
  COMMENT,
  COLUMNS,
  /** Column of the service, or the service of all records below. */
  SERVICE,
  CONSTANT_SERVICE,
  STARTED_AT,
  A_NUMBER,
  B_NUMBER,
  DURATION,
  IN_MILLISECONDS,
  QUANTITY,
  VALUE,
  IN_TRUNK,
  OUT_TRUNK,
  DEFAULT_IN_TRUNK,
  DEFAULT_OUT_TRUNK,
  IDENTITY,
  SERVICES_AT,
  SERVICES_MASK,
  TRUNKS_AT,
  TRUNKS_MASK,
}

/** Records that began before are left to the parser; milliseconds since 1970, as are the others. */
export const EARLIEST_MS_AT = 1280;
/** Where the fields of the line at hand begin, and one behind the end of the last. */
export const FIELDS_AT = 1536;

/**
 * What stands between two columns: without it the fields of one row would lie a power of two
 * apart, for which a processor has few places in its cache.
 */
const GAP = 64;

export const STARTED_MS_AT = 2048;
export const QUANTITY_AT = STARTED_MS_AT + 8 * ROWS + GAP;
export const VALUE_AT = QUANTITY_AT + 8 * ROWS + GAP;
export const A_NUMBER_AT = VALUE_AT + 8 * ROWS + GAP;
export const B_NUMBER_AT = A_NUMBER_AT + 8 * ROWS + GAP;
export const LINE_FROM_AT = B_NUMBER_AT + 8 * ROWS + GAP;
export const LINE_TO_AT = LINE_FROM_AT + 4 * ROWS + GAP;
export const LINE_NUMBER_AT = LINE_TO_AT + 4 * ROWS + GAP;
export const IN_TRUNK_AT = LINE_NUMBER_AT + 4 * ROWS + GAP;
export const OUT_TRUNK_AT = IN_TRUNK_AT + 4 * ROWS + GAP;
export const IDENTITY_0_AT = OUT_TRUNK_AT + 4 * ROWS + GAP;
export const IDENTITY_1_AT = IDENTITY_0_AT + 4 * ROWS + GAP;
export const IDENTITY_2_AT = IDENTITY_1_AT + 4 * ROWS + GAP;
export const IDENTITY_3_AT = IDENTITY_2_AT + 4 * ROWS + GAP;
export const FAULT_COLUMN_AT = IDENTITY_3_AT + 4 * ROWS + GAP;
export const FAULT_AT = FAULT_COLUMN_AT + 2 * ROWS + GAP;
export const SERVICE_AT = FAULT_AT + 1 * ROWS + GAP;

/** The first byte behind the columns. */
export const RECORD_COLUMNS_END = SERVICE_AT + ROWS + GAP;

/** Bytes of an entry of a dictionary: length of the name or -1, value, where the name stands. */
export const NAME_BYTES = 16;
