import jwt from 'jsonwebtoken';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { rotateKeys } from '../../src/identity/index.js';
import { aPartner, aUser, type BuiltUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const REFRESH = `mutation ($token: String!) {
  refreshSession(refreshToken: $token) { accessToken refreshToken }
}`;
const WHO = '{ viewer { user { id } } }';

let app: TestApp;
let user: BuiltUser;

beforeAll(async () => {
  app = await testApp();
  const hub = await aPartner(app);
  user = await aUser(app, { partnerId: hub.id });
});
afterAll(() => app.stop());

const keyOf = (token: string) => jwt.decode(token, { complete: true })?.header.kid;

/** Tokens of a new session. */
function open() {
  const { id, partnerId } = user;
  return app.app.services.signIn.openSession({ id, partnerId });
}

it('the keys of tokens are rotated under a running server, and nobody is signed out', async () => {
  const before = await open();
  const { id } = await rotateKeys(app.app.config.dataDir, app.clock.now());
  app.clock.advance(16_000);
  await expect.poll(async () => keyOf((await open()).accessToken), { timeout: 15_000 }).toBe(id);
  expect(keyOf(before.accessToken)).not.toBe(id);
  expect((await app.graphql(WHO, null, before.accessToken)).codes).toEqual([]);
  const { data } = await app.graphql(REFRESH, { token: before.refreshToken });
  expect(keyOf(data.refreshSession.accessToken)).toBe(id);
  expect(data.refreshSession.refreshToken).toContain(id);
  expect((await app.graphql(WHO, null, data.refreshSession.accessToken)).codes).toEqual([]);
  // The same successor for whoever asks again at once, whatever key signs by now.
  const again = await app.graphql(REFRESH, { token: before.refreshToken });
  expect(again.data.refreshSession.refreshToken).toBe(data.refreshSession.refreshToken);
});
