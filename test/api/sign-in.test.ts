import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPartner, aUser, type BuiltUser, totpAt } from '../fixtures/partner-builder.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const SIGN_IN = `mutation SignIn($email: String!, $password: String!, $totp: String!) {
  signIn(email: $email, password: $password, totp: $totp) {
    accessToken refreshToken expiresAt userId
  }
}`;
const VIEWER = '{ viewer { permissions user { id email partnerId roles { name } } } }';
const REFRESH = `mutation Refresh($token: String!) {
  refreshSession(refreshToken: $token) { accessToken refreshToken }
}`;

let app: TestApp;
let user: BuiltUser;

beforeAll(async () => {
  app = await testApp();
  const hub = await aPartner(app);
  user = await aUser(app, { partnerId: hub.id });
});
afterAll(() => app.stop());
// Past the code that was used last, and past the windows of the throttle.
beforeEach(() => app.clock.advance(16 * 60_000));

interface Given {
  email?: string;
  password?: string;
  totp?: string;
}

function credentials(given: Given = {}): Required<Given> {
  const { email, password, totpSecret } = user;
  return { email, password, totp: totpAt(totpSecret, app.clock.now()), ...given };
}

function signIn(given: Given = {}): Promise<Answer> {
  return app.graphql(SIGN_IN, credentials(given));
}

/** A code of six digits that is not the one of this moment. */
function wrongCode(): string {
  const right = Number(credentials().totp);
  return String((right + 1) % 1_000_000).padStart(6, '0');
}

async function tokens(): Promise<{ accessToken: string; refreshToken: string }> {
  const answer = await signIn();
  expect(answer.codes).toEqual([]);
  return answer.data.signIn;
}

async function isAlive(accessToken: string): Promise<boolean> {
  const { codes } = await app.graphql(VIEWER, null, accessToken);
  if (codes.length > 0) expect(codes).toEqual(['UNAUTHENTICATED']);
  return codes.length === 0;
}

describe('signing in', () => {
  it('opens a session with password and one-time password', async () => {
    const answer = await signIn({ email: `  ${user.email.toUpperCase()} ` });
    expect(answer.codes).toEqual([]);
    const { accessToken, expiresAt, userId } = answer.data.signIn;
    const left = new Date(expiresAt).getTime() - app.clock.now().getTime();
    expect(left).toBeGreaterThan(14 * 60_000);
    const viewer = await app.graphql(VIEWER, null, accessToken);
    expect(viewer.codes).toEqual([]);
    expect(viewer.data.viewer.user).toMatchObject({ id: userId, email: user.email });
    expect(viewer.data.viewer.permissions).toContain('bill.run');
    expect(viewer.headers.get('cache-control')).toBe('no-store');
  });

  it('takes a one-time password once', async () => {
    const same = credentials();
    expect((await signIn(same)).codes).toEqual([]);
    expect((await signIn(same)).codes).toEqual(['SIGN_IN_REFUSED']);
  });

  it('takes a one-time password once when nine use it at the same moment', async () => {
    const same = credentials();
    const answers = await Promise.all(Array.from({ length: 9 }, () => signIn(same)));
    expect(answers.filter((answer) => answer.codes.length === 0)).toHaveLength(1);
  });

  it('refuses the code of the step before', async () => {
    const before = new Date(app.clock.now().getTime() - 30_000);
    const answer = await signIn({ totp: totpAt(user.totpSecret, before) });
    expect(answer.codes).toEqual(['SIGN_IN_REFUSED']);
  });

  it('answers the same to an unknown user, a wrong password and a wrong code', async () => {
    const answers = [
      await signIn({ email: 'nobody@example.com' }),
      await signIn({ password: 'wrong password' }),
      await signIn({ totp: wrongCode() }),
      await signIn({ totp: 'abc' }),
      await signIn({ totp: '' }),
      await signIn({ password: '' }),
      await signIn({ email: "' OR 1=1 --" }),
    ];
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect(answers[0]?.codes).toEqual(['SIGN_IN_REFUSED']);
  });

  it('takes about as long for an unknown user as for a wrong password', async () => {
    const timeOf = async (given: Given): Promise<number> => {
      const begin = performance.now();
      await signIn(given);
      return performance.now() - begin;
    };
    const [unknown, known]: [number[], number[]] = [[], []];
    for (let round = 0; round < 9; round += 1) {
      unknown.push(await timeOf({ email: 'nobody@example.com' }));
      known.push(await timeOf({ password: 'wrong password' }));
    }
    const median = (times: number[]) => times.sort((a, b) => a - b)[4] ?? 0;
    const ratio = median(unknown) / median(known);
    expect(ratio).toBeGreaterThan(0.6);
    expect(ratio).toBeLessThan(1.6);
  });

  it('lets a disabled user in no more and ends his sessions', async () => {
    const other = await aUser(app, { partnerId: user.partnerId });
    const [admin, theirs] = [await app.signIn(user.email), await app.signIn(other.email)];
    expect(await isAlive(theirs)).toBe(true);
    const disable = 'mutation ($id: ID!) { disableUser(userId: $id) { status } }';
    const answer = await app.graphql(disable, { id: other.globalId }, admin);
    expect(answer.data.disableUser).toEqual({ status: 'DISABLED' });
    expect(await isAlive(theirs)).toBe(false);
    const again = await signIn({
      email: other.email,
      totp: totpAt(other.totpSecret, app.clock.now()),
    });
    expect(again.codes).toEqual(['SIGN_IN_REFUSED']);
  });
});

describe('attempts to sign in', () => {
  it('are ten in a quarter of an hour for an account, whether it exists or not', async () => {
    for (const email of [user.email, 'nobody@example.com']) {
      const many = Array.from({ length: 40 }, () => signIn({ email, password: 'wrong password' }));
      const codes = (await Promise.all(many)).flatMap((answer) => answer.codes);
      expect(codes.filter((code) => code === 'SIGN_IN_REFUSED')).toHaveLength(10);
      expect(codes.filter((code) => code === 'SIGN_IN_THROTTLED')).toHaveLength(30);
    }
    const answer = await signIn();
    expect(answer.codes).toEqual(['SIGN_IN_THROTTLED']);
    const wait = Number(answer.errors[0]?.extensions.details?.retryAfterSeconds);
    expect(wait).toBeGreaterThan(800);
    expect(wait).toBeLessThanOrEqual(900);
    app.clock.advance((wait + 1) * 1000);
    expect((await signIn()).codes).toEqual([]);
  });

  it('gain nothing from many aliases in one document', async () => {
    const { email, totp } = credentials();
    const fields = Array.from(
      { length: 15 },
      (_, i) =>
        `a${i}: signIn(email: "${email}", password: "guess ${i}", totp: "${totp}") { userId }`,
    );
    for (let i = 0; i < 10; i += 1) {
      const { codes } = await app.graphql(`mutation { ${fields.join(' ')} }`);
      expect(codes).toEqual(['SIGN_IN_REFUSED']);
    }
    expect((await signIn()).codes).toEqual(['SIGN_IN_THROTTLED']);
  });

  it('are a hundred from one address', async () => {
    const codes: string[] = [];
    for (let block = 0; block < 12; block += 1) {
      const some = Array.from({ length: 10 }, (_, i) =>
        signIn({ email: `guess-${block}-${i}@example.com`, password: 'wrong password' }),
      );
      for (const answer of await Promise.all(some)) codes.push(...answer.codes);
    }
    expect(codes.filter((code) => code === 'SIGN_IN_REFUSED')).toHaveLength(100);
    expect(codes.filter((code) => code === 'SIGN_IN_THROTTLED')).toHaveLength(20);
  });

  it('leave no address and no key of an account behind in the database', async () => {
    await signIn({ email: 'Secret@example.com', password: 'wrong password' });
    const rows = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query<object[]>('SELECT * FROM sign_in_throttle'),
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows).toLowerCase()).not.toContain('secret');
  });
});

describe('a session', () => {
  it('goes on with a refresh token, which gives the same successor for ten seconds', async () => {
    const first = await tokens();
    const racers = await Promise.all(
      Array.from({ length: 20 }, () => app.graphql(REFRESH, { token: first.refreshToken })),
    );
    const successors = new Set(racers.map((answer) => answer.data?.refreshSession.refreshToken));
    expect([...successors]).toHaveLength(1);
    const { accessToken, refreshToken } = (racers[0] as Answer).data.refreshSession;
    expect(refreshToken).not.toBe(first.refreshToken);
    expect(await isAlive(accessToken)).toBe(true);
  });

  it('ends when an old refresh token is used later', async () => {
    const first = await tokens();
    const second = (await app.graphql(REFRESH, { token: first.refreshToken })).data.refreshSession;
    app.clock.advance(11_000);
    expect(await isAlive(second.accessToken)).toBe(true);
    const reuse = await app.graphql(REFRESH, { token: first.refreshToken });
    expect(reuse.codes).toEqual(['REFRESH_REFUSED']);
    expect(await isAlive(second.accessToken)).toBe(false);
    const next = await app.graphql(REFRESH, { token: second.refreshToken });
    expect(next.codes).toEqual(['REFRESH_REFUSED']);
  });

  it('is not refreshed with anything else', async () => {
    const { accessToken, refreshToken } = await tokens();
    const [version, partner, session, generation, mac] = refreshToken.split('.');
    const forged = [
      accessToken,
      '',
      `${version}.${partner}.${session}.2.${mac}`,
      `${version}.${Number(partner) + 1}.${session}.${generation}.${mac}`,
      `${refreshToken.slice(0, -1)}${refreshToken.endsWith('A') ? 'B' : 'A'}`,
    ];
    for (const token of forged) {
      expect((await app.graphql(REFRESH, { token })).codes).toEqual(['REFRESH_REFUSED']);
    }
    expect(await isAlive(refreshToken)).toBe(false);
    expect(await isAlive(accessToken)).toBe(true);
  });

  it('ends by signing out, at once and for both tokens', async () => {
    const { accessToken, refreshToken } = await tokens();
    const out = await app.graphql('mutation { signOut }', null, accessToken);
    expect(out.data).toEqual({ signOut: true });
    expect(await isAlive(accessToken)).toBe(false);
    expect((await app.graphql(REFRESH, { token: refreshToken })).codes).toEqual([
      'REFRESH_REFUSED',
    ]);
  });

  it('ends its access token after fifteen minutes and itself after seven days', async () => {
    const { accessToken, refreshToken } = await tokens();
    app.clock.advance(15 * 60_000);
    expect(await isAlive(accessToken)).toBe(false);
    app.clock.advance(7 * 86_400_000);
    expect((await app.graphql(REFRESH, { token: refreshToken })).codes).toEqual([
      'REFRESH_REFUSED',
    ]);
  });
});

describe('secrets', () => {
  it('are neither in the log nor readable in the database', async () => {
    const given = credentials();
    const { accessToken, refreshToken } = (await signIn(given)).data.signIn;
    await signIn({ password: 'a wrong password' });
    await app.graphql(SIGN_IN, { ...given, totp: 5 });
    const rows = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
      tx.query<object[]>(
        `SELECT u.password_hash, encode(u.totp_secret_encrypted, 'escape') AS totp, s::text
         FROM app_user AS u JOIN session AS s ON s.user_id = u.id WHERE u.id = $1`,
        [user.id],
      ),
    );
    const text = JSON.stringify(rows);
    const log = app.logged.join('');
    expect(log).toContain('operation answered');
    for (const secret of [given.password, 'a wrong password', accessToken, refreshToken]) {
      expect(log).not.toContain(secret);
      expect(text).not.toContain(secret);
    }
    for (const secret of [user.totpSecret, user.email, given.totp]) {
      expect(log).not.toContain(`"${secret}"`);
    }
    expect(text).not.toContain(user.totpSecret);
  });
});
