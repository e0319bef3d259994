/** Why events are not sent to an address. */
export type UrlFault =
  | 'NOT_AN_ADDRESS'
  | 'TOO_LONG'
  | 'CREDENTIALS'
  | 'FRAGMENT'
  | 'NOT_HTTPS'
  | 'PORT'
  | 'NUMERIC_HOST'
  | 'INNER_HOST';

/** The longest address that is taken, in characters. */
const MAX_URL = 2000;
const PORTS: ReadonlySet<string> = new Set(['', '8443']);
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
/** Names that only have a meaning inside of a network (RFC 6761, 6762, 8375 and custom). */
const INNER = /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|corp|home|home\.arpa)$/;

/**
 * The address in its one spelling, or why events are not sent to it: https alone, to a public name
 * and the usual ports, without credentials. `allowed` has origins that are taken as they are,
 * whatever their scheme, host and port. A name that is public may still lead inside: that shows
 * only when it is looked up, and is refused then.
 */
export function checkWebhookUrl(
  text: string,
  allowed: readonly string[],
): { readonly href: string } | { readonly fault: UrlFault } {
  if (text.length > MAX_URL) return { fault: 'TOO_LONG' };
  if (!URL.canParse(text) || /[\s\\\p{Cc}]/u.test(text)) return { fault: 'NOT_AN_ADDRESS' };
  const url = new URL(text);
  const fault = faultOf(url, allowed.includes(url.origin));
  if (fault !== null) return { fault };
  return url.href.length > MAX_URL ? { fault: 'TOO_LONG' } : { href: url.href };
}

function faultOf(url: URL, isAllowed: boolean): UrlFault | null {
  if (url.username !== '' || url.password !== '') return 'CREDENTIALS';
  if (url.hash !== '' || url.href.endsWith('#')) return 'FRAGMENT';
  if (isAllowed) return null;
  if (url.protocol !== 'https:') return 'NOT_HTTPS';
  // The parser has brought every way to write a number into one of these two.
  const host = url.hostname.replace(/\.$/, '');
  if (IPV4.test(host) || host.startsWith('[')) return 'NUMERIC_HOST';
  if (!host.includes('.') || host.includes('..') || host.endsWith('.')) return 'INNER_HOST';
  if (INNER.test(host)) return 'INNER_HOST';
  return PORTS.has(url.port) ? null : 'PORT';
}
