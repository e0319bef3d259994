import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRate } from '../fixtures/catalog.js';
import { call, refusal, tokenOf } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  importFile,
  LIST_NAMES,
  runEnd,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const OUT = 'CANARY-TRUNK-OUT';
const PEAK = '2026-10-20T10:00:00Z';
const CALLED = ['+33612345678', '0033123456789', '01711234567', '+33698765432', '030 / 1234-5'];

let kontor: TestApp;
let world: TrafficWorld;
let owner: pg.Client;
/** Opaque ids of the xDRs of the first file, by their record id. */
let first: string;
let many: string[];

beforeAll(async () => {
  kontor = await testApp({ env: { KONTOR_BATCH_BYTES: '65536', KONTOR_POOL_SIZE: '4' } });
  world = await aTrafficWorld(kontor);
  owner = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
  await owner.connect();
  const { fileId } = await importFile(
    kontor,
    world,
    'kontor',
    `${HEADER}e1,voice,${PEAK},030 111 222,0033 6 12345678,95,,${OUT}\n`,
  );
  [first] = (await idsOf(fileId)) as [string];
  const big = await importFile(kontor, world, 'kontor', HEADER + lines(1_200).join(''));
  expect(big.file).toMatchObject({ rated: '1200', received: '1200' });
  many = await idsOf(big.fileId);
});

afterAll(async () => {
  await owner.end();
  await kontor.stop();
});

function lines(count: number): string[] {
  return Array.from({ length: count }, (_, n) => {
    // Across the change of clocks of 25 October, through peak hours, nights and weekends.
    const started = new Date(Date.UTC(2026, 9, 22) + n * 317_000).toISOString();
    const caller = n % 3 === 0 ? DIRECT_NUMBER : CUSTOMER_NUMBER;
    const inTrunk = n % 7 === 0 ? 'IN-DIRECT' : '';
    const seconds = (n * 37) % 400;
    return `m${n},voice,${started},+${caller},${CALLED[n % 5]},${seconds},${inTrunk},${OUT}\n`;
  });
}

async function idsOf(fileId: string): Promise<string[]> {
  const ids: string[] = [];
  const filter = { from: '2026-10-01T00:00:00Z', to: '2026-11-01T00:00:00Z', fileId };
  let after: string | null = null;
  for (;;) {
    const page = await call(
      kontor,
      world.token,
      `query ($filter: XdrFilter!, $after: String) {
        xdrs(filter: $filter, first: 500, after: $after) {
          nodes { id } pageInfo { hasNextPage endCursor }
        }
      }`,
      { filter, after },
    );
    ids.push(...page.nodes.map((node: { id: string }) => node.id));
    if (!page.pageInfo.hasNextPage) return ids;
    after = page.pageInfo.endCursor;
  }
}

const BRIEF = `query ($id: ID!) {
  explainXdr(id: $id) {
    equal
    levels { level position storedAmount recomputedAmount equal differences tariff { price } }
  }
}`;

const FULL = `query ($id: ID!) {
  explainXdr(id: $id) {
    equal
    knownAt
    reading {
      state byteOffset batchLine raw recycled timeZone fields { meaning column raw }
      aNumber { column raw dialled rule cut added digits }
      bNumber { column raw dialled rule cut added digits }
    }
    guiding { by key identityId numberFrom numberTo validFrom validTo subscriptionId equal }
    margins { buy sell position amount currency }
    levels {
      level position day localTime utcOffset band
      contract { name }
      terms { id validFrom validTo recordedAt currency timeZone roundingDecimals roundingMode }
      priceLists { id name }
      skippedPrefixes { prefix reason }
      tariff {
        prefix band validFrom validTo price connectionFee rateUnit firstIncrement nextIncrement
        minimum grace heldAtZero
      }
      path {
        kind rateId priceList prefix destinationId value price connectionFee validFrom validTo
      }
      quantitySteps { rule text result }
      billedQuantity formula unrounded storedAmount recomputedAmount equal differences
    }
  }
}`;

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
const explain = (id: string, token = world.token, query = FULL): Promise<any> =>
  call(kontor, token, query, { id });

async function withPermissions(without: string): Promise<string> {
  const prices = ['price.cost.read', 'price.wholesale.read', 'price.retail.read'];
  const all = ['usage.read', 'contract.read', ...prices];
  return tokenOf(
    kontor,
    world.hub,
    all.filter((one) => one !== without),
  );
}

describe('the explanation of a call', () => {
  it('tells the whole way from the line to the amount at every level', async () => {
    const shown = await explain(first);
    expect(shown.equal).toBe(true);
    expect(shown.reading).toMatchObject({
      state: 'SHOWN',
      raw: `e1,voice,${PEAK},030 111 222,0033 6 12345678,95,,${OUT}`,
      byteOffset: String(HEADER.length),
      batchLine: 2,
      recycled: false,
      aNumber: { rule: 'TRUNK_PREFIX', cut: '0', added: '49', digits: CUSTOMER_NUMBER },
      bNumber: {
        column: 'b_number',
        raw: '0033 6 12345678',
        dialled: '0033612345678',
        rule: 'INTERNATIONAL_PREFIX',
        cut: '00',
        added: '',
        digits: '33612345678',
      },
    });
    expect(shown.guiding).toMatchObject({
      by: 'NUMBER',
      key: CUSTOMER_NUMBER,
      numberFrom: '4930111000',
      numberTo: '4930111999',
      subscriptionId: world.subscriptions.customer,
      equal: true,
    });
    // biome-ignore lint/suspicious/noExplicitAny: the shape is that of the query.
    const [cost, upper, lower, retail] = shown.levels as any[];
    expect(cost).toMatchObject({
      level: 'COST',
      position: 0,
      priceLists: [{ name: LIST_NAMES.cost }],
      path: [{ kind: 'ABSOLUTE', priceList: LIST_NAMES.cost, price: '0.031', prefix: null }],
      formula: '0 + 0.031 * 95 / 60',
      unrounded: '589/12000',
      storedAmount: '0.0491',
      recomputedAmount: '0.0491',
    });
    expect(upper).toMatchObject({
      level: 'WHOLESALE',
      day: '2026-10-20',
      localTime: '12:00:00',
      utcOffset: '+02:00',
      band: 'Peak',
      priceLists: [{ name: LIST_NAMES.base }, { name: LIST_NAMES.upperBuys }],
      tariff: { prefix: '336', band: 'Peak', price: '0.10504', validTo: null, rateUnit: 60 },
      path: [
        { kind: 'ABSOLUTE', priceList: LIST_NAMES.base, value: '0.1313', price: '0.1313' },
        { kind: 'PERCENT', priceList: LIST_NAMES.upperBuys, value: '-20', price: '0.10504' },
      ],
      quantitySteps: [
        { rule: 'FIRST_INCREMENT', result: '60' },
        { rule: 'NEXT_INCREMENTS', text: '35 beyond are charged as 1 times 60.', result: '120' },
      ],
      billedQuantity: '120',
      unrounded: '0.21008',
      storedAmount: '0.2101',
    });
    expect(lower).toMatchObject({
      billedQuantity: '96',
      unrounded: '0.2464',
      terms: { roundingDecimals: 6, roundingMode: 'HALF_EVEN', currency: 'EUR' },
    });
    expect(retail).toMatchObject({
      level: 'RETAIL',
      skippedPrefixes: [{ prefix: '3361', reason: 'NO_VALID_PRICE' }],
      tariff: { prefix: '336', connectionFee: '0.05' },
      formula: '0.05 + 0.3 * 95 / 60',
      unrounded: '0.525',
      storedAmount: '0.52',
    });
    expect(shown.margins).toEqual([
      { buy: 'COST', sell: 'WHOLESALE', position: 1, amount: '0.161', currency: 'EUR' },
      { buy: 'WHOLESALE', sell: 'WHOLESALE', position: 2, amount: '0.0363', currency: 'EUR' },
      { buy: 'WHOLESALE', sell: 'RETAIL', position: 3, amount: '0.2736', currency: 'EUR' },
    ]);
  });

  it('agrees with what is stored for hundreds of records at all levels', async () => {
    let levels = 0;
    const left = [...many.slice(100, 600)];
    const unequal: unknown[] = [];
    const work = async () => {
      for (let id = left.pop(); id !== undefined; id = left.pop()) {
        const shown = await explain(id, world.token, BRIEF);
        levels += shown.levels.length;
        if (!shown.equal) unequal.push(shown);
      }
    };
    await Promise.all([work(), work(), work()]);
    expect(unequal).toEqual([]);
    expect(levels).toBeGreaterThan(1_450);
  }, 120_000);

  it('finds the line of any record again, whichever part of the file it stands in', async () => {
    for (const id of many.filter((_, n) => n % 150 === 0)) {
      const shown = await call(
        kontor,
        world.token,
        `query ($id: ID!) {
          explainXdr(id: $id) { xdr { quantity startedAt aNumber } reading { state raw } }
        }`,
        { id },
      );
      const { xdr, reading } = shown;
      expect(reading.state).toBe('SHOWN');
      const [, , started, caller, , seconds] = reading.raw.split(',');
      expect([started, caller, seconds]).toEqual([xdr.startedAt, `+${xdr.aNumber}`, xdr.quantity]);
    }
  });

  it('takes a fixed number of statements, and many at once do not wait for ever', async () => {
    const answers = await Promise.all(
      many.slice(0, 24).map((id) => kontor.graphql(BRIEF, { id }, world.token)),
    );
    for (const answer of answers) {
      expect(answer.errors).toEqual([]);
      expect(kontor.statements(answer)).toBeLessThan(36);
    }
  });

  it('shows the line of a record that was taken up again', async () => {
    const line = `z1,voice,${PEAK},+${CUSTOMER_NUMBER},+8112345678,60,,${OUT}`;
    const { fileId } = await importFile(kontor, world, 'kontor', `${HEADER}${line}\n`);
    const { cost, base, upperSells, lowerRetail } = world.lists;
    for (const list of [cost, base, upperSells, lowerRetail]) {
      await aRate(kontor, world.token, list, { prefix: '81', price: '0.06' });
    }
    const run = await call(
      kontor,
      world.token,
      'mutation ($filter: SuspenseFilter!) { recycleRecords(filter: $filter) { id } }',
      { filter: { fileId } },
    );
    await runEnd(kontor, world.token, run.id);
    const [id] = (await idsOf(fileId)) as [string];
    const shown = await explain(id);
    expect(shown).toMatchObject({
      equal: true,
      reading: { state: 'SHOWN', recycled: true, raw: line },
    });
  });
});

describe('who may see what', () => {
  const texts = async (token: string) => JSON.stringify(await explain(first, token));

  it('hides levels for which the permission is missing', async () => {
    const levels = async (without: string) => {
      const shown = await explain(first, await withPermissions(without), BRIEF);
      return shown.levels.map((level: { position: number }) => level.position);
    };
    expect(await levels('price.cost.read')).toEqual([1, 2, 3]);
    expect(await levels('price.wholesale.read')).toEqual([0, 3]);
    expect(await levels('price.retail.read')).toEqual([0, 1, 2]);
    expect(await refusal(kontor, await withPermissions('usage.read'), BRIEF, { id: first })).toBe(
      'FORBIDDEN',
    );
  });

  it('never makes a margin across a level that is hidden', async () => {
    const shown = await explain(first, await withPermissions('price.wholesale.read'));
    expect(shown.margins).toEqual([]);
  });

  it('tells a reseller nothing of the lists above his own purchase', async () => {
    const text = await texts(await tokenOf(kontor, world.upper));
    for (const secret of ['COST', 'BASE', 'UPPER-BUYS', 'SUPPLIER', 'TRUNK-OUT', 'HUB-RETAIL']) {
      expect(text).not.toContain(`CANARY-${secret}`);
    }
    // Prices of the supplier and of the hub's own list, and the discount between them.
    for (const secret of ['0.031', '0.0491', '0.1313', '"-20"', '0.161']) {
      expect(text).not.toContain(secret);
    }
    expect(text).toContain('0.10504');
    expect(text).toContain(LIST_NAMES.upperSells);
    const shown = await explain(first, await tokenOf(kontor, world.upper));
    expect(shown.reading).toMatchObject({ state: 'NOT_VISIBLE', raw: null, fields: [] });
    expect(shown.levels.map((level: { position: number }) => level.position)).toEqual([0, 1, 2]);
    expect(shown.levels[0]).toMatchObject({
      level: 'WHOLESALE',
      storedAmount: '0.2101',
      equal: true,
      priceLists: [{ id: null, name: null }],
      path: [{ kind: 'INHERITED', rateId: null, value: null, price: null }],
    });
    expect(shown.margins.map((margin: { amount: string }) => margin.amount)).toEqual([
      '0.0363',
      '0.2736',
    ]);
  });

  it('tells the reseller below him less, and the customer least', async () => {
    const lower = await texts(await tokenOf(kontor, world.lower));
    for (const secret of ['COST', 'BASE', 'UPPER-BUYS', 'UPPER-SELLS', 'LOWER-BUYS', 'SUPPLIER']) {
      expect(lower).not.toContain(`CANARY-${secret}`);
    }
    for (const secret of ['0.031', '0.1313', '0.10504', '0.2101', '"0.14"', '"10"']) {
      expect(lower).not.toContain(secret);
    }
    expect(lower).toContain(LIST_NAMES.lowerRetail);
    const customer = await explain(first, await tokenOf(kontor, world.customer));
    expect(JSON.stringify(customer)).not.toContain('CANARY');
    expect(customer.levels).toHaveLength(1);
    expect(customer.levels[0]).toMatchObject({ level: 'RETAIL', equal: true });
  });

  it('covers what a list of the reseller inherits from one that he may not see', async () => {
    // Not to be made over the API; here stands what an older state or a mistake may hold.
    const [numberOf] = (
      await owner.query(
        `SELECT (SELECT id FROM price_list WHERE name = $1) AS child,
           (SELECT id FROM price_list WHERE name = $2) AS parent`,
        [LIST_NAMES.lowerRetail, LIST_NAMES.hubRetail],
      )
    ).rows;
    await asOwner(
      `UPDATE price_list SET parent_id = ${numberOf.parent} WHERE id = ${numberOf.child}`,
    );
    await aRate(kontor, world.token, world.lists.base, { prefix: '47', price: '0.7771' });
    await aRate(kontor, world.token, world.lists.upperSells, { prefix: '47', price: '0.6661' });
    await aRate(kontor, world.token, world.lists.cost, { prefix: '47', price: '0.5551' });
    const { fileId } = await importFile(
      kontor,
      world,
      'kontor',
      `${HEADER}i1,voice,${PEAK},+${CUSTOMER_NUMBER},+4712345,60,,${OUT}\n`,
    );
    const [id] = (await idsOf(fileId)) as [string];
    const lower = await tokenOf(kontor, world.lower);
    const shown = await explain(id, lower);
    expect(shown.equal).toBe(true);
    const retail = shown.levels.at(-1);
    expect(retail.priceLists).toEqual([
      { id: null, name: null },
      { id: world.lists.lowerRetail, name: LIST_NAMES.lowerRetail },
    ]);
    expect(retail.path).toEqual([expect.objectContaining({ kind: 'INHERITED', rateId: null })]);
    const text = JSON.stringify(shown);
    for (const secret of ['0.7771', '0.6661', '0.5551', 'HUB-RETAIL', 'CANARY-BASE', '"50"']) {
      expect(text).not.toContain(secret);
    }
  });

  it('finds nothing for those whose record it is not', async () => {
    const stranger = await tokenOf(kontor, world.direct);
    expect(await refusal(kontor, stranger, BRIEF, { id: first })).toBe('XDR_NOT_FOUND');
    expect(await refusal(kontor, world.token, BRIEF, { id: 'nonsense' })).toBe('INVALID_ID');
  });
});

async function asOwner(sql: string): Promise<void> {
  await owner.query('BEGIN');
  await owner.query(
    `SELECT set_config('kontor.partner_ids', v.ids, true) FROM visible_partners(NULL) AS v`,
  );
  const changed = await owner.query(sql);
  expect(changed.rowCount).toBeGreaterThan(0);
  await owner.query('COMMIT');
}

describe('later changes', () => {
  it('leave past explanations as they were', async () => {
    const before = await explain(first);
    const path = before.levels[1].path as { rateId: string; validFrom: string }[];
    // The very price that counted is withdrawn from its beginning on, and another one set.
    for (const { rateId, validFrom } of [path[0], path[1]] as typeof path) {
      await call(
        kontor,
        world.token,
        'mutation ($id: ID!, $at: DateTime!) { closeRate(rateId: $id, at: $at) { id } }',
        { id: rateId, at: validFrom },
      );
    }
    const { upperBuys, base } = world.lists;
    await aRate(kontor, world.token, upperBuys, { prefix: '', kind: 'PERCENT', price: '-50' });
    await aRate(kontor, world.token, base, { prefix: '336', price: '0.999' });
    expect(await explain(first)).toEqual(before);
    for (const id of many.filter((_, n) => n % 60 === 0)) {
      expect(await explain(id, world.token, BRIEF)).toMatchObject({ equal: true });
    }
    const { fileId } = await importFile(
      kontor,
      world,
      'kontor',
      `${HEADER}after1,voice,${PEAK},+${CUSTOMER_NUMBER},+33612345678,95,,${OUT}\n`,
    );
    const [id] = (await idsOf(fileId)) as [string];
    const after = await explain(id);
    expect(after.levels[1].tariff.price).toBe('0.4995');
    expect(after.equal).toBe(true);
  });

  it('of the source leave the reading of a line as it was', async () => {
    const [id] = many as [string];
    const before = await explain(id);
    expect(before.reading.state).toBe('SHOWN');
    await asOwner(
      `UPDATE usage_source SET time_zone = 'Asia/Tokyo', usage_format_id = (SELECT id
         FROM usage_format WHERE name = 'wholesale-switch') WHERE name = 'kontor'`,
    );
    expect(await explain(id)).toEqual(before);
  });

  it('of a stored amount, rate or contract are found out', async () => {
    const [id, other, third] = many.slice(20).filter((_, n) => n % 5 === 0) as [
      string,
      string,
      string,
    ];
    const row = (globalId: string) =>
      `id = ${Buffer.from(globalId, 'base64url').toString().split('.')[1]}`;
    await asOwner(`UPDATE xdr SET amounts[2] = amounts[2] + 1 WHERE ${row(id)}`);
    const shown = await explain(id, world.token, BRIEF);
    expect(shown.equal).toBe(false);
    expect(shown.levels[1]).toMatchObject({ equal: false, differences: ['AMOUNT'] });
    expect(shown.levels[0].equal).toBe(true);
    await asOwner(
      `UPDATE xdr SET legs = overlay(legs PLACING '\\x00000001'::bytea FROM 5) WHERE ${row(other)}`,
    );
    const rate = await explain(other, world.token, BRIEF);
    expect(rate.levels[0]).toMatchObject({ equal: false, differences: ['RATE'] });
    await asOwner(
      `UPDATE xdr SET a_number = 33999, in_trunk_id = 0, quantity = quantity + 600 WHERE ${row(third)}`,
    );
    const guided = await explain(third);
    expect(guided).toMatchObject({
      equal: false,
      guiding: { by: 'NONE', equal: false },
      reading: { state: 'LINE_NOT_FOUND' },
    });
  });
});
