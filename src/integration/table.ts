import { invariant } from '../kernel/index.js';

/**
 * What a column holds, which decides how its cells are written. TEXT is somebody's words and is
 * never taken for a formula; NUMBER is a plain decimal and TIME an ISO date or instant, which
 * stand as they are.
 */
export type ColumnKind = 'TEXT' | 'NUMBER' | 'TIME';

/** A column of a file: its name, what it holds, and its cell in a row; null is an empty cell. */
export interface Column<Row> {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly cell: (row: Row) => string | null;
}

const SHAPES: Readonly<Partial<Record<ColumnKind, RegExp>>> = {
  NUMBER: /^-?\d{1,40}(?:\.\d{1,40})?$/,
  TIME: /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d))?$/,
};

/** The cells of a row. What stands in a column of numbers or times and is none is our own fault. */
export function cellsOf<Row>(columns: readonly Column<Row>[], row: Row): (string | null)[] {
  return columns.map(({ name, kind, cell }) => {
    const text = cell(row);
    const shape = SHAPES[kind];
    invariant(text === null || !shape || shape.test(text), `${name} holds what it is for`);
    return text;
  });
}

/** An instant in ISO 8601, UTC. */
export function instant(at: Date | null): string | null {
  return at === null ? null : at.toISOString();
}
