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
  /** Of one key at once. */
  readonly parallel: number;
  /** Of one key in the queue behind them. */
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
    else await this.#turn(queue);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#leave(key, queue);
    };
  }

  /** Keys with anybody in them. */
  get size(): number {
    return this.#queues.size;
  }

  #turn(queue: Queue): Promise<void> {
    if (queue.waiting.length >= this.#limits.waiting) throw new TurnstileShut();
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        go: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        queue.waiting.splice(queue.waiting.indexOf(one), 1);
        reject(new TurnstileShut());
      }, this.#limits.waitMs);
      queue.waiting.push(one);
    });
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
