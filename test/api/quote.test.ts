import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatAmount, parseAmount } from '../../src/kernel/index.js';
import { rowNumber, SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aRate } from '../fixtures/catalog.js';
import { Draw } from '../fixtures/draw.js';
import { call, refusal, tokenOf } from '../fixtures/partner.js';
import { aRichWorld, type RichWorld, richFile, richLines } from '../fixtures/rich-world.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { CUSTOMER_NUMBER, DIRECT_NUMBER, importFile } from '../fixtures/traffic.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 4_711);
const SINGLE = 14;

let kontor: TestApp;
let world: RichWorld;
let trunks: ReadonlyMap<string, string>;

beforeAll(async () => {
  kontor = await testApp({ env: { KONTOR_POOL_SIZE: '4' } });
  world = await aRichWorld(kontor);
  const lines = richLines(new Draw(SEED), 220, '2026-10-24T00:00:00Z', 14);
  await importFile(kontor, world, 'rich', richFile(lines));
  await settle(kontor);
  const page = await call(kontor, world.token, '{ trunks(first: 50) { nodes { id name } } }');
  trunks = new Map(page.nodes.map((one: { id: string; name: string }) => [one.name, one.id]));
}, 60_000);

afterAll(async () => kontor.stop());

const QUOTE = `query ($input: QuoteInput!) {
  quote(input: $input) {
    subscriptionId destinationId knownAt margins { position amount }
    marginFault marginFindings { policy buy sell position cost price amount currency }
    levels {
      level position amount baseAmount fault formula billedQuantity bandPolicy trunk originSet
      contract { id } priceLists { name } rules { name acted } carriedValue
      chargeSteps { kind result }
      month { month pending coveredQuantity tierBefore covered { name used left } }
    }
  }
}`;

const XDRS = `query ($filter: XdrFilter!) {
  xdrs(filter: $filter, first: 300) {
    nodes {
      id startedAt service aNumber bNumber quantity value inTrunk outTrunk subscriptionId
      destinationId
      margin { amount } prices { level amount baseAmount coveredQuantity }
    }
  }
}`;

const EXPLAINED = `query ($id: ID!) {
  explainXdr(id: $id) { levels { month { month pending coveredQuantity tierBefore } } } }`;

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

async function records(): Promise<Asked[]> {
  const filter = { from: '2026-10-01T00:00:00Z', to: '2026-12-01T00:00:00Z' };
  return (await call(kontor, world.token, XDRS, { filter })).nodes;
}

/** What a line of the rich source says, in the words of a quote. */
function recordOf(line: string): Asked {
  const [, service, startedAt, from, to, quantity, inTrunk, outTrunk, value] = line
    .trim()
    .split(',') as string[];
  return {
    ...{ service: service?.toUpperCase(), startedAt, quantity, value, outTrunk },
    ...{ aNumber: from?.slice(1), bNumber: to?.slice(1), inTrunk: inTrunk || null },
  };
}

function inputOf(record: Asked, given: object = {}): object {
  const { startedAt, service, aNumber, bNumber, quantity, value } = record;
  const trunk = (name: string | null) => (name === null ? null : trunks.get(name));
  const [inTrunkId, outTrunkId] = [trunk(record.inTrunk), trunk(record.outTrunk)];
  return {
    ...{ startedAt, service, aNumber, bNumber, quantity, value, inTrunkId, outTrunkId },
    ...given,
  };
}

const withoutCovered = ({ covered: _, ...month }: Asked) => month;

const quote = (input: object, token = world.token): Promise<Asked> =>
  call(kontor, token, QUOTE, { input });

describe('a quote', () => {
  it('prices a record as it was rated, level by level', async () => {
    const all = await records();
    expect(all.length).toBe(220);
    for (const record of all.filter((_, n) => n % 2 === 0)) {
      const quoted = await quote(inputOf(record));
      expect(quoted.subscriptionId).toBe(record.subscriptionId);
      expect(quoted.destinationId).toBe(record.destinationId);
      expect(
        quoted.levels.map(({ level, baseAmount, amount, fault }: Asked) => {
          return { level, baseAmount, amount, fault };
        }),
        JSON.stringify(record),
      ).toEqual(
        record.prices.map(({ level, baseAmount }: Asked) => {
          return { level, baseAmount, amount: baseAmount, fault: null };
        }),
      );
    }
  }, 60_000);

  it('within its month is what the record costs when it comes', async () => {
    const lines = richLines(new Draw(SEED + 1), SINGLE, '2026-10-26T00:00:00Z', 9);
    let [changed, silent] = [0, 0];
    for (const [n, line] of lines.entries()) {
      const record = recordOf(line);
      const { startedAt, quantity } = record;
      const quoted = await quote(inputOf(record, { inMonth: true }));
      await importFile(
        kontor,
        world,
        'rich',
        richFile([`single-${n},${line.split(',').slice(1)}`]),
      );
      await settle(kontor);
      const found = (await records()).filter(
        (one) => one.startedAt === startedAt && one.quantity === quantity,
      );
      expect(found).toHaveLength(1);
      const { prices } = found[0];
      expect(
        quoted.levels.map(({ level, amount, baseAmount, month }: Asked) => {
          return { level, amount, baseAmount, coveredQuantity: month?.coveredQuantity ?? '0' };
        }),
        line,
      ).toEqual(prices);
      const { levels } = await call(kontor, world.token, EXPLAINED, { id: found[0].id });
      const shown = quoted.levels.map(({ month }: Asked) => month);
      expect(levels, line).toMatchObject(
        shown.map((month: Asked) => ({ month: month && withoutCovered(month) })),
      );
      silent += shown.filter((month: Asked) => month === null).length;
      changed += prices.filter((one: Asked) => one.amount !== one.baseAmount).length;
      if (quoted.margins.some(({ position }: Asked) => position === 1)) {
        expect(quoted.margins.find((one: Asked) => one.position === 1).amount).toBe(
          found[0].margin.amount,
        );
      }
    }
    // The months had a say, or this would prove nothing.
    expect(changed).toBeGreaterThan(5);
    expect(silent).toBeGreaterThan(5);
  }, 90_000);

  it('stores nothing', async () => {
    const before = await counts();
    await quote({
      ...{ aNumber: DIRECT_NUMBER, bNumber: '442071234567', quantity: '60', inMonth: true },
      startedAt: '2026-10-30T10:00:00Z',
    });
    expect(await counts()).toEqual(before);
  });

  it('goes by what was known at another moment', async () => {
    const input = { aNumber: DIRECT_NUMBER, bNumber: '390612345', quantity: '60' };
    const at = '2026-10-30T10:00:00Z';
    const before = await quote({ ...input, startedAt: at });
    const { recordedAt } = await call(
      kontor,
      world.token,
      'mutation ($input: SetRateInput!) { setRate(input: $input) { id recordedAt } }',
      {
        input: {
          ...{ priceListId: world.lists.base, prefix: '3906', price: '1' },
          validFrom: '2026-01-01T00:00:00Z',
        },
      },
    );
    const after = await quote({ ...input, startedAt: at });
    const amounts = ({ levels }: Asked) => levels.map(({ amount }: Asked) => amount);
    expect(amounts(after)).not.toEqual(amounts(before));
    // A millisecond holds all that is recorded in it.
    const knownAt = async (asKnownAt: string) =>
      amounts(await quote({ ...input, startedAt: at, inMonth: true, asKnownAt }));
    expect(await knownAt(recordedAt)).toEqual(amounts(after));
    const earlier = new Date(Date.parse(recordedAt) - 1).toISOString();
    expect(await knownAt(earlier)).toEqual(amounts(before));
  });

  it('names what is missing instead of a price', async () => {
    const quoted = await quote({ aNumber: CUSTOMER_NUMBER, bNumber: '442071', quantity: '7' });
    expect(quoted.levels.map(({ fault }: Asked) => fault)).toEqual([null, null, null, null]);
    const sms = await quote({
      ...{ aNumber: CUSTOMER_NUMBER, bNumber: '442071', quantity: '7', service: 'SMS' },
    });
    expect(sms.levels.at(-1)).toMatchObject({ fault: 'NO_PRICE_LIST', amount: null });
  });
});

describe('a quote of a record that some contract sells below cost', () => {
  const MARGINS = { upper: 'WARN', lower: 'REFUSE', customer: 'HOLD', direct: 'WARN' } as const;
  let quotes: Asked[];
  let lines: string[];

  beforeAll(async () => {
    await aRate(kontor, world.token, world.lists.lowerRetail, { prefix: '4989', price: '0.0001' });
    for (const [name, policy] of Object.entries(MARGINS)) {
      await marginPolicy(world.contracts[name as keyof typeof MARGINS], policy);
    }
    lines = richLines(new Draw(SEED + 2), 60, '2026-10-27T00:00:00Z', 3);
    quotes = [];
    for (const line of lines) quotes.push(await quote(inputOf(recordOf(line), { inMonth: true })));
    const { fileId } = await importFile(kontor, world, 'rich', richFile(lines));
    await settle(kontor);
    const found = new Map(
      (await call(kontor, world.token, SUSPENDED, { fileId })).nodes.map((one: Asked) => {
        return [one.raw.split(',')[0], one];
      }),
    );
    quotes = quotes.map((one, n) => ({ ...one, kept: found.get(lines[n]?.split(',')[0] ?? '') }));
  }, 60_000);

  afterAll(async () => {
    for (const contract of Object.values(world.contracts)) await marginPolicy(contract, 'NONE');
  });

  it('says what rating then does with it', () => {
    expect(quotes.map(({ marginFault }) => marginFault)).toEqual(
      quotes.map(({ kept }) => kept?.code ?? null),
    );
    expect(new Set(quotes.map(({ kept }) => kept?.state))).toEqual(
      new Set([undefined, 'HELD', 'REJECTED']),
    );
  });

  it('says whose contract it is, and the amounts that rating compares', async () => {
    const findings = quotes.flatMap(({ marginFindings }) => marginFindings);
    for (const { policy, buy, sell, position, cost, price, amount } of findings) {
      expect([policy, buy, sell, position]).toEqual(PLACES[policy as keyof typeof PLACES]);
      expect(parseAmount(price) - parseAmount(cost)).toBe(parseAmount(amount));
      expect(parseAmount(amount)).toBeLessThan(0n);
    }
    // Those that only warn add up to what the alarm of the import says.
    const warned = findings.filter(({ policy }) => policy === 'WARN');
    const loss = warned.reduce((sum, { amount }) => sum - parseAmount(amount), 0n);
    const { nodes } = await call(kontor, world.token, ALARMS);
    const told = nodes.filter((one: Asked) => one.probableCause === 'NEGATIVE_MARGIN');
    expect(told.map(({ text }: Asked) => text)).toEqual([
      `Records were sold below cost: ${warned.length} in one batch, ` +
        `at a loss of ${formatAmount(loss)} EUR.`,
    ]);
  });

  it('says so to whoever sees both sides', async () => {
    const at = quotes.findIndex(({ marginFault }) => marginFault === 'MARGIN_REFUSED');
    const input = inputOf(recordOf(lines[at] as string));
    const faults = async (...permissions: string[]) => {
      const held = ['quote.read', 'subscriber.number.read', 'contract.read', ...permissions];
      const token = await tokenOf(kontor, world.hub, held);
      return (await quote(input, token)).marginFault;
    };
    expect(await faults('price.wholesale.read')).toBe('MARGIN_REFUSED');
    expect(await faults('price.retail.read', 'price.cost.read')).toBe(null);
    const ofSeller = await quote(
      { ...input, outTrunkId: null },
      await tokenOf(kontor, world.upper),
    );
    expect(ofSeller.marginFindings).toMatchObject([{ policy: 'REFUSE', position: 1 }]);
    const ofBuyer = await quote({ ...input, outTrunkId: null }, await tokenOf(kontor, world.lower));
    expect(ofBuyer).toMatchObject({ marginFault: null, marginFindings: [] });
  });
});

const PLACES = {
  WARN: ['WARN', 'COST', 'RETAIL', 1],
  REFUSE: ['REFUSE', 'WHOLESALE', 'WHOLESALE', 2],
  HOLD: ['HOLD', 'WHOLESALE', 'RETAIL', 3],
} as const;

const ALARMS = '{ alarms(first: 20) { nodes { text probableCause } } }';

const SUSPENDED = `query ($fileId: ID!) {
  suspenseRecords(first: 100, filter: { fileId: $fileId }) { nodes { code state raw } }
}`;

async function marginPolicy(contract: string, policy: string): Promise<void> {
  await kontor.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query('UPDATE contract_version SET margin_policy = $1 WHERE contract_id = $2', [
      policy,
      rowNumber('Contract', contract),
    ]),
  );
}

describe('who may quote what', () => {
  const input = () => ({
    ...{ aNumber: CUSTOMER_NUMBER, bNumber: '442071234567', quantity: '95', inMonth: true },
    startedAt: '2026-10-30T10:00:00Z',
  });

  it('is shown levels from his own purchase down, and no name from above', async () => {
    for (const [partner, levels, names] of [
      [world.upper, ['WHOLESALE', 'WHOLESALE', 'RETAIL'], /UPPER-SELLS|LOWER/],
      [world.lower, ['WHOLESALE', 'RETAIL'], /LOWER-RETAIL/],
      [world.customer, ['RETAIL'], null],
    ] as const) {
      const quoted = await quote(input(), await tokenOf(kontor, partner));
      expect(quoted.levels.map(({ level }: Asked) => level)).toEqual(levels);
      expect(quoted.levels[0].position).toBe(0);
      const found = JSON.stringify(quoted).match(/CANARY-[A-Z-]+/g) ?? [];
      if (names === null) expect(found).toEqual([]);
      else for (const name of found) expect(name).toMatch(names);
      expect(quoted.levels.map(({ amount }: Asked) => Number(amount) > 0)).not.toContain(false);
    }
  });

  it('is what he holds permissions for', async () => {
    const levels = async (...permissions: string[]) => {
      const held = ['contract.read', 'subscriber.number.read', ...permissions];
      const token = await tokenOf(kontor, world.hub, held);
      const trunk = trunks.get('CANARY-TRUNK-OUT');
      const quoted = await quote({ ...input(), outTrunkId: trunk }, token);
      return quoted.levels.map(({ position }: Asked) => position);
    };
    expect(await levels('quote.read')).toEqual([]);
    expect(await levels('quote.read', 'price.retail.read')).toEqual([3]);
    expect(await levels('quote.read', 'price.wholesale.read')).toEqual([1, 2]);
    expect(await levels('quote.read', 'price.cost.read')).toEqual([0]);
    const none = await tokenOf(kontor, world.hub, ['contract.read', 'usage.read']);
    expect(await refusal(kontor, none, QUOTE, { input: input() })).toBe('FORBIDDEN');
  });

  it('finds no number for who may not look for one, by an empty subscription neither', async () => {
    const token = await tokenOf(kontor, world.hub, ['quote.read', 'contract.read']);
    const ask = (given: object) =>
      refusal(kontor, token, QUOTE, { input: { ...input(), ...given } });
    expect(await ask({})).toBe('FORBIDDEN');
    expect(await ask({ subscriptionId: '' })).toBe('INVALID_ID');
    const empty = { ...input(), subscriptionId: '' };
    const [told] = (await kontor.graphql(QUOTE, { input: empty }, token)).errors;
    expect(told?.message).toContain('at "input.subscriptionId"');
    const spelt = `{ quote(input: {
      subscriptionId: "", aNumber: "${CUSTOMER_NUMBER}", service: VOICE, quantity: "1"
    }) { subscriptionId } }`;
    expect(await refusal(kontor, token, spelt)).toBe('INVALID_ID');
  });

  it('refuses what belongs to nobody that he sees', async () => {
    const stranger = await tokenOf(kontor, world.direct);
    const ask = (token: string, given: object) =>
      refusal(kontor, token, QUOTE, { input: { ...input(), ...given } });
    expect(await ask(stranger, {})).toBe('QUOTE_NOT_GUIDED');
    expect(await ask(stranger, { subscriptionId: world.subscriptions.customer })).toBe('NOT_FOUND');
    expect(await ask(stranger, { outTrunkId: trunks.get('CANARY-TRUNK-OUT') })).toBe('NOT_FOUND');
    expect(await ask(world.token, { startedAt: '2025-06-01T00:00:00Z' })).toBe('QUOTE_NOT_GUIDED');
    const { subscriptions } = world;
    const early = { subscriptionId: subscriptions.direct, startedAt: '2025-06-01T00:00:00Z' };
    expect(await ask(world.token, early)).toBe('QUOTE_NOT_ACTIVE');
    expect(await ask(world.token, { quantity: '-1' })).toBe('QUOTE_INVALID');
    // Time bands count weeks from 1970.
    const ancient = { ...early, startedAt: '1969-12-31T23:59:00Z' };
    expect(await ask(world.token, ancient)).toBe('QUOTE_INVALID');
    expect(await ask(world.token, { value: '-0.5' })).toBe('QUOTE_INVALID');
    expect(await ask(world.token, { bNumber: '0033' })).toBe('BAD_USER_INPUT');
  });
});

async function counts(): Promise<unknown> {
  const { database } = kontor.app;
  return database.read({ system: true }, (tx) =>
    tx.query(`SELECT (SELECT count(*) FROM xdr) AS xdrs, (SELECT count(*) FROM run) AS runs,
      (SELECT count(*) FROM price_book) AS books,
      (SELECT md5(string_agg(bytes::text, '' ORDER BY batch_id, shard, month, piece))
        FROM entry_piece) AS entries,
      (SELECT md5(string_agg(records::text, '' ORDER BY contract_id, month, chunk))
        FROM allowance_result) AS results`),
  );
}
