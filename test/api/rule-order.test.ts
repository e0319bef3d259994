import { afterAll, beforeAll, expect, it } from 'vitest';
import { aPriceList, aRate } from '../fixtures/catalog.js';
import {
  anAccount,
  aWorld,
  CREATE_CONTRACT,
  call,
  contractInput,
  type World,
} from '../fixtures/partner.js';
import type { BuiltPartner } from '../fixtures/partner-builder.js';
import { CREATE_RULE, ruleInput } from '../fixtures/pricing.js';
import { CREATE_SUBSCRIPTION } from '../fixtures/subscription.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const CLOSE = `mutation ($id: ID!, $at: DateTime!) { closePriceRule(id: $id, at: $at) { id } }`;
const CHANGE = `mutation ($id: ID!, $rule: PriceRuleInput!) {
  changePriceRule(id: $id, rule: $rule) { id }
}`;
const QUOTE = `query ($input: QuoteInput!) { quote(input: $input) { levels { level amount } } }`;

let app: TestApp;
let world: World;
let subscriptionId: string;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  const { hub, hubToken: token, resellerA, customerA } = world;
  const sold = async (seller: BuiltPartner, buyer: BuiltPartner, level: string) => {
    const { id: priceListId } = await aPriceList(app, token, seller);
    await aRate(app, token, priceListId, { prefix: '', price: '1', rateUnit: 60 });
    const { id: accountId } = await anAccount(app, token, buyer);
    const input = contractInput({ seller, buyer, accountId, priceListId, level });
    const { id } = await call(app, token, CREATE_CONTRACT, { input });
    return { accountId, contractId: id };
  };
  await sold(hub, resellerA, 'WHOLESALE');
  const retail = await sold(resellerA, customerA, 'RETAIL');
  const line = { ...retail, label: 'Line', startsAt: '2026-01-01T00:00:00Z' };
  const made = await call(app, token, CREATE_SUBSCRIPTION, {
    input: { ...line, numbers: ['+4930123'] },
  });
  subscriptionId = made.id;
}, 120_000);
afterAll(() => app.stop());

const aRule = (given: object) =>
  call(app, world.tokenA, CREATE_RULE, {
    partner: world.resellerA.globalId,
    rule: ruleInput(given),
  });

/** What a call of a minute in July 2026 costs as things stand. */
async function july(): Promise<string> {
  const { levels } = await call(app, world.hubToken, QUOTE, {
    input: {
      ...{ subscriptionId, service: 'VOICE', bNumber: '4940123456', quantity: '60' },
      startedAt: '2026-07-01T10:00:00Z',
    },
  });
  return levels.find(({ level }: { level: string }) => level === 'RETAIL').amount;
}

// The version of before gets a new row when it is cut, which must not make it the younger one.
it('is what it was for records of before, when a rule is to end or change later', async () => {
  const first = await aRule({ name: 'A tenth', amount: '10' });
  await aRule({ name: 'Five cents', effect: 'FIXED', amount: '0.05' });
  expect(await july()).toBe('0.85');
  await call(app, world.tokenA, CLOSE, { id: first.id, at: '2027-01-01T00:00:00Z' });
  expect(await july()).toBe('0.85');

  const alone = { stacking: 'EXCLUSIVE', priority: -1 };
  const older = await aRule({ name: 'Older', amount: '15', ...alone });
  await aRule({ name: 'Younger', amount: '50', ...alone });
  expect(await july()).toBe('0.85');
  await call(app, world.tokenA, CHANGE, {
    id: older.id,
    rule: ruleInput({ name: 'Older', amount: '20', ...alone, validFrom: '2027-03-01T00:00:00Z' }),
  });
  expect(await july()).toBe('0.85');
});
