import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Draw } from '../fixtures/draw.js';
import { call, tokenOf } from '../fixtures/partner.js';
import { aRichWorld, type RichWorld, richFile, richLines } from '../fixtures/rich-world.js';
import { settle } from '../fixtures/settle.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { importFile } from '../fixtures/traffic.js';

const SEED = Number(process.env.KONTOR_TEST_SEED ?? 192_619);
const RECORDS = 360;

let kontor: TestApp;
let world: RichWorld;

beforeAll(async () => {
  kontor = await testApp({ env: { KONTOR_POOL_SIZE: '4' } });
  world = await aRichWorld(kontor);
  const lines = richLines(new Draw(SEED), RECORDS, '2026-10-19T00:00:00Z', 25);
  const { file } = await importFile(kontor, world, 'rich', richFile(lines));
  expect(file).toMatchObject({ rated: String(RECORDS), received: String(RECORDS) });
  await settle(kontor);
}, 60_000);

afterAll(async () => kontor.stop());

const XDRS = `query ($filter: XdrFilter!, $after: String) {
  xdrs(filter: $filter, first: 400, after: $after) {
    nodes { id value prices { level amount baseAmount coveredQuantity } }
  }
}`;

const EXPLAIN = `query ($id: ID!) {
  explainXdr(id: $id) {
    equal
    levels {
      level position amount storedAmount recomputedAmount recomputedFinal equal differences
      byTrunk trunk byOrigin originSet originPrefix holiday band bandPolicy
      slices { localTime seconds band billedQuantity price rateUnit }
      tariff { model price tiers { from upTo price flatFee } minCharge maxCharge }
      skippedPrefixes { prefix reason } priceLists { name } path { kind priceList price }
      carriedValue conversion { from to base quote rate validFrom source } formula unrounded
      rules { name type value acted refusal amount volumeBefore capLeft }
      chargeSteps { kind text result }
      month {
        month pending coveredQuantity tierBefore tierTotal formula amount
        covered { name kind sharing granted rolledIn bonus used left }
        tiers { from upTo units price flatFee blocks }
        rules { name acted refusal amount volumeBefore capLeft }
        chargeSteps { kind text result }
        paid { name used left }
      }
    }
  }
}`;

interface Price {
  readonly level: string;
  readonly amount: string;
  readonly baseAmount: string;
  readonly coveredQuantity: string;
}

interface Node {
  readonly id: string;
  readonly value: string;
  readonly prices: readonly Price[];
}

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Level = any;

async function listed(token: string): Promise<Node[]> {
  const filter = { from: '2026-10-01T00:00:00Z', to: '2026-12-01T00:00:00Z' };
  return (await call(kontor, token, XDRS, { filter })).nodes;
}

/** Explains records two at a time and holds every level against what the list shows. */
async function explained(token: string, records: readonly Node[]): Promise<Level[]> {
  const levels: Level[] = [];
  const left = [...records];
  const work = async () => {
    for (let record = left.pop(); record !== undefined; record = left.pop()) {
      const { id, prices } = record;
      const shown = await call(kontor, token, EXPLAIN, { id });
      const told = shown.levels.map((level: Level) => ({
        level: level.level,
        amount: level.recomputedFinal,
        baseAmount: level.recomputedAmount,
        coveredQuantity: level.month?.coveredQuantity ?? '0',
      }));
      expect(told, `seed ${SEED}, ${JSON.stringify(shown)}`).toEqual(prices);
      expect(shown.equal).toBe(true);
      levels.push(...shown.levels);
    }
  };
  await Promise.all([work(), work()]);
  return levels;
}

describe(`a world in which every way of pricing occurs (seed ${SEED})`, () => {
  it('is explained as it is shown, at every level and by all that plays a part', async () => {
    const records = await listed(world.token);
    expect(records).toHaveLength(RECORDS);
    const levels = await explained(world.token, records);
    expect(levels.length).toBeGreaterThan(900);
    const seen = new Set<string>();
    for (const level of levels) note(level, seen);
    expect([...seen].sort()).toEqual(
      [
        ...['PER_UNIT', 'PER_EVENT', 'PERCENTAGE', 'REVENUE_SHARE', 'PACKAGE', 'GRADUATED'],
        ...['VOLUME', 'byTrunk', 'byOrigin', 'holiday', 'SPLIT', 'MAJORITY', 'conversion'],
        ...['MIN_CHARGE', 'MAX_CHARGE', 'CONVERSION', 'USAGE', 'ROUNDING', 'DISCOUNT'],
        ...['SURCHARGE', 'OUTSIDE_VOLUME', 'EXCLUSIVE_OTHER', 'BETTER_OTHER', 'CANARY-COST-RULE'],
        ...['CANARY-FRIENDS', 'Volume', 'Best a', 'Best b', 'Weekends', 'Only this', 'Else that'],
        ...['Ten minutes', 'Pocket money', 'Family minutes', 'CANARY-WHOLESALE-BUCKET'],
        ...['rolled in', 'bonus', 'several tiers', 'OTHER_ORIGIN'],
      ].sort(),
    );
  }, 120_000);

  it('tells a customer and a reseller nothing of what is above them', async () => {
    const customer = await tokenOf(kontor, world.customer);
    const lower = await tokenOf(kontor, world.lower);
    for (const [token, own] of [
      [customer, []],
      [lower, ['CANARY-LOWER-RETAIL']],
    ] as const) {
      const levels = await explained(token, (await listed(token)).slice(0, 40));
      const found = JSON.stringify(levels).match(/CANARY-[A-Z-]+/g) ?? [];
      expect([...new Set(found)]).toEqual(own);
      expect(levels.some((level) => level.month !== null)).toBe(true);
    }
    // Rules of the seller are told by what they did, without their names.
    const [own] = await explained(customer, (await listed(customer)).slice(0, 1));
    for (const { name, acted } of own.rules) expect([name, acted]).toEqual([null, true]);
  }, 60_000);

  it('shows what an account tree shares, and who of it used how much', async () => {
    const ask = (token: string) =>
      call(
        kontor,
        token,
        `query ($id: ID!) {
          partner(id: $id) {
            accounts(first: 10) {
              nodes {
                name
                bucketBalances(month: "2026-10") {
                  buckets { name sharing used left granted rolledIn bonus usedBy { used label } }
                  points { name points sharing }
                }
              }
            }
          }
        }`,
        { id: world.customer.globalId },
      );
    const token = await tokenOf(kontor, world.customer);
    const { accounts } = await ask(token);
    const [main, branch] = accounts.nodes.map((one: Level) => one.bucketBalances);
    expect(accounts.nodes).toHaveLength(2);
    expect(branch).toEqual(main);
    const [family] = main.buckets;
    expect(family).toMatchObject({ name: 'Family minutes', sharing: 'ACCOUNT', granted: '700' });
    expect(family.usedBy).toHaveLength(2);
    const taken = family.usedBy.map(({ used }: Level) => Number(used));
    expect(taken[0] + taken[1]).toBe(Number(family.used));
    expect(Number(family.used)).toBe(700 + Number(family.rolledIn) - Number(family.left));
    const covered = (await listed(token)).flatMap(({ prices }) => prices);
    expect(covered.some(({ coveredQuantity }) => coveredQuantity !== '0')).toBe(true);
    expect(main.points).toMatchObject([{ name: 'Points', sharing: 'ACCOUNT' }]);
    expect(Number(main.points[0].points) % 10).toBe(0);
  });

  it('needs no more statements for many levels and months than for one', async () => {
    const records = await listed(world.token);
    const { id } = records.find(({ prices }) => prices.length === 4)!;
    const answer = await kontor.graphql(EXPLAIN, { id }, world.token);
    expect(kontor.statements(answer)).toBeLessThan(55);
    const filter = { from: '2026-10-01T00:00:00Z', to: '2026-12-01T00:00:00Z' };
    const page = await kontor.graphql(XDRS, { filter }, world.token);
    expect(kontor.statements(page)).toBeLessThan(12);
  });
});

function note(level: Level, seen: Set<string>): void {
  const { tariff, month } = level;
  if (tariff !== null) seen.add(tariff.model);
  for (const flag of ['byTrunk', 'byOrigin', 'holiday']) if (level[flag]) seen.add(flag);
  if (level.bandPolicy !== 'START') seen.add(level.bandPolicy);
  if (level.conversion !== null) seen.add('conversion');
  for (const { kind } of level.chargeSteps) seen.add(kind);
  for (const { reason } of level.skippedPrefixes) {
    if (reason === 'OTHER_ORIGIN') seen.add(reason);
  }
  for (const rule of [...level.rules, ...(month?.rules ?? [])]) {
    if (rule.acted) seen.add(rule.name);
    else seen.add(rule.refusal);
  }
  if (month === null) return;
  for (const use of [...month.covered, ...month.paid]) {
    seen.add(use.name);
    if (Number(use.rolledIn ?? 0) > 0) seen.add('rolled in');
    if (Number(use.bonus ?? 0) > 0) seen.add('bonus');
  }
  if (month.tiers.length > 1) seen.add('several tiers');
}
