import { connectWorker, type Database, enterScope, SYSTEM_SCOPE } from '../platform/index.js';
import type { PriceBook } from './book.js';
import { compileBook } from './compile-book.js';
import {
  type BookMoment,
  bookMoment,
  bookMomentOf,
  loadBook,
  lockPriceBook,
} from './price-book.store.js';

/** Books kept compiled: the one in use and the one before, which running batches may still need. */
const KEPT = 2;

/**
 * Gives every run the book that was current when its first batch began, and the same one to
 * every batch after that, however often the run is interrupted.
 */
export class PriceBookService {
  readonly #compiled = new Map<number, Promise<PriceBook>>();
  readonly #bookOfRun = new Map<number, Promise<PriceBook>>();

  constructor(readonly database: Database) {}

  bookOfRun(runId: number): Promise<PriceBook> {
    let book = this.#bookOfRun.get(runId);
    if (book === undefined) {
      book = this.#pin(runId).then((moment) => this.compiled(moment));
      this.#bookOfRun.clear();
      this.#bookOfRun.set(runId, book);
      book.catch(() => this.#bookOfRun.delete(runId));
    }
    return book;
  }

  compiled(moment: BookMoment): Promise<PriceBook> {
    let book = this.#compiled.get(moment.id);
    if (book === undefined) {
      book = this.#compile(moment);
      this.#compiled.set(moment.id, book);
      book.catch(() => this.#compiled.delete(moment.id));
      for (const id of this.#compiled.keys()) {
        if (this.#compiled.size > KEPT) this.#compiled.delete(id);
      }
    }
    return book;
  }

  // On a connection of its own, since the rows of the lists come by COPY.
  async #compile({ id, knownAt }: BookMoment): Promise<PriceBook> {
    const client = await connectWorker(this.database.urls.url, 'kontor-price-book');
    try {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await enterScope(client, SYSTEM_SCOPE);
      const { facts, rates } = await loadBook(client, knownAt);
      return compileBook(id, facts, rates);
    } finally {
      await client.end();
    }
  }

  async #pin(runId: number): Promise<BookMoment> {
    return this.database.write(SYSTEM_SCOPE, async (tx) => {
      const [run] = await tx.query(
        `SELECT (params ->> 'priceBookId')::int AS book FROM run WHERE id = $1 FOR UPDATE`,
        [runId],
      );
      if (run.book !== null) return bookMomentOf(tx, run.book);
      await lockPriceBook(tx);
      const moment = await bookMoment(tx);
      await tx.query(
        `UPDATE run SET params = params || jsonb_build_object('priceBookId', $2::int)
         WHERE id = $1`,
        [runId, moment.id],
      );
      return moment;
    });
  }
}
