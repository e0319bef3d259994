import type pg from 'pg';
import { connectWorker } from './worker-connection.service.js';

const RECONNECT_MS = 1000;

type Listener = (payload: string) => void;

/**
 * One LISTEN connection for the whole process. A ring says "look at the table now" and nothing
 * more: whoever listens also looks by itself from time to time, so a lost ring costs a delay.
 */
export class Doorbell {
  readonly #url: string;
  readonly #listeners = new Map<string, Set<Listener>>();
  #client: pg.Client | null = null;
  #retry: NodeJS.Timeout | undefined;
  #open = false;

  /** `url` is the application's own login, see `DatabaseUrls.url`. */
  constructor(url: string) {
    this.#url = url;
  }

  /** Calls `listener` on every ring of the channel; the answer stops that. */
  on(channel: string, listener: Listener): () => void {
    const known = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, known);
    known.add(listener);
    if (known.size === 1) void this.#listen(channel);
    return () => known.delete(listener);
  }

  /** Connects; when the database is away it goes on trying in the background. */
  async start(): Promise<void> {
    this.#open = true;
    await this.#connect();
  }

  async stop(): Promise<void> {
    this.#open = false;
    clearTimeout(this.#retry);
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => {});
  }

  async #connect(): Promise<void> {
    let client: pg.Client | null = null;
    try {
      client = await connectWorker(this.#url, 'kontor doorbell');
      client.on('error', () => this.#lose(client));
      client.on('end', () => this.#lose(client));
      client.on('notification', ({ channel, payload }) => this.#ring(channel, payload ?? ''));
      if (!this.#open) return void (await client.end());
      this.#client = client;
      for (const channel of this.#listeners.keys()) await this.#listen(channel);
      // Rings that came while nobody listened are made up for.
      for (const channel of this.#listeners.keys()) this.#ring(channel, '');
    } catch {
      this.#client = null;
      client?.end().catch(() => {});
      this.#later();
    }
  }

  #lose(client: pg.Client | null): void {
    if (this.#client !== client || client === null) return;
    this.#client = null;
    client.end().catch(() => {});
    this.#later();
  }

  #later(): void {
    if (!this.#open) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#connect(), RECONNECT_MS);
  }

  async #listen(channel: string): Promise<void> {
    // Channels are constants of this program; the check keeps it so.
    if (!/^[a-z_]+$/.test(channel)) throw new Error('a channel is a plain word');
    const client = this.#client;
    await client?.query(`LISTEN ${channel}`).catch(() => this.#lose(client));
  }

  #ring(channel: string, payload: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener(payload);
  }
}
