import { connect } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permissionNames } from '../../src/identity/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { enterScope, SYSTEM_SCOPE } from '../../src/platform/index.js';
import {
  anExportWorld,
  COPIES,
  copyRecords,
  csvRows,
  type ExportWorld,
  fetchExport,
  HOSTILE,
  HOSTILE_NUMBER,
  openExport,
  said,
} from '../fixtures/exports.js';
import { actsIn } from '../fixtures/hostile-cell.js';
import { call, tokenOf } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const OCTOBER = 'from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z';
/** More than fits into the buffers of a connection whose reader stands still. */
const COPIED = 40_000;
const PRICES = ['position', 'level', 'contract', 'currency', 'base_amount', 'amount'];
/** For a machine that does other things as well. */
const PATIENCE = { timeout: 20_000 };

let app: TestApp;
let world: ExportWorld;
let owner: pg.Client;

beforeAll(async () => {
  app = await testApp();
  app.clock.advance(Date.parse('2026-11-21T10:00:00Z') - Date.now());
  world = await anExportWorld(app);
  await copyRecords(app, COPIED);
  owner = new pg.Client({ connectionString: app.database.urls.ownerUrl });
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await app?.stop();
});

const usage = async (token: string, more = '') => {
  const file = await fetchExport(app, token, `usage.csv?${OCTOBER}${more}`);
  expect(file.status, file.text).toBe(200);
  return csvRows(file.text);
};

const without = (...names: string[]) => permissionNames.filter((name) => !names.includes(name));

/** Connections that wait for the reader of an export: nothing else stands still so long. */
const STANDING = `datname = current_database() AND application_name = 'kontor'
  AND state = 'idle in transaction' AND state_change < clock_timestamp() - interval '500 ms'`;

async function held(): Promise<number> {
  const { rows } = await owner.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_stat_activity WHERE ${STANDING}`,
  );
  return rows[0]?.count ?? 0;
}

/** Connections that wait for a lock. */
async function waiting(): Promise<number> {
  const { rows } = await owner.query<{ count: number }>(
    `SELECT count(*)::int FROM pg_stat_activity
     WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  );
  return rows[0]?.count ?? 0;
}

async function entries(operation: string): Promise<{ arguments: Record<string, unknown> }[]> {
  const { rows } = await owner.query(
    'SELECT body::jsonb AS body FROM audit_entry WHERE operation = $1 ORDER BY seq',
    [operation],
  );
  return rows.map(({ body }) => body);
}

describe('usage as CSV', () => {
  it('tells of each record and price what the API tells', async () => {
    const rows = await usage(world.tokens.hub);
    const { nodes } = await call(
      app,
      world.tokens.hub,
      `{ xdrs(filter: { from: "2026-10-01T00:00:00Z", to: "2026-11-01T00:00:00Z" }, first: 50) {
        nodes { id startedAt aNumber bNumber quantity partner { name } account { number }
          destination outTrunk
          prices { level amount baseAmount currency rateId contract { number } } } } }`,
    );
    const told = nodes.flatMap((xdr: { prices: object[] }) =>
      // biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
      xdr.prices.map((price: any, at: number) => flat(xdr, price, at)),
    );
    expect(
      rows.map((row) =>
        Object.values(row)
          .map((cell) => said(cell))
          .join('|'),
      ).length,
    ).toBe(told.length);
    expect(
      rows.map((row) => ({
        id: row.record_id,
        startedAt: row.started_at,
        numbers: [row.a_number, row.b_number],
        quantity: row.quantity,
        names: [row.partner, row.account, row.destination, row.out_trunk].map(plain),
        price: [row.position, row.level, row.currency, row.base_amount, row.amount, row.rate_id],
        contract: plain(row.contract),
      })),
    ).toEqual(told);
  });

  // biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
  const flat = (xdr: any, price: any, at: number) => ({
    id: xdr.id,
    startedAt: xdr.startedAt,
    numbers: [xdr.aNumber, xdr.bNumber],
    quantity: xdr.quantity,
    names: [xdr.partner.name, xdr.account.number, xdr.destination, xdr.outTrunk],
    price: [
      String(at + 1),
      price.level,
      price.currency,
      price.baseAmount,
      price.amount,
      price.rateId,
    ],
    contract: price.contract.number,
  });
  // The account has one of its own within, as readers that split by semicolons would see it.
  const plain = (cell: string | undefined) => said(cell)?.replace(";'=", ';=');

  it('guards every text that came from somebody, and no number', async () => {
    const { text } = await fetchExport(app, world.tokens.hub, `usage.csv?${OCTOBER}`);
    const rows = csvRows(text).filter(({ a_number }) => a_number === HOSTILE_NUMBER);
    expect(rows.length).toBeGreaterThan(4);
    for (const row of rows) {
      expect(Object.values(row).filter(actsIn)).toEqual([]);
      expect([row.partner, row.destination, row.out_trunk].map(said)).toEqual([
        HOSTILE.buyer,
        HOSTILE.destination,
        HOSTILE.trunk,
      ]);
    }
    expect(rows.map(({ contract }) => said(contract))).toContain(HOSTILE.contract);
    expect(text.endsWith('\r\n')).toBe(true);
  });

  it('keeps to one level when one is asked for, and takes other filters', async () => {
    const retail = await usage(world.tokens.hub, '&level=RETAIL');
    expect(retail.map(({ level }) => level)).toEqual(Array(10).fill('RETAIL'));
    const ofHostile = await usage(world.tokens.hub, `&partnerId=${world.hostile.globalId}`);
    expect(new Set(ofHostile.map(({ a_number }) => a_number))).toEqual(new Set([HOSTILE_NUMBER]));
    const of = `&subscriptionId=${world.subscriptions.customer}&level=WHOLESALE&service=VOICE`;
    expect((await usage(world.tokens.hub, of)).map(({ position }) => position)).toEqual(
      Array(5).fill(['2', '3']).flat(),
    );
  });

  it('tells the time of the contract when asked, with its offset', async () => {
    const [row] = await usage(world.tokens.hub, '&level=RETAIL&localTime=true');
    expect(row).toMatchObject({
      started_at: '2026-10-10T10:00:00.000Z',
      started_at_local: '2026-10-10T12:00:00+02:00',
      time_zone: 'Europe/Berlin',
    });
  });

  it('has no column that the caller may not see', async () => {
    const names = async (...missing: string[]) => {
      const [row = {}] = await usage(await tokenOf(app, world.hub, without(...missing)));
      return Object.keys(row);
    };
    const prices = ['price.cost.read', 'price.wholesale.read', 'price.retail.read'];
    expect(await names()).toEqual(expect.arrayContaining(PRICES));
    expect(await names(...prices)).not.toEqual(expect.arrayContaining(['amount']));
    expect((await names(...prices)).at(-1)).toBe('out_trunk');
    expect(await names('contract.read')).not.toContain('contract');
  });

  it('shows the prices of permitted levels alone, and masked numbers', async () => {
    const clerk = await tokenOf(
      app,
      world.hub,
      without('price.cost.read', 'subscriber.number.read'),
    );
    const rows = await usage(clerk);
    expect(new Set(rows.map(({ level }) => level))).toEqual(new Set(['WHOLESALE', 'RETAIL']));
    expect(rows[0]?.a_number).toBe("'+49 30 ****22");
    const file = await fetchExport(app, clerk, `usage.csv?${OCTOBER}&level=COST`);
    expect([file.status, file.code]).toEqual([403, 'FORBIDDEN']);
  });

  it('keeps records of those who see no price of them', async () => {
    const prices = ['price.wholesale.read', 'price.retail.read', 'price.cost.read'];
    const rows = await usage(await tokenOf(app, world.hub, without(...prices)));
    expect(rows.map(({ quantity }) => quantity)).toHaveLength(10);
  });
});

describe('tenants', () => {
  it('get their own records from what they pay downwards', async () => {
    const rows = await usage(world.tokens.upper);
    expect(new Set(rows.map(({ a_number }) => a_number))).toEqual(new Set(['4930111222']));
    expect(rows[0]).toMatchObject({ position: '1', level: 'WHOLESALE' });
    const { text } = await fetchExport(app, world.tokens.upper, `usage.csv?${OCTOBER}`);
    // Neither what the hub pays nor to whom.
    expect(text).not.toMatch(/COST|CANARY|HYPERLINK/);
  });

  it('are told the same of what is another’s and of what does not exist', async () => {
    for (const path of [
      (id: string) => `usage.csv?${OCTOBER}&partnerId=${id}`,
      (id: string) => `invoices.csv?partnerId=${id}`,
    ]) {
      const { globalId } = world.hostile;
      const foreign = await fetchExport(app, world.tokens.upper, path(globalId));
      const absent = await fetchExport(
        app,
        world.tokens.upper,
        path(toGlobalId('Partner', 999_999)),
      );
      expect(foreign.status).toBe(200);
      expect(foreign.text).toBe(absent.text);
      expect(foreign.text.split('\r\n')).toHaveLength(2);
    }
  });

  it('act at the partner that they name', async () => {
    const at = { 'kontor-partner': world.upper.globalId };
    const path = `usage.csv?${OCTOBER}&level=WHOLESALE`;
    const file = await fetchExport(app, world.tokens.hub, path, at);
    expect(csvRows(file.text).map(({ position }) => position)).toEqual(
      Array(5).fill(['1', '2']).flat(),
    );
    const above = { 'kontor-partner': world.hub.globalId };
    const refused = await fetchExport(app, world.tokens.upper, path, above);
    expect([refused.status, refused.code]).toEqual([404, 'NOT_FOUND']);
  });
});

describe('invoices as CSV', () => {
  it('are listed with exact amounts, and their lines one by one', async () => {
    const list = await fetchExport(app, world.tokens.hub, 'invoices.csv?period=2026-10&bom=true');
    expect(list.bytes.subarray(0, 3).toString('hex')).toBe('efbbbf');
    // Whichever was billed first.
    const rows = csvRows(list.text);
    const toUpper = rows.find(({ buyer }) => buyer === 'Upper');
    const toHostile = rows.find(({ buyer }) => buyer !== 'Upper') ?? {};
    expect(rows.length).toBe(2);
    expect(toUpper).toMatchObject({ buyer: 'Upper', basis: '0.8984', net: '0.90', gross: '1.07' });
    expect([toHostile.buyer, toHostile.contract].map(said)).toEqual([
      HOSTILE.buyer,
      HOSTILE.contract,
    ]);
    const lines = await fetchExport(
      app,
      world.tokens.hub,
      `invoices/${toHostile.invoice_id}/lines.csv?delimiter=semicolon&decimal=comma`,
    );
    expect(lines.headers.get('content-disposition')).toMatch(
      /^attachment; filename="invoice-draft-\d+-lines\.csv"$/,
    );
    const [line] = csvRows(lines.text, ';');
    expect(said(line?.description)).toBe(HOSTILE.destination);
    expect(line).toMatchObject({ records: '5', basis: '0,7065', net: '0,71', tax_percent: '19' });
  });

  it('of others are not there, like those that do not exist', async () => {
    const list = await fetchExport(app, world.tokens.hub, 'invoices.csv');
    const id = csvRows(list.text)[1]?.invoice_id as string;
    const absentId = toGlobalId('Invoice', 999_999);
    const foreign = await fetchExport(app, world.tokens.upper, `invoices/${id}/lines.csv`);
    const absent = await fetchExport(app, world.tokens.upper, `invoices/${absentId}/lines.csv`);
    expect([foreign.status, foreign.code]).toEqual([404, 'NOT_FOUND']);
    expect(foreign.text.replaceAll(id, '')).toBe(absent.text.replaceAll(absentId, ''));
  });
});

describe('a request for a file', () => {
  it.each([
    ['usage.csv', 'EXPORT_REFUSED'],
    [`usage.csv?${OCTOBER}&partner=x`, 'EXPORT_REFUSED'],
    [`usage.csv?${OCTOBER}&level=RETAIL&level=COST`, 'EXPORT_REFUSED'],
    [`usage.csv?${OCTOBER}&level=ALL`, 'EXPORT_REFUSED'],
    [`usage.csv?${OCTOBER}&accountId=x`, 'INVALID_ID'],
    ['usage.csv?from=2026-10-01&to=2026-11-01', 'EXPORT_REFUSED'],
    ['usage.csv?from=2020-10-01T00:00:00Z&to=2026-11-01T00:00:00Z', 'INVALID_PERIOD'],
    ['invoices.csv?period=2026-13', 'EXPORT_REFUSED'],
  ])('%s is refused with %s', async (path, code) => {
    const file = await fetchExport(app, world.tokens.hub, path);
    expect([file.status, file.code]).toEqual([400, code]);
  });

  it('needs a token and the permission of its field', async () => {
    const nobody = await fetchExport(app, undefined, `usage.csv?${OCTOBER}`);
    expect([nobody.status, nobody.code]).toEqual([401, 'UNAUTHENTICATED']);
    // Refused before anything is looked for.
    const reading = [
      ['usage.csv', 'usage.read'],
      [`usage.csv?${OCTOBER}&localTime=true`, 'contract.read'],
      ['invoices.csv', 'invoice.read'],
      ['invoices/none/lines.csv', 'invoice.read'],
      ['price-lists/none/rates.csv', 'catalog.read'],
      ['price-lists/none/effective-rates.csv', 'catalog.read'],
    ] as const;
    for (const [file, permission] of reading) {
      const token = await tokenOf(app, world.hub, without(permission));
      const refused = await fetchExport(app, token, file);
      expect([file, refused.status, refused.code]).toEqual([file, 403, 'FORBIDDEN']);
    }
    const inAddress = `usage.csv?${OCTOBER}&access_token=${world.tokens.hub}`;
    const told = await fetchExport(app, undefined, inAddress);
    expect([told.status, told.code]).toEqual([400, 'CREDENTIALS_IN_ADDRESS']);
    const head = await fetch(`${app.url}/exports/usage.csv?${OCTOBER}`, { method: 'HEAD' });
    expect(head.status).toBe(404);
  });

  it('is answered as something to be saved, by nobody kept, and read as what it is', async () => {
    const { headers } = await fetchExport(app, world.tokens.hub, `usage.csv?${OCTOBER}`);
    const told = ['content-type', 'content-disposition', 'cache-control', 'x-content-type-options'];
    expect(told.map((name) => headers.get(name))).toEqual([
      'text/csv; charset=utf-8',
      'attachment; filename="usage-2026-10-01-2026-11-01.csv"',
      'no-store',
      'nosniff',
    ]);
  });

  it('leaves one audit entry that says what was handed out, and none when refused', async () => {
    const before = (await entries('exportUsage')).length;
    const reason = { 'kontor-reason': 'monthly%20check' };
    const path = `usage.csv?${OCTOBER}&partnerId=${world.hostile.globalId}`;
    await fetchExport(app, world.tokens.hub, path, reason);
    await fetchExport(app, world.tokens.hub, `${path}&nothing=x`);
    const found = await entries('exportUsage');
    expect(found).toHaveLength(before + 1);
    expect(found.at(-1)).toMatchObject({
      reason: 'monthly check',
      arguments: {
        from: '2026-10-01T00:00:00Z',
        partnerId: world.hostile.globalId,
        file: 'usage-2026-10-01-2026-11-01.csv',
        columns: expect.arrayContaining(['a_number', 'amount']),
      },
      subjects: [`Partner:${world.hostile.id}`],
    });
  });
});

describe('a long file', () => {
  it('is whole to who waits, whatever its length', async () => {
    const { text } = await fetchExport(app, world.tokens.hub, `usage.csv?${COPIES}&level=RETAIL`);
    const rows = csvRows(text);
    expect(rows).toHaveLength(COPIED);
    expect(rows.every(({ quantity }, at) => quantity === String(at + 1))).toBe(true);
  });

  it('holds one of two places, which come free when its reader leaves', async () => {
    const open = () => openExport(app, world.tokens.hub, `usage.csv?${COPIES}`);
    const files = [await open(), await open()];
    await expect.poll(held, PATIENCE).toBe(2);
    const third = await fetchExport(app, world.tokens.hub, `usage.csv?${OCTOBER}`);
    expect([third.status, third.code]).toEqual([429, 'RATE_LIMITED']);
    expect(third.headers.get('retry-after')).toBe('5');
    // Others have places of their own.
    expect((await fetchExport(app, world.tokens.upper, `usage.csv?${OCTOBER}`)).status).toBe(200);
    for (const file of files) file.leave();
    await expect.poll(held, PATIENCE).toBe(0);
    expect((await fetchExport(app, world.tokens.hub, `usage.csv?${OCTOBER}`)).status).toBe(200);
  });

  it('that fails on its way never looks whole', async () => {
    const file = await openExport(app, world.tokens.hub, `usage.csv?${COPIES}`);
    await expect.poll(held, PATIENCE).toBe(1);
    await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${STANDING}`);
    const { complete, bytes } = await file.rest();
    expect(complete).toBe(false);
    expect(bytes).toBeGreaterThan(10_000);
    await expect.poll(held, PATIENCE).toBe(0);
  });

  it('ends its statement when its reader leaves while it runs', async () => {
    await owner.query('BEGIN');
    await owner.query('LOCK TABLE xdr');
    const left = new AbortController();
    const asked = fetch(`${app.url}/exports/usage.csv?${COPIES}`, {
      signal: left.signal,
      headers: { authorization: `Bearer ${world.tokens.hub}` },
    }).catch(() => 'left');
    try {
      await expect.poll(waiting, PATIENCE).toBe(1);
      left.abort();
      expect(await asked).toBe('left');
      // Long before the statement would have been ended for its length.
      await expect.poll(waiting, { timeout: 8_000 }).toBe(0);
    } finally {
      await owner.query('ROLLBACK');
    }
  });

  it('has every day that was there when it began, and names months that were purged', async () => {
    const { rows: days } = await owner.query<{ day: string }>(
      `SELECT min(started_at)::date::text AS day FROM xdr`,
    );
    await owner.query('BEGIN');
    await enterScope(owner, SYSTEM_SCOPE);
    await owner.query('LOCK TABLE xdr');
    const path = `usage.csv?${OCTOBER}&level=RETAIL`;
    const asked = fetchExport(app, world.tokens.hub, path);
    await expect.poll(waiting, PATIENCE).toBe(1);
    await owner.query('SELECT purge_usage_day($1, NULL)', [days[0]?.day]);
    await owner.query('COMMIT');
    expect(await asked).toMatchObject({ status: 400, code: 'EXPORT_OVERTAKEN' });
    const later = await fetchExport(app, world.tokens.hub, path);
    expect(later.headers.get('kontor-purged-months')).toBe('2026-10');
    expect(csvRows(later.text).map(({ started_at }) => started_at?.slice(0, 10))).not.toContain(
      days[0]?.day,
    );
    const november = 'from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z';
    const others = await fetchExport(app, world.tokens.hub, `usage.csv?${november}`);
    expect(others.headers.get('kontor-purged-months')).toBeNull();
  });

  it('is not begun where its end could not be told from a break', async () => {
    const { hostname, port } = new URL(app.url);
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET /exports/usage.csv?${OCTOBER} HTTP/1.0\r\nauthorization: Bearer ${world.tokens.hub}\r\n\r\n`,
    );
    let answer = '';
    for await (const chunk of socket) answer += String(chunk);
    expect(answer).toContain('EXPORT_NEEDS_HTTP_1_1');
  });
});
