import { DomainError, invariant } from '../kernel/index.js';
import type { Database } from './database.service.js';
import type { Doorbell } from './doorbell.service.js';
import {
  EVENT_CHANNEL,
  type EventRow,
  lastPosition,
  readEvents,
  sequenceEvents,
} from './event.store.js';
import type { Log } from './log.service.js';
import { SYSTEM_SCOPE } from './scope.store.js';

export interface EventStreamOptions {
  readonly doorbell?: Doorbell;
  readonly pollMs?: number;
  /** Events that one subscriber may be behind before it is cut off. */
  readonly queueLimit?: number;
  readonly pageSize?: number;
  readonly log?: Log;
}

export interface EventInterest {
  readonly topic: string;
  /** Only events about this key; all of the topic when absent. */
  readonly key?: string;
  /** Resume after this position; from now on when absent. */
  readonly after?: bigint;
  readonly filter?: (event: EventRow) => boolean;
}

const DEFAULTS = { pollMs: 1_000, queueLimit: 1_000, pageSize: 500 };

/**
 * Events of all processes in the order of their commits, for any number of subscribers in this
 * process. Every subscriber gets every event it is interested in exactly once: those that lie
 * behind are read from the table page by page, later ones come from the one reader that all
 * share. A subscriber that does not keep up is cut off alone, with SLOW_READER.
 */
export class EventStream {
  readonly #database: Database;
  readonly #options: EventStreamOptions & typeof DEFAULTS;
  readonly #all = new Set<Subscriber>();
  readonly #live = new Set<Subscriber>();
  #position: bigint | null = null;
  #timer: NodeJS.Timeout | undefined;
  #silence: (() => void) | undefined;
  #again = false;
  #pumping: Promise<void> | null = null;

  constructor(database: Database, options: EventStreamOptions = {}) {
    this.#database = database;
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Finds the present end of the stream and follows it from there. */
  async start(): Promise<void> {
    this.#position = await this.#database.read(SYSTEM_SCOPE, lastPosition);
    this.#silence = this.#options.doorbell?.on(EVENT_CHANNEL, () => this.#wake());
    this.#timer = setInterval(() => this.#wake(), this.#options.pollMs);
    this.#wake();
  }

  /** Ends all subscriptions. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#silence?.();
    this.#again = false;
    await this.#pumping;
    this.#position = null;
    for (const subscriber of [...this.#all]) await subscriber.return();
  }

  /** How many subscribers are up to date and wait for the next event. */
  get subscriberCount(): number {
    return this.#live.size;
  }

  /**
   * The events of interest as an endless iterator; end it with `return()`. Refuses with
   * SLOW_READER, at the next step, a reader that fell too far behind.
   */
  subscribe(interest: EventInterest): AsyncIterableIterator<EventRow> {
    const now = this.#position;
    invariant(now !== null, 'the event stream is started before anybody subscribes');
    const { pageSize, queueLimit } = this.#options;
    const made = new Subscriber(interest, queueLimit, interest.after ?? now, {
      // Pages end where the shared reader stands, so that joining it leaves no gap and no overlap.
      readPage: async (after) => {
        const upTo = this.#position ?? after;
        if (upTo <= after) return { events: [], upTo: after };
        const { topic, key } = interest;
        const events = await this.#database.read(SYSTEM_SCOPE, (tx) =>
          readEvents(tx, { topic, ...(key && { key }), after, upTo, limit: pageSize }),
        );
        return { events, upTo: events.length < pageSize ? upTo : events.at(-1)!.position };
      },
      join: (subscriber, at) => {
        if (this.#position !== null && at < this.#position) return false;
        this.#live.add(subscriber);
        return true;
      },
      leave: (subscriber) => {
        this.#live.delete(subscriber);
        this.#all.delete(subscriber);
      },
    });
    this.#all.add(made);
    return made;
  }

  #wake(): void {
    this.#again = true;
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = null;
    });
  }

  async #pump(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        await this.#advance();
      } catch (error) {
        // The next ring or poll tries again from the same position.
        this.#options.log?.failure('event stream not reached', error);
      }
    }
  }

  async #advance(): Promise<void> {
    const limit = this.#options.pageSize;
    const placed = await this.#database.write(SYSTEM_SCOPE, (tx) => sequenceEvents(tx, limit));
    const after = this.#position;
    if (after === null) return;
    const events = await this.#readSnapshot(after, limit);
    for (const event of events) {
      this.#position = event.position;
      for (const subscriber of [...this.#live]) subscriber.offer(event);
    }
    if (placed === limit || events.length === limit) this.#again = true;
  }

  /**
   * One snapshot for the visible partners and for the events: otherwise the event of a partner
   * created in between would stay hidden while a later one is seen, and be missed.
   */
  async #readSnapshot(after: bigint, limit: number): Promise<EventRow[]> {
    const snapshot = await this.#database.openRead(SYSTEM_SCOPE);
    try {
      return await readEvents(snapshot.tx, { after, limit });
    } finally {
      await snapshot.close();
    }
  }
}

interface Source {
  readPage(after: bigint): Promise<{ events: EventRow[]; upTo: bigint }>;
  /** Joins the shared reader, unless that is already past the position. */
  join(subscriber: Subscriber, at: bigint): boolean;
  leave(subscriber: Subscriber): void;
}

/** One reader with its own bounded queue. First it reads the table, then it is live. */
class Subscriber implements AsyncIterableIterator<EventRow> {
  readonly #interest: EventInterest;
  readonly #limit: number;
  readonly #source: Source;
  #position: bigint;
  #queue: EventRow[] = [];
  #live = false;
  #closed = false;
  #failure: Error | null = null;
  #wake: (() => void) | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(interest: EventInterest, limit: number, position: bigint, source: Source) {
    this.#interest = interest;
    this.#limit = limit;
    this.#position = position;
    this.#source = source;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<EventRow>> {
    const step = this.#turn.then(() => this.#take());
    this.#turn = step.catch(() => {});
    return step;
  }

  async return(): Promise<IteratorResult<EventRow>> {
    this.#close(null);
    return { done: true, value: undefined };
  }

  async throw(): Promise<IteratorResult<EventRow>> {
    return this.return();
  }

  /** Takes an event of the shared reader into the queue, if it is of interest and new. */
  offer(event: EventRow): void {
    if (event.position <= this.#position) return;
    this.#position = event.position;
    if (!this.#wants(event)) return;
    if (this.#queue.length >= this.#limit) {
      this.#close(new DomainError('SLOW_READER', 'The subscriber read too slowly.'));
      return;
    }
    this.#queue.push(event);
    this.#wake?.();
  }

  async #take(): Promise<IteratorResult<EventRow>> {
    for (;;) {
      if (this.#failure !== null) {
        const failure = this.#failure;
        this.#failure = null;
        throw failure;
      }
      if (this.#closed) return { done: true, value: undefined };
      const event = this.#queue.shift();
      if (event !== undefined) return { done: false, value: event };
      if (!this.#live) await this.#catchUp();
      else await this.#rest();
    }
  }

  async #catchUp(): Promise<void> {
    if (this.#source.join(this, this.#position)) {
      this.#live = true;
      return;
    }
    const { events, upTo } = await this.#source.readPage(this.#position);
    if (this.#closed) return;
    this.#position = upTo;
    this.#queue.push(...events.filter((event) => this.#wants(event)));
  }

  #rest(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = null;
        resolve();
      };
    });
  }

  #wants(event: EventRow): boolean {
    const { topic, key, filter } = this.#interest;
    if (event.topic !== topic || (key !== undefined && event.key !== key)) return false;
    return filter === undefined || filter(event);
  }

  #close(failure: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#failure = failure;
    this.#queue = [];
    this.#source.leave(this);
    this.#wake?.();
  }
}
