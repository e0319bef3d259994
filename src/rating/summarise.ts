import type { RecordBatch } from '../mediation/index.js';
import type { PriceBook } from './book.js';
import { MAX_LEVELS } from './compile-guide.js';
import { CopyRows } from './copy-rows.js';
import { OUTCOME, type RatedBatch } from './rated-batch.js';

/** Columns of a leaf of `usage_summary` as {@link UsageSummary} writes them. */
export const SUMMARY_COLUMNS = [
  'batch_id',
  'usage_on',
  'partner_id',
  'contract_id',
  'contract_version_id',
  'account_id',
  'service',
  'destination_id',
  'records',
  'quantity',
  'billed_quantity',
  'amount',
] as const;

// Days between 1970-01-01 and 2000-01-01, where PostgreSQL's dates begin.
const POSTGRES_EPOCH_DAY = 10_957;
const EXACT = 2 ** 53;

/**
 * Sums of one batch by contract version, civil day, service and destination, in an open table of
 * flat arrays. A sum that would lose exactness is ended and a new row begun.
 */
export class UsageSummary {
  #capacity = 1024;
  #used = 0;
  #version = new Int32Array(this.#capacity);
  #day = new Int32Array(this.#capacity);
  #destination = new Int32Array(this.#capacity);
  #service = new Uint8Array(this.#capacity);
  #records = new Int32Array(this.#capacity);
  #quantity = new Float64Array(this.#capacity);
  #billed = new Float64Array(this.#capacity);
  #amount = new Float64Array(this.#capacity);
  #slots = new Int32Array(this.#capacity * 2).fill(-1);

  add(records: RecordBatch, rated: RatedBatch): void {
    for (let row = 0; row < records.count; row += 1) {
      if (rated.outcome[row] !== OUTCOME.RATED) continue;
      const levels = rated.levels[row]!;
      for (let level = 0; level < levels; level += 1) {
        const at = row * MAX_LEVELS + level;
        const version = rated.version[at]!;
        if (version < 0) continue;
        const day = rated.day[at]!;
        const [service, destination] = [records.service[row]!, rated.destinationId[row]!];
        let sum = this.#find(version, day, service, destination);
        const quantity = this.#quantity[sum]! + records.quantity[row]!;
        const billed = this.#billed[sum]! + rated.billed[at]!;
        const amount = this.#amount[sum]! + rated.amount[at]!;
        if (quantity < EXACT && billed < EXACT && amount < EXACT) {
          this.#quantity[sum] = quantity;
          this.#billed[sum] = billed;
          this.#amount[sum] = amount;
        } else {
          sum = this.#endSum(sum, version, day, service, destination);
          this.#quantity[sum] = records.quantity[row]!;
          this.#billed[sum] = rated.billed[at]!;
          this.#amount[sum] = rated.amount[at]!;
        }
        this.#records[sum]! += 1;
      }
    }
  }

  /** Rows for the leaf of each month, by days since 1970-01-01 of any day in it. */
  encode(
    book: PriceBook,
    batchId: number,
    monthOf: (day: number) => number,
  ): Map<number, CopyRows> {
    const leaves = new Map<number, CopyRows>();
    const { contracts } = book;
    for (let sum = 0; sum < this.#used; sum += 1) {
      const month = monthOf(this.#day[sum]!);
      const out = leaves.get(month) ?? new CopyRows();
      leaves.set(month, out);
      const version = this.#version[sum]!;
      const contract = contracts.versionContract[version]!;
      out.begin(SUMMARY_COLUMNS.length);
      out.int4(batchId);
      out.int4(this.#day[sum]! - POSTGRES_EPOCH_DAY);
      out.int4(contracts.partnerId[contract]!);
      out.int4(contracts.id[contract]!);
      out.int4(contracts.versionId[version]!);
      out.int4(contracts.accountId[contract]!);
      out.int2(this.#service[sum]!);
      out.int4(this.#destination[sum]!);
      out.int4(this.#records[sum]!);
      out.int8(this.#quantity[sum]!);
      out.int8(this.#billed[sum]!);
      out.int8(this.#amount[sum]!);
    }
    return leaves;
  }

  #find(version: number, day: number, service: number, destination: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(version, day, service, destination) & mask;
    for (;;) {
      const sum = this.#slots[slot]!;
      if (sum < 0) return this.#insert(slot, version, day, service, destination);
      if (
        this.#version[sum] === version &&
        this.#day[sum] === day &&
        this.#destination[sum] === destination &&
        this.#service[sum] === service
      ) {
        return sum;
      }
      slot = (slot + 1) & mask;
    }
  }

  // The ended sum keeps its row; a new one takes its place in the table.
  #endSum(
    ended: number,
    version: number,
    day: number,
    service: number,
    destination: number,
  ): number {
    if (this.#used === this.#capacity) this.#grow();
    return this.#insert(this.#slots.indexOf(ended), version, day, service, destination);
  }

  #insert(
    slot: number,
    version: number,
    day: number,
    service: number,
    destination: number,
  ): number {
    if (this.#used === this.#capacity) {
      this.#grow();
      return this.#find(version, day, service, destination);
    }
    const sum = this.#used;
    this.#used += 1;
    this.#slots[slot] = sum;
    this.#version[sum] = version;
    this.#day[sum] = day;
    this.#service[sum] = service;
    this.#destination[sum] = destination;
    return sum;
  }

  #grow(): void {
    this.#capacity *= 2;
    this.#version = grown(this.#version, new Int32Array(this.#capacity));
    this.#day = grown(this.#day, new Int32Array(this.#capacity));
    this.#destination = grown(this.#destination, new Int32Array(this.#capacity));
    this.#service = grown(this.#service, new Uint8Array(this.#capacity));
    this.#records = grown(this.#records, new Int32Array(this.#capacity));
    this.#quantity = grown(this.#quantity, new Float64Array(this.#capacity));
    this.#billed = grown(this.#billed, new Float64Array(this.#capacity));
    this.#amount = grown(this.#amount, new Float64Array(this.#capacity));
    this.#slots = new Int32Array(this.#capacity * 2).fill(-1);
    const mask = this.#slots.length - 1;
    for (let sum = 0; sum < this.#used; sum += 1) {
      const [version, day] = [this.#version[sum]!, this.#day[sum]!];
      let slot = hashOf(version, day, this.#service[sum]!, this.#destination[sum]!) & mask;
      while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask;
      this.#slots[slot] = sum;
    }
  }
}

function grown<T extends Int32Array | Uint8Array | Float64Array>(old: T, larger: T): T {
  larger.set(old);
  return larger;
}

function hashOf(version: number, day: number, service: number, destination: number): number {
  let hash = Math.imul(version * 8 + service, 0x9e3779b1);
  hash = Math.imul(hash ^ day, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 15) ^ destination, 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
