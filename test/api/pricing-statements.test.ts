import { afterAll, beforeAll, expect, it } from 'vitest';
import { CREATE_DESTINATION } from '../fixtures/catalog.js';
import { aWorld, call, type World } from '../fixtures/partner.js';
import {
  aPlan,
  bucketInput,
  CREATE_BUCKET,
  CREATE_GROUP,
  CREATE_RULE,
  RULE_FIELDS,
  ruleInput,
} from '../fixtures/pricing.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';

const RULES = `query ($first: Int!) { priceRules(first: $first) { nodes { ${RULE_FIELDS} } } }`;
const BUCKETS = `query ($first: Int!) { buckets(first: $first) {
  nodes { id partner { name } servicePlan { name } contract { id } destinations { name } } } }`;

let app: TestApp;
let world: World;

beforeAll(async () => {
  app = await testApp({ start: false });
  world = await aWorld(app);
  const { hubToken, hub } = world;
  for (let i = 0; i < 12; i += 1) {
    const input = { partnerId: hub.globalId, name: `Group ${i}` };
    const { id: customerGroupId } = await call(app, hubToken, CREATE_GROUP, { input });
    const named = { name: `Place ${i}`, prefixes: [`4${i}`] };
    const { id } = await call(app, hubToken, CREATE_DESTINATION, { input: named });
    const rule = ruleInput({ customerGroupId, destinationIds: [id] });
    await call(app, hubToken, CREATE_RULE, { partner: hub.globalId, rule });
    const target = { servicePlanId: (await aPlan(app, hubToken, hub)).id };
    const bucket = bucketInput({ destinationIds: [id] });
    await call(app, hubToken, CREATE_BUCKET, { target, bucket });
  }
});
afterAll(() => app.stop());

it.each([
  ['price rules', RULES],
  ['buckets', BUCKETS],
])('a list of %s takes as many statements for twelve as for one', async (_, query) => {
  const statements = async (first: number) => {
    const before = app.app.database.statementCount;
    const { nodes } = await call(app, world.hubToken, query, { first });
    expect(nodes).toHaveLength(first);
    return app.app.database.statementCount - before;
  };
  await statements(1);
  expect(await statements(12)).toBe(await statements(1));
});
