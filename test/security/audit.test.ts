import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHeadFile, trustedHead } from '../../src/audit/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { manyEntries, Superuser, TAMPERINGS } from '../fixtures/audit-tamper.js';
import { anAccount, aWorld, type World } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { trials } from '../fixtures/trials.js';

const ENTRIES = trials(100_000);
// Ten rounds of ten lanes, so whole hundreds.
const WRITES = Math.max(1, Math.round(trials(1_000) / 100)) * 100;

let app: TestApp;
let world: World;
let root: Superuser;
let heads: ReturnType<typeof trustedHead>[];

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  root = await Superuser.of(app);
  await manyEntries(root, ENTRIES);
  const { auditHeads } = app.app.services;
  const { files } = await auditHeads.export();
  const keys = new Set([auditHeads.publicKey]);
  heads = files.map((file) =>
    trustedHead(readHeadFile(file) as NonNullable<ReturnType<typeof readHeadFile>>, keys),
  );
});

afterAll(async () => {
  await root?.query('DELETE FROM audit_entry WHERE user_id = 7');
  await root?.end();
  await app?.stop();
});

const verify = () => app.app.services.auditHeads.verify(heads, null);

describe(`a chain of ${ENTRIES} entries`, () => {
  it('is verified in seconds', async () => {
    const begun = performance.now();
    const found = await verify();
    const seconds = (performance.now() - begun) / 1000;
    expect(found).toMatchObject({ entries: ENTRIES, proven: ENTRIES, finding: null });
    console.log(`${ENTRIES} entries verified in ${seconds.toFixed(2)} s`);
    expect(seconds).toBeLessThan(30);
  });

  it.each(TAMPERINGS)('shows $name at its very place', async ({ fault, bad, run }) => {
    for (const share of [0.001, 0.37, 0.99]) {
      const place = Math.max(2, Math.floor(ENTRIES * share));
      const { finding } = await root.meddling(async () => {
        await run(root, place);
        return verify();
      });
      expect(finding).toEqual({ fault, firstBad: bad(place), firstBadAtLatest: bad(place) });
    }
  });
});

describe('what an entry costs', () => {
  const update = (tx: { query(sql: string, values: unknown[]): Promise<unknown> }) =>
    tx.query(`UPDATE partner SET address = address || 'x' WHERE id = $1`, [world.customerA.id]);
  const act = { operation: 'x', arguments: { a: 1 }, reason: null, requestId: 'r' };

  it(`is told for ${WRITES} writes, one after the other and ten at once`, async () => {
    const { database, services } = app.app;
    const scope = { partnerId: world.hub.id };
    const actor = {
      kind: 'USER',
      userId: 7,
      partnerId: world.hub.id,
      homePartnerId: world.hub.id,
      sessionId: null,
      apiKeyId: null,
    } as const;
    const ways = {
      audited: (work: typeof update) => services.audit.write(scope, act, actor, work),
      plain: (work: typeof update) => database.write(scope, work),
    };
    const nothing = (tx: Parameters<typeof update>[0]) => tx.query('SELECT 1', []);
    for (const [lanes, work] of [
      [1, update],
      [10, nothing],
    ] as const) {
      const ms = { audited: 0, plain: 0 };
      for (let round = 0; round < 10; round += 1) {
        for (const way of ['plain', 'audited'] as const) {
          const begun = performance.now();
          await Promise.all(
            Array.from({ length: lanes }, async () => {
              for (let n = 0; n < WRITES / 10 / lanes; n += 1) await ways[way](work);
            }),
          );
          ms[way] += performance.now() - begun;
        }
      }
      const per = (way: 'audited' | 'plain') => (ms[way] / WRITES).toFixed(2);
      console.log(`${lanes} at once: ${per('audited')} ms a write, ${per('plain')} without entry`);
    }
    const rows = await database.read(SYSTEM_SCOPE, (tx) =>
      tx.query(`SELECT count(*)::int AS n FROM audit_entry WHERE operation = 'x'`),
    );
    expect(rows).toEqual([{ n: 2 * WRITES }]);
    await anAccount(app, world.tokenA, world.customerA);
    expect((await verify()).finding).toBeNull();
  });
});
