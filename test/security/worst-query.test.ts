import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSchema } from '../../src/schema.js';
import { Superuser } from '../fixtures/audit-tamper.js';
import { Bystander, type Fared } from '../fixtures/bystander.js';
import { aCrowd } from '../fixtures/crowd.js';
import { aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { besides } from '../fixtures/serve-process.js';
import { ask, type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';
import { type Costly, worstQueries } from '../fixtures/worst-query.js';

const SECONDS = Math.max(5, trials(30));
const PER_SECOND = 20;
/** So many that no budget of a single user stands in the way of any of them. */
const ATTACKERS = 20;

let app: TestApp;
let hub: BuiltPartner;
let server: Awaited<ReturnType<typeof besides>>;
let worst: Costly[];

beforeAll(async () => {
  app = await testApp({ start: false });
  const size = { resellers: 50, customersEach: 39, alarms: 5_000, entries: 20_000, xdrs: 100_000 };
  hub = await aCrowd(app, size);
  server = await besides(app, { KONTOR_ADDRESS_RATE: '100000' });
  const token = await newToken();
  const wide = await besides(app, { KONTOR_USER_COST: '1000000000' });
  worst = await worstQueries(wide.url, token, buildSchema(), app.app.config);
  await wide.stop();
  console.log(`worst query: ${worst.length} documents within the limits`);
  for (const { name, ms } of worst.slice(0, 8)) console.log(`  ${ms.toFixed(0)} ms ${name}`);
});
afterAll(async () => {
  await server?.stop();
  const root = await Superuser.of(app);
  // Nobody has done what the crowd's entries tell.
  await root.query('DELETE FROM audit_entry WHERE user_id = 7');
  await root.end();
  await app?.stop();
});

const newToken = async () => app.signIn((await aUser(app, { partnerId: hub.id })).email);

interface Stormed {
  readonly sent: number;
  readonly codes: Record<string, number>;
  readonly bystander: Fared;
}

/** Sends documents at a steady rate, whatever becomes of them, beside somebody who works. */
async function storm(queries: readonly string[], seconds: number): Promise<Stormed> {
  const tokens = await Promise.all(Array.from({ length: ATTACKERS }, newToken));
  const bystander = new Bystander(server.url, await newToken(), 50);
  const codes: Record<string, number> = {};
  const count = (code: string) => {
    codes[code] = (codes[code] ?? 0) + 1;
  };
  const asked: Promise<void>[] = [];
  const begin = performance.now();
  for (let n = 0; n < seconds * PER_SECOND; n += 1) {
    await delay(Math.max(0, begin + (n * 1_000) / PER_SECOND - performance.now()));
    const query = queries[n % queries.length] as string;
    const one = ask(server.url, { query }, tokens[n % ATTACKERS]).then(({ codes: found }) =>
      count(found[0] ?? 'answered'),
    );
    asked.push(one.catch(() => count('cut off')));
  }
  const fared = await bystander.stop();
  await Promise.all(asked);
  return { sent: asked.length, codes, bystander: fared };
}

describe(`the worst queries that are accepted, ${PER_SECOND} a second (G2)`, () => {
  it('are far from the time that a statement may take', () => {
    expect(worst[0]?.ms).toBeLessThan(5_000);
  });

  it(`leave others at work, for ${SECONDS} seconds each`, async () => {
    const [first] = worst as [Costly];
    const listOf = ({ name }: Costly) => name.slice(0, name.indexOf('('));
    const second = worst.find((one) => listOf(one) !== listOf(first)) as Costly;
    for (const { name, query } of [first, second]) {
      const { sent, codes, bystander } = await storm([query], SECONDS);
      console.log(`worst query: ${name}: ${sent} sent`, codes, bystander);
      expect.soft(bystander.failed).toBe(0);
      expect.soft(bystander.p99).toBeLessThan(1_000);
    }
  });
});
