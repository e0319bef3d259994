import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { Superuser } from '../fixtures/audit-tamper.js';
import type { World } from '../fixtures/partner.js';
import { anAccount, aWorld, CREATE_ACCOUNT, call, refusal, tokenOf } from '../fixtures/partner.js';
import { aUser } from '../fixtures/partner-builder.js';
import { aSale, CREATE_SUBSCRIPTION } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const ENTRIES = `query ($filter: AuditFilter, $first: Int = 50, $after: String) {
  auditEntries(filter: $filter, first: $first, after: $after) {
    nodes {
      id seq at operation reason requestId hash arguments subjects
      actor { kind userId apiKeyId sessionId partnerId homePartnerId }
      changes { table action key before after hidden }
      further { table rows hash }
    }
    pageInfo { hasNextPage endCursor }
  }
}`;
const UPDATE = `mutation ($input: UpdatePartnerInput!) { updatePartner(input: $input) { id } }`;
const CREATE_PARTNER = `mutation ($input: CreatePartnerInput!) {
  createPartner(input: $input) { id }
}`;
const CREATE_ROLE = `mutation ($input: CreateRoleInput!) { createRole(input: $input) { id } }`;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Entry = any;

async function entries(filter: object = {}, token = world.hubToken): Promise<Entry[]> {
  return (await call(app, token, ENTRIES, { filter })).nodes;
}

async function newest(token = world.hubToken): Promise<Entry> {
  return (await call(app, token, ENTRIES, { first: 1 })).nodes[0];
}

async function count(): Promise<number> {
  const rows = await app.app.database.read(SYSTEM_SCOPE, (tx) =>
    tx.query('SELECT count(*)::int AS n FROM audit_entry'),
  );
  return (rows as { n: number }[])[0]?.n ?? -1;
}

describe('an entry', () => {
  it('tells who did what on whose behalf, what was before and what is after', async () => {
    const user = await aUser(app, { partnerId: world.resellerA.id });
    const token = await app.signIn(user.email);
    const id = world.customerA.globalId;
    await call(app, token, UPDATE, { input: { id, country: 'AT', language: 'fr' } });
    const answer = await app.graphql(
      UPDATE,
      { input: { id, country: 'CH', address: 'Bahnhofstrasse 1, Bern' } },
      token,
    );
    const entry = await newest();
    expect(entry).toMatchObject({
      operation: 'updatePartner',
      reason: null,
      requestId: answer.headers.get('x-request-id'),
      actor: {
        kind: 'USER',
        userId: user.globalId,
        apiKeyId: null,
        sessionId: expect.any(String),
        partnerId: world.resellerA.globalId,
        homePartnerId: world.resellerA.globalId,
      },
      arguments: { input: { id, country: 'CH', address: '‹22 characters›' } },
      subjects: [id],
      further: [],
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(entry.changes).toEqual([
      {
        table: 'partner',
        action: 'UPDATE',
        key: { id: String(world.customerA.id), kind: 'BUSINESS_CUSTOMER' },
        before: { country: 'AT', address: '' },
        after: { country: 'CH', address: 'Bahnhofstrasse 1, Bern' },
        hidden: [],
      },
    ]);
  });

  it('tells why, as the header says in any letters', async () => {
    const input = { partnerId: world.customerA.globalId, name: 'Z' };
    const said = 'Ticket 4711: Größe geändert, weil +49 151 12345678 anrief';
    const response = await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${world.tokenA}`,
        'kontor-reason': encodeURIComponent(said),
      },
      body: JSON.stringify({ query: CREATE_ACCOUNT, variables: { input } }),
    });
    expect(response.status).toBe(200);
    const entry = await newest();
    expect(entry.reason).toBe('Ticket 4711: Größe geändert, weil +49 151 ****678 anrief');
    expect(entry.operation).toBe('createAccount');
  });

  it('is written in the transaction of its effect', async () => {
    const { id } = await anAccount(app, world.tokenA, world.customerA);
    const root = await Superuser.of(app);
    try {
      const rows = await root.query(
        `SELECT e.xmin::text = a.xmin::text AS same, e.operation FROM account a, audit_entry e
         WHERE a.id = $1 AND e.seq = (SELECT max(seq) FROM audit_entry)`,
        [Number(Buffer.from(id, 'base64url').toString().split(':')[1])],
      );
      expect(rows).toEqual([{ same: true, operation: 'createAccount' }]);
    } finally {
      await root.end();
    }
  });

  it('is not written for what was refused, before or after it had begun to write', async () => {
    const before = await count();
    const foreign = { partnerId: world.resellerB.globalId, name: 'X' };
    expect(await refusal(app, world.tokenA, CREATE_ACCOUNT, { input: foreign })).toBe('NOT_FOUND');
    const clerk = await tokenOf(app, world.resellerA, ['partner.read']);
    expect(await refusal(app, clerk, UPDATE, { input: { id: world.customerA.globalId } })).toBe(
      'FORBIDDEN',
    );
    const number = `N-${Date.now()}`;
    const input = { partnerId: world.customerA.globalId, name: 'X', number };
    await call(app, world.tokenA, CREATE_ACCOUNT, { input });
    expect(await refusal(app, world.tokenA, CREATE_ACCOUNT, { input })).not.toBe('');
    expect(await count()).toBe(before + 1);
  });

  it('is one for each field, in the order of the fields', async () => {
    const before = await count();
    const input = { partnerId: world.customerA.globalId, name: 'X' };
    const answer = await app.graphql(
      `mutation ($input: CreateAccountInput!) {
        a: createAccount(input: $input) { id }
        b: createAccount(input: $input) { id }
        c: createAccount(input: $input) { id }
      }`,
      { input },
      world.tokenA,
    );
    const made = ['a', 'b', 'c'].map((key) => answer.data[key].id);
    const found = (await entries()).slice(0, 3).reverse();
    expect(await count()).toBe(before + 3);
    expect(found.map((entry) => entry.subjects[0])).toEqual(made);
  });

  it('is one without changes when an idempotency key gives the stored answer', async () => {
    const given = { input: { partnerId: world.customerA.globalId, name: 'X' }, key: 'once more' };
    const first = await call(app, world.tokenA, CREATE_ACCOUNT, given);
    const again = await call(app, world.tokenA, CREATE_ACCOUNT, given);
    expect(again.id).toBe(first.id);
    const [second, one] = await entries();
    expect([one.changes.length, second.changes.length]).toEqual([1, 0]);
  });

  it('names the user whose password or token it was when nobody was signed in', async () => {
    const user = await aUser(app, { partnerId: world.resellerB.id });
    const session = await app.app.services.signIn.openSession({
      id: user.id,
      partnerId: user.partnerId,
    });
    const refresh = 'mutation ($t: String!) { refreshSession(refreshToken: $t) { accessToken } }';
    await app.graphql(refresh, { t: session.refreshToken });
    expect(await newest()).toMatchObject({
      operation: 'refreshSession',
      arguments: { refreshToken: `‹${session.refreshToken.length} characters›` },
      actor: { kind: 'NOBODY', userId: user.globalId, partnerId: world.resellerB.globalId },
    });
  });

  it('keeps fifty rows of a table, and a count and a hash of the others', async () => {
    const sale = await aSale(app, world, world.resellerA, world.customerA);
    const subscriptions = Array.from({ length: 60 }, (_, n) => ({
      label: `Line of Mr ${n}`,
      numbers: [`49151${String(20_000_000 + n)}`],
    }));
    await call(
      app,
      world.hubToken,
      `mutation ($input: CreateSubscriptionsInput!) { createSubscriptions(input: $input) { id } }`,
      { input: { ...sale, startsAt: '2026-03-01T00:00:00Z', subscriptions } },
    );
    const { changes, further } = await newest();
    expect(changes).toHaveLength(100);
    expect(further).toEqual(
      ['subscription', 'subscription_identity'].map((table) => {
        return { table, rows: 10, hash: expect.stringMatching(/^[0-9a-f]{64}$/) };
      }),
    );
  });
});

describe('what is noted of statements', () => {
  const noted = async (statements: readonly string[]) => {
    const client = new pg.Client({ connectionString: app.database.urls.ownerUrl });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query('CREATE TABLE noted (id int PRIMARY KEY, name text, secret text)');
      await client.query(`SELECT audit_table('noted'), set_config('kontor.audit', 'on', true)`);
      for (const statement of statements) await client.query(statement);
      const { rows } = await client.query('SELECT lines, further FROM audit_notes()');
      const lines = (rows[0].lines as string).trim().split('\n');
      return { changes: lines.map((line) => JSON.parse(line)), further: rows[0].further };
    } finally {
      await client.end();
    }
  };
  const insert = (from: number, to: number, secret = 'x') =>
    `INSERT INTO noted SELECT n, 'N' || n, '${secret}' FROM generate_series(${from}, ${to}) AS n`;

  it('is each row that changed, before and after, in their order', async () => {
    const { changes, further } = await noted([
      insert(1, 3),
      `UPDATE noted SET name = CASE id WHEN 2 THEN name ELSE 'M' END`,
      `UPDATE noted SET secret = 'y' WHERE id = 3`,
      'DELETE FROM noted WHERE id = 1',
      'UPDATE noted SET name = name',
      'DELETE FROM noted WHERE id = 9',
      `WITH gone AS (DELETE FROM noted WHERE id = 2)
       INSERT INTO noted VALUES (3, 'O', 'z'), (4, 'P', NULL)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name`,
    ]);
    const line = (o: string, id: number, b: object, a: object, h: string[]) => {
      return { t: 'noted', o, k: { id: String(id) }, b, a, h };
    };
    expect(changes.slice(0, 7)).toEqual([
      ...[1, 2, 3].map((id) =>
        line('INSERT', id, {}, { id: String(id), name: `N${id}` }, ['secret']),
      ),
      line('UPDATE', 1, { name: 'N1' }, { name: 'M' }, []),
      line('UPDATE', 3, { name: 'N3' }, { name: 'M' }, []),
      line('UPDATE', 3, {}, {}, ['secret']),
      line('DELETE', 1, { id: '1', name: 'M' }, {}, ['secret']),
    ]);
    const inOne = changes.slice(7).sort((one, other) => one.k.id - other.k.id);
    expect(inOne).toEqual([
      line('DELETE', 2, { id: '2', name: 'N2' }, {}, ['secret']),
      line('UPDATE', 3, { name: 'M' }, { name: 'O' }, []),
      line('INSERT', 4, {}, { id: '4', name: 'P' }, []),
    ]);
    expect(further).toBeNull();
  });

  it('are fifty rows and no more, however they are shared out among statements', async () => {
    const fifty = await noted([insert(1, 30), insert(31, 50), 'UPDATE noted SET name = name']);
    expect([fifty.changes.length, fifty.further]).toEqual([50, null]);
    const more = await noted([
      insert(1, 48),
      `UPDATE noted SET name = CASE WHEN id < 4 THEN name ELSE 'M' END WHERE id < 8`,
      insert(60, 60),
      'UPDATE noted SET name = name',
      'DELETE FROM noted WHERE id = 60',
    ]);
    expect(more.changes.slice(48).map(({ o, k }) => [o, k.id])).toEqual([
      ['UPDATE', '4'],
      ['UPDATE', '5'],
    ]);
    expect(more.further).toEqual([{ table: 'noted', rows: 4, hash: expect.any(String) }]);
  });

  it('are hashes of the others, in which every value but secrets has a say', async () => {
    const hashOf = async (statements: readonly string[]) =>
      (await noted([insert(1, 50), ...statements])).further[0].hash;
    const same = await hashOf([insert(51, 60), `UPDATE noted SET name = 'M' WHERE id > 58`]);
    expect(await hashOf([insert(51, 60, 'z'), `UPDATE noted SET name = 'M' WHERE id > 58`])).toBe(
      same,
    );
    const others = await Promise.all([
      hashOf([insert(51, 60), `UPDATE noted SET name = 'L' WHERE id > 58`]),
      hashOf([insert(51, 60), `UPDATE noted SET name = 'M' WHERE id > 59`]),
      hashOf([insert(51, 60), 'DELETE FROM noted WHERE id > 58']),
      hashOf([insert(51, 59), insert(61, 61), `UPDATE noted SET name = 'M' WHERE id > 58`]),
      hashOf([`UPDATE noted SET name = 'M' WHERE id > 48`, insert(51, 60)]),
    ]);
    expect(new Set([same, ...others]).size).toBe(6);
  });
});

describe('what an entry keeps', () => {
  it('has no secrets, of arguments or of rows', async () => {
    const password = 'a very secret horse 77';
    const email = `clerk-${Date.now()}@example.com`;
    const input = { email, displayName: 'Clerk', password, roleIds: [] };
    await call(
      app,
      world.hubToken,
      'mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }',
      { input },
    );
    const entry = await newest();
    const [user] = entry.changes.filter((change: Entry) => change.table === 'app_user');
    expect(user.after).toMatchObject({ email, display_name: 'Clerk', status: 'ACTIVE' });
    expect(Object.keys(user.after).join(' ')).not.toMatch(/password|secret/);
    expect(user.hidden).toContain('password_hash');
    const text = JSON.stringify(entry);
    expect(text).not.toContain(password);
    expect(text).not.toContain('argon2');
    expect(entry.arguments.input).toMatchObject({ password: '‹22 characters›' });
  });

  it('has no number of a subscriber and no name of a private customer', async () => {
    const made = await call(app, world.tokenA, CREATE_PARTNER, {
      input: {
        parentId: world.resellerA.globalId,
        kind: 'PRIVATE_CUSTOMER',
        name: 'Erika Mustermann',
        legalName: 'Erika Anna Mustermann',
        address: 'Heidestrasse 17, Berlin',
        email: 'erika@example.com',
        country: 'DE',
      },
    });
    const id = Number(Buffer.from(made.id, 'base64url').toString().split(':')[1]);
    const person = { id, globalId: made.id, parentId: world.resellerA.id };
    await call(app, world.tokenA, UPDATE, { input: { id: made.id, name: 'Erika Musterfrau' } });
    const sale = await aSale(app, world, world.resellerA, person);
    await call(app, world.hubToken, CREATE_SUBSCRIPTION, {
      input: {
        ...sale,
        label: 'Erika Mustermann privat',
        numbers: ['4915199887766', '49301234000-49301234099'],
        startsAt: '2026-03-01T00:00:00Z',
      },
    });
    const text = JSON.stringify(await entries({ from: '2020-01-01T00:00:00Z' }));
    expect(text).toContain('+49 151 ****766');
    expect(text).toContain('‹16 characters›');
    for (const secret of ['Erika', 'Muster', 'Heidestra', '99887', '1234000', '1234099']) {
      expect(text).not.toContain(secret);
    }
    const [person1] = await entries({ subjectId: made.id, operations: ['updatePartner'] });
    expect(person1.changes[0].before).toEqual({ name: '‹16 characters›' });
  });
});

describe('the list of entries', () => {
  it('shows a partner what was done for it and for those below, and nothing else', async () => {
    await anAccount(app, world.hubToken, world.resellerB);
    await anAccount(app, world.tokenB, world.resellerB);
    await anAccount(app, world.tokenA, world.customerA);
    const own = await entries({}, world.tokenB);
    expect(own.length).toBeGreaterThan(0);
    for (const { actor } of own) expect(actor.partnerId).toBe(world.resellerB.globalId);
    const all = await entries();
    expect(new Set(all.map((entry) => entry.actor.partnerId))).toContain(world.hub.globalId);
    const foreign = all.find((entry) => entry.actor.partnerId === world.resellerA.globalId);
    const one = 'query ($id: ID!) { auditEntry(id: $id) { id operation } }';
    expect(await call(app, world.tokenB, one, { id: foreign.id })).toBeNull();
    expect((await call(app, world.hubToken, one, { id: foreign.id })).id).toBe(foreign.id);
    const clerk = await tokenOf(app, world.hub, ['partner.read']);
    expect(await refusal(app, clerk, ENTRIES)).toBe('FORBIDDEN');
  });

  it('is searched by time, user, operation and subject', async () => {
    const user = await aUser(app, { partnerId: world.hub.id });
    const token = await app.signIn(user.email);
    await call(app, token, CREATE_ROLE, { input: { name: 'Searched', permissions: [] } });
    const account = await anAccount(app, token, world.customerA);
    expect((await entries({ userId: user.globalId })).map((each) => each.operation)).toEqual([
      'createAccount',
      'createRole',
    ]);
    const operations = ['createRole'];
    expect(await entries({ userId: user.globalId, operations })).toHaveLength(1);
    const [about] = await entries({ subjectId: account.id });
    expect(about.changes[0]).toMatchObject({ table: 'account', action: 'INSERT' });
    expect((await entries({ subjectId: world.customerA.globalId })).length).toBeGreaterThan(2);
    expect(await entries({ subjectId: toGlobalId('Partner', 999_999) })).toEqual([]);
    const { at } = about;
    expect((await entries({ from: at }))[0].id).toBe(about.id);
    const later = new Date(Date.parse(at) + 60_000).toISOString();
    expect(await entries({ from: later })).toEqual([]);
    expect(await refusal(app, token, ENTRIES, { filter: { subjectId: 'nonsense' } })).toBe(
      'INVALID_ID',
    );
  });

  it('is paged without gap or repetition, newest first', async () => {
    const all = (await entries({})).map((entry) => entry.seq);
    const seen: string[] = [];
    let after: string | null = null;
    for (;;) {
      const page = await call(app, world.hubToken, ENTRIES, { first: 7, after });
      seen.push(...page.nodes.map((entry: Entry) => entry.seq));
      after = page.pageInfo.endCursor;
      if (!page.pageInfo.hasNextPage) break;
    }
    expect(seen.slice(0, all.length)).toEqual(all);
    expect(seen).toEqual([...seen].sort((a, b) => Number(b) - Number(a)));
    expect(new Set(seen).size).toBe(await count());
  });
});
