import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readHeadFile } from '../../src/audit/index.js';
import { manyEntries, Superuser, TAMPERINGS } from '../fixtures/audit-tamper.js';
import { anAccount, aWorld, call, refusal, tokenOf, type World } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const VERIFY = `query ($heads: [AuditHeadInput!]! = [], $since: BigInt) {
  verifyAudit(heads: $heads, since: $since) {
    intact entries provenThrough fault firstBad firstBadAtLatest
  }
}`;
const HEADS = 'query { auditHeads(first: 100) { nodes { seq head signature publicKey } } }';
const ENTRIES = 400;

let app: TestApp;
let world: World;
let root: Superuser;
/** What an auditor keeps: the files of the heads. */
let kept: { head: string; signature: string; trail: string | null }[];

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  root = await Superuser.of(app);
  const files: string[] = [];
  for (let batch = 0; batch < 4; batch += 1) {
    await manyEntries(root, ENTRIES / 4);
    files.push(...(await app.app.services.auditHeads.export()).files);
  }
  kept = files.map((file) => {
    const { head, signature, trail } = readHeadFile(file) as NonNullable<
      ReturnType<typeof readHeadFile>
    >;
    return { head, signature, trail };
  });
});

afterAll(async () => {
  // Entries of no mutation are no part of what the audit is held against.
  await root?.query('DELETE FROM audit_entry WHERE user_id = 7');
  await root?.end();
  await app?.stop();
});

async function verify(heads: object[] = kept, since: string | null = null) {
  return call(app, world.hubToken, VERIFY, { heads, since });
}

describe('the chain of audit entries', () => {
  it('is intact and proven by the heads that were signed', async () => {
    expect(await verify()).toEqual({
      intact: true,
      entries: String(ENTRIES),
      provenThrough: String(ENTRIES),
      fault: null,
      firstBad: null,
      firstBadAtLatest: null,
    });
  });

  const places = [2, 57, 199, 201, ENTRIES - 3];
  it.each(TAMPERINGS)('shows $name, wherever it is', async ({ fault, bad, run }) => {
    for (const place of places) {
      const found = await root.meddling(async () => {
        await run(root, place);
        return verify();
      });
      const firstBad = String(bad(place));
      expect(found).toMatchObject({ intact: false, fault, firstBad, firstBadAtLatest: firstBad });
    }
    expect(await verify()).toMatchObject({ intact: true });
  });

  it('shows all but the two that cover up without any head from outside', async () => {
    const shown: boolean[] = [];
    for (const { run } of TAMPERINGS) {
      const found = await root.meddling(async () => {
        await run(root, 300);
        await root.query('DELETE FROM audit_signed_head');
        return verify([]);
      });
      shown.push(!found.intact);
    }
    // What was cut off or rewritten with care fits itself: only a head kept elsewhere tells.
    expect(shown).toEqual([true, true, true, true, true, true, false, false]);
  });

  it('tells from heads without trails between which places it was rewritten', async () => {
    const rewrite = TAMPERINGS.at(-1);
    const found = await root.meddling(async () => {
      await rewrite?.run(root, 250);
      await root.query('DELETE FROM audit_signed_head');
      return verify(kept.map(({ head, signature }) => ({ head, signature })));
    });
    expect(found).toMatchObject({
      fault: 'CHAIN_REWRITTEN',
      provenThrough: '200',
      firstBad: '201',
      firstBadAtLatest: '300',
    });
  });

  it('can be read from a trusted head on', async () => {
    expect(await verify(kept, '300')).toMatchObject({ intact: true, entries: '100' });
    const code = await refusal(app, world.hubToken, VERIFY, { heads: kept, since: '299' });
    expect(code).toBe('AUDIT_HEAD_INVALID');
  });

  it('refuses heads that were changed or signed by somebody else', async () => {
    const [first] = kept as [(typeof kept)[number]];
    const changed = { ...first, head: first.head.replace('"seq":100', '"seq":101') };
    const unsigned = { ...first, signature: Buffer.alloc(64).toString('base64') };
    for (const head of [changed, unsigned, { ...first, head: '{}' }]) {
      expect(await refusal(app, world.hubToken, VERIFY, { heads: [head] })).toBe(
        'AUDIT_HEAD_INVALID',
      );
    }
  });

  it('shows its heads to auditors of the hub and to nobody else', async () => {
    const heads = await call(app, world.hubToken, HEADS);
    expect(heads.nodes.map((head: { head: string }) => head.head)).toEqual(
      kept.map((head) => head.head),
    );
    const clerk = await tokenOf(app, world.hub, ['partner.read']);
    for (const query of [HEADS, VERIFY]) {
      expect(await refusal(app, world.tokenA, query)).toBe('NOT_HUB');
      expect(await refusal(app, clerk, query)).toBe('FORBIDDEN');
    }
  });

  it('is not signed any further once it was tampered with, and an alarm says so', async () => {
    const { auditHeads } = app.app.services;
    const found = await root.meddling(async () => {
      await manyEntries(root, 20);
      await root.query(`UPDATE audit_entry SET user_id = 8 WHERE seq = ${ENTRIES + 9}`);
      const exported = await auditHeads.export().catch((error: Error) => error);
      await app.app.outbox.runUntilIdle();
      return exported;
    });
    expect(found).toMatchObject({
      code: 'AUDIT_TAMPERED',
      details: { fault: 'ENTRY_CHANGED', firstBad: ENTRIES + 9 },
    });
    const alarms = await call(
      app,
      world.hubToken,
      'query { alarms(first: 5) { nodes { severity probableCause text } } }',
    );
    expect(alarms.nodes).toEqual([
      {
        severity: 'CRITICAL',
        probableCause: 'AUDIT_TAMPERED',
        text: `The audit was tampered with at entry ${ENTRIES + 9}.`,
      },
    ]);
    expect(await auditHeads.export()).toMatchObject({ files: [], seq: ENTRIES });
  });

  it('stays whole when 200 mutations come at the same moment', async () => {
    const begun = performance.now();
    await Promise.all(
      Array.from({ length: 200 }, () => anAccount(app, world.tokenA, world.customerA)),
    );
    const seconds = (performance.now() - begun) / 1000;
    const exported = await app.app.services.auditHeads.export();
    expect(exported.seq).toBe(ENTRIES + 200);
    expect(await verify()).toMatchObject({ intact: true, entries: String(ENTRIES + 200) });
    console.log(`200 mutations at once took ${seconds.toFixed(2)} s`);
  });
});
