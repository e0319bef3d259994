import type pg from 'pg';
import { invariant, type ZoneTransitions, zoneTransitions } from '../kernel/index.js';
import type { PriceLevel } from '../partner/index.js';
import { rowsOf } from '../platform/thread.js';
import { SHARDS } from './allowance-entry.js';
import { copyOut } from './copy-out.store.js';
import { billedQuantity } from './price.js';
import { type RerateScope, selectsLevel } from './rerate-selection.js';

const DAY_MS = 86_400_000;

/** What must be known of a contract version to take its sums apart. */
export interface VersionTerms {
  readonly id: number;
  readonly contractId: number;
  readonly level: PriceLevel;
  readonly sellerPartnerId: number;
  /** Whose sums they are: the buyer's, of a cost contract the supplier's. */
  readonly partnerId: number;
  readonly accountId: number;
  readonly currency: string;
  readonly timeZone: string;
}

/** All contract versions that were ever recorded, also those that no book knows any more. */
export class VersionList {
  readonly #byId: readonly (VersionTerms | undefined)[];
  readonly #zones = new Map<string, ZoneTransitions>();

  private constructor(byId: readonly (VersionTerms | undefined)[]) {
    this.#byId = byId;
  }

  static async load(client: pg.Client): Promise<VersionList> {
    const rows = rowsOf<VersionTerms>(
      await client.query(
        `SELECT v.id, v.contract_id AS "contractId", c.level, c.partner_id AS "partnerId",
           c.seller_partner_id AS "sellerPartnerId", c.account_id AS "accountId", v.currency,
           v.time_zone AS "timeZone"
         FROM contract_version v JOIN contract c ON c.id = v.contract_id`,
      ),
    );
    const byId: (VersionTerms | undefined)[] = [];
    for (const row of rows) byId[row.id] = row;
    return new VersionList(byId);
  }

  of(id: number): VersionTerms {
    const terms = this.#byId[id];
    invariant(terms !== undefined, 'what prices a record is a contract version');
    return terms;
  }

  /** 1 by the id of each version whose levels a scope selects. */
  selected(scope: RerateScope): Uint8Array {
    return Uint8Array.from(this.#byId, (terms) =>
      terms !== undefined && selectsLevel(scope, terms) ? 1 : 0,
    );
  }

  /** The civil day on which a version counts an instant, in days since 1970-01-01. */
  dayOf(id: number, startedMs: number): number {
    const { timeZone } = this.of(id);
    let table = this.#zones.get(timeZone);
    const seconds = Math.floor(startedMs / 1000);
    if (table === undefined || seconds < table.atSeconds[0]! || seconds >= table.untilSeconds) {
      table = zoneTransitions(timeZone, startedMs - 2 * DAY_MS, startedMs + 2 * DAY_MS);
      this.#zones.set(timeZone, table);
    }
    let index = table.atSeconds.length - 1;
    while (index > 0 && table.atSeconds[index]! > seconds) index -= 1;
    return Math.floor((seconds + table.offsetSeconds[index]!) / 86_400);
  }
}

/**
 * How rates bill: the five fields of every rate there ever was, by its id. Rates never change, so
 * a thread keeps them and reads only those that are new.
 */
export class BillingRules {
  /** One plus the place of the rate's fields. */
  #ofRate = new Uint16Array(1024);
  readonly #fields: (readonly [number, number, number, number])[] = [];
  readonly #places = new Map<string, number>();
  #through = 0;
  /** Set when a rate was asked for that was recorded out of order. */
  isMissing = false;

  async load(client: pg.Client): Promise<void> {
    let begun = false;
    await copyOut(
      client,
      `COPY (SELECT id, first_increment, next_increment, minimum, grace FROM rate
         WHERE id > ${this.#through}) TO STDOUT (FORMAT binary)`,
      (bytes, from, to) => {
        const at = begun ? from : from + 19;
        begun = true;
        if (at < to && bytes.readInt16BE(at) === 5) this.#read(bytes, at + 2);
      },
    );
  }

  /** Units that a rate bills of a quantity; nothing without a rate. */
  readonly billed = (rateId: number, quantity: number): number => {
    if (rateId === 0) return 0;
    const fields = this.#fields[(this.#ofRate[rateId] ?? 0) - 1];
    if (fields === undefined) {
      this.isMissing = true;
      return 0;
    }
    const [firstIncrement, nextIncrement, minimum, grace] = fields;
    return billedQuantity(quantity, firstIncrement, nextIncrement, minimum, grace);
  };

  /** Has everything read again. */
  forget(): void {
    this.#through = 0;
    this.isMissing = false;
  }

  #read(bytes: Buffer, from: number): void {
    const field = (place: number) => bytes.readInt32BE(from + 4 + place * 8);
    const id = field(0);
    const fields = [field(1), field(2), field(3), field(4)] as const;
    const key = fields.join(' ');
    let place = this.#places.get(key);
    if (place === undefined) {
      place = this.#fields.push(fields);
      this.#places.set(key, place);
    }
    if (id >= this.#ofRate.length) {
      const larger = new Uint16Array(Math.max(id + 1, this.#ofRate.length * 2));
      larger.set(this.#ofRate);
      this.#ofRate = larger;
    }
    this.#ofRate[id] = place;
    this.#through = Math.max(this.#through, id);
  }
}

/** Which months of which contracts may hold records from before: more rather than less. */
export class FoldedBefore {
  readonly #months: ReadonlySet<string>;
  readonly #shards: ReadonlySet<string>;

  private constructor(months: ReadonlySet<string>, shards: ReadonlySet<string>) {
    this.#months = months;
    this.#shards = shards;
  }

  /** Of the months (YYYY-MM-01) from one to another. */
  static async load(client: pg.Client, from: string, to: string): Promise<FoldedBefore> {
    // One statement, so that what a fold takes from one table it has put into the other.
    const rows = rowsOf<{ contract: number | null; shard: number | null; month: string }>(
      await client.query(
        `SELECT contract_id AS contract, NULL::int AS shard, month::text AS month
         FROM allowance_result WHERE chunk = 0 AND month BETWEEN $1 AND $2
         UNION ALL SELECT DISTINCT NULL::int, shard::int, month::text FROM allowance_due
         WHERE month BETWEEN $1 AND $2`,
        [from, to],
      ),
    );
    const keys = (of: 'contract' | 'shard') =>
      new Set(rows.filter((row) => row[of] !== null).map((row) => `${row[of]} ${row.month}`));
    return new FoldedBefore(keys('contract'), keys('shard'));
  }

  get isEmpty(): boolean {
    return this.#months.size === 0 && this.#shards.size === 0;
  }

  has(contractId: number, month: string): boolean {
    const shard = contractId % SHARDS;
    return this.#months.has(`${contractId} ${month}`) || this.#shards.has(`${shard} ${month}`);
  }
}

/** Sums of a batch: whose and of which civil day, and in which currency. */
export interface BilledSums {
  readonly batchId: number;
  readonly contractId: number;
  readonly day: number;
  readonly currency: string;
}

/**
 * The invoices that sums of some batches were put on. All sums of a batch that share contract, day
 * and currency are billed together; a day on which terms change their currency goes onto two.
 */
export class InvoicesOfSums {
  readonly #byCurrency = new Map<string, number>();
  readonly #ofDay = new Map<string, Set<number>>();

  static async load(
    client: pg.Client,
    batchIds: readonly number[],
    fromDay: string,
    toDay: string,
  ): Promise<InvoicesOfSums> {
    const rows = rowsOf<BilledSums & { invoiceId: number }>(
      await client.query(
        `SELECT DISTINCT u.batch_id AS "batchId", u.contract_id AS "contractId",
           u.usage_on - '1970-01-01'::date AS day, v.currency, u.invoice_id AS "invoiceId"
         FROM usage_summary u JOIN contract_version v ON v.id = u.contract_version_id
         WHERE u.invoice_id IS NOT NULL AND u.batch_id = ANY ($1::int[])
           AND u.usage_on BETWEEN $2 AND $3`,
        [batchIds, fromDay, toDay],
      ),
    );
    const invoices = new InvoicesOfSums();
    for (const row of rows) invoices.#add(row, row.invoiceId);
    return invoices;
  }

  #add(sums: BilledSums, invoiceId: number): void {
    const day = dayKey(sums);
    this.#byCurrency.set(`${day} ${sums.currency}`, invoiceId);
    this.#ofDay.set(day, (this.#ofDay.get(day) ?? new Set()).add(invoiceId));
  }

  /** The invoice that these sums were put on; null where they are not billed. */
  of(sums: BilledSums): number | null {
    return this.#byCurrency.get(`${dayKey(sums)} ${sums.currency}`) ?? null;
  }

  /** As {@link of}, for records that come to this currency only now: what they were put on. */
  ofOther(sums: BilledSums): number | null {
    const invoices = [...(this.#ofDay.get(dayKey(sums)) ?? [])];
    return this.of(sums) ?? (invoices.length === 1 ? invoices[0]! : null);
  }
}

function dayKey({ batchId, contractId, day }: BilledSums): string {
  return `${batchId} ${contractId} ${day}`;
}
