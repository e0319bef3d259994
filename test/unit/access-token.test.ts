import { createHmac, generateKeyPairSync } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { describe, expect, it } from 'vitest';
import { signAccessToken, verifyAccessToken } from '../../src/identity/index.js';

const key = Buffer.alloc(32, 'abcdefghijklmnopqrstuvwxyz012345');
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
const header = { alg: 'HS256', typ: 'at+jwt' };

/** A token of any header and payload, signed as the given algorithm says. */
function token(head: object, payload: object, hash = 'sha256', secret: Buffer = key): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const body = `${encode(head)}.${encode(payload)}`;
  return `${body}.${createHmac(hash, secret).update(body).digest('base64url')}`;
}

describe('an access token', () => {
  it('says whose session it stands for, for fifteen minutes', () => {
    const text = signAccessToken(key, claims, now);
    expect(verifyAccessToken(key, text, now)).toEqual({
      ...claims,
      expiresAt: new Date('2026-11-01T12:15:00Z'),
    });
    expect(verifyAccessToken(key, text, new Date('2026-11-01T12:14:59Z'))).not.toBeNull();
    expect(verifyAccessToken(key, text, new Date('2026-11-01T12:15:00Z'))).toBeNull();
  });

  it('is what the corpus below changes one thing of', () => {
    expect(verifyAccessToken(key, token(header, good), now)).toMatchObject(claims);
  });

  const unsigned = `${token({ ...header, alg: 'none' }, good)
    .split('.')
    .slice(0, 2)
    .join('.')}.`;
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const without = (name: keyof typeof good) => {
    const { [name]: _, ...rest } = good;
    return rest;
  };
  it.each([
    ['no signature', unsigned],
    ['the algorithm none with a signature', token({ ...header, alg: 'none' }, good)],
    ['HS512', token({ ...header, alg: 'HS512' }, good, 'sha512')],
    ['HS384', token({ ...header, alg: 'HS384' }, good, 'sha384')],
    [
      'RS256',
      jwt.sign(good, privateKey, { algorithm: 'RS256', header: { ...header, alg: 'RS256' } }),
    ],
    ['another key', token(header, good, 'sha256', Buffer.alloc(32, 'z'))],
    ['no end', token(header, without('exp'))],
    ['an end in the past', token(header, { ...good, exp: seconds - 1 })],
    ['an end of now', token(header, { ...good, exp: seconds })],
    ['a life of a year', token(header, { ...good, exp: seconds + 31_536_000 })],
    ['an end that is text', token(header, { ...good, exp: String(seconds + 900) })],
    ['no beginning', token(header, without('iat'))],
    ['another issuer', token(header, { ...good, iss: 'other' })],
    ['no issuer', token(header, without('iss'))],
    ['another audience', token(header, { ...good, aud: 'other' })],
    ['an audience among others', token(header, { ...good, aud: ['kontor-api', 'other'] })],
    ['no audience', token(header, without('aud'))],
    ['the type of other tokens', token({ ...header, typ: 'JWT' }, good)],
    ['no type', token({ alg: 'HS256' }, good)],
    ['an unknown critical header', token({ ...header, crit: ['x'], x: 1 }, good)],
    ['a key id', token({ ...header, kid: '../../dev/null' }, good)],
    ['no session', token(header, without('sid'))],
    ['no partner', token(header, without('pid'))],
    ['a partner that is text', token(header, { ...good, pid: '3' })],
    ['a user that is no number', token(header, { ...good, sub: '7 OR 1=1' })],
    ['user zero', token(header, { ...good, sub: '0' })],
    ['a begin in the future', token(header, { ...good, nbf: seconds + 60 })],
    ['nothing', ''],
    ['no token', 'Bearer'],
    ['a payload that is a text', token(header, ['x'])],
  ])('with %s is refused', (_, text) => {
    expect(verifyAccessToken(key, text, now)).toBeNull();
  });

  it('is neither signed nor verified with a short key', () => {
    const short = key.subarray(0, 31);
    expect(() => signAccessToken(short, claims, now)).toThrow('at least 32 bytes');
    const text = signAccessToken(key, claims, now);
    expect(() => verifyAccessToken(short, text, now)).toThrow('at least 32 bytes');
  });
});
