import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');
/** Headers of proxies: behind one everybody comes from its machine. */
const FORWARDED = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'];

/** Whether a request sends the token for metrics or, when there is none, is of this machine. */
export function mayReadMetrics(request: FastifyRequest, token: string | undefined): boolean {
  const { headers, socket } = request;
  if (token !== undefined) return isSame(headers.authorization ?? '', `Bearer ${token}`);
  const address = socket.remoteAddress ?? '';
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  return LOOPBACK.check(address, family) && !FORWARDED.some((name) => name in headers);
}

// Of the hashes, so that neither the length nor the beginning of the token can be told from times.
function isSame(given: string, expected: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(expected));
}
