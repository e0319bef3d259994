import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBillingInvariants } from '../../src/billing/index.js';
import { isoFromEpochDay } from '../../src/kernel/index.js';
import { createRun, rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { daysHeld, openDeliveries } from '../../src/privacy/erase.store.js';
import { checkUsageSums } from '../../src/rating/index.js';
import { recordDays } from '../../src/rating/rerate-plan.store.js';
import { aRate } from '../fixtures/catalog.js';
import { allRows, filesBelow, upload } from '../fixtures/mediation.js';
import { call, refusal, tokenOf } from '../fixtures/partner.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  IMPORT,
  importFile,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const FIELDS = 'id state reason report runId approvedById doneAt';
const REQUEST = `mutation ($input: RequestErasureInput!) { requestErasure(input: $input) {
  ${FIELDS}
} }`;
const APPROVE = `mutation ($id: ID!) { approveErasure(id: $id) { ${FIELDS} } }`;
const WITHDRAW = `mutation ($id: ID!) { withdrawErasure(id: $id) { ${FIELDS} } }`;
const SHOW = `query ($id: ID!) { erasure(id: $id) { ${FIELDS} } }`;
const XDRS = `query { xdrs(first: 100, filter: {
  from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z" }) {
  nodes { id startedAt aNumber bNumber quantity subscriptionId prices { level amount } }
} }`;
const EXPLAIN = `query ($id: ID!) { explainXdr(id: $id) {
  equal guiding { by equal } levels { level storedAmount recomputedAmount equal }
} }`;

/** Whom the direct customer calls, and what he writes it like. */
const FRIEND = '33612987654';
const OUT = 'CANARY-TRUNK-OUT';

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

let kontor: TestApp;
let world: TrafficWorld;
let owner: pg.Client;
/** Another user of the hub, who approves. */
let approver: string;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  approver = await tokenOf(kontor, world.hub);
  owner = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
  await owner.connect();
  await owner.query(`UPDATE partner SET kind = 'PRIVATE_CUSTOMER', name = 'Erika Mustermann',
    address = 'Heidestrasse 17', email = 'erika@example.com' WHERE id = ${world.direct.id}`);
  // What his number begins with has a price, so that he can be called.
  for (const list of ['cost', 'base', 'upperSells', 'lowerRetail'] as const) {
    await aRate(kontor, world.token, world.lists[list], { prefix: '1', price: '0.02' });
  }
  await importFile(
    kontor,
    world,
    'kontor',
    HEADER +
      call_('d1', '05', `+${DIRECT_NUMBER}`, `+${FRIEND}`, 90) +
      call_('d2', '05', '001 (202) 555-0123', '0033 6 12 98 76 54', 30) +
      // Known by the trunk that he comes in by; the number is another one of his.
      `d3,voice,2026-10-06T10:00:00Z,+12025550177,+33123456789,61,IN-DIRECT,${OUT}\n` +
      call_('c1', '06', `+${CUSTOMER_NUMBER}`, `+${DIRECT_NUMBER}`, 45) +
      call_('c2', '06', `+${CUSTOMER_NUMBER}`, `+${FRIEND}`, 33) +
      `d4,voice,2026-10-07T10:00:00Z,+${DIRECT_NUMBER},+${FRIEND},what,,${OUT}\n`,
  );
  await bill();
});

afterAll(async () => {
  await owner?.end();
  await kontor?.stop();
});

function call_(id: string, day: string, from: string, to: string, seconds: number): string {
  return `${id},voice,2026-10-${day}T10:00:00Z,${from},${to},${seconds},,${OUT}\n`;
}

const settled = () => settle(kontor);

async function bill(): Promise<void> {
  const start = 'mutation ($input: StartBillRunInput!) { startBillRun(input: $input) { id } }';
  const input = { period: '2026-10', sellerPartnerId: world.hub.globalId };
  const { id } = await call(kontor, world.token, start, { input });
  await settled();
  const finalise = 'mutation ($id: ID!) { finaliseBillRun(runId: $id) { id } }';
  await call(kontor, world.token, finalise, { id });
  await settled();
}

const ask = (query: string, given: object, token = world.token): Promise<Asked> =>
  call(kontor, token, query, given);

const input = () => ({ subscriptionId: world.subscriptions.direct, reason: 'Letter of 3 October' });

async function explained(): Promise<Asked[]> {
  const { nodes } = await ask(XDRS, {});
  return Promise.all(nodes.map((node: Asked) => ask(EXPLAIN, { id: node.id })));
}

/** Every table that holds any of the texts, as text or inside of bytes. */
async function tablesWith(texts: readonly string[]): Promise<string[]> {
  const { rows } = await owner.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
     AND relkind = 'r' ORDER BY 1`,
  );
  const found: string[] = [];
  for (const { name } of rows) {
    const hit = await owner.query(
      `SELECT 1 FROM ${name} AS t, unnest($1::text[]) AS x
       WHERE t::text LIKE '%' || x || '%'
         OR t::text LIKE '%' || encode(convert_to(x, 'UTF8'), 'hex') || '%' LIMIT 1`,
      [texts],
    );
    if (hit.rowCount) found.push(name);
  }
  return found;
}

function filesWith(text: string): string[] {
  const folder = join(kontor.app.config.dataDir, 'files');
  return filesBelow(folder).filter((name) =>
    readFileSync(join(folder, name), 'latin1')
      .split('\n')
      .some((line) => line.split(',').some((field) => field.replace(/\D/g, '').includes(text))),
  );
}

describe('asking for a subscriber to be forgotten', () => {
  it('is refused while the subscription lives or its usage is held', async () => {
    expect(await refusal(kontor, world.token, REQUEST, { input: input() })).toBe(
      'ERASURE_NOT_ENDED',
    );
    await ask('mutation ($id: ID!) { terminateSubscription(id: $id) { status } }', {
      id: world.subscriptions.direct,
    });
    const hold = await ask(
      'mutation ($input: HoldUsageInput!) { holdUsage(input: $input) { id } }',
      {
        input: {
          partnerId: world.hub.globalId,
          fromOn: '2026-10-01',
          toOn: '2026-11-01',
          reason: 'A dispute',
        },
      },
    );
    expect(await refusal(kontor, world.token, REQUEST, { input: input() })).toBe('ERASURE_ON_HOLD');
    const mute = { ...input(), reason: ' \n ' };
    expect(await refusal(kontor, world.token, REQUEST, { input: mute })).toBe('BAD_USER_INPUT');
    // Whoever sees nothing of the partner that holds it is bound all the same.
    const below = await tokenOf(kontor, world.direct);
    expect(await refusal(kontor, below, REQUEST, { input: input() })).toBe('ERASURE_ON_HOLD');
    await ask('mutation ($id: ID!) { releaseHold(id: $id) { id } }', { id: hold.id });
  });

  it('takes two people, each with the permission, and one subscription once', async () => {
    const asked = await ask(REQUEST, { input: input() });
    expect(asked).toMatchObject({ state: 'REQUESTED', report: {}, runId: null });
    const { id } = asked;
    expect(await refusal(kontor, world.token, REQUEST, { input: input() })).toBe('ERASURE_EXISTS');
    expect(await refusal(kontor, world.token, APPROVE, { id })).toBe('ERASURE_OWN_APPROVAL');
    const clerk = await tokenOf(kontor, world.hub, ['subscriber.erase', 'retention.read']);
    expect(await refusal(kontor, clerk, APPROVE, { id })).toBe('FORBIDDEN');
    const foreign = await tokenOf(kontor, world.upper);
    expect(await refusal(kontor, foreign, APPROVE, { id })).toBe('NOT_FOUND');
    expect(await ask(SHOW, { id }, foreign)).toBeNull();
    expect(await ask(WITHDRAW, { id })).toMatchObject({ state: 'WITHDRAWN' });
    expect(await refusal(kontor, approver, APPROVE, { id })).toBe('ERASURE_STATE');
  });
});

describe('an erasure', () => {
  let before: { xdrs: Asked[]; explained: Asked[]; invoices: unknown };

  beforeAll(async () => {
    before = {
      xdrs: (await ask(XDRS, {})).nodes,
      explained: await explained(),
      invoices: await allRows(kontor, 'SELECT * FROM invoice ORDER BY id'),
    };
    expect(before.xdrs).toHaveLength(5);
    expect(await tablesWith(['2025550123', '2025550177'])).not.toEqual([]);
    expect(filesWith('2025550123')).toHaveLength(1);
    const { id } = await ask(REQUEST, { input: input() });
    await ask(APPROVE, { id }, approver);
    await settled();
    expect(await ask(SHOW, { id })).toMatchObject({
      state: 'DONE',
      approvedById: expect.any(String),
      report: {
        identities: 1,
        records: 3,
        recordsOfOthers: 1,
        suspended: 1,
        files: 1,
        lines: 5,
        partners: 1,
      },
    });
  });

  it('leaves no number of the subscriber anywhere, and no key', async () => {
    expect(await tablesWith(['2025550123', '2025550177'])).toEqual([]);
    expect(filesWith('2025550123')).toHaveLength(1);
    // The bytes as they were delivered go an hour after they were stored.
    await kontor.app.services.uploads.open(new Date(kontor.clock.now().getTime() + 3_600_001));
    expect(filesWith('2025550123').concat(filesWith('2025550177'))).toEqual([]);
    expect(
      await allRows(kontor, 'SELECT work_sealed FROM erasure WHERE state = $1', ['DONE']),
    ).toEqual([{ work_sealed: null }]);
  });

  it('leaves whom he called in the records of others, and only there', async () => {
    const xdrs: Asked[] = (await ask(XDRS, {})).nodes;
    const called = (subscription: string) =>
      xdrs.filter((xdr) => xdr.subscriptionId === subscription).map((xdr) => xdr.bNumber);
    const { customer, direct } = world.subscriptions;
    expect(called(direct)).not.toContain(FRIEND);
    expect(called(customer)).toContain(FRIEND);
    expect(called(customer)).not.toContain(DIRECT_NUMBER);
    // The same number has one pseudonym, in the country and the network that it was in.
    const [one, two] = called(direct);
    expect(one).toBe(two);
    expect(one).toMatch(/^336\d{8}$/);
  });

  it('keeps instants, quantities, amounts, their explanations, sums and invoices', async () => {
    const bare = ({ aNumber: _a, bNumber: _b, ...rest }: Asked) => rest;
    expect((await ask(XDRS, {})).nodes.map(bare)).toEqual(before.xdrs.map(bare));
    const now = await explained();
    expect(now).toEqual(before.explained);
    for (const each of now) expect(each).toMatchObject({ equal: true, guiding: { equal: true } });
    expect(await allRows(kontor, 'SELECT * FROM invoice ORDER BY id')).toEqual(before.invoices);
    const read = kontor.app.database.read.bind(kontor.app.database);
    expect(await read(SYSTEM_SCOPE, checkUsageSums)).toEqual([]);
    expect(await read(SYSTEM_SCOPE, checkBillingInvariants)).toEqual([]);
  });

  it('takes the name of a private customer who has nothing else, but on his invoices', async () => {
    expect(await tablesWith(['Erika', 'Heidestrasse', 'erika@'])).toEqual(['invoice']);
    const partner = await ask('query ($id: ID!) { partner(id: $id) { name email address } }', {
      id: world.direct.globalId,
    });
    expect(partner).toEqual({ name: `Erased ${world.direct.id}`, email: null, address: '' });
  });

  it('finds the days of records however PostgreSQL goes about it', async () => {
    const [held, between] = await kontor.app.database.read(SYSTEM_SCOPE, async (tx) => {
      for (const way of ['nestloop', 'mergejoin']) await tx.query(`SET LOCAL enable_${way} = off`);
      const october = ['2026-10-01', '2026-11-01'].map(Date.parse) as [number, number];
      return [
        await daysHeld(tx, rowNumber('Subscription', world.subscriptions.direct)),
        // Re-rating asks for them, too.
        (await recordDays(tx, ...october)).map(({ day }) => isoFromEpochDay(day)),
      ];
    });
    expect(held).toEqual(expect.arrayContaining(['2026-10-05', '2026-10-06']));
    expect(between).toEqual(expect.arrayContaining(['2026-10-05', '2026-10-06']));
  });

  it('waits for what was begun by a run that has been cancelled since', async () => {
    const write = (sql: string, values: unknown[]) =>
      kontor.app.database.write(SYSTEM_SCOPE, (tx) => tx.query(sql, values));
    const run = { partnerId: world.hub.id, requestedBy: null, params: {}, unitsTotal: 1 };
    const batches = [{ payload: {}, units: 1 }];
    const { runId } = await kontor.app.database.write(SYSTEM_SCOPE, async (tx) => {
      const made = await createRun(tx, { kind: 'RECYCLE', subject: 'begun', batches, ...run });
      // Nobody else takes it.
      await tx.query(
        `UPDATE run_batch SET state = 'RUNNING', lease_until = 'infinity' WHERE run_id = $1`,
        [made.runId],
      );
      return made;
    });
    await write(`UPDATE run SET state = 'CANCELLED' WHERE id = $1`, [runId]);
    const open = () => kontor.app.database.read(SYSTEM_SCOPE, openDeliveries);
    expect(await open()).toContain(runId);
    await write(`UPDATE run_batch SET state = 'DONE' WHERE run_id = $1`, [runId]);
    expect(await open()).not.toContain(runId);
  });

  it('still knows the delivered file when it comes again', async () => {
    const [file] = await allRows<{ stored_as: string; sha256: string; size_bytes: string }>(
      kontor,
      'SELECT stored_as, sha256, size_bytes FROM usage_file',
    );
    expect(file?.stored_as.endsWith(file.sha256)).toBe(false);
    const path = kontor.app.services.storage.pathOf(file?.stored_as ?? '');
    expect(readFileSync(path)).toHaveLength(Number(file?.size_bytes));
  });

  it('is told of in the audit, with its figures', async () => {
    const rows = await allRows<{ body: string }>(
      kontor,
      `SELECT body FROM audit_entry WHERE operation = 'erase'`,
    );
    expect(rows).toHaveLength(1);
    expect(JSON.parse(rows[0]?.body ?? '').arguments.figures).toMatchObject({ records: 3 });
  });

  it('cannot be done by the application outside of it', async () => {
    const sql = `SELECT erase_xdrs(id, '2026-10-05', '{1}', '{1}', '{1}') FROM erasure`;
    const state = await kontor.app.database
      .write(SYSTEM_SCOPE, (tx) => tx.query(sql))
      .then(
        () => 'done',
        (error) => (error as { code?: string }).code,
      );
    expect(state).toBe('23001');
  });
});

describe('an erasure while records come in', () => {
  const NATIONAL = CUSTOMER_NUMBER.slice(2);
  const STEP = `SELECT b.payload ->> 'step' AS step, b.state FROM run_batch b
    JOIN erasure e ON e.run_id = b.run_id WHERE e.state = 'RUNNING' ORDER BY b.ordinal`;

  const stepsAt = async (state: string) =>
    (await allRows<{ step: string; state: string }>(kontor, STEP))
      .filter((row) => row.state === state)
      .map((row) => row.step);

  /** An import of a record of the customer, of a day that had none, that nobody takes up yet. */
  async function aHeldImport(): Promise<void> {
    const line = call_('late', '21', `+${CUSTOMER_NUMBER}`, `+${FRIEND}`, 60);
    const { body } = await upload(kontor, world.token, 'late.csv', HEADER + line);
    await ask(IMPORT, { fileId: body.fileId, sourceId: world.sources.kontor });
    await owner.query('BEGIN');
    await owner.query(
      `SELECT 1 FROM run_batch WHERE kind = 'IMPORT' AND state = 'READY' FOR UPDATE`,
    );
  }

  it('waits for them, cannot be cancelled meanwhile, and leaves no number', async () => {
    const { customer } = world.subscriptions;
    await ask('mutation ($id: ID!) { terminateSubscription(id: $id) { status } }', {
      id: customer,
    });
    await kontor.app.work.stop();
    await aHeldImport();
    const wanted = { subscriptionId: customer, reason: 'Letter of 4 October' };
    const { id } = await ask(REQUEST, { input: wanted });
    const { runId } = await ask(APPROVE, { id }, approver);
    kontor.app.work.start();
    const until = Date.now() + 20_000;
    while (!(await stepsAt('RUNNING')).includes('DELIVERIES') && Date.now() < until)
      await delay(50);
    expect(await stepsAt('DONE')).toEqual(['NUMBERS']);
    const cancel = 'mutation ($id: ID!) { cancelRun(id: $id) { state } }';
    expect(await refusal(kontor, world.token, cancel, { id: runId })).toBe('RUN_NOT_CANCELLABLE');
    await owner.query('COMMIT');
    await settled();
    expect(await ask(SHOW, { id })).toMatchObject({ state: 'DONE', report: { suspended: 1 } });
    expect(await tablesWith([NATIONAL])).toEqual([]);
    await kontor.app.services.uploads.open(new Date(kontor.clock.now().getTime() + 3_600_001));
    expect(filesWith(NATIONAL)).toEqual([]);
  });
});
