import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRate } from '../fixtures/catalog.js';
import {
  anAccount,
  CREATE_CONTRACT,
  call,
  contractInput,
  TERMS,
  tokenOf,
} from '../fixtures/partner.js';
import { aPartner, type BuiltPartner } from '../fixtures/partner-builder.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import { aTrafficWorld, importFile, type TrafficWorld } from '../fixtures/traffic.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const NUMBER = '4930777888';
/** When the successor's terms begin. */
const CHANGE = '2026-10-01T00:00:00.000Z';
const BEFORE = '2026-09-30T23:59:59.000Z';

let kontor: TestApp;
let world: TrafficWorld;
let reseller: BuiltPartner;
let first: string;
let second: string;
let knownBefore: string;

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  const { token, hub, lists } = world;
  const below = (parentId: number, kind: string) =>
    aPartner(kontor, { parentId, kind, name: kind });
  reseller = await below(hub.id, 'RESELLER');
  const customer = await below(reseller.id, 'BUSINESS_CUSTOMER');
  const list = await call(
    kontor,
    token,
    'mutation ($input: CreatePriceListInput!) { createPriceList(input: $input) { id } }',
    { input: { partnerId: reseller.globalId, name: 'Retail', currency: 'EUR' } },
  );
  await aRate(kontor, token, list.id, { prefix: '49', price: '0.2' });
  first = (await contract(hub, reseller, lists.upperBuys, { validTo: CHANGE })).id;
  const own = await contract(reseller, customer, list.id, {}, 'RETAIL');
  await call(
    kontor,
    token,
    'mutation ($input: CreateSubscriptionInput!) { createSubscription(input: $input) { id } }',
    {
      input: {
        accountId: own.account.id,
        contractId: own.id,
        label: 'Line',
        startsAt: TERMS.validFrom,
        numbers: [NUMBER],
      },
    },
  );
  knownBefore = new Date().toISOString();
  second = (await contract(hub, reseller, lists.hubRetail, { validFrom: CHANGE })).id;
}, 60_000);

afterAll(async () => kontor.stop());

async function contract(
  seller: BuiltPartner,
  buyer: BuiltPartner,
  priceListId: string,
  terms: object,
  level = 'WHOLESALE',
): Promise<{ readonly id: string; readonly account: { readonly id: string } }> {
  const { id: accountId } = await anAccount(kontor, world.token, buyer);
  const input = contractInput({ seller, buyer, accountId, priceListId, level });
  return call(kontor, world.token, CREATE_CONTRACT, {
    input: { ...input, terms: { ...input.terms, ...terms } },
  });
}

// biome-ignore lint/suspicious/noExplicitAny: a test knows the shape of what it asked for.
type Asked = any;

const quote = (startedAt: string, given: object = {}): Promise<Asked> =>
  call(
    kontor,
    world.token,
    `query ($input: QuoteInput!) {
      quote(input: $input) { levels { level amount fault contract { id } } }
    }`,
    { input: { startedAt, aNumber: NUMBER, bNumber: '4940123456', quantity: '60', ...given } },
  );

const explained = async (token: string): Promise<Asked[]> => {
  const filter = { from: '2026-09-01T00:00:00Z', to: '2026-11-01T00:00:00Z' };
  const query = 'query ($filter: XdrFilter!) { xdrs(filter: $filter, first: 9) { nodes { id } } }';
  const { nodes } = await call(kontor, token, query, { filter });
  const all = nodes.map(({ id }: Asked) =>
    call(
      kontor,
      token,
      `query ($id: ID!) {
        explainXdr(id: $id) {
          equal xdr { startedAt } levels { level storedAmount contract { id } }
        }
      }`,
      { id },
    ),
  );
  return (await Promise.all(all)).sort((a: Asked, b: Asked) =>
    a.xdr.startedAt < b.xdr.startedAt ? -1 : 1,
  );
};

describe('a wholesale contract with a successor', () => {
  it('prices and explains records of its time, the successor those of its own', async () => {
    const lines = [BEFORE, CHANGE].map(
      (at, n) => `s${n},voice,${at},+${NUMBER},+4940123456,60,,CANARY-TRUNK-OUT\n`,
    );
    const { file } = await importFile(kontor, world, 'kontor', HEADER + lines.join(''));
    expect(file).toMatchObject({ received: '2', rated: '2', held: '0' });
    const all = await explained(world.token);
    expect(all.map(({ equal }) => equal)).toEqual([true, true]);
    for (const [n, [at, id, amount]] of [
      [BEFORE, first, '0.0377'],
      [CHANGE, second, '0.0707'],
    ].entries()) {
      // 60 s at 0.0471 a minute: less 20 percent 0.03768, plus 50 percent 0.07065.
      const level = { level: 'WHOLESALE', contract: { id } };
      expect(all[n].levels[1]).toEqual({ ...level, storedAmount: amount });
      const quoted = await quote(at as string);
      expect(quoted.levels[1]).toEqual({ ...level, amount, fault: null });
      expect(quoted.levels.at(-1).amount).toBe(all[n].levels.at(-1).storedAmount);
    }
  });

  it('is named where its list has no rate, the successor from then on', async () => {
    await aRate(kontor, world.token, world.lists.cost, { prefix: '45', price: '0.01' });
    const lines = [BEFORE, CHANGE].map(
      (at, n) => `u${n},voice,${at},+${NUMBER},+4540123456,60,,CANARY-TRUNK-OUT\n`,
    );
    const { fileId } = await importFile(kontor, world, 'kontor', HEADER + lines.join(''));
    const query = `query ($id: ID!) {
      suspenseRecords(filter: { fileId: $id }) { nodes { code contract { id } } } }`;
    const { nodes } = await call(kontor, world.token, query, { id: fileId });
    expect(nodes).toEqual([first, second].map((id) => ({ code: 'NO_RATE', contract: { id } })));
  });

  it('shows the buyer his own purchase under either', async () => {
    const all = await explained(await tokenOf(kontor, reseller));
    expect(all.map(({ equal, levels }) => [equal, levels.map((one: Asked) => one.level)])).toEqual([
      [true, ['WHOLESALE', 'RETAIL']],
      [true, ['WHOLESALE', 'RETAIL']],
    ]);
    expect(all.map(({ levels }) => levels[0].contract.id)).toEqual([first, second]);
  });

  it('has none where it was not known yet', async () => {
    const { levels } = await quote(CHANGE, { asKnownAt: knownBefore });
    expect(levels[1]).toMatchObject({ amount: null, fault: 'NO_TERMS' });
    const early = await quote(BEFORE, { asKnownAt: knownBefore });
    expect(early.levels[1]).toMatchObject({ fault: null, contract: { id: first } });
  });
});
