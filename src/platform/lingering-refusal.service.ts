import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { FastifyInstance } from 'fastify';

// How long a sender may still go on after it was refused.
const LINGER_MS = 5_000;

/**
 * Lets who is refused while still sending see the refusal: it goes out whole and at once, and the
 * answer ends when the rest of the request has been read away. An answer that ended earlier would
 * close the connection under the sender where it asked for that (`connection: close`, as proxies
 * do), and the sender would see the connection break in place of the refusal.
 */
export function lingerAfterRefusals(fastify: FastifyInstance): void {
  fastify.addHook('onSend', async (request, reply, payload) => {
    const { raw } = request;
    const isSending = !raw.complete && raw.method !== 'GET' && raw.method !== 'HEAD';
    if (!isSending || reply.statusCode < 400 || typeof payload !== 'string') return payload;
    reply.header('content-length', Buffer.byteLength(payload));
    return Readable.from(thenTheRest(payload, raw));
  });
}

async function* thenTheRest(answer: string, request: Readable): AsyncGenerator<string> {
  yield answer;
  request.resume();
  try {
    await finished(request, { signal: AbortSignal.timeout(LINGER_MS) });
  } catch {
    request.destroy();
  }
}
