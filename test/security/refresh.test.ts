import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltUser } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const ROUNDS = trials(50);
const RACERS = 20;
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

const refresh = (token: string) => app.graphql(REFRESH, { token });

describe('a refresh token', () => {
  it(`has one successor, and ends its family when used later, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const { id, partnerId } = user;
      const first = await app.app.services.signIn.openSession({ id, partnerId });
      const racers = await Promise.all(
        Array.from({ length: RACERS }, () => refresh(first.refreshToken)),
      );
      const successors = new Set(racers.map(({ data }) => data?.refreshSession.refreshToken));
      expect(successors.size).toBe(1);
      const [second] = [...successors] as [string];
      const third = (await refresh(second)).data.refreshSession;
      // Two generations back is no lost answer, however soon it comes.
      const [sooner, later] = [round % 2 === 0, round % 2 === 1];
      if (later) {
        await app.app.database.write(SYSTEM_SCOPE, (tx) =>
          tx.query("UPDATE session SET rotated_at = rotated_at - interval '11 s'"),
        );
      }
      const stolen = sooner ? first.refreshToken : second;
      expect((await refresh(stolen)).codes).toEqual(['REFRESH_REFUSED']);
      expect((await app.graphql(WHO, null, third.accessToken)).codes).toEqual(['UNAUTHENTICATED']);
      expect((await refresh(third.refreshToken)).codes).toEqual(['REFRESH_REFUSED']);
    }
    console.log(`refresh: ${ROUNDS} families, ${ROUNDS * RACERS} racers, one successor each`);
  });
});
