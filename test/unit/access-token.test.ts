import { createHmac, generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { describe, expect, it } from 'vitest';
import {
  keyRing,
  SESSION_SECONDS,
  signAccessToken,
  signRefreshToken,
  type TokenKey,
  verifyAccessToken,
  verifyRefreshToken,
} from '../../src/identity/index.js';

const secret = Buffer.alloc(32, 'abcdefghijklmnopqrstuvwxyz012345');
const now = new Date('2026-11-01T12:00:00Z');
const seconds = now.getTime() / 1000;
const claims = { userId: 7, partnerId: 3, sessionId: 'e7a3f8f2-6d2f-4d59-8c0e-0d9b3a1f5c11' };
const good = {
  iss: 'kontor',
  aud: 'kontor-api',
  sub: '7',
  pid: 3,
  sid: claims.sessionId,
  iat: seconds,
  exp: seconds + 900,
};
const header = { alg: 'HS256', typ: 'at+jwt', kid: 'first' };

const key = (id: string, begins = 0, ends: number | null = null): TokenKey => ({
  id,
  secret: id === 'first' ? secret : Buffer.alloc(32, `${id} qwertyuiop`),
  activeFrom: new Date(now.getTime() + begins * 1000),
  retiredAt: ends === null ? null : new Date(now.getTime() + ends * 1000),
});
const ring = keyRing([key('first', -3600)]);

/** A token of any header and payload, signed as the given algorithm says. */
function token(head: object | string, payload: object, hash = 'sha256', by: Buffer = secret) {
  const encode = (part: object | string) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  const body = `${encode(head)}.${encode(payload)}`;
  return `${body}.${createHmac(hash, by).update(body).digest('base64url')}`;
}

const without = (name: keyof typeof good) => {
  const { [name]: _, ...rest } = good;
  return rest;
};
const unsigned = (alg: string) =>
  `${token({ ...header, alg }, good)
    .split('.')
    .slice(0, 2)
    .join('.')}.`;
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
const refresh = signRefreshToken(ring, { ...claims, generation: 1 }, now);

/** Tokens that must not be believed, each with one thing wrong. */
const corpus: readonly (readonly [string, string])[] = [
  ['no signature', unsigned('none')],
  ['no signature and None', unsigned('None')],
  ['no signature and HS256', unsigned('HS256')],
  ['the algorithm none with a signature', token({ ...header, alg: 'none' }, good)],
  ['no algorithm', token({ typ: 'at+jwt', kid: 'first' }, good)],
  ['HS512', token({ ...header, alg: 'HS512' }, good, 'sha512')],
  ['HS384', token({ ...header, alg: 'HS384' }, good, 'sha384')],
  [
    'RS256',
    jwt.sign(good, privateKey, { algorithm: 'RS256', header: { ...header, alg: 'RS256' } }),
  ],
  ['RS256 in the header and HMAC by the public key', token({ ...header, alg: 'RS256' }, good)],
  ['HMAC by a public key', token(header, good, 'sha256', pem)],
  ['another key', token(header, good, 'sha256', Buffer.alloc(32, 'z'))],
  ['an empty key', token(header, good, 'sha256', Buffer.alloc(0))],
  ['two algorithms', token('{"alg":"none","alg":"HS256","typ":"at+jwt","kid":"x1234"}', good)],
  ['no end', token(header, without('exp'))],
  ['an end in the past', token(header, { ...good, exp: seconds - 1 })],
  ['an end of now', token(header, { ...good, exp: seconds })],
  ['a life of a year', token(header, { ...good, exp: seconds + 31_536_000 })],
  ['an end that is text', token(header, { ...good, exp: String(seconds + 900) })],
  ['an end that is no number', token(header, { ...good, exp: [seconds + 900] })],
  ['an end beyond all numbers', token(header, { ...good, exp: 1e300 })],
  ['no beginning', token(header, without('iat'))],
  ['another issuer', token(header, { ...good, iss: 'other' })],
  ['no issuer', token(header, without('iss'))],
  ['another audience', token(header, { ...good, aud: 'other' })],
  ['an audience among others', token(header, { ...good, aud: ['kontor-api', 'other'] })],
  ['no audience', token(header, without('aud'))],
  ['the type of other tokens', token({ ...header, typ: 'JWT' }, good)],
  ['the type of an enrolment', token({ ...header, typ: 'enrolment+jwt' }, good)],
  ['no type', token({ alg: 'HS256', kid: 'first' }, good)],
  ['an unknown critical header', token({ ...header, crit: ['x'], x: 1 }, good)],
  ['a critical header that is empty', token({ ...header, crit: [] }, good)],
  ['a payload not in base64', token({ ...header, b64: false, crit: ['b64'] }, good)],
  ['a key of its own', token({ ...header, jwk: { kty: 'oct', k: 'AAAA' } }, good)],
  ['an address of a key', token({ ...header, jku: 'https://evil.example/keys' }, good)],
  ['a certificate', token({ ...header, x5u: 'https://evil.example/cert' }, good)],
  ['no key id', token({ alg: 'HS256', typ: 'at+jwt' }, good)],
  ['an unknown key id', token({ ...header, kid: 'second' }, good)],
  ['a key id that is a path', token({ ...header, kid: '../../../../dev/null' }, good)],
  ['a key id that asks SQL', token({ ...header, kid: "first' OR '1'='1" }, good)],
  ['a key id that every object has', token({ ...header, kid: '__proto__' }, good)],
  ['a key id that is a list', token({ ...header, kid: ['first'] }, good)],
  ['a key id that is an object', token({ ...header, kid: { $ne: '' } }, good)],
  ['no session', token(header, without('sid'))],
  ['a session that is none', token(header, { ...good, sid: 'x' })],
  ['no partner', token(header, without('pid'))],
  ['a partner that is text', token(header, { ...good, pid: '3' })],
  ['a user that is no number', token(header, { ...good, sub: '7 OR 1=1' })],
  ['user zero', token(header, { ...good, sub: '0' })],
  ['a user that is an object', token(header, { ...good, sub: { toString: '7' } })],
  ['a begin in the future', token(header, { ...good, nbf: seconds + 60 })],
  ['a refresh token', refresh],
  ['an API key', `ktr_abcdefghijkl_${'A'.repeat(43)}`],
  ['nothing', ''],
  ['no token', 'Bearer'],
  ['three dots', '...'],
  ['a header that is null', token('null', good)],
  ['a header that is no JSON', token('{"alg":', good)],
  ['a payload that is a text', token(header, ['x'])],
  ['a blank behind it', `${token(header, good)} `],
  ['more than 2,048 characters', token(header, { ...good, x: 'x'.repeat(2_048) })],
];

describe('an access token', () => {
  it('says whose session it stands for, for fifteen minutes', () => {
    const text = signAccessToken(ring, claims, now);
    expect(verifyAccessToken(ring, text, now)).toEqual({
      ...claims,
      expiresAt: new Date('2026-11-01T12:15:00Z'),
    });
    expect(verifyAccessToken(ring, text, new Date('2026-11-01T12:14:59Z'))).not.toBeNull();
    expect(verifyAccessToken(ring, text, new Date('2026-11-01T12:15:00Z'))).toBeNull();
  });

  it('is what the corpus below changes one thing of', () => {
    expect(verifyAccessToken(ring, token(header, good), now)).toMatchObject(claims);
  });

  it.each(corpus)('with %s is refused', (_, text) => {
    expect(verifyAccessToken(ring, text, now)).toBeNull();
  });

  // The corpus would be worth nothing if its tokens were refused for another reason: by what the
  // library does on its own, many of them are let in.
  it('would often be believed without the wrapper', () => {
    const lenient = corpus.filter(([, text]) => {
      try {
        jwt.verify(text, secret, { clockTimestamp: seconds });
        return true;
      } catch {
        return false;
      }
    });
    const names = lenient.map(([name]) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'HS512',
        'no end',
        'a life of a year',
        'another issuer',
        'another audience',
        'the type of other tokens',
        'an unknown critical header',
        'a key id that is a path',
      ]),
    );
    expect(names.length).toBeGreaterThan(25);
  });
});

describe('keys of tokens', () => {
  it('have at least 32 bytes, an id of their own, and are not none', () => {
    const short = { ...key('short'), secret: secret.subarray(0, 31) };
    for (const keys of [[], [short], [key('twin'), key('twin')], [key('../x')], [key('A1')]]) {
      expect(() => keyRing(keys)).toThrow('keys of tokens are damaged');
    }
  });

  const rotated = keyRing([key('first', -3600, 10), key('second', 10)]);
  const at = (later: number) => new Date(now.getTime() + later * 1000);
  const kidOf = (text: string) => jwt.decode(text, { complete: true })?.header.kid;

  it('sign from their moment on, and are believed before it', () => {
    expect(kidOf(signAccessToken(rotated, claims, at(9)))).toBe('first');
    const early = signAccessToken(rotated, claims, at(10));
    expect(kidOf(early)).toBe('second');
    expect(verifyAccessToken(rotated, early, at(5))).not.toBeNull();
  });

  it('are believed until the last token that they signed has ended, and not longer', () => {
    const last = signAccessToken(rotated, claims, at(9));
    expect(verifyAccessToken(rotated, last, at(900))).not.toBeNull();
    // A token that a thief of the old key makes afterwards.
    const forged = token(header, { ...good, iat: seconds + 910, exp: seconds + 1_810 });
    expect(verifyAccessToken(rotated, forged, at(909))).not.toBeNull();
    expect(verifyAccessToken(rotated, forged, at(910))).toBeNull();
  });

  it('keep refresh tokens for the life of a session, the same ones over a rotation', () => {
    const refreshClaims = { partnerId: 3, sessionId: claims.sessionId, generation: 4 };
    const text = signRefreshToken(rotated, refreshClaims, at(9));
    expect(signRefreshToken(rotated, refreshClaims, at(9))).toBe(text);
    expect(signRefreshToken(rotated, refreshClaims, at(10))).not.toBe(text);
    expect(verifyRefreshToken(rotated, text, at(10 + SESSION_SECONDS - 1))).toEqual(refreshClaims);
    expect(verifyRefreshToken(rotated, text, at(10 + SESSION_SECONDS))).toBeNull();
    expect(verifyRefreshToken(keyRing([key('second')]), text, at(10))).toBeNull();
  });
});
