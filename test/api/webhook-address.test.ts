import { createServer as createHttp, Agent as HttpAgent } from 'node:http';
import { createServer as createHttps, Agent as HttpsAgent, request } from 'node:https';
import { type AddressInfo, createServer, type LookupFunction, type Server } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type SenderOptions, WebhookSender } from '../../src/integration/webhook-sender.service.js';
import { checkWebhookUrl } from '../../src/integration/webhook-url.js';
import { type Canary, canary, INNER_HOSTS, LOOPBACK_HOSTS } from '../fixtures/canary.js';
import { selfSigned } from '../fixtures/self-signed.js';
import { webhookReceiver } from '../fixtures/webhook-receiver.js';

const PUBLIC = '93.184.215.14';

let trap: Canary;
const open: { close(): unknown }[] = [];

beforeAll(async () => {
  trap = await canary();
});
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});
afterAll(() => trap.close());

/** Sends to an address; the lookup answers as told, one list of addresses for each question. */
function send(url: string, options: Partial<SenderOptions> = {}) {
  const sender = new WebhookSender({ allowedOrigins: [], timeoutMs: 400, ...options });
  const secrets = [`whsec_${Buffer.alloc(32, 7).toString('base64')}`];
  return sender.send({ url, messageId: 'msg_1', body: '{}', secrets }, new Date());
}

function answering(...answers: string[][]): LookupFunction {
  let asked = 0;
  return (_, options, callback) => {
    const list = answers[Math.min(asked, answers.length - 1)] ?? [];
    asked += 1;
    const found = list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    if (options.all === true) callback(null, found);
    else callback(null, found[0]!.address, found[0]!.family);
  };
}

/** The guards, each taken away in turn. */
const noCheck: Partial<SenderOptions> = { check: (href) => ({ href }) };
const plainAgent: Partial<SenderOptions> = {
  agent: (url) => (url.protocol === 'https:' ? new HttpsAgent() : new HttpAgent()),
};

async function listen(server: Server): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

describe('an address inside of a network', () => {
  it('is refused in whatever spelling before anything is sent', () => {
    for (const host of [...LOOPBACK_HOSTS, ...INNER_HOSTS]) {
      for (const url of [`https://${host}/`, `https://${host}:8443/`, `https://${host}.:443/`]) {
        const checked = checkWebhookUrl(url, []);
        expect('fault' in checked && checked.fault, url).toMatch(
          /^(?:NUMERIC_HOST|INNER_HOST|NOT_AN_ADDRESS)$/,
        );
      }
    }
  });

  it('is not connected to even if it were not refused', async () => {
    const before = trap.hits;
    for (const scheme of ['http', 'https']) {
      for (const host of [...LOOPBACK_HOSTS, ...INNER_HOSTS]) {
        const lookup = answering(['127.0.0.1']);
        const sent = await send(`${scheme}://${host}:${trap.port}/`, { ...noCheck, lookup });
        expect(sent, host).toMatchObject({ status: null, fault: 'ADDRESS_REFUSED' });
      }
    }
    expect(trap.hits - before).toBe(0);
  });

  it('is reached where neither guard stands, so the canary would sing', async () => {
    const before = trap.hits;
    for (const host of LOOPBACK_HOSTS) {
      await send(`http://${host}:${trap.port}/`, {
        ...noCheck,
        ...plainAgent,
        lookup: answering(['127.0.0.1']),
      });
    }
    expect(trap.hits - before).toBeGreaterThanOrEqual(15);
  });

  it('is not connected to when a public name leads there, at once or later', async () => {
    const before = trap.hits;
    const url = `https://hooks.example.com:${trap.port}/`;
    const addresses = ['127.0.0.1', '::1', '::ffff:127.0.0.1', '0.0.0.0', '::', '169.254.169.254'];
    for (const address of [...addresses, '10.1.2.3', 'fd00::1', '100.64.0.1', '::ffff:7f00:1']) {
      const sent = await send(url, { ...noCheck, lookup: answering([address]) });
      expect(sent.fault, address).toBe('ADDRESS_REFUSED');
      const mixed = await send(url, { ...noCheck, lookup: answering([PUBLIC, address]) });
      expect(mixed.fault, address).toBe('ADDRESS_REFUSED');
    }
    const rebinding = answering([PUBLIC], ['127.0.0.1']);
    const sender = { ...noCheck, lookup: rebinding };
    expect((await send(url, sender)).fault).toMatch(/^(?:TIMED_OUT|NOT_CONNECTED)$/);
    expect((await send(url, sender)).fault).toBe('ADDRESS_REFUSED');
    expect(trap.hits - before).toBe(0);
    // Who looks first and connects afterwards is led inside.
    const late = answering([PUBLIC], ['127.0.0.1']);
    await new Promise((resolve) => late('hooks.example.com', {}, resolve as never));
    await send(url, { ...noCheck, ...plainAgent, lookup: late });
    expect(trap.hits - before).toBe(1);
  });

  it('is not gone to by a redirect or a proxy', async () => {
    const before = trap.hits;
    const inside = `http://127.0.0.1:${trap.port}/`;
    const receiver = await webhookReceiver((_, n, response) => {
      response.writeHead([301, 302, 303, 307, 308][n % 5]!, { location: inside }).end();
      return null;
    });
    open.push(receiver);
    const variables = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'https_proxy', 'ALL_PROXY'];
    for (const name of variables) process.env[name] = inside;
    try {
      for (let n = 0; n < 5; n += 1) {
        const sent = await send(receiver.url, { allowedOrigins: [receiver.origin] });
        expect(sent.fault).toBe('REDIRECTED');
      }
    } finally {
      for (const name of variables) delete process.env[name];
    }
    expect(receiver.received).toHaveLength(5);
    expect(trap.hits - before).toBe(0);
    await fetch(receiver.url, { method: 'POST', body: '{}' });
    expect(trap.hits - before).toBe(1);
  });

  it('is taken when it is an allowed origin, and only that one', async () => {
    const receiver = await webhookReceiver();
    open.push(receiver);
    const allowedOrigins = [receiver.origin];
    expect(await send(receiver.url, { allowedOrigins })).toMatchObject({
      status: 204,
      fault: null,
    });
    const { port } = new URL(receiver.origin);
    for (const other of [
      `https://127.0.0.1:${port}/`,
      `http://127.0.0.1:${trap.port}/`,
      `http://localhost:${port}/`,
      `http://user@127.0.0.1:${port}/`,
    ]) {
      expect((await send(other, { allowedOrigins })).fault, other).toBe('URL_REFUSED');
    }
    expect(receiver.received).toHaveLength(1);
  });
});

describe('an address', () => {
  it('is public, on the usual ports, without credentials', () => {
    const faults = (url: string) => {
      const checked = checkWebhookUrl(url, ['http://10.0.0.5:8080']);
      return 'fault' in checked ? checked.fault : checked.href;
    };
    expect(faults('https://Hooks.Example.com')).toBe('https://hooks.example.com/');
    expect(faults('https://hooks.example.com:443/a?b=c')).toBe('https://hooks.example.com/a?b=c');
    expect(faults('https://hooks.example.com:8443/')).toBe('https://hooks.example.com:8443/');
    expect(faults('https://bücher.example/')).toBe('https://xn--bcher-kva.example/');
    expect(faults('http://10.0.0.5:8080/hook')).toBe('http://10.0.0.5:8080/hook');
    expect(faults('http://10.0.0.5:8081/hook')).toBe('NOT_HTTPS');
    expect(faults('http://hooks.example.com/')).toBe('NOT_HTTPS');
    expect(faults('ftp://hooks.example.com/')).toBe('NOT_HTTPS');
    expect(faults('file:///etc/passwd')).toBe('NOT_HTTPS');
    expect(faults('javascript:alert(1)')).toBe('NOT_HTTPS');
    expect(faults('https://hooks.example.com:22/')).toBe('PORT');
    expect(faults('https://user@hooks.example.com/')).toBe('CREDENTIALS');
    expect(faults('https://user:word@hooks.example.com/')).toBe('CREDENTIALS');
    expect(faults('https://hooks.example.com/#a')).toBe('FRAGMENT');
    expect(faults('https://hooks.example.com/#')).toBe('FRAGMENT');
    expect(faults('https://intranet/')).toBe('INNER_HOST');
    expect(faults('https://erp/')).toBe('INNER_HOST');
    expect(faults('https://localhost../')).toBe('INNER_HOST');
    expect(faults('https://printer.local/')).toBe('INNER_HOST');
    expect(faults('https://metadata.google.internal/')).toBe('INNER_HOST');
    expect(faults('https://8.8.8.8/')).toBe('NUMERIC_HOST');
    expect(faults('hooks.example.com')).toBe('NOT_AN_ADDRESS');
    expect(faults('')).toBe('NOT_AN_ADDRESS');
    expect(faults('https://hooks.example.com\\@10.0.0.1/')).toBe('NOT_AN_ADDRESS');
    expect(faults('https://hooks.exa\nmple.com/')).toBe('NOT_AN_ADDRESS');
    expect(faults(`https://hooks.example.com/${'a'.repeat(2000)}`)).toBe('TOO_LONG');
    expect(faults(`https://hooks.example.com/${'ü'.repeat(900)}`)).toBe('TOO_LONG');
  });
});

describe('a receiver', () => {
  it('has to have a certificate that is trusted', async () => {
    const server = createHttps(selfSigned(), (_, response) => response.writeHead(204).end());
    const origin = `https://localhost:${await listen(server)}`;
    expect((await send(`${origin}/`, { allowedOrigins: [origin] })).fault).toBe('TLS_FAILED');
    // Nothing but the certificate is wrong with it.
    const status = await new Promise((resolve, reject) => {
      const options = { rejectUnauthorized: false, agent: new HttpsAgent() };
      const ask = request(`${origin}/`, options, ({ statusCode }) => resolve(statusCode));
      ask.on('error', reject).end();
    });
    expect(status).toBe(204);
    const plain = `https://localhost:${await listen(createHttp())}`;
    expect((await send(`${plain}/`, { allowedOrigins: [plain] })).fault).toBe('TLS_FAILED');
  });

  it('that does not answer in time, or only drips, is left', async () => {
    const silent = `http://127.0.0.1:${await listen(createServer(() => {}))}`;
    const dripping = createServer((socket) => {
      const drip = setInterval(() => socket.write('X'), 50);
      socket.write('HTTP/1.1 200 OK\r\nX-');
      socket.on('close', () => clearInterval(drip)).on('error', () => {});
    });
    const slow = `http://127.0.0.1:${await listen(dripping)}`;
    for (const origin of [silent, slow]) {
      const sent = await send(`${origin}/`, { allowedOrigins: [origin] });
      expect(sent).toMatchObject({ status: null, fault: 'TIMED_OUT' });
      expect(sent.durationMs).toBeGreaterThan(350);
      expect(sent.durationMs).toBeLessThan(2_000);
    }
  });

  it('that answers without end is read no further than a little', async () => {
    let written = 0;
    const ended = new Promise<number>((resolve) => {
      const endless = createHttp((ask, response) => {
        ask.resume();
        response.writeHead(200);
        const pour = () => {
          while (response.write(Buffer.alloc(16_384))) written += 16_384;
        };
        response.on('drain', pour).on('close', () => resolve(written));
        pour();
      });
      void listen(endless).then((port) => {
        const origin = `http://127.0.0.1:${port}`;
        return send(`${origin}/`, { allowedOrigins: [origin] }).then((sent) => {
          expect(sent).toMatchObject({ status: 200, fault: null });
        });
      });
    });
    // What the system buffers on both sides comes on top.
    expect(await ended).toBeLessThan(16 * 1024 * 1024);
  });

  it('says by its status what becomes of the message, and how long to wait', async () => {
    const statuses = [200, 201, 299, 400, 401, 410, 429, 500];
    const receiver = await webhookReceiver((_, n, response) => {
      response.writeHead(statuses[n]!, { 'retry-after': '120' }).end();
      return null;
    });
    open.push(receiver);
    const faults: (string | null)[] = [];
    for (const _ of statuses) {
      const sent = await send(receiver.url, { allowedOrigins: [receiver.origin] });
      expect(sent.retryAfterMs).toBe(120_000);
      faults.push(sent.fault);
    }
    const failed = ['STATUS', 'STATUS', 'GONE', 'STATUS', 'STATUS'];
    expect(faults).toEqual([null, null, null, ...failed]);
    const closed = `http://127.0.0.1:${await freePort()}`;
    expect((await send(`${closed}/`, { allowedOrigins: [closed] })).fault).toBe('NOT_CONNECTED');
    expect((await send('https://nobody.invalid/')).fault).toMatch(/^(?:NAME_UNKNOWN|TIMED_OUT)$/);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}
