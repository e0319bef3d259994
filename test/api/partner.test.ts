import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { toGlobalId } from '../../src/kernel/index.js';
import {
  anAccount,
  aWorld,
  CREATE_ACCOUNT,
  call,
  refusal,
  tokenOf,
  type World,
} from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const CREATE = `mutation ($input: CreatePartnerInput!, $key: String) {
  createPartner(input: $input, idempotencyKey: $key) {
    id kind name depth status country language email parent { id }
  }
}`;
const UPDATE = `mutation ($input: UpdatePartnerInput!) {
  updatePartner(input: $input) { id name legalName country address email language }
}`;
const ONE = 'query ($id: ID!) { partner(id: $id) { id name parent { id } } }';
const LIST = `query ($filter: PartnerFilter!, $first: Int, $after: String) {
  partners(filter: $filter, first: $first, after: $after) {
    nodes { id name kind } pageInfo { hasNextPage endCursor }
  }
}`;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
});
afterAll(() => app.stop());

function input(given: object = {}) {
  const { resellerA } = world;
  return { parentId: resellerA.globalId, kind: 'RESELLER', name: 'New', country: 'DE', ...given };
}

describe('creating a partner', () => {
  it('places it below its parent and shows it at once', async () => {
    const made = await call(app, world.hubToken, CREATE, {
      input: input({ name: '  Acme  ', email: 'bills@acme.example', language: 'DE-at' }),
    });
    expect(made).toMatchObject({
      kind: 'RESELLER',
      name: 'Acme',
      depth: 2,
      status: 'ACTIVE',
      country: 'DE',
      language: 'de-AT',
      email: 'bills@acme.example',
      parent: { id: world.resellerA.globalId },
    });
    const below = await call(app, world.tokenA, CREATE, {
      input: input({ parentId: made.id, name: 'Below' }),
    });
    expect(below.depth).toBe(3);
  });

  it('does it once for one key and refuses the key for anything else', async () => {
    const first = await call(app, world.tokenA, CREATE, { input: input(), key: 'p1' });
    const again = await call(app, world.tokenA, CREATE, { input: input(), key: 'p1' });
    expect(again).toEqual(first);
    const other = { input: input({ name: 'Other' }), key: 'p1' };
    expect(await refusal(app, world.tokenA, CREATE, other)).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  it.each([
    ['a hub', () => ({ kind: 'HUB' }), 'PARTNER_PLACE_REFUSED'],
    ['a supplier below a reseller', () => ({ kind: 'SUPPLIER' }), 'PARTNER_PLACE_REFUSED'],
    [
      'a reseller below a customer',
      () => ({ parentId: world.customerA.globalId }),
      'PARTNER_PLACE_REFUSED',
    ],
    ['a country that is none', () => ({ country: 'XQ' }), 'INVALID_COUNTRY'],
    ['a language that is none', () => ({ language: 'not a tag' }), 'INVALID_LANGUAGE'],
    ['a blank name', () => ({ name: '   ' }), 'BAD_USER_INPUT'],
    ['an address that is no email', () => ({ email: 'nobody' }), 'BAD_USER_INPUT'],
    ['a parent that is not', () => ({ parentId: toGlobalId('Partner', 999_999) }), 'NOT_FOUND'],
    ['an id beyond all rows', () => ({ parentId: toGlobalId('Partner', 99e9) }), 'NOT_FOUND'],
    ['an id of another type', () => ({ parentId: toGlobalId('Account', 1) }), 'INVALID_ID'],
  ])('refuses %s', async (_, given, code) => {
    expect(await refusal(app, world.hubToken, CREATE, { input: input(given()) })).toBe(code);
  });

  it('refuses to go deeper than prices are passed down', async () => {
    let parentId = world.resellerB.globalId;
    for (let depth = 2; depth <= 12; depth += 1) {
      parentId = (await call(app, world.hubToken, CREATE, { input: input({ parentId }) })).id;
    }
    const deeper = { input: input({ parentId }) };
    expect(await refusal(app, world.hubToken, CREATE, deeper)).toBe('PARTNER_TOO_DEEP');
  });

  it('needs the permission', async () => {
    const reader = await tokenOf(app, world.hub, ['partner.read']);
    expect(await refusal(app, reader, CREATE, { input: input() })).toBe('FORBIDDEN');
  });
});

describe('tenants', () => {
  it('cannot tell another tenant from nobody, by query or by reference', async () => {
    const { resellerB, tokenA } = world;
    const strangers = [resellerB.globalId, toGlobalId('Partner', 999_999)];
    const answers = await Promise.all(
      strangers.map(async (id) => {
        const query = await app.graphql(ONE, { id }, tokenA);
        const below = await app.graphql(CREATE, { input: input({ parentId: id }) }, tokenA);
        const change = await app.graphql(UPDATE, { input: { id, name: 'Mine' } }, tokenA);
        const text = [query.text, below.text, change.text].join('\n');
        return text.replaceAll(id, 'ID').replaceAll(/"requestId":"[^"]*"/g, '');
      }),
    );
    expect(answers[0]).toBe(answers[1]);
    expect(answers[0]).toContain('NOT_FOUND');
  });

  it('see themselves and what stands below, and no parent', async () => {
    const { tokenB, resellerB, customerA } = world;
    const own = await call(app, tokenB, ONE, { id: resellerB.globalId });
    expect(own).toMatchObject({ id: resellerB.globalId, parent: null });
    expect(await call(app, tokenB, ONE, { id: customerA.globalId })).toBeNull();
    const seen = await call(app, tokenB, LIST, { filter: { kinds: ['BUSINESS_CUSTOMER'] } });
    expect(seen.nodes).toEqual([]);
  });
});

describe('changing and listing', () => {
  it('changes what is given, clears what is null and keeps the rest', async () => {
    const made = await call(app, world.hubToken, CREATE, {
      input: input({ legalName: 'Old Ltd' }),
    });
    const changed = await call(app, world.hubToken, UPDATE, {
      input: { id: made.id, name: 'Newer', legalName: null, address: 'Street 1\nTown' },
    });
    expect(changed).toMatchObject({
      name: 'Newer',
      legalName: null,
      address: 'Street 1\nTown',
      country: 'DE',
    });
    const refused = (given: object) =>
      refusal(app, world.hubToken, UPDATE, { input: { id: made.id, ...given } });
    expect(await refused({ country: 'de' })).toBe('INVALID_COUNTRY');
    expect(await refused({ country: '' })).toBe('INVALID_COUNTRY');
    expect(await refused({ language: '' })).toBe('INVALID_LANGUAGE');
  });

  it('pages through a filtered list without gap or repetition', async () => {
    const names = ['page one', 'page two', 'page three', 'page 100%'];
    for (const name of names) await call(app, world.hubToken, CREATE, { input: input({ name }) });
    const found: string[] = [];
    let after: string | null = null;
    do {
      const page: {
        nodes: { name: string }[];
        pageInfo: { endCursor: string; hasNextPage: boolean };
      } = await call(app, world.hubToken, LIST, { filter: { name: 'PAGE ' }, first: 2, after });
      found.push(...page.nodes.map((node) => node.name));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    expect(found).toEqual(names);
    const percent = await call(app, world.hubToken, LIST, { filter: { name: '%' } });
    expect(percent.nodes).toHaveLength(1);
    const foreign = { filter: {}, after: 'bm90IGEgY3Vyc29y' };
    expect(await refusal(app, world.hubToken, LIST, foreign)).toBe('INVALID_CURSOR');
  });

  it('reads a tree with accounts and contracts in a number of statements that stays', async () => {
    const query = `query ($filter: PartnerFilter!) { partners(filter: $filter, first: 20) { nodes {
      id parent { id name } children(first: 3) { nodes { id accounts(first: 2) { nodes { id } } } }
      accounts(first: 3) { nodes { id partner { id } children(first: 2) { nodes { id } } } }
      contracts(first: 2) { nodes {
        id seller { id } account { id } version { currency priceLists { service } }
      } }
    } } }`;
    const count = async (filter: object): Promise<number> => {
      const before = app.app.database.statementCount;
      await call(app, world.hubToken, query, { filter });
      return app.app.database.statementCount - before;
    };
    const few = await count({ parentId: world.hub.globalId });
    for (let i = 0; i < 10; i += 1) {
      const made = await call(app, world.hubToken, CREATE, {
        input: input({ parentId: world.hub.globalId }),
      });
      await call(app, world.hubToken, CREATE_ACCOUNT, { input: { partnerId: made.id, name: 'A' } });
      await call(app, world.hubToken, CREATE, { input: input({ parentId: made.id }) });
    }
    const many = await count({ parentId: world.hub.globalId });
    expect(many).toBeLessThanOrEqual(few + 4);
    expect(many).toBeLessThanOrEqual(25);
  });
});

describe('accounts', () => {
  it('are numbered when no number is given, stepping over one that was chosen', async () => {
    const first = await anAccount(app, world.hubToken, world.resellerB);
    expect(first.number).toMatch(/^A\d{7}$/);
    const next = `A${String(Number(first.number.slice(1)) + 1).padStart(7, '0')}`;
    const chosen = { partnerId: world.resellerB.globalId, name: 'Chosen', number: next };
    await call(app, world.tokenB, CREATE_ACCOUNT, { input: chosen });
    const after = await anAccount(app, world.tokenA, world.resellerA);
    expect(Number(after.number.slice(1))).toBe(Number(first.number.slice(1)) + 2);
  });

  it('form a tree inside one partner and refuses what crosses it', async () => {
    const { tokenA, resellerA, customerA, hubToken } = world;
    const root = await anAccount(app, tokenA, resellerA);
    const child = await call(app, tokenA, CREATE_ACCOUNT, {
      input: { partnerId: resellerA.globalId, parentId: root.id, name: 'Child' },
    });
    expect(child).toMatchObject({ parent: { id: root.id }, partner: { id: resellerA.globalId } });
    const crossing = { partnerId: customerA.globalId, parentId: root.id, name: 'X' };
    expect(await refusal(app, hubToken, CREATE_ACCOUNT, { input: crossing })).toBe(
      'ACCOUNT_OF_OTHER_PARTNER',
    );
  });

  it('are refused a number that any tenant uses, without telling whose', async () => {
    const taken = await anAccount(app, world.hubToken, world.resellerB);
    const same = {
      input: { partnerId: world.resellerA.globalId, name: 'X', number: taken.number },
    };
    const { codes, text } = await app.graphql(CREATE_ACCOUNT, same, world.tokenA);
    expect(codes).toEqual(['ACCOUNT_NUMBER_TAKEN']);
    expect(text).not.toContain(world.resellerB.globalId);
  });

  it("cannot be read or hung below by another tenant's users", async () => {
    const foreign = await anAccount(app, world.hubToken, world.resellerB);
    const query = 'query ($id: ID!) { account(id: $id) { id number } }';
    expect(await call(app, world.tokenA, query, { id: foreign.id })).toBeNull();
    const below = { partnerId: world.resellerA.globalId, parentId: foreign.id, name: 'X' };
    expect(await refusal(app, world.tokenA, CREATE_ACCOUNT, { input: below })).toBe('NOT_FOUND');
  });
});
