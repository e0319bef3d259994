/** Why nobody was let through: too many wait already, or it took too long. */
export class TurnstileShut extends Error {}

interface Waiting {
  readonly go: () => void;
}

interface Queue {
  running: number;
  readonly waiting: Waiting[];
}

export interface TurnstileLimits {
  /** Of one key at once; of all parties together at a shared turnstile. */
  readonly parallel: number;
  /** Of one key, or one party, in the queue behind them. */
  readonly waiting: number;
  readonly waitMs: number;
}

/**
 * Lets a few of each key through at once and the others wait in their order, so that one user
 * with slow operations never holds more than his share of the connections.
 */
export class Turnstile {
  readonly #limits: TurnstileLimits;
  readonly #queues = new Map<string, Queue>();

  constructor(limits: TurnstileLimits) {
    this.#limits = limits;
  }

  /** Whether the next one of a key would have to wait. */
  isBusy(key: string): boolean {
    return (this.#queues.get(key)?.running ?? 0) >= this.#limits.parallel;
  }

  /** Waits for a turn; the answer gives it back. Throws {@link TurnstileShut}. */
  async enter(key: string): Promise<() => void> {
    const queue = this.#queues.get(key) ?? { running: 0, waiting: [] };
    this.#queues.set(key, queue);
    if (queue.running < this.#limits.parallel) queue.running += 1;
    else await turnIn(queue.waiting, this.#limits);
    return once(() => this.#leave(key, queue));
  }

  /** Keys with anybody in them. */
  get size(): number {
    return this.#queues.size;
  }

  // The place goes straight to the next one, so nobody who comes later can take it.
  #leave(key: string, queue: Queue): void {
    const next = queue.waiting.shift();
    if (next !== undefined) return next.go();
    queue.running -= 1;
    if (queue.running === 0) this.#queues.delete(key);
    return undefined;
  }
}

/**
 * Lets a few of all parties through at once. Parties that wait take turns, whoever of them came
 * first and however many wait: a party that asks without end has every other turn of two.
 */
export class SharedTurnstile {
  readonly #limits: TurnstileLimits;
  /** Queues in the order in which their parties are next. */
  readonly #queues = new Map<string, Waiting[]>();
  #running = 0;

  constructor(limits: TurnstileLimits) {
    this.#limits = limits;
  }

  /** Whether the next one would have to wait. */
  isBusy(): boolean {
    return this.#running >= this.#limits.parallel;
  }

  /** Waits for a turn of the party; the answer gives it back. Throws {@link TurnstileShut}. */
  async enter(party: string): Promise<() => void> {
    if (this.isBusy()) await this.#turn(party);
    else this.#running += 1;
    return once(() => this.#leave());
  }

  /** Parties with anybody waiting. */
  get size(): number {
    return this.#queues.size;
  }

  async #turn(party: string): Promise<void> {
    const queue = this.#queues.get(party) ?? [];
    this.#queues.set(party, queue);
    try {
      await turnIn(queue, this.#limits);
    } finally {
      if (queue.length === 0 && this.#queues.get(party) === queue) this.#queues.delete(party);
    }
  }

  #leave(): void {
    for (const [party, queue] of this.#queues) {
      const next = queue.shift();
      this.#queues.delete(party);
      if (next === undefined) continue;
      // Behind all others that wait by now.
      if (queue.length > 0) this.#queues.set(party, queue);
      return next.go();
    }
    this.#running -= 1;
    return undefined;
  }
}

function turnIn(waiting: Waiting[], limits: TurnstileLimits): Promise<void> {
  if (waiting.length >= limits.waiting) throw new TurnstileShut();
  return new Promise((resolve, reject) => {
    const one: Waiting = {
      go: () => {
        clearTimeout(timer);
        resolve();
      },
    };
    const timer = setTimeout(() => {
      waiting.splice(waiting.indexOf(one), 1);
      reject(new TurnstileShut());
    }, limits.waitMs);
    waiting.push(one);
  });
}

function once(leave: () => void): () => void {
  let given = false;
  return () => {
    if (given) return;
    given = true;
    leave();
  };
}
