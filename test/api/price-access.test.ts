import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { raiseAlarm } from '../../src/alarm/index.js';
import { toGlobalId } from '../../src/kernel/index.js';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aPriceList, aRate } from '../fixtures/catalog.js';
import {
  anAccount,
  aWorld,
  CREATE_CONTRACT,
  call,
  contractInput,
  refusal,
  tokenOf,
  type World,
} from '../fixtures/partner.js';
import {
  bonusInput,
  bucketInput,
  CREATE_BONUS,
  CREATE_BUCKET,
  CREATE_RULE,
  CREATE_SCHEDULE,
  ruleInput,
  scheduleInput,
} from '../fixtures/pricing.js';
import { type Answer, type TestApp, testApp } from '../fixtures/test-app.js';

const RATES = 'query ($id: ID!) { rates(priceListId: $id) { nodes { price } } }';
const EFFECTIVE = `query ($id: ID!) {
  effectiveRates(priceListId: $id) { nodes { price derivation { price kind } } }
}`;
const RATE_FOR = 'query ($id: ID!) { rateFor(priceListId: $id, number: "4930123") { price } }';
const CREATE_LIST = `mutation ($input: CreatePriceListInput!) {
  createPriceList(input: $input) { id }
}`;
const RULES = '{ priceRules { nodes { name amount } } }';
const STEPS = '{ tierSchedules { nodes { name steps { price } } } }';
const ALARMS = '{ alarms { nodes { probableCause text details } } }';

const COST = 'price.cost.read';
const WHOLESALE = 'price.wholesale.read';
const RETAIL = 'price.retail.read';

let app: TestApp;
let world: World;
/** A contract that a rule, a bucket and a bonus belong to. */
let sold: string;
/** Lists by the level that a contract uses them at; the free one is used by none. */
const lists: Record<'cost' | 'wholesale' | 'retail' | 'both' | 'free', string> = {
  cost: '',
  wholesale: '',
  retail: '',
  both: '',
  free: '',
};

beforeAll(async () => {
  app = await testApp();
  world = await aWorld(app);
  const { hub, supplier, resellerA, resellerB, customerA, hubToken: token } = world;
  const list = async (price: string, given: object = {}) => {
    const { id } = await aPriceList(app, token, hub, given);
    await aRate(app, token, id, { prefix: '49', price, ...given });
    return id;
  };
  lists.cost = (await aPriceList(app, token, supplier)).id;
  await aRate(app, token, lists.cost, { prefix: '49', price: '0.0111' });
  lists.wholesale = await list('0.0222');
  lists.both = await list('0.0333');
  lists.free = await list('0.0444');
  lists.retail = (await aPriceList(app, token, hub, { parentId: lists.wholesale })).id;
  await aRate(app, token, lists.retail, { prefix: '49', price: '50', kind: 'PERCENT' });
  const contract = async (
    seller: World['hub'],
    buyer: World['hub'],
    level: string,
    priceListId: string,
  ) => {
    const holder = level === 'COST' ? seller : buyer;
    const { id: accountId } = await anAccount(app, token, holder);
    const input = contractInput({ seller, buyer, level, priceListId, accountId });
    return call(app, token, CREATE_CONTRACT, { input });
  };
  await contract(supplier, hub, 'COST', lists.cost);
  await contract(hub, resellerA, 'WHOLESALE', lists.wholesale);
  await contract(hub, resellerB, 'WHOLESALE', lists.both);
  const direct = await contract(hub, resellerB, 'RETAIL', lists.both);
  await contract(hub, resellerA, 'RETAIL', lists.retail);
  expect(customerA.parentId).toBe(resellerA.id);
  const rule = (given: object) =>
    call(app, token, CREATE_RULE, { partner: hub.globalId, rule: ruleInput(given) });
  await rule({ name: 'On every level' });
  await rule({ name: 'On cost', level: 'COST' });
  await rule({ name: 'On retail', level: 'RETAIL' });
  await rule({ name: 'For the customer', contractId: direct.id });
  sold = direct.id;
  const target = { contractId: sold };
  await call(app, token, CREATE_BUCKET, { target, bucket: bucketInput() });
  await call(app, token, CREATE_BONUS, { target, rule: bonusInput() });
  const schedule = async (name: string, priceListId: string | null) => {
    const input = scheduleInput(hub, { name });
    const { id } = await call(app, token, CREATE_SCHEDULE, { input });
    const tiers = { prefix: '33', price: '0', model: 'GRADUATED', tierScheduleId: id };
    if (priceListId !== null) await aRate(app, token, priceListId, tiers);
  };
  await schedule('Tiers of wholesale', lists.wholesale);
  await schedule('Tiers of nothing', null);
}, 60_000);
afterAll(() => app.stop());

function clerk(...permissions: string[]): Promise<string> {
  return tokenOf(app, world.hub, ['catalog.read', ...permissions]);
}

async function readable(token: string): Promise<string[]> {
  const found: string[] = [];
  for (const [name, id] of Object.entries(lists)) {
    const answers: Answer[] = [];
    for (const query of [RATES, EFFECTIVE, RATE_FOR]) {
      answers.push(await app.graphql(query, { id }, token));
    }
    const codes = new Set(answers.map((answer) => answer.codes.join()));
    expect(codes.size).toBe(1);
    if (codes.has('')) found.push(name);
    else {
      expect([...codes]).toEqual(['FORBIDDEN']);
      expect(answers.map(({ text }) => text).join()).not.toMatch(/0\.0[1-4]{3}/);
    }
  }
  return found;
}

describe('prices of a list', () => {
  it('are seen with the permissions of all levels that contracts use it at', async () => {
    expect(await readable(await clerk(COST))).toEqual(['cost']);
    expect(await readable(await clerk(WHOLESALE))).toEqual(['wholesale']);
    expect(await readable(await clerk(RETAIL))).toEqual(['retail']);
    expect(await readable(await clerk(RETAIL, WHOLESALE))).toEqual(['wholesale', 'retail', 'both']);
    expect(await readable(await clerk())).toEqual([]);
    expect(await readable(await clerk('catalog.manage'))).toEqual(['free']);
    expect(await readable(world.hubToken)).toEqual(Object.keys(lists));
  });

  it('of the list of a seller are to a buyer as if there were no such list', async () => {
    const token = await tokenOf(app, world.resellerA, ['catalog.read', COST, WHOLESALE, RETAIL]);
    for (const query of [RATES, EFFECTIVE, RATE_FOR]) {
      const [foreign, absent] = [lists.wholesale, toGlobalId('PriceList', 999_999)];
      const { text } = await app.graphql(query, { id: foreign }, token);
      expect(text).toBe((await app.graphql(query, { id: absent }, token)).text);
      expect(text).toContain('FORBIDDEN');
    }
  });

  it('do not show through those of a list that inherits from it', async () => {
    const derivation = async (token: string) => {
      const { data } = await app.graphql(EFFECTIVE, { id: lists.retail }, token);
      const node = data.effectiveRates.nodes.find((one: { price: string }) =>
        one.price.startsWith('0.033'),
      );
      return node.derivation;
    };
    const own = { price: '50.00000000', kind: 'PERCENT' };
    expect(await derivation(await clerk(RETAIL))).toEqual([own]);
    expect(await derivation(await clerk(RETAIL, WHOLESALE))).toEqual([
      { price: '0.02220000', kind: 'ABSOLUTE' },
      own,
    ]);
  });

  it('do not show through a list that is made below it', async () => {
    const { hub, resellerA } = world;
    const retail = await clerk('catalog.manage', RETAIL);
    const below = (partner: World['hub'], given: object) => ({
      input: { partnerId: partner.globalId, name: 'A look', currency: 'EUR', ...given },
    });
    const wholesale = below(hub, { parentId: lists.wholesale });
    expect(await refusal(app, retail, CREATE_LIST, wholesale)).toBe('FORBIDDEN');
    const made = await call(app, world.hubToken, CREATE_LIST, wholesale);
    for (const query of [RATES, EFFECTIVE, RATE_FOR]) {
      expect(await refusal(app, retail, query, { id: made.id })).toBe('FORBIDDEN');
      expect(await refusal(app, await clerk(WHOLESALE), query, { id: made.id })).toBe('FORBIDDEN');
      const keeper = await clerk('catalog.manage', WHOLESALE);
      expect(await refusal(app, keeper, query, { id: made.id })).toBe('');
    }
    const { nodes } = await call(
      app,
      world.tokenA,
      '{ contracts { nodes { id level buyer { id } } } }',
    );
    const bought = nodes.find(
      (one: Answer['data']) => one.level === 'WHOLESALE' && one.buyer.id === resellerA.globalId,
    );
    const mine = below(resellerA, { parentContract: { contractId: bought.id, service: 'VOICE' } });
    const held = ['catalog.read', 'catalog.manage', RETAIL];
    const seller = await tokenOf(app, resellerA, held);
    expect(await refusal(app, seller, CREATE_LIST, mine)).toBe('FORBIDDEN');
    const resale = await call(app, world.tokenA, CREATE_LIST, mine);
    for (const query of [EFFECTIVE, RATE_FOR]) {
      expect(await refusal(app, seller, query, { id: resale.id })).toBe('FORBIDDEN');
      const buyer = await tokenOf(app, resellerA, [...held, WHOLESALE]);
      expect(await refusal(app, buyer, query, { id: resale.id })).toBe('');
    }
  });

  it('are as absent as those of a list that does not exist', async () => {
    const token = await clerk();
    const absent = await app.graphql(RATES, { id: 'UHJpY2VMaXN0Ojk5OTk5OQ' }, token);
    const hidden = await app.graphql(RATES, { id: lists.free }, token);
    expect(hidden.codes).toEqual(absent.codes);
  });
});

describe('what is made of prices', () => {
  it('is shown by level: rules', async () => {
    const names = async (token: string) => {
      const { data } = await app.graphql(RULES, null, token);
      return data.priceRules.nodes.map((rule: { name: string }) => rule.name);
    };
    expect(await names(await clerk())).toEqual(['On every level']);
    expect(await names(await clerk(COST))).toEqual(['On every level', 'On cost']);
    const retail = ['On every level', 'On retail', 'For the customer'];
    expect(await names(await clerk(RETAIL))).toEqual(retail);
  });

  it('is shown by level: tiers', async () => {
    const seen = async (token: string) => {
      const { data } = await app.graphql(STEPS, null, token);
      const nodes: { name: string; steps: object[] | null }[] = data.tierSchedules.nodes;
      return nodes.filter(({ steps }) => steps !== null).map(({ name }) => name);
    };
    expect(await seen(await clerk())).toEqual([]);
    expect(await seen(await clerk(RETAIL))).toEqual([]);
    expect(await seen(await clerk(WHOLESALE))).toEqual(['Tiers of wholesale']);
    expect(await seen(await clerk('catalog.manage'))).toEqual(['Tiers of nothing']);
  });

  it('is shown by level: change sets of re-rating', async () => {
    const id = await aRerate();
    const CHANGES = `query ($id: ID!) {
      rerate(id: $id) { outcome(step: PREVIEW) {
        totals { before }
        all: differences(by: []) { nodes { before } }
        split: differences(by: [LEVEL]) { nodes { level before } }
      } }
    }`;
    const seen = async (...permissions: string[]) => {
      const held = ['usage.rerate.read', 'contract.read', ...permissions];
      const token = await tokenOf(app, world.hub, held);
      const { totals, all, split } = (await call(app, token, CHANGES, { id })).outcome;
      expect(all.nodes).toEqual(totals);
      return { sum: totals[0]?.before ?? null, levels: split.nodes.map(levelOf) };
    };
    const levelOf = ({ level, before }: { level: string; before: string }) => `${level} ${before}`;
    expect(await seen()).toEqual({ sum: null, levels: [] });
    expect(await seen(RETAIL)).toEqual({ sum: '4.00', levels: ['RETAIL 4.00'] });
    expect(await seen(COST, RETAIL)).toEqual({
      sum: '5.00',
      levels: ['COST 1.00', 'RETAIL 4.00'],
    });
    expect((await seen(COST, WHOLESALE, RETAIL)).sum).toBe('7.00');
  });

  it('is shown by level: alarms of sales below cost', async () => {
    await app.app.database.write(SYSTEM_SCOPE, (tx) =>
      raiseAlarm(tx, {
        partnerId: world.hub.id,
        severity: 'WARNING',
        probableCause: 'NEGATIVE_MARGIN',
        subjectType: 'Contract',
        subjectId: 1,
        naturalKey: 'margin of a test',
        text: 'Sold at a loss of 77.7.',
        details: { loss: '77.7' },
        shownWith: [COST, WHOLESALE],
      }),
    );
    const shown = async (...permissions: string[]) => {
      const token = await tokenOf(app, world.hub, ['alarm.read', ...permissions]);
      const { data } = await app.graphql(ALARMS, null, token);
      return data.alarms.nodes[0];
    };
    const probableCause = 'NEGATIVE_MARGIN';
    expect(await shown(COST, WHOLESALE)).toEqual({
      probableCause,
      text: 'Sold at a loss of 77.7.',
      details: { loss: '77.7' },
    });
    expect(await shown(COST, RETAIL)).toEqual({
      probableCause,
      text: 'To be seen with price.wholesale.read.',
      details: {},
    });
  });
});

/** A change set that was previewed: 1 of cost, 2 of wholesale, 4 of retail, before. */
async function aRerate(): Promise<string> {
  const [row] = await app.app.database.write(SYSTEM_SCOPE, (tx) =>
    tx.query<{ id: number }[]>(
      `WITH run AS (INSERT INTO run (partner_id, kind, subject, state)
         VALUES ($1, 'RERATE', 'preview of a test', 'DONE') RETURNING id),
       noted AS (INSERT INTO rerate_difference (run_id, batch_id, partner_id, payer_partner_id,
           contract_id, level, service, destination_id, currency, records, before, after)
         SELECT run.id, 1, $1, $1, 1, d.level, 1, 0, 'EUR', 1, d.before, 0
         FROM run, (VALUES ('COST', 100000000), ('WHOLESALE', 200000000), ('RETAIL', 400000000))
           AS d (level, before))
       INSERT INTO rerate (partner_id, reason, state, selection, started_from, started_to,
         requested_by, preview_run_id)
       SELECT $1, 'Test', 'PREVIEWED', '{"levels":null}', '2026-10-01', '2026-11-01',
         (SELECT min(id) FROM app_user), run.id FROM run RETURNING id`,
      [world.hub.id],
    ),
  );
  return toGlobalId('Rerate', row?.id ?? 0);
}

describe('a field that demands a permission', () => {
  const CONTACT = '{ partners { nodes { name address email } } }';

  it('refuses the whole operation before it begins, and tells which', async () => {
    const token = await tokenOf(app, world.hub, ['partner.read']);
    const answer = await app.graphql(CONTACT, null, token);
    expect(answer).toMatchObject({ status: 200, data: null, codes: ['FORBIDDEN'] });
    expect(answer.errors[0]?.extensions.details).toEqual({
      permission: 'partner.contact.read',
      field: 'Partner.address',
    });
    const seen = await tokenOf(app, world.hub, ['partner.read', 'partner.contact.read']);
    expect((await app.graphql(CONTACT, null, seen)).codes).toEqual([]);
  });

  it.each([
    ['PriceRule', 'priceRules'],
    ['Bucket', 'buckets'],
    ['BonusRule', 'bonusRules'],
  ])('shows the contract that a %s belongs to', async (type, list) => {
    const query = (field: string) => `{ ${list} { nodes { id ${field} } } }`;
    const keeper = await clerk(RETAIL);
    const answer = await app.graphql(query('contract { id }'), null, keeper);
    expect(answer).toMatchObject({ data: null, codes: ['FORBIDDEN'] });
    expect(answer.errors[0]?.extensions.details).toEqual({
      ...{ permission: 'contract.read', field: `${type}.contract` },
    });
    expect((await app.graphql(query(''), null, keeper)).codes).toEqual([]);
    const seer = await clerk(RETAIL, 'contract.read');
    const { nodes } = await call(app, seer, query('contract { id }'));
    expect(nodes).toContainEqual(expect.objectContaining({ contract: { id: sold } }));
  });

  it('is looked for wherever a document hides it, and not where it is left out', async () => {
    const token = await tokenOf(app, world.hub, ['partner.read']);
    const ask = async (query: string, variables: object = {}) =>
      (await app.graphql(query, variables, token)).codes;
    const hidden = [
      '{ partners { nodes { a: address } } }',
      '{ partners { nodes { ... on Partner { ...on Partner { address } } } } }',
      '{ partners { nodes { ...F } } } fragment F on Partner { parent { ...G } } fragment G on Partner { address }',
      '{ partners { nodes { ...F } } } fragment F on Partner { name ...G } fragment G on Partner { children { nodes { address } } }',
      '{ partners { nodes { address @include(if: true) @skip(if: false) } } }',
      'query ($x: Boolean = true) { partners { nodes { address @include(if: $x) } } }',
      'query ($x: Boolean!) { partners { nodes { ...F @include(if: $x) } } } fragment F on Partner { address }',
      'query A { partners { nodes { address } } }',
      '{ partners { edges { node { parent { parent { address } } } } } }',
    ];
    for (const query of hidden) {
      expect([query, await ask(query, { x: true })]).toEqual([query, ['FORBIDDEN']]);
    }
    const left = [
      'query ($x: Boolean!) { partners { nodes { name address @include(if: $x) } } }',
      'query ($x: Boolean!) { partners { nodes { name ...F @include(if: $x) } } } fragment F on Partner { address }',
      'query ($x: Boolean = false) { partners { nodes { name ... @include(if: $x) { address } } } }',
    ];
    left.push(
      'query ($x: Boolean!) { partners { nodes { name address @skip(if: true) @include(if: $x) } } }',
    );
    left.push('{ partners { nodes { name address @skip(if: true) } } }');
    for (const query of left) {
      expect([query, await ask(query, { x: false })]).toEqual([query, []]);
    }
    // What is left out once and asked for elsewhere is asked for.
    const twice = `query ($x: Boolean!) {
      a: partners @include(if: $x) { nodes { ...F } }
      b: partners { nodes { ...F } }
    } fragment F on Partner { address }`;
    expect(await ask(twice, { x: false })).toEqual(['FORBIDDEN']);
  });

  it('is told by the permissions query, with what else it takes', async () => {
    const { data } = await app.graphql(
      '{ permissions { name description changes requiresTotp includes opens reveals } }',
      null,
      world.hubToken,
    );
    const of = (name: string) =>
      data.permissions.find((permission: { name: string }) => permission.name === name);
    expect(of('partner.contact.read')).toMatchObject({
      changes: false,
      requiresTotp: false,
      opens: ['Partner.address', 'Partner.email', 'Partner.taxNumber'],
    });
    expect(of('user.manage')).toMatchObject({
      changes: true,
      requiresTotp: true,
      includes: ['user.read'],
    });
    expect(of('price.cost.read').reveals).toEqual(
      expect.arrayContaining(['Query.explainXdr', 'Query.rates', 'Xdr.prices']),
    );
    // Each permission is good for something that the schema tells of.
    const idle = data.permissions.filter(
      (one: { opens: string[]; reveals: string[] }) => one.opens.length + one.reveals.length === 0,
    );
    expect(idle.map(({ name }: { name: string }) => name)).toEqual(['schema.introspect']);
    const presets = await app.graphql('{ rolePresets { name permissions } }', null, world.hubToken);
    expect(presets.data.rolePresets.map(({ name }: { name: string }) => name)).toContain('Auditor');
  });
});
