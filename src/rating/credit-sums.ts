import { isoFromEpochDay } from '../kernel/index.js';
import { EXACT } from './exact-sum.js';

/** Subscription, first day of the month (YYYY-MM-DD), change of its charges at scale 8. */
export type CreditEntry = readonly [number, string, string];

const DAY_MS = 86_400_000;

/** A month with its days, counted from 1970-01-01. */
interface MonthSums {
  readonly firstDay: number;
  /** The first day of the month after it. */
  readonly endDay: number;
  /** By place of the subscription, scale 8. */
  readonly near: Float64Array;
  /** What is too large for them. */
  readonly far: Map<number, bigint>;
}

/**
 * What a batch charges each subscription in each month, exactly. It is added up for all of them,
 * since which of them are watched is known only when the batch commits.
 */
export class CreditSums {
  readonly #places: number;
  readonly #months: MonthSums[] = [];
  #month: MonthSums = { firstDay: 0, endDay: 0, near: new Float64Array(0), far: new Map() };

  /** `places` is how many subscriptions the book has. */
  constructor(places: number) {
    this.#places = places;
  }

  /** Adds an amount of scale 8, a whole number below 2^53 in size, on a civil day. */
  add(place: number, day: number, amount: number): void {
    let month = this.#month;
    if (day < month.firstDay || day >= month.endDay) {
      month = this.#monthOf(day);
      this.#month = month;
    }
    const sum = month.near[place]! + amount;
    if (sum <= EXACT && sum >= -EXACT) month.near[place] = sum;
    else month.far.set(place, (month.far.get(place) ?? 0n) + BigInt(amount));
  }

  /** The sums of some subscriptions that are not nothing; `idAt` names the one at a place. */
  entries(wanted: ReadonlySet<number>, idAt: (place: number) => number): CreditEntry[] {
    return this.#months.flatMap(({ firstDay, near, far }) => {
      const name = isoFromEpochDay(firstDay);
      const entries: CreditEntry[] = [];
      for (let place = 0; place < near.length; place += 1) {
        if (near[place] === 0 && !far.has(place)) continue;
        const id = idAt(place);
        const sum = BigInt(near[place]!) + (far.get(place) ?? 0n);
        if (sum !== 0n && wanted.has(id)) entries.push([id, name, sum.toString()]);
      }
      return entries;
    });
  }

  #monthOf(day: number): MonthSums {
    const known = this.#months.find(({ firstDay, endDay }) => day >= firstDay && day < endDay);
    if (known !== undefined) return known;
    const date = new Date(day * DAY_MS);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    const made = {
      firstDay: Date.UTC(year, month, 1) / DAY_MS,
      endDay: Date.UTC(year, month + 1, 1) / DAY_MS,
      near: new Float64Array(this.#places),
      far: new Map<number, bigint>(),
    };
    this.#months.push(made);
    return made;
  }
}
