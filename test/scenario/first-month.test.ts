import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCreditUse } from '../../src/credit/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { behindItsBack, checkFigures } from '../fixtures/check-figures.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  ASTERISK,
  ASTERISK_RATED,
  type Expected,
  LATE,
  PLAIN,
  PLAIN_RATED,
  SWITCH,
  SWITCH_RATED,
} from './first-month-records.js';
import { aFirstMonth, type FirstMonth } from './first-month-world.js';
import type { Integrator } from './integrator.js';

const ALARMS = `subscription ($after: ID) {
  alarmRaised(after: $after) { id alarm { severity probableCause subjectId details } }
}`;
const INVOICES = `query ($filter: InvoiceFilter!) {
  invoices(filter: $filter, first: 20) { nodes {
    id state number buyerName periodOn basis net tax gross currency rounding pdfPath issuedOn
    taxes { taxPercent basis tax }
    lines { nodes {
      kind description earlier records quantity billedQuantity basis net
    } }
  } }
}`;

let app: TestApp;
let month: FirstMonth;
/** The first alarm that was heard. */
let warned: { id: string; alarm: object };

beforeAll(async () => {
  app = await testApp();
  app.clock.advance(Date.parse('2026-11-05T10:00:00Z') - Date.now());
  month = await aFirstMonth(app);
});
afterAll(() => app?.stop());

const eight = (decimal: string): string => {
  const [whole = '', part = ''] = decimal.split('.');
  return `${whole}.${part.padEnd(8, '0')}`;
};

/** Some records as the expectations are written, with all their amounts explained. */
async function rated(who: Integrator, only: object): Promise<Expected[]> {
  const { nodes } = await who.ask(
    `query ($filter: XdrFilter!) {
      xdrs(filter: $filter) {
        nodes { id startedAt aNumber bNumber quantity prices { level amount currency } }
      }
    }`,
    { filter: { from: '2026-09-01T00:00:00Z', to: '2026-12-01T00:00:00Z', ...only } },
  );
  const rows: Expected[] = [];
  for (const { id, startedAt, aNumber, bNumber, quantity, prices } of nodes) {
    const amounts = prices.map(({ amount }: { amount: string }) => eight(amount));
    rows.push([startedAt, aNumber, bNumber, quantity, amounts]);
    const why = await who.ask(
      `query ($id: ID!) {
        explainXdr(id: $id) { equal levels { equal storedAmount recomputedAmount } }
      }`,
      { id },
    );
    expect(why.equal).toBe(true);
    const levels: { equal: boolean; recomputedAmount: string }[] = why.levels;
    expect(levels.map((level) => level.equal)).toEqual(amounts.map(() => true));
    expect(levels.map((level) => eight(level.recomputedAmount))).toEqual(amounts);
  }
  return rows.sort((a, b) => (a.slice(0, 4).join() < b.slice(0, 4).join() ? -1 : 1));
}

const balanceOf = (id: string | undefined) =>
  month.hub.ask(
    `query ($id: ID!) {
      creditBalance(subscriptionId: $id, month: "2026-10-01") { used limit blocked }
    }`,
    { id },
  );

async function bill(who: Integrator, period: string): Promise<string> {
  const run = await who.ask(
    'mutation ($input: StartBillRunInput!) { startBillRun(input: $input) { id } }',
    { input: { period } },
  );
  await who.done(run.id);
  return run.id;
}

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
async function invoicesOf(who: Integrator, period: string, seller: string): Promise<any[]> {
  const filter = { period, sellerPartnerId: month.ids[seller] };
  return (await who.ask(INVOICES, { filter })).nodes;
}

type Line = Record<'kind' | 'description' | 'records' | 'quantity' | 'basis' | 'net', string> & {
  readonly earlier: boolean;
  readonly billedQuantity: string;
};

/** Lines of an invoice: what, records, quantity/billed, exact basis, net in cents. */
function linesOf(invoice: { lines: { nodes: Line[] } }): string[] {
  return invoice.lines.nodes.map((line) => {
    const { kind, description, records, quantity, billedQuantity, basis, net } = line;
    const what = kind === 'USAGE' ? `${line.earlier ? 'earlier ' : ''}${description}` : kind;
    return `${what} ${records} ${quantity}/${billedQuantity} ${eight(basis)} ${net}`;
  });
}

describe("a hub's first month", () => {
  it('rates a file at four levels and warns of a credit limit', async () => {
    const { hub, ids } = month;
    const alarms = hub.watch(ALARMS);
    expect(await alarms.isQuiet()).toBe(true);

    const plain = await hub.send('plain.csv', PLAIN, ids.kontor ?? '');
    const progress = hub.watch(
      'subscription ($id: ID!) { runProgressed(runId: $id) { run { state unitsDone } } }',
      { id: plain.runId },
    );
    let last: { state: string; unitsDone: string } | undefined;
    for (let step = await progress.next(); !step.done; step = await progress.next()) {
      last = step.value.runProgressed.run;
    }
    await progress.stop();
    expect(last).toMatchObject({ state: 'DONE', unitsDone: `${PLAIN.length}` });
    const counts = await hub.counts(plain.fileId);
    expect(counts).toEqual({ received: 15, rated: 12, rejected: 1, duplicate: 1, held: 1 });
    expect(await rated(hub, { fileId: plain.fileId })).toEqual(PLAIN_RATED);

    // Workshop: 0.1667 + 1.80 = 1.9667, of 2.00 more than 80 %.
    warned = (await alarms.next()).value.alarmRaised;
    expect(warned.alarm).toMatchObject({
      severity: 'WARNING',
      probableCause: 'CREDIT_THRESHOLD',
      subjectId: ids.workshop,
      details: { used: '1.9667', limit: '2.00' },
    });
    await alarms.stop();
    expect(await balanceOf(ids.workshop)).toMatchObject({ used: '1.9667', blocked: false });
  });

  it('blocks at the limit and tells who was away, once', async () => {
    const { hub, ids } = month;
    const asterisk = await hub.send('Master.csv', ASTERISK, ids['asterisk-master'] ?? '');
    await hub.done(asterisk.runId);
    expect(await hub.counts(asterisk.fileId)).toEqual({
      received: 6,
      rated: 4,
      rejected: 1,
      duplicate: 1,
      held: 0,
    });
    expect(await rated(hub, { fileId: asterisk.fileId })).toEqual(ASTERISK_RATED);

    // 1.9667 + 0.1367 = 2.1034. Nobody listened; who comes back with the last id misses nothing.
    while (!(await balanceOf(ids.workshop)).blocked) await delay(25);
    expect(await balanceOf(ids.workshop)).toMatchObject({ used: '2.1034', blocked: true });
    const later = hub.watch(ALARMS, { after: warned.id });
    const missed = (await later.next()).value.alarmRaised;
    expect(missed.alarm).toMatchObject({
      severity: 'CRITICAL',
      probableCause: 'CREDIT_EXHAUSTED',
      subjectId: ids.workshop,
      details: { used: '2.1034' },
    });
    expect(await later.isQuiet()).toBe(true);
    await later.stop();
    const status = 'query ($id: ID!) { subscription(id: $id) { status } }';
    expect(await hub.ask(status, { id: ids.workshop })).toMatchObject({ status: 'BLOCKED' });
  });

  it('rates by trunk, keeps what it cannot rate, and shows each its own prices', async () => {
    const { hub, fjord, ids } = month;
    const wholesale = await hub.send('sw1.csv', SWITCH, ids['wholesale-switch'] ?? '');
    await hub.done(wholesale.runId);
    expect(await hub.counts(wholesale.fileId)).toEqual({
      received: 6,
      rated: 3,
      rejected: 2,
      duplicate: 1,
      held: 0,
    });
    expect(await rated(hub, { fileId: wholesale.fileId })).toEqual(SWITCH_RATED);
    const summary = await hub.ask(
      'query { suspenseSummary { state code records source { name } } }',
    );
    const kept = summary.map(
      ({ state, code, records, source }: Record<string, string> & { source: { name: string } }) =>
        `${source.name} ${state} ${code} ${records}`,
    );
    expect(kept.sort()).toEqual([
      'asterisk-master REJECTED MALFORMED_LINE 1',
      'kontor HELD NO_RATE 1',
      'kontor REJECTED MALFORMED_LINE 1',
      'wholesale-switch REJECTED MALFORMED_LINE 1',
      'wholesale-switch REJECTED UNKNOWN_TRUNK 1',
    ]);
    // A reseller sees what it pays and what it is paid, and nothing above.
    const fromBelow = SWITCH_RATED.map(([at, from, to, s, prices]) => {
      return [at, from, to, s, prices.slice(2)];
    });
    expect(await rated(fjord, { subscriptionId: ids.exchange })).toEqual(fromBelow);
  });

  it('shows the margin of each destination', async () => {
    const report = (who: Integrator) =>
      who.ask(
        `query { usageByDestination(period: "2026-10") {
          nodes { destination records quantity cost revenue margin }
        } }`,
      );
    const shown = async (who: Integrator) =>
      (await report(who)).nodes.map((row: Record<string, string>) =>
        [row.destination, row.records, row.quantity]
          .concat([row.cost, row.revenue, row.margin].map((amount) => eight(amount ?? '')))
          .join(' '),
      );
    // France: 0.006 + 0.0009 + 0.0123 for 3 * 0.048. France mobile: 5 * 0.0305 + 0.13 for
    // 3 * 0.24 + 2 * 0.192 + 0.60. Germany: 3 * 0.0122 + 0.0014 for 3 * 0.08 + 0.04, two calls
    // unanswered. Poland: 2 * 0.03516667 for 2 * 0.0555.
    expect(await shown(month.hub)).toEqual([
      'France 3 64 0.01920000 0.14400000 0.12480000',
      'France mobile 6 565 0.28250000 1.70400000 1.42150000',
      'Germany 6 190 0.03800000 0.28000000 0.24200000',
      'Poland 2 200 0.07033334 0.11100000 0.04066666',
    ]);
    // North buys at the hub's revenue and sells: 0.023 + 0.004 + 0.048;
    // 5 * 0.170 + 0.682; 3 * 0.072 + 0.032; 2 * 0.094.
    expect(await shown(month.north)).toEqual([
      'France 3 64 0.14400000 0.07500000 -0.06900000',
      'France mobile 6 565 1.70400000 1.53200000 -0.17200000',
      'Germany 6 190 0.28000000 0.24800000 -0.03200000',
      'Poland 2 200 0.11100000 0.18800000 0.07700000',
    ]);
  });

  it('bills October for the hub and both resellers, to the cent', async () => {
    const { hub, north, fjord } = month;
    for (const who of [hub, north, fjord]) {
      const runId = await bill(who, '2026-10');
      const { findings } = await who.ask(
        'query ($id: ID!) { billRun(id: $id) { findings { nodes { code } } } }',
        { id: runId },
      );
      const codes = findings.nodes.map((finding: { code: string }) => finding.code);
      expect(codes).toContain('EARLIER_USAGE');
      expect(codes.includes('OPEN_RECORDS')).toBe(who === hub);
      await who.stepUp();
      const finalised = await who.ask(
        'mutation ($runId: ID!) { finaliseBillRun(runId: $runId) { id } }',
        { runId },
      );
      await who.done(finalised.id);
    }
    const [toNorth, ...more] = await invoicesOf(hub, '2026-10', 'hub');
    expect(more).toEqual([]);
    expect(linesOf(toNorth)).toEqual([
      'France 3 64/180 0.14400000 0.14',
      'France mobile 6 565/900 1.70400000 1.70',
      'Germany 6 190/420 0.28000000 0.28',
      'Poland 2 200/200 0.11100000 0.11',
      'earlier Voice calls: Germany 1 61/120 0.08000000 0.08',
    ]);
    // 19 % of 2.31 are 0.4389.
    expect(toNorth).toMatchObject({ net: '2.31', tax: '0.44', gross: '2.75', currency: 'EUR' });
    const [toFjord] = await invoicesOf(north, '2026-10', 'north');
    expect(linesOf(toFjord)).toEqual([
      'France 3 64/64 0.07500000 0.08',
      'France mobile 6 565/594 1.53200000 1.53',
      'Germany 6 190/228 0.24800000 0.25',
      'Poland 2 200/204 0.18800000 0.19',
      'earlier Voice calls: Germany 1 61/66 0.07200000 0.07',
    ]);
    // 19 % of 2.12 are 0.4028.
    expect(toFjord).toMatchObject({ net: '2.12', tax: '0.40', gross: '2.52' });
    const [toShipyard] = await invoicesOf(fjord, '2026-10', 'fjord');
    // 12.40 for the reception; for the offices, from the 21st on, 11 of 31 days: 4.40; 25 each.
    // France: 0.10 + 0 + 0.1367; mobile: 3 * 0.72 + 2 * 0.60 + 1.80; Germany: 3 * 0.23 + 0.14.
    expect(linesOf(toShipyard)).toEqual([
      'PERIODIC_FEE 1 31/31 12.40000000 12.40',
      'PERIODIC_FEE 1 11/31 4.40000000 4.40',
      'ONE_TIME_FEE 2 1/1 50.00000000 50.00',
      'France 3 64/71 0.23670000 0.24',
      'France mobile 6 565/900 5.16000000 5.16',
      'Germany 6 190/420 0.83000000 0.83',
      'Poland 2 200/200 0.33340000 0.33',
      'earlier Voice calls: Germany 1 61/120 0.23000000 0.23',
    ]);
    // 12.40 + 4.40 + 50 + 0.24 + 5.16 + 0.83 + 0.33 + 0.23; 19 % of 73.59 are 13.9821.
    expect(toShipyard).toMatchObject({
      state: 'FINALISED',
      buyerName: 'Shipyard',
      net: '73.59',
      tax: '13.98',
      gross: '87.57',
      issuedOn: '2026-11-05',
      taxes: [{ taxPercent: '19', basis: '73.59', tax: '13.98' }],
    });
    for (const [who, { number, pdfPath }] of [
      [hub, toNorth],
      [north, toFjord],
      [fjord, toShipyard],
    ] as const) {
      expect(number).toMatch(/2026/);
      const response = await who.fetch(pdfPath);
      expect(response.headers.get('content-type')).toContain('application/pdf');
      expect(Buffer.from(await response.arrayBuffer()).toString('latin1', 0, 5)).toBe('%PDF-');
    }
    // What the hub bills North is no business of Fjord.
    expect((await fjord.fetch(toNorth.pdfPath)).status).toBe(404);
  });

  it('makes nothing new of October and puts what is late on the next invoice', async () => {
    const { hub, north, fjord, ids } = month;
    const before = await hub.ask(INVOICES, { filter: {} });
    expect(before.nodes.length).toBe(3);
    await bill(hub, '2026-10');
    expect(await hub.ask(INVOICES, { filter: {} })).toEqual(before);

    const late = await hub.send('late.csv', LATE, ids.kontor ?? '');
    await hub.done(late.runId);
    expect(await hub.counts(late.fileId)).toEqual({
      received: 2,
      rated: 1,
      rejected: 0,
      duplicate: 1,
      held: 0,
    });
    for (const who of [hub, north, fjord]) await bill(who, '2026-10');
    expect(await hub.ask(INVOICES, { filter: {} })).toEqual(before);

    app.clock.advance(Date.parse('2026-12-02T10:00:00Z') - app.clock.now().getTime());
    const again = await month.signInAgain();
    for (const who of [again.hub, again.north, again.fjord]) await bill(who, '2026-11');
    const [toNorth] = await invoicesOf(again.hub, '2026-11', 'hub');
    expect(linesOf(toNorth)).toEqual([
      'Germany 1 61/120 0.08000000 0.08',
      'earlier Voice calls: France mobile 1 61/120 0.19200000 0.19',
    ]);
    // 19 % of 0.27 are 0.0513.
    expect(toNorth).toMatchObject({ state: 'DRAFT', net: '0.27', tax: '0.05', gross: '0.32' });
    const [toFjord] = await invoicesOf(again.north, '2026-11', 'north');
    // 0.170 and 0.072; 19 % of 0.24 are 0.0456.
    expect(toFjord).toMatchObject({ state: 'DRAFT', net: '0.24', tax: '0.05', gross: '0.29' });
    const [toShipyard] = await invoicesOf(again.fjord, '2026-11', 'fjord');
    expect(linesOf(toShipyard)).toEqual([
      'PERIODIC_FEE 2 30/30 24.80000000 24.80',
      'Germany 1 61/120 0.23000000 0.23',
      'earlier Voice calls: France mobile 1 61/120 0.60000000 0.60',
    ]);
    // 19 % of 25.63 are 4.8697.
    expect(toShipyard).toMatchObject({ net: '25.63', tax: '4.87', gross: '30.50' });
    expect(await invoicesOf(again.hub, '2026-10', 'hub')).toMatchObject([{ gross: '2.75' }]);
  });

  it('leaves figures that agree with each other', async () => {
    expect(await checkFigures(app)).toEqual({ status: 0, findings: [] });
  });

  it('is found out when a count, a sum or a document was changed behind its back', async () => {
    await behindItsBack(app, [
      `UPDATE usage_file SET rejected = 1, rated = rated - 1 WHERE name = 'late.csv'`,
      `UPDATE usage_summary SET amount = amount + 1 WHERE (tableoid, ctid) =
         (SELECT tableoid, ctid FROM usage_summary WHERE invoice_id IS NULL LIMIT 1)`,
      // What leaves the amount of a contract as it is: usage in another month, a record too many.
      `SELECT ensure_usage_partitions(ARRAY[date '2026-08-31'])`,
      `UPDATE usage_summary SET usage_on = '2026-08-31' WHERE (tableoid, ctid) =
         (SELECT tableoid, ctid FROM usage_summary WHERE invoice_id IS NULL AND amount <> 0
          ORDER BY contract_id DESC, usage_on LIMIT 1)`,
      `UPDATE usage_summary SET records = records + 1 WHERE (tableoid, ctid) =
         (SELECT tableoid, ctid FROM usage_summary WHERE invoice_id IS NULL
          ORDER BY contract_id DESC, usage_on DESC LIMIT 1)`,
      `UPDATE invoice SET pdf = pdf || '\\x00' WHERE state = 'FINALISED'
         AND id = (SELECT min(id) FROM invoice WHERE state = 'FINALISED')`,
      `UPDATE credit_balance SET used = used + 1 WHERE period_on = '2026-10-01'`,
    ]);
    const { status, findings } = await checkFigures(app);
    expect(status).toBe(1);
    const months = findings.map(({ invariant, details }) => ({ invariant, ...details }));
    expect(months).toMatchObject([
      { invariant: 'I1' },
      { invariant: 'I4', month: '2026-08-01', summedRecords: '1', records: '0' },
      { invariant: 'I4', month: '2026-09-01', summedRecords: '0', records: '1' },
      { invariant: 'I4', month: '2026-11-01', summedRecords: '2', records: '1' },
      { invariant: 'I4', month: '2026-10-01', used: '3.1034', charged: '2.1034' },
      { invariant: 'I14' },
    ]);
    // So it is where too many subscriptions are watched to look for the records of each.
    const read = await app.app.database.read(SYSTEM_SCOPE, (tx) => checkCreditUse(tx, 0));
    expect(read).toEqual(
      findings.filter(({ details }) => 'used' in details).map((one) => one.details),
    );
    app.clock.advance(60_000);
    const { hub } = await month.signInAgain();
    const { nodes } = await hub.ask(
      'query { alarms(first: 50, filter: {}) { nodes { severity probableCause text } } }',
      {},
    );
    const raised = nodes.filter(
      ({ probableCause }: { probableCause: string }) => probableCause === 'FIGURES_DIFFER',
    );
    expect(raised).toHaveLength(3);
    expect(raised[0]).toMatchObject({ severity: 'CRITICAL' });
  });
});
