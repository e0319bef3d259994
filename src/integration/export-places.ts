import { DomainError } from '../kernel/index.js';

/** How many files may be written at once; each holds a connection to the database. */
export interface PlaceLimits {
  /** Of one caller. */
  readonly caller: number;
  /** Of all callers of this process together. */
  readonly all: number;
}

const RETRY_AFTER_MS = 5_000;

/** The places of exports that run. Whoever finds none is refused, since waiting may take long. */
export class ExportPlaces {
  readonly #limits: PlaceLimits;
  readonly #taken = new Map<string, number>();
  #all = 0;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  /** Takes a place; the answer gives it back, once. Refuses with RATE_LIMITED. */
  take(caller: string): () => void {
    const own = this.#taken.get(caller) ?? 0;
    if (own >= this.#limits.caller || this.#all >= this.#limits.all) {
      throw new DomainError('RATE_LIMITED', 'As many exports run as may at once; try again.', {
        retryAfterMs: RETRY_AFTER_MS,
      });
    }
    this.#taken.set(caller, own + 1);
    this.#all += 1;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#all -= 1;
      const left = (this.#taken.get(caller) ?? 1) - 1;
      if (left === 0) this.#taken.delete(caller);
      else this.#taken.set(caller, left);
    };
  }
}
