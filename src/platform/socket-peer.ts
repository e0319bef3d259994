import type { WebSocket } from 'ws';
import type { Admission } from './gate.service.js';

/** What is known of one socket. */
export interface Peer {
  readonly socket: WebSocket;
  readonly requestId: string;
  readonly address: string;
  /** Who signed in on it. */
  admission: Admission | null;
  /** Whose budget it uses; set with the admission. */
  caller: string | null;
  expiry: NodeJS.Timeout | undefined;
  /** Subscriptions that run or are about to, also those whose end is still to be worked out. */
  subscriptions: number;
}

/** Counts by name; what nobody has is not kept. */
export class Tally {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string, by: 1 | -1): void {
    const count = this.of(name) + by;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }

  /** Names with a count. */
  get size(): number {
    return this.#counts.size;
  }
}
