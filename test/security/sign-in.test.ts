import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { matchingStep } from '../../src/identity/totp.js';
import { SYSTEM_SCOPE, type Tx } from '../../src/platform/index.js';
import { enrol, SIGN_IN, STEP_UP } from '../fixtures/entrance.js';
import { byCode, type Guess, inLanes, judge, median } from '../fixtures/guesses.js';
import {
  aPartner,
  aUser,
  type BuiltPartner,
  type BuiltUser,
  totpAt,
} from '../fixtures/partner-builder.js';
import { SocketPeer } from '../fixtures/socket-peer.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const GUESSES = trials(10_000);
const LANES = 16;
const REFUSALS = ['SIGN_IN_REFUSED', 'SIGN_IN_THROTTLED'];
const PASSWORDS = ['password', 'letmein', 'Summer2026', 'dragon'];

let app: TestApp;
let hub: BuiltPartner;
let user: BuiltUser;

beforeAll(async () => {
  app = await testApp({
    env: {
      KONTOR_TRUSTED_PROXIES: '127.0.0.1',
      KONTOR_ADDRESS_RATE: '1000000',
      KONTOR_LOG_LEVEL: 'fatal',
    },
  });
  hub = await aPartner(app);
});
afterAll(() => app.stop());
beforeEach(async () => {
  app.clock.advance(61 * 60_000);
  user = await aUser(app, { partnerId: hub.id });
});

const sockets = new Set<SocketPeer>();
afterEach(() => {
  for (const peer of sockets) peer.socket.terminate();
  sockets.clear();
});

interface Given {
  readonly email?: string;
  readonly password?: string;
  readonly totp?: string;
  readonly deviceToken?: string;
}

/** A sign-in as if from another address. */
async function from(address: string, given: Given): Promise<Answer> {
  const { email, password, totpSecret } = user;
  const totp = totpAt(totpSecret, app.clock.now());
  const variables = { email, password, totp, ...given };
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-forwarded-for': address },
    body: JSON.stringify({ query: SIGN_IN, variables }),
  });
  const text = await response.text();
  const { data = null, errors = [] } = JSON.parse(text);
  const codes = errors.map((error: { extensions: { code: string } }) => error.extensions.code);
  return { status: response.status, data, errors, codes, text, headers: response.headers };
}

async function guess(index: number, email: string, address: string): Promise<Guess> {
  const at = app.clock.now().getTime();
  const password = `${PASSWORDS[index % PASSWORDS.length]}${index}`;
  const { codes } = await from(address, { email, password, totp: '000000' });
  return { at, email, address, code: codes[0] ?? 'OPENED' };
}

function addressOf(index: number): string {
  return `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
}

async function refusedEvents(userId: number): Promise<number> {
  const [row] = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM sign_in_event
       WHERE user_id = $1 AND outcome = 'REFUSED'`,
      [userId],
    ),
  );
  return row?.count ?? 0;
}

describe('guessing passwords (A1)', () => {
  it(`${GUESSES} times, one account from as many addresses, is looked at rarely`, async () => {
    const opened = await from('192.0.2.1', {});
    const { deviceToken } = opened.data.signIn;
    const rounds = 40;
    const some = Math.max(12, Math.floor(GUESSES / rounds));
    const log: Guess[] = [];
    const rows: number[] = [];
    let begin = 0;
    for (let round = 0; round < rounds; round += 1) {
      app.clock.advance(5 * 60_000);
      log.push(
        ...(await inLanes(some, LANES, (index) => {
          const serial = round * some + index;
          return guess(serial, user.email, addressOf(serial));
        })),
      );
      if (round % 10 !== 9) continue;
      // The user himself is never kept out of the device that he uses.
      expect((await from('192.0.2.1', { deviceToken })).codes).toEqual([]);
      rows.push(judge(log.slice(begin)).inARow);
      begin = log.length;
    }
    const judged = judge(log);
    console.log('one account, many addresses:', log.length, judged, byCode(log));
    expect(judged.perAccount).toBeLessThanOrEqual(10);
    expect(Math.max(...rows)).toBeLessThanOrEqual(100);
    expect(await refusedEvents(user.id)).toBe(judged.evaluated);
  });

  it('without rest, an account locks after a hundred failures and opens for its user', async () => {
    const { deviceToken } = (await from('192.0.2.1', {})).data.signIn;
    const log: Guess[] = [];
    for (let round = 0; round < 13; round += 1) {
      app.clock.advance(16 * 60_000);
      log.push(
        ...(await inLanes(trials(40), LANES, (index) =>
          guess(index, user.email, addressOf(round * 1_000 + index)),
        )),
      );
    }
    const judged = judge(log);
    console.log('one account, slowly:', log.length, judged, byCode(log));
    expect(judged.inARow).toBeLessThanOrEqual(100);
    if (trials(40) >= 10) expect(judged.inARow).toBe(100);
    expect((await from('192.0.2.1', { deviceToken })).codes).toEqual([]);
  });

  it(`${GUESSES} times, as many accounts from one address, is looked at rarely`, async () => {
    const victims = await Promise.all(
      Array.from({ length: 20 }, () => aUser(app, { partnerId: hub.id })),
    );
    const { deviceToken } = (await from('203.0.113.7', {})).data.signIn;
    const log = await inLanes(GUESSES, LANES, (index) => {
      const email = victims[index % 500]?.email ?? `nobody-${index}@example.com`;
      return guess(index, email, '203.0.113.7');
    });
    const judged = judge(log);
    console.log('many accounts, one address:', log.length, judged, byCode(log));
    expect(judged.evaluated).toBe(Math.min(GUESSES, 100));
    // A user behind the same address is let in by his device.
    app.clock.advance(30_000);
    expect((await from('203.0.113.7', {})).codes).toEqual(
      GUESSES >= 100 ? ['SIGN_IN_THROTTLED'] : [],
    );
    expect((await from('203.0.113.7', { deviceToken })).codes).toEqual([]);
  });

  it('by aliases in one document is counted one by one', async () => {
    const field = (index: number) =>
      `a${index}: signIn(email: "${user.email}", password: "guess ${index}") { userId }`;
    const document = `mutation { ${Array.from({ length: 15 }, (_, at) => field(at)).join(' ')} }`;
    const answers = await inLanes(trials(100), 4, () => app.graphql(document));
    const codes = answers.flatMap((answer) => answer.codes);
    const looked = await refusedEvents(user.id);
    console.log(`aliases: ${answers.length} documents of 15 guesses, ${looked} looked at`);
    expect(looked).toBe(Math.min(10, answers.length));
    expect(new Set(codes)).toEqual(
      new Set(codes.length > 10 ? [...REFUSALS] : ['SIGN_IN_REFUSED']),
    );
  });

  it('over a socket is not looked at', async () => {
    const other = await aUser(app, { partnerId: hub.id });
    const peer = new SocketPeer(app.socketUrl);
    sockets.add(peer);
    await peer.signIn(await app.signIn(other.email));
    const query = `mutation { signIn(email: "${user.email}", password: "guess") { userId } }`;
    const count = trials(200);
    for (let index = 0; index < count; index += 1) {
      peer.subscribe(`m${index}`, query);
      expect(await peer.refusal(`m${index}`)).toEqual(['SUBSCRIPTIONS_ONLY']);
    }
    expect(await refusedEvents(user.id)).toBe(0);
  });

  it('is found out when attempts are counted after they were looked at', async () => {
    let counted: number[] = [];
    const careless = async (index: number): Promise<Guess> => {
      const at = app.clock.now().getTime();
      counted = counted.filter((one) => one > at - 900_000);
      const free = counted.length < 10;
      await delay(1);
      if (free) counted.push(at);
      const code = free ? 'SIGN_IN_REFUSED' : 'SIGN_IN_THROTTLED';
      return { at, email: 'a@b.c', address: addressOf(index), code };
    };
    expect(judge(await inLanes(500, LANES, careless)).perAccount).toBeGreaterThan(10);
  });

  it('is found out when windows begin anew instead of sliding', async () => {
    let [begun, count] = [0, 0];
    const log = Array.from({ length: 400 }, (_, index): Guess => {
      const at = index * 9_000;
      if (at >= begun + 900_000) [begun, count] = [at, 0];
      // The attacker saves his guesses for the end of the window.
      const saved = begun === 0 && at < 810_000 && count > 0;
      const code = saved ? 'waits' : count < 10 ? 'SIGN_IN_REFUSED' : 'SIGN_IN_THROTTLED';
      if (code === 'SIGN_IN_REFUSED') count += 1;
      return { at, email: 'a@b.c', address: addressOf(index), code };
    });
    expect(judge(log).perAccount).toBeGreaterThan(10);
  });
});

describe('one-time passwords (A2)', () => {
  const ROUNDS = trials(20);

  it(`open one session when fifty use one at once, ${ROUNDS} times`, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      app.clock.advance(16 * 60_000);
      const answers = await inLanes(50, 50, (index) => from(addressOf(index), {}));
      const opened = answers.filter(({ codes }) => codes.length === 0);
      expect(opened).toHaveLength(1);
      const stale = totpAt(user.totpSecret, app.clock.now());
      app.clock.advance(30_000);
      const device = { deviceToken: opened[0]?.data.signIn.deviceToken };
      expect((await from('192.0.2.1', { totp: stale, ...device })).codes).toEqual([
        'SIGN_IN_REFUSED',
      ]);
    }
  });

  it('step up one session when fifty use one at once', async () => {
    const tokens = await inLanes(50, 10, () => app.signIn(user.email));
    app.clock.advance(30_000);
    const totp = totpAt(user.totpSecret, app.clock.now());
    const answers = await inLanes(50, 50, (index) => app.graphql(STEP_UP, { totp }, tokens[index]));
    expect(answers.filter(({ codes }) => codes.length === 0)).toHaveLength(1);
  });

  it('are taken once below the throttle, and a careless way to do it is found out', async () => {
    const { database } = app.app;
    const taken = async (take: (tx: Tx, step: number) => Promise<boolean>, step: number) => {
      const answers = await inLanes(50, 50, () =>
        database.write({ partnerId: hub.id }, (tx) => take(tx, step)),
      );
      return answers.filter(Boolean).length;
    };
    const { takeStep } = await import('../../src/identity/one-time-password.store.js');
    const now = Math.floor(app.clock.now().getTime() / 30_000);
    for (let round = 0; round < trials(100); round += 1) {
      expect(await taken((tx, step) => takeStep(tx, user.id, step), now + round)).toBe(1);
    }
    const careless = async (tx: Tx, step: number) => {
      const [row]: { last: string }[] = await tx.query(
        'SELECT totp_last_step AS last FROM app_user WHERE id = $1',
        [user.id],
      );
      if (Number(row?.last) >= step) return false;
      await tx.query('UPDATE app_user SET totp_last_step = $2 WHERE id = $1', [user.id, step]);
      return true;
    };
    expect(await taken(careless, now + 1_000_000)).toBeGreaterThan(1);
  });

  it('belong to their own half minute', () => {
    const secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
    for (let index = 0; index < trials(2_000); index += 1) {
      const moment = new Date(1_790_000_000_000 + index * 7_919_000);
      const step = Math.floor(moment.getTime() / 30_000);
      const code = totpAt(secret, moment);
      expect(matchingStep(secret, code, moment)).toBe(step);
      for (const away of [-30_000, 30_000]) {
        const other = new Date(moment.getTime() + away);
        // Two neighbouring steps have the same code once in a million.
        if (totpAt(secret, other) !== code) expect(matchingStep(secret, code, other)).toBeNull();
      }
    }
  });
});

describe('recovery codes (A3)', () => {
  it('open one session each, however many use one, and lie nowhere in the database', async () => {
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      tx.query(
        'UPDATE app_user SET totp_secret_encrypted = NULL, totp_enrolled_at = NULL WHERE id = $1',
        [user.id],
      ),
    );
    const { recoveryCodes } = await enrol(app, user);
    expect(recoveryCodes).toHaveLength(10);
    const text = await dumpOf(app);
    for (const code of recoveryCodes) {
      for (const form of [code, code.replaceAll('-', ''), Buffer.from(code).toString('hex')]) {
        expect(text.includes(form)).toBe(false);
      }
    }
    // The search finds what is there.
    expect(text).toContain(user.email);
    const { email, password } = user;
    let deviceToken: string | undefined;
    for (const recoveryCode of recoveryCodes) {
      app.clock.advance(16 * 60_000);
      const given = { email, password, recoveryCode, deviceToken };
      const answers = await inLanes(50, 50, () => app.graphql(SIGN_IN, given));
      const opened = answers.filter(({ codes }) => codes.length === 0);
      expect(opened).toHaveLength(1);
      deviceToken = opened[0]?.data.signIn.deviceToken;
      app.clock.advance(16 * 60_000);
      const again = await app.graphql(SIGN_IN, { ...given, deviceToken });
      expect(again.codes).toEqual(['SIGN_IN_REFUSED']);
    }
  });
});

/** Every row of every table as text. */
async function dumpOf({ app: { database } }: TestApp): Promise<string> {
  return database.read(SYSTEM_SCOPE, async (tx) => {
    const tables: { name: string }[] = await tx.query(
      `SELECT c.relname AS name FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
       AND c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT')`,
    );
    const texts: string[] = [];
    for (const { name } of tables) {
      const rows: { row: string }[] = await tx.query(`SELECT t::text AS row FROM "${name}" AS t`);
      texts.push(...rows.map(({ row }) => row));
    }
    return texts.join('\n');
  });
}

describe('unknown users (A4)', () => {
  const EACH = trials(200);
  const REQUEST = 'mutation ($email: String!) { requestPasswordReset(email: $email) }';
  const texts = new Set<string>();
  let serial = 0;

  async function timeOf(work: () => Promise<Answer>): Promise<number> {
    const begin = performance.now();
    texts.add((await work()).text);
    return performance.now() - begin;
  }

  /** Times of two kinds of work in turn, `each` of either; users last for so many attempts. */
  async function timed(
    each: number,
    perUser: number,
    work: (email: string) => Promise<Answer>,
  ): Promise<{ known: number[]; unknown: number[] }> {
    const [known, unknown]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < each; turn += 1) {
      if (turn % perUser === 0) {
        app.clock.advance(61 * 60_000);
        user = await aUser(app, { partnerId: hub.id });
        serial += 1;
      }
      const sides = [
        [known, user.email],
        [unknown, `nobody-${serial}@example.com`],
      ] as const;
      for (const [times, email] of turn % 2 === 0 ? sides : [...sides].reverse()) {
        times.push(await timeOf(() => work(email)));
      }
    }
    return { known, unknown };
  }

  // A busy machine blurs the middle of few: more are added, which a real difference outlives.
  async function ratioOf(
    name: string,
    batch: () => Promise<{ known: number[]; unknown: number[] }>,
  ): Promise<number> {
    const [known, unknown]: [number[], number[]] = [[], []];
    let ratio = Number.NaN;
    for (let tries = 0; tries < 5; tries += 1) {
      const more = await batch();
      known.push(...more.known);
      unknown.push(...more.unknown);
      ratio = median(known) / median(unknown);
      if (Math.abs(ratio - 1) < 0.05) break;
    }
    const [a, b] = [median(known).toFixed(2), median(unknown).toFixed(2)];
    console.log(`${name}: known ${a} ms, unknown ${b} ms, ${ratio.toFixed(4)} of ${known.length}`);
    return ratio;
  }

  const wrongSignIn = (email: string) =>
    from('192.0.2.9', { email, password: 'a wrong password', totp: '123456' });
  const request = (email: string) => app.graphql(REQUEST, { email });

  it(`cost what known ones cost in ${EACH} sign-ins, and read the same`, async () => {
    texts.clear();
    const ratio = await ratioOf('sign-in', () => timed(EACH, 10, wrongSignIn));
    expect(texts.size).toBe(1);
    if (EACH >= 200) expect(Math.abs(ratio - 1)).toBeLessThan(0.05);
  });

  it(`cost what known ones cost in ${EACH} requests for a new password`, async () => {
    texts.clear();
    const ratio = await ratioOf('reset', () => timed(EACH, 3, request));
    expect(texts.size).toBe(1);
    if (EACH >= 200) expect(Math.abs(ratio - 1)).toBeLessThan(0.05);
  });

  it('are found out when no password is compared for them', async () => {
    const careless = (email: string) =>
      email.startsWith('nobody') ? request(`${email}.${performance.now()}`) : wrongSignIn(email);
    const batch = () => timed(Math.max(20, Math.floor(EACH / 5)), 10, careless);
    expect(await ratioOf('careless', batch)).toBeGreaterThan(1.05);
  });
});

describe('what changes a sign-in (A8)', () => {
  const PEERS = 8;

  async function watched(): Promise<SocketPeer[]> {
    return inLanes(PEERS, 4, async () => {
      const peer = new SocketPeer(app.socketUrl);
      sockets.add(peer);
      await peer.signIn(await app.signIn(user.email));
      peer.subscribe('1', 'subscription { alarmRaised { id } }');
      return peer;
    });
  }

  async function secondsUntilClosed(peers: readonly SocketPeer[]): Promise<number> {
    const begin = performance.now();
    const codes = await Promise.all(peers.map(async (peer) => (await peer.closed).code));
    expect(new Set(codes)).toEqual(new Set([4403]));
    return (performance.now() - begin) / 1000;
  }

  const changes: Record<string, (own: string) => Promise<Answer>> = {
    'a new password': (own) =>
      app.graphql(
        'mutation ($o: String!, $n: String!) { changePassword(oldPassword: $o, newPassword: $n) }',
        { o: user.password, n: 'nine grey otters' },
        own,
      ),
    'a new authenticator': async (own) => {
      const begun = await app.graphql(
        'mutation { replaceTotp { enrolmentToken secret } }',
        null,
        own,
      );
      const { enrolmentToken, secret } = begun.data.replaceTotp;
      return app.graphql(
        `mutation ($t: String!, $c: String!) {
          confirmTotpEnrolment(enrolmentToken: $t, totp: $c) { recoveryCodes }
        }`,
        { t: enrolmentToken, c: totpAt(secret, app.clock.now()) },
      );
    },
    'an authenticator taken away': async (own) =>
      app.graphql(
        'mutation ($id: ID!) { removeTotp(userId: $id) { id } }',
        { id: user.globalId },
        own,
      ),
  };

  for (const [name, change] of Object.entries(changes)) {
    it(`ends other sessions and their sockets within five seconds: ${name}`, async () => {
      const own = await app.signIn(user.email);
      const other = await app.signIn(user.email);
      const peers = await watched();
      expect((await change(own)).codes).toEqual([]);
      const seconds = await secondsUntilClosed(peers);
      console.log(`${name}: ${PEERS} sockets closed within ${seconds.toFixed(2)} s`);
      expect(seconds).toBeLessThan(5.5);
      const answer = await app.graphql('{ viewer { permissions } }', null, other);
      expect(answer.codes).toEqual(['UNAUTHENTICATED']);
    });
  }
});
