/**
 * Anything that runs SQL inside a transaction: TypeORM's transaction, or a raw connection of a
 * worker thread. Statements that must be possible in both take this.
 */
export interface SqlClient {
  query(text: string, values?: unknown[]): Promise<unknown>;
}

/**
 * The rows of a statement, whoever ran it: a raw connection answers `{ rows }`, the ORM the rows
 * themselves, or the rows with a count for UPDATE and DELETE.
 */
export function rowsOf<T>(answer: unknown): T[] {
  if (!Array.isArray(answer)) return (answer as { rows: T[] }).rows;
  const counted = answer.length === 2 && Array.isArray(answer[0]) && typeof answer[1] === 'number';
  return counted ? (answer[0] as T[]) : (answer as T[]);
}
