import { getNamedType } from 'graphql';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { permissionNames } from '../../src/identity/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { buildSchema } from '../../src/schema.js';
import { allRows, aSource, upload } from '../fixtures/mediation.js';
import { aPartner, aUser, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const DAY = '2026-10-20';
const SPAN = { from: `${DAY}T00:00:00Z`, to: '2026-10-22T00:00:00Z' };

let kontor: TestApp;
let hub: BuiltPartner;
let supplier: BuiltPartner;
let reseller: BuiltPartner;
let customer: BuiltPartner;
let sibling: BuiltPartner;
let tokens: Record<'hub' | 'reseller' | 'customer' | 'sibling', string>;
let versions: { cost: number; wholesale: number; retail: number; dollars: number };
let fileId: string;
let batchId: number;

beforeAll(async () => {
  kontor = await testApp({ start: false });
  await kontor.app.services.uploads.open(new Date());
  hub = await aPartner(kontor);
  supplier = await aPartner(kontor, { kind: 'SUPPLIER' });
  reseller = await aPartner(kontor, { kind: 'RESELLER' });
  customer = await aPartner(kontor, { kind: 'BUSINESS_CUSTOMER', parentId: reseller.id });
  sibling = await aPartner(kontor, { kind: 'RESELLER' });
  const signIn = async (partner: BuiltPartner, permissions?: string[]) =>
    kontor.signIn(
      (await aUser(kontor, { partnerId: partner.id, ...(permissions ? { permissions } : {}) }))
        .email,
    );
  tokens = {
    hub: await signIn(hub),
    reseller: await signIn(reseller),
    customer: await signIn(customer),
    sibling: await signIn(sibling),
  };
  versions = {
    cost: await aContract('COST', supplier, hub, 'EUR'),
    wholesale: await aContract('WHOLESALE', hub, reseller, 'EUR'),
    retail: await aContract('RETAIL', reseller, customer, 'EUR'),
    dollars: await aContract('RETAIL', reseller, customer, 'USD'),
  };
  await anImport();
  const { cost, wholesale, retail, dollars } = versions;
  await insertXdrs([
    [
      1,
      `${DAY}T10:00:00Z`,
      49301234567,
      60,
      [
        [cost, 11],
        [wholesale, 12],
        [retail, 13],
      ],
      [100n, 250n, 400n],
    ],
    [
      2,
      `${DAY}T10:00:00Z`,
      49301234568,
      61,
      [
        [cost, 11],
        [wholesale, 12],
        [dollars, 14],
      ],
      [200n, 260n, 500n],
    ],
    [
      3,
      `${DAY}T09:00:00.123Z`,
      0,
      0,
      [
        [0, 0],
        [wholesale, 12],
        [retail, 13],
      ],
      [0n, 70n, 90n],
    ],
    [
      4,
      '2026-10-21T23:59:59.999Z',
      49301234567,
      5,
      [
        [cost, 11],
        [wholesale, 12],
        [retail, 13],
      ],
      [1n, 2n, 3n],
    ],
    [
      5,
      '2026-10-22T00:00:00Z',
      49301234567,
      5,
      [
        [cost, 11],
        [wholesale, 12],
        [retail, 13],
      ],
      [1n, 2n, 3n],
    ],
  ]);
});

afterAll(async () => kontor.stop());

async function aContract(
  level: string,
  seller: BuiltPartner,
  buyer: BuiltPartner,
  currency: string,
): Promise<number> {
  const owner = level === 'COST' ? seller.id : buyer.id;
  const number = `${level}-${currency}`;
  return kontor.app.database.write(SYSTEM_SCOPE, async (tx) => {
    const [account] = await tx.query<{ id: number }[]>(
      `INSERT INTO account (partner_id, number, name) VALUES ($1, $2, 'main') RETURNING id`,
      [owner, `A-${number}`],
    );
    const [contract] = await tx.query<{ id: number }[]>(
      `INSERT INTO contract (partner_id, account_id, seller_partner_id, buyer_partner_id, level,
         number, name) VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id`,
      [owner, account?.id, seller.id, buyer.id, level, number],
    );
    const [version] = await tx.query<{ id: number }[]>(
      `INSERT INTO contract_version (contract_id, partner_id, valid_from, currency, time_zone)
       VALUES ($1, $2, '2026-01-01', $3, 'UTC') RETURNING id`,
      [contract?.id, owner, currency],
    );
    return version?.id ?? 0;
  });
}

async function anImport(): Promise<void> {
  const source = await aSource(kontor, { partnerId: hub.id });
  fileId = (await upload(kontor, tokens.hub, 'xdrs.csv', 'some records')).body.fileId;
  await kontor.graphql(
    'mutation ($f: ID!, $s: ID!) { importUsageFile(fileId: $f, sourceId: $s) { id } }',
    { f: fileId, s: source.globalId },
    tokens.hub,
  );
  const [batch] = await allRows<{ id: number }>(kontor, 'SELECT max(id) AS id FROM run_batch');
  batchId = batch?.id ?? 0;
}

type Row = [number, string, number, number, [number, number][], bigint[]];

/** Rows as the data plane writes them; 3 and 5 belong to no batch of the file. */
async function insertXdrs(rows: Row[]): Promise<void> {
  const client = new pg.Client({ connectionString: kontor.database.urls.ownerUrl });
  await client.connect();
  await client.query('SELECT ensure_usage_partitions($1::date[])', [
    rows.map((row) => row[1].slice(0, 10)),
  ]);
  for (const [ordinal, startedAt, called, quantity, legs, amounts] of rows) {
    const bytes = Buffer.alloc(legs.length * 8);
    for (const [n, [version, rate]] of legs.entries()) {
      bytes.writeInt32BE(version, n * 8);
      bytes.writeInt32BE(rate, n * 8 + 4);
    }
    const batch = ordinal === 3 ? batchId + 1 : batchId;
    await client.query(
      `INSERT INTO xdr VALUES ($1, $2, gen_random_uuid(), $3, 1, 77, 1, 4930999, $4, $5, 0, 0, 0,
         $6, $7::bigint[])`,
      [
        (BigInt(batch) << 24n) | BigInt(ordinal),
        startedAt,
        customer.id,
        called,
        quantity,
        bytes,
        amounts,
      ],
    );
  }
  await client.end();
}

const LIST = `query ($filter: XdrFilter!, $first: Int! = 50, $after: String) {
  xdrs(filter: $filter, first: $first, after: $after) {
    nodes { id startedAt service aNumber bNumber quantity subscriptionId destinationId
      prices { level amount currency contract { number } } margin { amount currency }
      partner { name } file { id } }
    pageInfo { hasNextPage endCursor } } }`;

async function list(token: string, filter: object = {}) {
  const answer = await kontor.graphql(LIST, { filter: { ...SPAN, ...filter } }, token);
  expect(answer.errors).toEqual([]);
  return answer.data.xdrs.nodes;
}

async function quantities(token: string, filter: object = {}): Promise<string[]> {
  return (await list(token, filter)).map((xdr: { quantity: string }) => xdr.quantity);
}

const levels = (xdr: { prices: { level: string; amount: string; currency: string }[] }) =>
  xdr.prices.map(({ level, amount, currency }) => `${level} ${amount} ${currency}`);

describe('numbers of xdrs', () => {
  it('are masked for who may not see them, and not found by asking for them', async () => {
    const permissions = permissionNames.filter((name) => name !== 'subscriber.number.read');
    const clerk = await aUser(kontor, { partnerId: hub.id, permissions });
    const token = await kontor.signIn(clerk.email);
    const [, first] = await list(token);
    expect([first.aNumber, first.bNumber]).toEqual(['+49 ****9', '+49 30 ****567']);
    const filter = { ...SPAN, number: '49301234567' };
    const answer = await kontor.graphql(LIST, { filter }, token);
    expect(answer.codes).toEqual(['FORBIDDEN']);
    expect(answer.errors[0]?.extensions.details?.permission).toBe('subscriber.number.read');
  });
});

describe('xdrs', () => {
  it('shows the hub every level, and what it earns between its own two', async () => {
    const [withoutCost, first, second] = await list(tokens.hub);
    expect(first).toMatchObject({
      startedAt: `${DAY}T10:00:00.000Z`,
      service: 'VOICE',
      aNumber: '4930999',
      bNumber: '49301234567',
      quantity: '60',
      subscriptionId: toGlobalId('Subscription', 77),
      destinationId: null,
      margin: { amount: '0.0000015', currency: 'EUR' },
      file: { id: fileId },
    });
    expect(levels(first)).toEqual([
      'COST 0.000001 EUR',
      'WHOLESALE 0.0000025 EUR',
      'RETAIL 0.000004 EUR',
    ]);
    expect(first.prices[0].contract).toEqual({ number: 'COST-EUR' });
    expect(second.margin).toEqual({ amount: '0.0000006', currency: 'EUR' });
    expect(levels(withoutCost)[0]).toBe('COST 0.00 null');
    expect(withoutCost).toMatchObject({
      startedAt: `${DAY}T09:00:00.123Z`,
      bNumber: null,
      margin: { amount: '0.0000007', currency: 'EUR' },
      file: null,
    });
  });

  it('shows a reseller what it pays and what it sells for, and nothing above', async () => {
    const [, first, second] = await list(tokens.reseller);
    expect(levels(first)).toEqual(['WHOLESALE 0.0000025 EUR', 'RETAIL 0.000004 EUR']);
    expect(first.margin).toEqual({ amount: '0.0000015', currency: 'EUR' });
    // Bought in euros, sold in dollars: no figure of one currency says what is left.
    expect(levels(second)).toEqual(['WHOLESALE 0.0000026 EUR', 'RETAIL 0.000005 USD']);
    expect(second.margin).toBeNull();
    expect(first.file).toBeNull();
  });

  it('shows a customer what it pays, and a stranger nothing', async () => {
    const [, first] = await list(tokens.customer);
    expect(levels(first)).toEqual(['RETAIL 0.000004 EUR']);
    expect(first.margin).toBeNull();
    expect(await list(tokens.sibling)).toEqual([]);
  });

  it.each([
    [[], []],
    [['price.retail.read'], ['RETAIL 0.000004 EUR']],
    [['price.wholesale.read'], ['WHOLESALE 0.0000025 EUR']],
    [
      ['price.retail.read', 'price.wholesale.read'],
      ['WHOLESALE 0.0000025 EUR', 'RETAIL 0.000004 EUR'],
    ],
  ])('hides levels from a user of the hub with %j only, and the margin', async (given, seen) => {
    const permissions = ['usage.read', 'contract.read', 'partner.read', ...given];
    const user = await aUser(kontor, { partnerId: hub.id, permissions });
    const [, first] = await list(await kontor.signIn(user.email));
    expect(levels(first)).toEqual(seen);
    expect(first.margin).toBeNull();
  });

  it('takes the span from its first instant to before its last', async () => {
    expect(await quantities(tokens.hub)).toEqual(['0', '60', '61', '5']);
    const span = { from: `${DAY}T10:00:00Z`, to: '2026-10-21T23:59:59.999Z' };
    expect(await quantities(tokens.hub, span)).toEqual(['60', '61']);
    const wrong = async (from: string, to: string) => {
      const { errors } = await kontor.graphql(LIST, { filter: { from, to } }, tokens.hub);
      return errors.map(({ message, extensions }) => `${extensions.code}: ${message}`);
    };
    const backwards = ['INVALID_PERIOD: A span ends after it begins.'];
    expect(await wrong(SPAN.to, SPAN.from)).toEqual(backwards);
    expect(await wrong(SPAN.to, SPAN.to)).toEqual(backwards);
    const long = ['INVALID_PERIOD: A span has at most 400 days.'];
    expect(await wrong('2020-01-01T00:00:00Z', SPAN.to)).toEqual(long);
  });

  it('narrows by number, subtree, account, subscription, service, destination, file', async () => {
    const { hub: token } = tokens;
    expect(await quantities(token, { number: '49301234568' })).toEqual(['61']);
    expect(await quantities(token, { number: '4930999' })).toHaveLength(4);
    expect(await quantities(token, { partnerId: reseller.globalId })).toHaveLength(4);
    expect(await quantities(token, { partnerId: sibling.globalId })).toEqual([]);
    const subscription = (id: number) => ({ subscriptionId: toGlobalId('Subscription', id) });
    expect(await quantities(token, subscription(77))).toHaveLength(4);
    expect(await quantities(token, subscription(78))).toEqual([]);
    expect(await quantities(token, { service: 'SMS' })).toEqual([]);
    expect(await quantities(token, { service: 'VOICE' })).toHaveLength(4);
    expect(await quantities(token, { destinationId: toGlobalId('Destination', 5) })).toEqual([]);
    expect(await quantities(token, { accountId: toGlobalId('Account', 2) })).toEqual([]);
    expect(await quantities(token, { fileId })).toEqual(['60', '61', '5']);
    expect(await quantities(tokens.reseller, { fileId })).toEqual([]);
    const odd = await kontor.graphql(LIST, { filter: { ...SPAN, number: '+49' } }, token);
    expect(odd.codes).toEqual(['BAD_USER_INPUT']);
  });

  it('goes on behind a cursor, also between records of the same instant', async () => {
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const answer = await kontor.graphql(LIST, { filter: SPAN, first: 1, after }, tokens.hub);
      const page = answer.data.xdrs;
      seen.push(...page.nodes.map((xdr: { quantity: string }) => xdr.quantity));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    expect(seen).toEqual(['0', '60', '61', '5']);
    const wrong = Buffer.from('["now()","1"]').toString('base64url');
    const refused = await kontor.graphql(LIST, { filter: SPAN, after: wrong }, tokens.hub);
    expect(refused.codes).toEqual(['INVALID_CURSOR']);
  });

  it('refuses forged places, and so does every other list', async () => {
    const forged = [[1e300], ['x'], ['-999999999999999999', '1']];
    const failed: string[] = [];
    for (const list of listsWithoutNeeds()) {
      const text = `query ($after: String) { ${list} { nodes { __typename } } }`;
      for (const values of forged) {
        const after = Buffer.from(JSON.stringify(values)).toString('base64url');
        const { codes } = await kontor.graphql(text, { after }, tokens.hub);
        if (codes.join() !== 'INVALID_CURSOR') failed.push(`${list} ${values}: ${codes}`);
      }
    }
    expect(failed).toEqual([]);
    const id = toGlobalId('Xdr', '-999999999999999999.1');
    const explained = await kontor.graphql(
      `{ explainXdr(id: "${id}") { equal } }`,
      null,
      tokens.hub,
    );
    expect(explained.codes).toEqual(['INVALID_ID']);
  });

  it('asks the database as often for many records as for one', async () => {
    const cost = async (first: number) => {
      return kontor.statements(await kontor.graphql(LIST, { filter: SPAN, first }, tokens.hub));
    };
    expect(await cost(50)).toBe(await cost(2));
  });
});

/** Root lists that ask for nothing but a page, and records of a span. */
function listsWithoutNeeds(): string[] {
  const fields = Object.values(buildSchema().getQueryType()?.getFields() ?? {});
  const lists = fields.filter(
    ({ type, args }) =>
      getNamedType(type).name.endsWith('Connection') &&
      args.every((arg) => !String(arg.type).endsWith('!') || arg.defaultValue !== undefined),
  );
  const span = `from: "${SPAN.from}", to: "${SPAN.to}"`;
  return [
    ...lists.map(({ name }) => `${name}(after: $after)`),
    `xdrs(filter: { ${span} }, after: $after)`,
  ];
}
