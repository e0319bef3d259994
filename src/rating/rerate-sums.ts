import { SumTable } from './sum-table.js';

/** One level of one record, before or after. */
export interface RerateLevel {
  version: number;
  day: number;
  service: number;
  destination: number;
  quantity: number;
  billed: number;
  amount: number;
}

/** Where sums differ; amounts have scale 8. `version` is the id of a contract version. */
export interface RerateDelta {
  readonly version: number;
  readonly day: number;
  readonly service: number;
  readonly destination: number;
  readonly recordsBefore: number;
  readonly recordsAfter: number;
  readonly quantity: bigint;
  readonly billed: bigint;
  readonly before: bigint;
  readonly after: bigint;
}

interface Sides {
  readonly before: SumTable;
  readonly after: SumTable;
}

/** Adds up what levels of records cost before and after, by the batch that wrote the records. */
export class RerateSums {
  readonly #sources = new Map<number, Sides>();
  readonly #one = { records: 1, quantity: 0, billed: 0, amount: 0 };
  #source = -1;
  #sides: Sides | null = null;

  /** Without `records` the money is added alone, of a level that is counted elsewhere. */
  addBefore(source: number, level: RerateLevel, records: 0 | 1 = 1): void {
    this.#add(this.#of(source).before, level, records);
  }

  addAfter(source: number, level: RerateLevel, records: 0 | 1 = 1): void {
    this.#add(this.#of(source).after, level, records);
  }

  /** The batches that wrote the records. */
  get sources(): number[] {
    return [...this.#sources.keys()];
  }

  /** What differs in the records that one batch wrote. */
  deltasOf(source: number): RerateDelta[] {
    return deltasOf([this.#of(source)]);
  }

  /** What differs in all records. */
  deltas(): RerateDelta[] {
    return deltasOf([...this.#sources.values()]);
  }

  #of(source: number): Sides {
    if (source === this.#source) return this.#sides!;
    let sides = this.#sources.get(source);
    if (sides === undefined) {
      sides = { before: new SumTable(), after: new SumTable() };
      this.#sources.set(source, sides);
    }
    this.#source = source;
    this.#sides = sides;
    return sides;
  }

  #add(table: SumTable, level: RerateLevel, records: 0 | 1): void {
    const one = this.#one;
    one.records = records;
    one.quantity = level.quantity;
    one.billed = level.billed;
    one.amount = level.amount;
    table.add(level.version, level.day, level.service, level.destination, one);
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function deltasOf(sources: readonly Sides[]): RerateDelta[] {
  const found = new Map<string, Mutable<RerateDelta>>();
  for (const { before, after } of sources) {
    collect(found, before, -1);
    collect(found, after, 1);
  }
  return [...found.values()];
}

// A table may hold several rows for one key, since a sum that gets too large is ended.
function collect(found: Map<string, Mutable<RerateDelta>>, table: SumTable, sign: 1 | -1): void {
  for (let sum = 0; sum < table.count; sum += 1) {
    const version = table.version[sum]!;
    const day = table.day[sum]!;
    const service = table.service[sum]!;
    const destination = table.destination[sum]!;
    const key = `${version}:${day}:${service}:${destination}`;
    let delta = found.get(key);
    if (delta === undefined) {
      delta = { version, day, service, destination, ...NOTHING };
      found.set(key, delta);
    }
    delta.quantity += BigInt(sign * table.quantity[sum]!);
    delta.billed += BigInt(sign * table.billed[sum]!);
    if (sign < 0) {
      delta.recordsBefore += table.records[sum]!;
      delta.before += BigInt(table.amount[sum]!);
    } else {
      delta.recordsAfter += table.records[sum]!;
      delta.after += BigInt(table.amount[sum]!);
    }
  }
}

const NOTHING = {
  recordsBefore: 0,
  recordsAfter: 0,
  quantity: 0n,
  billed: 0n,
  before: 0n,
  after: 0n,
};
