import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { Readable } from 'node:stream';

/** Who signs in. */
export interface SignIn {
  readonly email: string;
  readonly password: string;
  /** Base32 secret of the one-time passwords. */
  readonly totpSecret: string;
}

interface Answer<T> {
  readonly data?: T | null;
  readonly errors?: readonly {
    readonly message: string;
    readonly extensions?: { readonly code?: string };
  }[];
}

/** Kontor refused what the demo asked for. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

/** A client of the API like any other: over HTTP, with a session of its own. */
export class Client {
  readonly #url: string;
  #token: string | null = null;

  constructor(url: string) {
    this.#url = url;
  }

  /** Works in this session from now on. */
  use(accessToken: string): void {
    this.#token = accessToken;
  }

  /** Runs an operation and answers its data; refusals are thrown as {@link Refused}. */
  async call<T>(query: string, variables: object = {}): Promise<T> {
    const response = await fetch(`${this.#url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...this.#authorization() },
      body: JSON.stringify({ query, variables }),
    });
    const answer = (await response.json()) as Answer<T>;
    const [error] = answer.errors ?? [];
    if (error !== undefined) {
      throw new Refused(error.extensions?.code ?? 'UNKNOWN', error.message);
    }
    if (!answer.data) throw new Refused('NO_DATA', `The server answered ${response.status}.`);
    return answer.data;
  }

  /** Stores a file of the disk, or a text under a name, and answers its opaque identifier. */
  async upload(path: string, text?: string): Promise<string> {
    const body = text ?? Readable.toWeb(createReadStream(path));
    const size = text === undefined ? statSync(path).size : Buffer.byteLength(text);
    const request = {
      method: 'PUT',
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(size),
        ...this.#authorization(),
      },
      body,
      duplex: 'half',
    };
    const url = `${this.#url}/files/${encodeURIComponent(basename(path))}`;
    const response = await fetch(url, request as RequestInit);
    if (!response.ok) throw new Refused(`HTTP_${response.status}`, await response.text());
    return ((await response.json()) as { fileId: string }).fileId;
  }

  /** Fetches a document as bytes. */
  async download(path: string): Promise<Buffer> {
    const response = await fetch(`${this.#url}${path}`, { headers: this.#authorization() });
    if (!response.ok) throw new Refused(`HTTP_${response.status}`, await response.text());
    return Buffer.from(await response.arrayBuffer());
  }

  #authorization(): Record<string, string> {
    return this.#token === null ? {} : { authorization: `Bearer ${this.#token}` };
  }
}
