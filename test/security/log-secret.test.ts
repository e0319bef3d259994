import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSchema } from '../../src/schema.js';
import { anyDocument } from '../fixtures/any-document.js';
import { upload } from '../fixtures/mediation.js';
import { aPartner, aUser, type BuiltUser } from '../fixtures/partner-builder.js';
import { SocketPeer } from '../fixtures/socket-peer.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

/** Begins every secret; hex and base64 of it are looked for, too. */
const CANARY = 'zqsecretzq';
const FORMS = [
  CANARY,
  Buffer.from(CANARY).toString('hex'),
  Buffer.from(CANARY).toString('base64'),
].map((form) => form.replace(/=+$/, '').slice(0, -2).toLowerCase());

const KEY = Buffer.from(`${CANARY}${'k'.repeat(32)}`.slice(0, 32)).toString('base64');
const CONFIGURED = {
  KONTOR_SECRET_KEY: KEY,
  KONTOR_SMTP_URL: `smtp://${CANARY}:${CANARY}@127.0.0.1:9`,
  KONTOR_MAIL_FROM: 'kontor@example.com',
  KONTOR_LOG_LEVEL: 'trace',
};

let app: TestApp;
let user: BuiltUser;
let token: string;
let sent = 0;

beforeAll(async () => {
  app = await testApp({ env: CONFIGURED });
  const hub = await aPartner(app);
  user = await aUser(app, { partnerId: hub.id });
  token = await app.signIn(user.email);
});
afterAll(() => app?.stop());

/** A value with every text in it exchanged for a secret. */
function poisoned(value: unknown): unknown {
  if (typeof value === 'string') {
    sent += 1;
    return `${CANARY}${sent}`;
  }
  if (Array.isArray(value)) return value.map(poisoned);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, poisoned(each)]));
}

function logged(): string[] {
  const lines = app.logged.join('').split('\n');
  return lines.filter((line) => FORMS.some((form) => line.toLowerCase().includes(form)));
}

describe('secrets in whatever is sent and configured (F10)', () => {
  it('are in no line of the log', async () => {
    const schema = buildSchema();
    const roots = [
      ['query', schema.getQueryType()],
      ['mutation', schema.getMutationType()],
    ] as const;
    for (const [kind, type] of roots) {
      for (const field of Object.values(type?.getFields() ?? {})) {
        const { query, variables } = anyDocument(kind, field);
        for (const bearer of [token, undefined, `${CANARY}.${CANARY}.x`, `ktr_${CANARY}_x`]) {
          // Signing out would end the session that all of it is asked with.
          if (bearer === token && /signOut|revokeSessions/.test(field.name)) continue;
          await app.graphql(query, poisoned(variables) as object, bearer);
          sent += 1;
        }
      }
    }
    const queries = [`{ ${CANARY} }`, `query ${CANARY} { viewer { permissions } }`, `{ "${CANARY}`];
    for (const query of queries.slice(0, 1)) await app.graphql(query, null, token);
    await app.graphql(queries[2] as string, null, token);
    await upload(app, token, `${CANARY}.csv`, `${CANARY},1\n`);
    for (const path of [`/${CANARY}`, `/graphql?${CANARY}=1`, `/files/${CANARY}`]) {
      await fetch(`${app.url}${path}`, {
        headers: { 'x-forwarded-for': CANARY, 'user-agent': CANARY, cookie: CANARY },
      });
      sent += 1;
    }
    await fetch(`${app.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'kontor-reason': CANARY },
      body: `{"query":"${CANARY}`,
    });
    const peer = await new SocketPeer(app.socketUrl).signIn(token);
    peer.subscribe('1', `subscription { alarmRaised { id ${CANARY} } }`);
    await peer.refusal('1');
    peer.send(`{"type":"${CANARY}"}`);
    await peer.closed;
    expect(logged().map((line) => line.slice(0, 300))).toEqual([]);
    console.log(`secrets: ${sent} sent, ${app.logged.length} lines of log, 0 found`);
    expect(sent).toBeGreaterThan(1_000);
    expect(app.logged.length).toBeGreaterThan(500);
  });

  it('are in no line when the server fails on them', async () => {
    const { database } = app.app;
    const original = database.openRead.bind(database);
    database.openRead = async () => {
      throw new SyntaxError(`near "${CANARY}"`, { cause: new Error(CANARY) });
    };
    const before = app.logged.length;
    const answer = await app.graphql('{ users { nodes { id } } }', null, token);
    database.openRead = original;
    expect(answer.text).not.toContain(CANARY);
    expect(app.logged.slice(before).join('')).toContain('failed');
    expect(logged()).toEqual([]);
  });

  it('would be found', () => {
    expect(FORMS.some((form) => JSON.stringify({ a: `x${CANARY}1` }).includes(form))).toBe(true);
  });
});
