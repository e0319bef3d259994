import { describe, expect, it } from 'vitest';
import { carriesSecret } from '../../src/platform/address-secret.js';

const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';

describe('an address carries a secret', () => {
  it.each([
    ['as a parameter', `/graphql?access_token=${TOKEN}`],
    ['behind a word', `/files/session_${TOKEN}.csv`],
    ['behind a word without a sign between', `/files/x${TOKEN}`],
    ['behind other parts', `/files/a.b.${TOKEN}`],
    ['with the scheme, in other signs', `/graphql?a=Bearer%20${TOKEN}`],
    ['with every sign written otherwise', `/x?y=${TOKEN.replaceAll('.', '%2E')}`],
    ['beside an escape that is none', `/x?y=%zz${TOKEN.replace('.', '%2e')}`],
    ['with a first part as long as any', `/x?y=eyJ${'a'.repeat(256)}.eyJx`],
    ['as an API key', `/x?key=ktr_${'a'.repeat(12)}_${'B'.repeat(43)}`],
    ['as a refresh token', '/x?t=kr1.abcd1234.secret'],
  ])('%s', (_, address) => {
    expect(carriesSecret(address)).toBe(true);
  });

  it.each([
    '/files/eyJ.eyJ',
    '/files/eyJshort.eyJ',
    '/files/eyJhbGciOiJIUzI1NiJ9.csv',
    '/files/eyJ with blanks between.eyJ',
    '/documents/invoices/SW52b2ljZTox.pdf',
  ])('%s does not', (address) => {
    expect(carriesSecret(address)).toBe(false);
  });

  it.each(['eyJ', 'eyJ.', 'a', '.eyJ', 'eyJaaaaaaaa.'])('is told soon of 50 kB of %s', (piece) => {
    const address = piece.repeat(50_000 / piece.length);
    carriesSecret(address);
    const begin = performance.now();
    carriesSecret(address);
    expect(performance.now() - begin).toBeLessThan(50);
  });
});
