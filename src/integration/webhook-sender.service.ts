import { Resolver } from 'node:dns';
import { type Agent, request as requestHttp } from 'node:http';
import { type RequestOptions, request as requestHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { useAgent } from 'request-filtering-agent';
import { Webhook as Signer } from 'standardwebhooks';
import type { WebhookFault } from './webhook.entity.js';
import { checkWebhookUrl } from './webhook-url.js';

const TIMEOUT_MS = 10_000;
/** What is read of an answer's body, which nobody looks at, and for how long. */
const BODY_BYTES = 65_536;
const BODY_MS = 1_000;
const HEADER_BYTES = 16_384;

export interface SenderOptions {
  /** Origins inside of our own network that messages may go to. */
  readonly allowedOrigins: readonly string[];
  /** How public names become addresses; by asking the name servers when absent. */
  readonly lookup?: LookupFunction;
  readonly timeoutMs?: number;
  /** The two guards; tests take one away to see that the other holds. */
  readonly check?: typeof checkWebhookUrl;
  readonly agent?: typeof guardingAgent;
}

/** A message that is ready to go. */
export interface Outgoing {
  readonly url: string;
  readonly messageId: string;
  readonly body: string;
  /** Those that sign, in clear. */
  readonly secrets: readonly string[];
}

/** What came of sending; no fault when the receiver has answered 2xx. */
export interface Sent {
  readonly status: number | null;
  readonly fault: WebhookFault | null;
  readonly durationMs: number;
  /** How long the receiver asks us to wait. */
  readonly retryAfterMs: number;
}

/**
 * Sends signed messages to addresses that strangers have chosen. A connection is made only to
 * addresses outside of our networks, as the name resolves at that very moment; redirects are not
 * followed, proxies of the environment are not asked, and nothing is kept open.
 */
export class WebhookSender {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Sends a message once; `signal` gives up. Never throws for what a receiver does. */
  async send(message: Outgoing, now: Date, signal?: AbortSignal): Promise<Sent> {
    const begun = performance.now();
    const { check = checkWebhookUrl, allowedOrigins } = this.#options;
    const checked = check(message.url, allowedOrigins);
    const answer: Answer =
      'fault' in checked
        ? { fault: 'URL_REFUSED' }
        : await this.#post(new URL(checked.href), message, now, signal);
    return {
      status: answer.status ?? null,
      fault: answer.fault ?? null,
      durationMs: Math.round(performance.now() - begun),
      retryAfterMs: answer.retryAfterMs ?? 0,
    };
  }

  #post(url: URL, message: Outgoing, now: Date, signal?: AbortSignal): Promise<Answer> {
    const { lookup = askNameServers, timeoutMs = TIMEOUT_MS, allowedOrigins } = this.#options;
    const { agent = guardingAgent } = this.#options;
    const inside = allowedOrigins.includes(url.origin);
    const options: RequestOptions = {
      method: 'POST',
      headers: headersOf(message, now),
      agent: agent(url, inside),
      rejectUnauthorized: true,
      maxHeaderSize: HEADER_BYTES,
      ...(!inside && { lookup }),
      ...(signal && { signal }),
    };
    return new Promise((resolve) => {
      const start = url.protocol === 'https:' ? requestHttps : requestHttp;
      const request = start(url, options);
      const cut = setTimeout(() => request.destroy(new TimedOut()), timeoutMs);
      request.on('response', (response) => {
        clearTimeout(cut);
        const { statusCode: status = 0, headers } = response;
        resolve({ status, ...faultOf(status), retryAfterMs: pauseAsked(headers['retry-after']) });
        // The status decides. A little is read so that receivers can end in peace.
        let taken = 0;
        const rest = setTimeout(() => response.destroy(), BODY_MS);
        response.on('data', (chunk: Buffer) => {
          taken += chunk.length;
          if (taken > BODY_BYTES) response.destroy();
        });
        response.on('error', () => {});
        response.on('close', () => clearTimeout(rest));
      });
      request.on('error', (error) => {
        clearTimeout(cut);
        resolve({ fault: connectionFault(error) });
      });
      request.on('close', () => {
        clearTimeout(cut);
        resolve({ fault: 'NOT_CONNECTED' });
      });
      request.end(message.body);
    });
  }
}

/** Connects to addresses outside our networks alone, unless the origin is one that is allowed. */
function guardingAgent(url: URL, isAllowed: boolean): Agent {
  return useAgent(url.href, { keepAlive: false, allowPrivateIPAddress: isAllowed });
}

interface Answer {
  readonly status?: number;
  readonly fault?: WebhookFault;
  readonly retryAfterMs?: number;
}

class TimedOut extends Error {}

function headersOf({ messageId, body, secrets }: Outgoing, now: Date): Record<string, string> {
  const signatures = secrets.map((secret) => new Signer(secret).sign(messageId, now, body));
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'Kontor-Webhooks',
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': signatures.join(' '),
  };
}

function faultOf(status: number): { fault?: WebhookFault } {
  if (status >= 200 && status < 300) return {};
  if (status === 410) return { fault: 'GONE' };
  return { fault: status >= 300 && status < 400 ? 'REDIRECTED' : 'STATUS' };
}

function pauseAsked(header: string | undefined): number {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : 0;
}

const resolver = new Resolver({ timeout: 2_000, tries: 2 });

/**
 * Asks the name servers without a thread: the system's own way keeps one of few waiting for as
 * long as a stranger's server takes, and everything else that needs them with it. Names of the
 * machine's own list of hosts are none that strangers may use.
 */
const askNameServers: LookupFunction = (hostname, options, callback) => {
  const families = options.family === 4 || options.family === 6 ? [options.family] : [4, 6];
  const found: { address: string; family: number }[] = [];
  let open = families.length;
  let failure: NodeJS.ErrnoException | null = null;
  for (const family of families) {
    const answer = (error: NodeJS.ErrnoException | null, addresses: string[] = []) => {
      failure ??= error;
      found.push(...addresses.map((address) => ({ address, family })));
      open -= 1;
      if (open > 0) return;
      const [first] = found;
      if (first === undefined) callback(failure ?? new NoAddress(), '', 0);
      else if (options.all === true) callback(null, found);
      else callback(null, first.address, first.family);
    };
    if (family === 4) resolver.resolve4(hostname, answer);
    else resolver.resolve6(hostname, answer);
  }
};

class NoAddress extends Error {
  readonly syscall = 'queryA';
}

function connectionFault(error: Error): WebhookFault {
  if (error instanceof TimedOut) return 'TIMED_OUT';
  // What the agent refuses has no code.
  if (/ is not allowed\. Because/.test(error.message)) return 'ADDRESS_REFUSED';
  const { code = '', syscall = '' } = error as NodeJS.ErrnoException;
  if (syscall.startsWith('query') || syscall === 'getaddrinfo') return 'NAME_UNKNOWN';
  const isTls = /^ERR_(?:TLS|SSL)|CERT|^EPROTO$|SIGNATURE|ISSUER/.test(code);
  return isTls ? 'TLS_FAILED' : 'NOT_CONNECTED';
}
