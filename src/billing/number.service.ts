import { DomainError, toGlobalId } from '../kernel/index.js';
import { type Database, type Log, SYSTEM_SCOPE, type Tx } from '../platform/index.js';
import { holdNumber, numberRecords } from './finalise.store.js';
import type { NumberAnchor } from './number-anchor.service.js';

/** Numbers that are compared with the end of an anchor; no process is further behind. */
const SLACK = 200;
const PAGE = 5_000;

export interface NumberOptions {
  readonly anchor: NumberAnchor;
  readonly now: () => Date;
  readonly log: Log;
  /** Between two comparisons of the anchor with the register. */
  readonly minutes: number;
}

/**
 * Gives invoices their numbers, and sees to it that each is written down outside of the database
 * before anybody can be shown it.
 */
export class NumberService {
  readonly #database: Database;
  readonly #options: NumberOptions;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<unknown> = Promise.resolve();

  constructor(database: Database, options: NumberOptions) {
    this.#database = database;
    this.#options = options;
  }

  get anchor(): NumberAnchor {
    return this.#options.anchor;
  }

  /** Compares the anchor with the register now and on schedule. */
  start(): void {
    const tick = () => {
      this.#working = this.#tick();
    };
    tick();
    this.#timer ??= setInterval(tick, this.#options.minutes * 60_000);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#working;
  }

  /**
   * Takes a number for a draft and writes it down, in this order and both before any transaction
   * could show it; a draft that holds a number keeps it. The number is taken in a transaction of
   * its own, so it stays with the draft whatever becomes of the caller's. Refuses with
   * NUMBERS_NOT_RECONCILED or NUMBER_NOT_KEPT.
   */
  async hold(invoiceId: number): Promise<void> {
    const { anchor, now } = this.#options;
    const record = await this.#database.writeAside(SYSTEM_SCOPE, (tx) =>
      holdNumber(tx, invoiceId, now(), ({ seller, series, place }) => {
        const written = this.#onDisk(() => anchor.highest(seller, series));
        refuseBehind(seller, series, place - 1, written);
      }),
    );
    if (record !== null) this.#onDisk(() => anchor.keep([record]));
  }

  #onDisk<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      this.#options.log.failure('invoice number not written down', error);
      throw new DomainError('NUMBER_NOT_KEPT', 'The number cannot be written down; try again.');
    }
  }

  /** Refuses with NUMBERS_NOT_RECONCILED when numbers of a seller are missing here. */
  async refuseBehind(tx: Tx, seller: number): Promise<void> {
    const written = this.anchor.series().filter((one) => one.seller === seller);
    const known = await seriesOf(tx, seller);
    for (const { series } of written) {
      const last = known.find((one) => one.series === series)?.last ?? 0;
      refuseBehind(seller, series, last, this.anchor.highest(seller, series));
    }
  }

  /** Writes down what the register has and the anchor has not. */
  async sync(): Promise<void> {
    const all = await this.#database.read(SYSTEM_SCOPE, (tx) => seriesOf(tx, null));
    for (const { seller, series, last } of all) {
      const where = this.anchor.isWhole(seller, series) ? 'END' : 'WHOLE';
      const written = where === 'END' ? this.anchor.highest(seller, series) : 0;
      let after = Math.max(0, written - SLACK);
      for (; after < last; after += PAGE) {
        const records = await this.#database.read(SYSTEM_SCOPE, (tx) =>
          numberRecords(
            tx,
            'n.partner_id = $1 AND n.series = $2 AND n.place > $3 AND n.place <= $4',
            [seller, series, after, after + PAGE],
          ),
        );
        this.anchor.keep(records, where);
      }
    }
  }

  async #tick(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.sync();
      // Read before the database, or a number that is being given would look like a lost one.
      const written = this.anchor.series().map((one) => {
        return { ...one, highest: this.anchor.highest(one.seller, one.series) };
      });
      const known = await this.#database.read(SYSTEM_SCOPE, (tx) => seriesOf(tx, null));
      const behind = written.filter(({ seller, series, highest }) => {
        const row = known.find((one) => one.seller === seller && one.series === series);
        return highest > (row?.last ?? 0);
      });
      if (behind.length > 0) {
        log.warning('invoice numbers not reconciled', { count: behind.length });
      }
    } catch (error) {
      log.failure('invoice numbers not written down', error);
    }
  }
}

function refuseBehind(seller: number, series: string, last: number, written: number): void {
  if (written <= last) return;
  throw new DomainError(
    'NUMBERS_NOT_RECONCILED',
    'Invoices were issued that this database does not know; it has to be reconciled first.',
    { sellerId: toGlobalId('Partner', seller), series, last, written },
  );
}

async function seriesOf(
  tx: Tx,
  seller: number | null,
): Promise<{ seller: number; series: string; last: number }[]> {
  return tx.query(
    `SELECT partner_id AS seller, series, last_number AS last FROM invoice_number_series
     WHERE $1::int IS NULL OR partner_id = $1 ORDER BY 1, 2`,
    [seller],
  );
}
