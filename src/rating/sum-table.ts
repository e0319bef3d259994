const EXACT = 2 ** 53;

/** What is added up: how many records, what they used, what was charged of it and for how much. */
export interface Sums {
  readonly records: number;
  readonly quantity: number;
  readonly billed: number;
  readonly amount: number;
}

/**
 * Sums by contract version, civil day, service and destination, in an open table of flat arrays.
 * A sum that would lose exactness is ended and a new row begun.
 */
export class SumTable {
  count = 0;
  #capacity = 1024;
  version = new Int32Array(this.#capacity);
  day = new Int32Array(this.#capacity);
  destination = new Int32Array(this.#capacity);
  service = new Uint8Array(this.#capacity);
  records = new Float64Array(this.#capacity);
  quantity = new Float64Array(this.#capacity);
  billed = new Float64Array(this.#capacity);
  amount = new Float64Array(this.#capacity);
  #slots = new Int32Array(this.#capacity * 2).fill(-1);

  add(version: number, day: number, service: number, destination: number, more: Sums): void {
    if (this.count === this.#capacity) this.#grow();
    const slot = this.#slot(version, day, service, destination);
    const sum = this.#slots[slot]!;
    if (sum >= 0) {
      const quantity = this.quantity[sum]! + more.quantity;
      const billed = this.billed[sum]! + more.billed;
      const amount = this.amount[sum]! + more.amount;
      if (quantity < EXACT && billed < EXACT && Math.abs(amount) < EXACT) {
        this.records[sum]! += more.records;
        this.quantity[sum] = quantity;
        this.billed[sum] = billed;
        this.amount[sum] = amount;
        return;
      }
    }
    // A sum that ended keeps its row; the new one takes its place in the table.
    const added = this.count;
    this.count += 1;
    this.#slots[slot] = added;
    this.version[added] = version;
    this.day[added] = day;
    this.service[added] = service;
    this.destination[added] = destination;
    this.records[added] = more.records;
    this.quantity[added] = more.quantity;
    this.billed[added] = more.billed;
    this.amount[added] = more.amount;
  }

  // The slot of a key, or the empty one where it belongs.
  #slot(version: number, day: number, service: number, destination: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashOf(version, day, service, destination) & mask;
    for (;;) {
      const sum = this.#slots[slot]!;
      if (sum < 0) return slot;
      if (
        this.version[sum] === version &&
        this.day[sum] === day &&
        this.destination[sum] === destination &&
        this.service[sum] === service
      ) {
        return slot;
      }
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    this.#capacity *= 2;
    this.version = grown(this.version, new Int32Array(this.#capacity));
    this.day = grown(this.day, new Int32Array(this.#capacity));
    this.destination = grown(this.destination, new Int32Array(this.#capacity));
    this.service = grown(this.service, new Uint8Array(this.#capacity));
    this.records = grown(this.records, new Float64Array(this.#capacity));
    this.quantity = grown(this.quantity, new Float64Array(this.#capacity));
    this.billed = grown(this.billed, new Float64Array(this.#capacity));
    this.amount = grown(this.amount, new Float64Array(this.#capacity));
    this.#slots = new Int32Array(this.#capacity * 2).fill(-1);
    // In the order of their rows, so that of two rows with one key the later one is found.
    for (let sum = 0; sum < this.count; sum += 1) {
      const [version, day] = [this.version[sum]!, this.day[sum]!];
      this.#slots[this.#slot(version, day, this.service[sum]!, this.destination[sum]!)] = sum;
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
