import { DomainError, decodeCursor, fromGlobalRowId } from '../kernel/index.js';

const LAST_NUMBER = 2_147_483_647;

/**
 * The row number inside an opaque identifier. A number beyond what a row can have becomes 0,
 * which no row has, so it is answered like any other row that is not there. Refuses with
 * INVALID_ID what is not an identifier of this type.
 */
export function rowNumber(type: string, globalId: string): number {
  const id = Number(fromGlobalRowId(type, globalId));
  return id > LAST_NUMBER ? 0 : id;
}

/**
 * The row number that a list sorted by it goes on after, or null at the beginning. Refuses with
 * INVALID_CURSOR.
 */
export function rowAfter(after: string | null | undefined): number | null {
  if (after === null || after === undefined) return null;
  const id = decodeCursor(after, 1)[0];
  if (typeof id === 'number' && Number.isInteger(id) && id > 0 && id <= LAST_NUMBER) return id;
  throw new DomainError('INVALID_CURSOR', 'The cursor is not one of this list.');
}
