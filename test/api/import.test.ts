import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRate } from '../fixtures/catalog.js';
import { allRows, upload } from '../fixtures/mediation.js';
import { call, refusal } from '../fixtures/partner.js';
import { subscriberOf } from '../fixtures/subscriber.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  fileCounts,
  IMPORT,
  importFile,
  runEnd,
  type TrafficWorld,
} from '../fixtures/traffic.js';

let kontor: TestApp;
let world: TrafficWorld;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
});

afterAll(async () => kontor.stop());

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const OUT = 'CANARY-TRUNK-OUT';
// Tuesday noon in Berlin, and Tuesday half past ten in the evening.
const PEAK = '2026-10-20T10:00:00Z';
const EVENING = '2026-10-20T20:30:00Z';

const XDRS = `query ($filter: XdrFilter!) {
  xdrs(filter: $filter, first: 100) {
    nodes {
      id startedAt aNumber bNumber quantity destination
      prices { level amount currency }
      margin { amount currency }
      file { id }
    }
  }
}`;

interface ShownXdr {
  readonly bNumber: string;
  readonly quantity: string;
  readonly startedAt: string;
  readonly destination: string | null;
  readonly margin: { readonly amount: string };
  readonly prices: readonly { readonly level: string; readonly amount: string }[];
}

async function xdrsOf(fileId: string): Promise<ShownXdr[]> {
  const filter = { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z', fileId };
  const found = await call(kontor, world.token, XDRS, { filter });
  return found.nodes;
}

const pricesOf = (xdr: ShownXdr | undefined) =>
  xdr?.prices.map(({ level, amount }) => `${level} ${amount}`);

const RECYCLE = `mutation ($filter: SuspenseFilter!, $key: String) {
  recycleRecords(filter: $filter, idempotencyKey: $key) { id }
}`;

async function recycle(filter: object): Promise<Record<string, number>> {
  const run = await call(kontor, world.token, RECYCLE, { filter });
  const ended = await runEnd(kontor, world.token, run.id);
  expect(ended.state).toBe('DONE');
  return ended.result;
}

describe('a file in the plain format', () => {
  const lines = [
    `k1,voice,${PEAK},+${CUSTOMER_NUMBER},+33612345678,95,,${OUT}`,
    `k2,voice,${EVENING},030111222,01711234567,61,,${OUT}`,
    // The trunk decides before the number: this is the direct customer's.
    `k3,voice,${EVENING},+${CUSTOMER_NUMBER},0033123456789,2,IN-DIRECT,${OUT}`,
    `k4,voice,${EVENING},+${CUSTOMER_NUMBER},+33612345678,0,,${OUT}`,
    `k2,voice,${EVENING},030111222,01711234567,61,,${OUT}`,
    'k5,voice,not a time,+4930111222,+33612345678,5,,',
    'k6,voice,half a line',
    `k7,voice,${PEAK},+${CUSTOMER_NUMBER},+33612345678,5,,NOBODY`,
    `k8,voice,${PEAK},+4930999999,+33612345678,5,,${OUT}`,
    `k9,voice,${PEAK},+${CUSTOMER_NUMBER},+441234567890,60,,${OUT}`,
    `k10,sms,${PEAK},+${CUSTOMER_NUMBER},+33612345678,1,,${OUT}`,
    `k11,voice,2025-10-20T10:00:00Z,+${CUSTOMER_NUMBER},+33612345678,5,,${OUT}`,
  ];
  let fileId: string;
  let runId: string;

  beforeAll(async () => {
    const imported = await importFile(kontor, world, 'kontor', `${HEADER}${lines.join('\n')}\n`);
    ({ fileId, runId } = imported);
  });

  it('ends with every line rated, rejected, duplicate or held', async () => {
    expect(await fileCounts(kontor, world.token, fileId)).toEqual({
      state: 'DONE',
      received: '12',
      rated: '4',
      rejected: '5',
      duplicate: '1',
      held: '2',
    });
    const run = await runEnd(kontor, world.token, runId);
    expect(run).toMatchObject({
      state: 'DONE',
      batchesDone: 1,
      batchesTotal: 1,
      result: { received: 12, rated: 4, rejected: 5, duplicate: 1, held: 2 },
    });
  });

  it('gives each level the amount that was worked out by hand', async () => {
    const xdrs = await xdrsOf(fileId);
    const [first, , , zero] = ['95', '61', '2', '0'].map((quantity) =>
      xdrs.find((xdr) => xdr.quantity === quantity),
    );
    // 0.031 * 95 / 60 = 0.049083; 0.1313 * 80 % * 2 = 0.21008; 0.14 * 110 % * 96 / 60 = 0.2464;
    // 0.05 + 0.30 * 95 / 60 = 0.525, of which half to even makes 0.52.
    expect(pricesOf(first)).toEqual([
      'COST 0.0491',
      'WHOLESALE 0.2101',
      'WHOLESALE 0.2464',
      'RETAIL 0.52',
    ]);
    expect(first).toMatchObject({ destination: 'France mobile', margin: { amount: '0.161' } });
    // 0.0123 * 61 / 60 = 0.012505; 0.0471 * 80 % * 2 = 0.07536; 0.055 * 61 / 60 = 0.0559166...;
    // 0.05 + 0.10 * 61 / 60 = 0.15166...
    expect(pricesOf(xdrs.find((xdr) => xdr.quantity === '61'))).toEqual([
      'COST 0.0125',
      'WHOLESALE 0.0754',
      'WHOLESALE 0.055917',
      'RETAIL 0.15',
    ]);
    // 0.0177 * 2 / 60 = 0.00059; 0.0613 * 150 % = 0.09195, of which half up makes 0.0920.
    expect(pricesOf(xdrs.find((xdr) => xdr.quantity === '2'))).toEqual([
      'COST 0.0006',
      'RETAIL 0.092',
    ]);
    expect(pricesOf(zero)).toEqual([
      'COST 0.00',
      'WHOLESALE 0.00',
      'WHOLESALE 0.00',
      'RETAIL 0.00',
    ]);
  });

  it('keeps what was not rated with its reason, place and text', async () => {
    const { nodes } = await call(
      kontor,
      world.token,
      `query ($filter: SuspenseFilter!) {
        suspenseRecords(filter: $filter) { nodes { code state field line raw } }
      }`,
      { filter: { fileId } },
    );
    const shown = nodes.map((one: Record<string, string>) => {
      return `${one.line} ${one.state} ${one.code} ${one.field}`;
    });
    expect(shown).toEqual([
      '7 REJECTED INVALID_TIME started_at',
      '8 REJECTED MALFORMED_LINE null',
      '9 REJECTED UNKNOWN_TRUNK out_trunk',
      '10 REJECTED UNKNOWN_SUBSCRIBER null',
      '11 HELD NO_RATE null',
      '12 HELD NO_PRICE_LIST null',
      '13 REJECTED UNKNOWN_SUBSCRIBER null',
    ]);
    expect(nodes[1].raw).toBe('k6,voice,half a line');
    const duplicates = await call(
      kontor,
      world.token,
      'query ($fileId: ID!) { duplicateRecords(fileId: $fileId) { nodes { line } } }',
      { fileId },
    );
    expect(duplicates.nodes).toEqual([{ line: '6' }]);
  });

  it('is imported once, whoever asks how often', async () => {
    const sent = await upload(kontor, world.token, 'again.csv', `${HEADER}${lines.join('\n')}\n`);
    expect(sent).toMatchObject({ status: 200, body: { fileId, alreadyStored: true } });
    const again = await call(kontor, world.token, IMPORT, {
      fileId,
      sourceId: world.sources.kontor,
    });
    expect(again.id).toBe(runId);
    const other = { fileId, sourceId: world.sources['wholesale-switch'] };
    expect(await refusal(kontor, world.token, IMPORT, other)).toBe('FILE_ALREADY_IMPORTED');
    expect(await fileCounts(kontor, world.token, fileId)).toMatchObject({ received: '12' });
  });

  it('knows its records again in another file', async () => {
    const { file } = await importFile(
      kontor,
      world,
      'kontor',
      `${HEADER}${lines[0]}\n${lines[9]}\nk12,voice,${PEAK},+${CUSTOMER_NUMBER},+33612345678,1,,${OUT}\n`,
    );
    expect(file).toMatchObject({ received: '3', rated: '1', duplicate: '2', held: '0' });
  });

  it('shows its sums where billing finds them', async () => {
    const [sums] = await allRows<Record<string, string>>(
      kontor,
      `SELECT sum(s.records) AS records, sum(s.amount) AS amount,
         (SELECT sum(a) FROM seen_xdr x, unnest(x.amounts) a) AS rated
       FROM usage_summary s`,
    );
    expect(sums?.amount).toBe(sums?.rated);
    // Four calls of four levels, one more of them in the second file, and one of two.
    expect(sums?.records).toBe('18');
  });
});

describe('a file of Asterisk', () => {
  it('is read in the zone of its source, each answered leg rated', async () => {
    const leg = (dst: string, answer: string, seconds: number, channel: string) =>
      `"","2025550123","${dst}","ctx","","${channel}","","Dial","","2026-10-20 05:59:50",` +
      `"${answer}","2026-10-20 06:10:00",${seconds + 10},${seconds},` +
      `"${answer === '' ? 'NO ANSWER' : 'ANSWERED'}","DOCUMENTATION","177.1",""\n`;
    const content =
      leg('01133612345678', '2026-10-20 06:00:00', 61, 'SIP/a') +
      leg('01133612345678', '', 0, 'SIP/b') +
      leg('01133612345678', '2026-10-20 06:00:00', 61, 'SIP/a') +
      leg('01144123', '2026-10-20 06:00:00', 5, 'SIP/c') +
      leg('0113*', '2026-10-20 06:00:00', 5, 'SIP/d') +
      '"",broken\n';
    const { file, fileId } = await importFile(kontor, world, 'asterisk-master', content);
    expect(file).toEqual({
      state: 'DONE',
      received: '6',
      rated: '2',
      rejected: '2',
      duplicate: '1',
      held: '1',
    });
    const rated = (await xdrsOf(fileId)).find((xdr) => xdr.quantity === '61');
    expect(rated).toMatchObject({ startedAt: '2026-10-20T10:00:00.000Z', bNumber: '33612345678' });
    // Noon in Berlin is peak: 0.1313 * 150 % = 0.19695 for each of two minutes.
    expect(pricesOf(rated)).toEqual(['COST 0.0315', 'RETAIL 0.3939']);
  });
});

describe('a file of the wholesale switch', () => {
  it('is read with its comments, milliseconds and clock', async () => {
    const line = (n: number, called: string, ms: number, cause: string, calling = '004930111222') =>
      `sw1;${n};1;20261025015950;20261025023000;20261025024000;${calling};${called};;${OUT};` +
      `${ms};${cause}\n`;
    const content =
      `# switch sw1\n${line(1, '0033123456789', 60_001, '16')}` +
      `${line(2, '0033123456789', 3_000, '16')}${line(3, '0033123456789', 9_000, '17')}` +
      `${line(1, '0033123456789', 60_001, '16')}${line(4, '0044123456789', 5_000, '16')}` +
      `${line(5, '0033123456789', 5_000, '16', '004930999999')}sw1;6;short\n`;
    const { file, fileId } = await importFile(kontor, world, 'wholesale-switch', content);
    expect(file).toEqual({
      state: 'DONE',
      received: '7',
      rated: '3',
      rejected: '2',
      duplicate: '1',
      held: '1',
    });
    const xdrs = await xdrsOf(fileId);
    // The hour that the clock shows twice is read as the first one; a Sunday has no peak.
    expect(new Set(xdrs.map((xdr) => xdr.startedAt))).toEqual(
      new Set(['2026-10-25T00:30:00.000Z']),
    );
    // 61 s: 0.0177 * 61 / 60 = 0.017995; 0.0613 * 80 % * 2 = 0.09808; 0.077 * 61 / 60 =
    // 0.0782833; 0.20 * 61 / 60 = 0.20333.
    expect(pricesOf(xdrs.find((xdr) => xdr.quantity === '61'))).toEqual([
      'COST 0.018',
      'WHOLESALE 0.0981',
      'WHOLESALE 0.078283',
      'RETAIL 0.20',
    ]);
    // 3 s are within the grace of the retail price alone.
    expect(pricesOf(xdrs.find((xdr) => xdr.quantity === '3'))).toEqual([
      'COST 0.0009',
      'WHOLESALE 0.049',
      'WHOLESALE 0.00385',
      'RETAIL 0.00',
    ]);
  });
});

describe('recycling', () => {
  it('rates what is healed, once, however many ask', async () => {
    const content =
      `${HEADER}r1,voice,${PEAK},+${CUSTOMER_NUMBER},+8112345678,60,,${OUT}\n` +
      `r2,voice,${PEAK},+4930555000,+4930777,30,,${OUT}\n`;
    const { fileId, file } = await importFile(kontor, world, 'kontor', content);
    expect(file).toMatchObject({ rated: '0', rejected: '1', held: '1' });

    expect(await recycle({ fileId })).toMatchObject({ rated: 0, rejected: 1, held: 1 });
    const { cost, base, upperSells, lowerRetail } = world.lists;
    for (const list of [cost, base, upperSells, lowerRetail]) {
      await aRate(kontor, world.token, list, { prefix: '81', price: '0.06' });
    }
    await call(
      kontor,
      world.token,
      'mutation ($input: AddIdentityInput!) { addIdentity(input: $input) { id } }',
      {
        input: {
          subscriptionId: world.subscriptions.customer,
          number: '4930555000',
          validFrom: '2026-01-01T00:00:00Z',
        },
      },
    );
    const runs = await Promise.all(
      [1, 2].map(() => call(kontor, world.token, RECYCLE, { filter: { fileId } })),
    );
    const ended = await Promise.all(runs.map(({ id }) => runEnd(kontor, world.token, id)));
    expect(ended).toMatchObject(Array(2).fill({ state: 'DONE', unitsDone: '2', unitsTotal: '2' }));
    expect(ended.reduce((sum, run) => sum + (run.result.rated ?? 0), 0)).toBe(2);
    expect(await fileCounts(kontor, world.token, fileId)).toMatchObject({
      received: '2',
      rated: '2',
      rejected: '0',
      held: '0',
    });
    const xdrs = await xdrsOf(fileId);
    expect(xdrs.map((xdr) => [xdr.bNumber, ...(pricesOf(xdr) ?? [])])).toEqual([
      ['8112345678', 'COST 0.06', 'WHOLESALE 0.048', 'WHOLESALE 0.066', 'RETAIL 0.06'],
      ['4930777', 'COST 0.0062', 'WHOLESALE 0.0377', 'WHOLESALE 0.0275', 'RETAIL 0.15'],
    ]);
    expect(await refusal(kontor, world.token, RECYCLE, { filter: { fileId } })).toBe(
      'NOTHING_TO_RECYCLE',
    );
    const again = await importFile(kontor, world, 'kontor', `${content}\n`);
    expect(again.file).toMatchObject({ received: '2', duplicate: '2' });
  });
});

describe('a longer file', () => {
  it('is cut into batches, tells its progress, and loses nothing', async () => {
    const lines = Array.from({ length: 6_000 }, (_, n) => {
      const started = new Date(Date.UTC(2026, 9, 5) + n * 30_000).toISOString();
      const caller = n % 3 === 0 ? DIRECT_NUMBER : CUSTOMER_NUMBER;
      if (n % 500 === 7) return `l${n},voice,${started},,`;
      const id = n % 500 === 9 ? n - 1 : n;
      return `l${id},voice,${started},+${caller},+33612345678,${n % 240},,${OUT}`;
    });
    const small = await testApp({ env: { KONTOR_BATCH_BYTES: '65536' } });
    try {
      const own = await aTrafficWorld(small);
      const sent = await upload(small, own.token, 'long.csv', `${HEADER}${lines.join('\n')}`);
      const { fileId } = sent.body;
      const run = await call(small, own.token, IMPORT, { fileId, sourceId: own.sources.kontor });
      const watched = subscriberOf(
        small,
        own.token,
        `subscription ($id: ID!) {
          runProgressed(runId: $id) { run { state batchesDone batchesTotal unitsDone unitsTotal } }
        }`,
        { id: run.id },
      );
      const steps: { state: string; batchesDone: number; unitsDone: string }[] = [];
      for (;;) {
        const step = await watched.next();
        if (step.done) break;
        steps.push(step.value.runProgressed.run);
      }
      await watched.stop();
      const last = steps.at(-1);
      const batches = Math.ceil(sent.body.sizeBytes / 65_536);
      expect(batches).toBeGreaterThan(5);
      expect(last).toMatchObject({ state: 'DONE', batchesDone: batches, batchesTotal: batches });
      expect(last?.unitsDone).toBe(String(sent.body.sizeBytes));
      expect(steps.length).toBeGreaterThan(1);
      expect(await fileCounts(small, own.token, fileId)).toEqual({
        state: 'DONE',
        received: '6000',
        rated: '5976',
        rejected: '12',
        duplicate: '12',
        held: '0',
      });
      const { nodes } = await call(
        small,
        own.token,
        'query ($id: ID!) { suspenseRecords(filter: { fileId: $id }) { nodes { line } } }',
        { id: fileId },
      );
      // Line 1 is the header, so record n stands in line n + 2.
      const expected = Array.from({ length: 12 }, (_, k) => String(k * 500 + 9));
      expect(nodes.map((node: { line: string }) => node.line).sort()).toEqual(expected.sort());
    } finally {
      await small.stop();
    }
  });
});

describe('a process whose idle connections were cut between two imports', () => {
  it('connects anew and imports the next file', async () => {
    const record = (id: string) =>
      `${HEADER}${id},voice,${PEAK},+${CUSTOMER_NUMBER},+33612345678,95,,${OUT}\n`;
    const countsOf = async (id: string) => {
      const { fileId } = await importFile(kontor, world, 'kontor', record(id));
      return fileCounts(kontor, world.token, fileId);
    };
    const rated = { state: 'DONE', received: '1', rated: '1' };
    expect(await countsOf('cut1')).toMatchObject(rated);
    const owner = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
    await owner.connect();
    try {
      const cut = await owner.query(
        `SELECT pg_terminate_backend(pid) AS gone FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE 'kontor data plane%'`,
      );
      // Each thread that has worked has one for its rows and one for new leaves.
      expect(cut.rows.length).toBeGreaterThanOrEqual(2);
      expect(cut.rows.every((row) => row.gone)).toBe(true);
    } finally {
      await owner.end();
    }
    // As many imports as there may be threads, so that each of them meets its dead connection.
    for (const id of ['cut2', 'cut3', 'cut4']) {
      expect(await countsOf(id)).toMatchObject(rated);
    }
  }, 60_000);
});

describe('a file without the header that its format declares', () => {
  const record = (id: string) => `${id},voice,${PEAK},+${CUSTOMER_NUMBER},+33612345678,95,,${OUT}`;

  it('loses no record', async () => {
    const text = `${record('bare1')}\n${record('bare2')}\n`;
    const { fileId } = await importFile(kontor, world, 'kontor', text);
    const counts = await fileCounts(kontor, world.token, fileId);
    expect(counts).toMatchObject({ state: 'DONE', received: '2', rated: '2' });
  });

  it.each([
    [
      'carriage returns alone',
      `${HEADER.trim()}\r${record('old1')}\r${record('old2')}`,
      'MALFORMED_LINE',
    ],
    ['no line end at all', '\x07'.repeat(200_000), 'LINE_TOO_LONG'],
  ])('with %s is rejected and told', async (_, text, code) => {
    const { fileId } = await importFile(kontor, world, 'kontor', text);
    const counts = await fileCounts(kontor, world.token, fileId);
    expect(counts).toMatchObject({ state: 'DONE', received: '1', rejected: '1' });
    const kept = await call(
      kontor,
      world.token,
      'query ($filter: SuspenseFilter!) { suspenseRecords(filter: $filter) { nodes { code line } } }',
      { filter: { fileId } },
    );
    expect(kept.nodes).toEqual([{ code, line: '1' }]);
  });
});
