import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SYSTEM_SCOPE } from '../../src/platform/index.js';
import { aRate } from '../fixtures/catalog.js';
import { call, contractInput, tokenOf } from '../fixtures/partner.js';
import { type TestApp, testApp } from '../fixtures/test-app.js';
import {
  aTrafficWorld,
  CUSTOMER_NUMBER,
  DIRECT_NUMBER,
  importFile,
  runEnd,
  type TrafficWorld,
} from '../fixtures/traffic.js';

const HEADER = 'record_id,service,started_at,a_number,b_number,quantity,in_trunk,out_trunk\n';
const AT = '2026-10-20T10:00:00Z';
const LIST = `query ($filter: SuspenseFilter!) {
  suspenseRecords(filter: $filter) { nodes { line code contract { id level } } }
}`;
const SUMMARY = `query ($filter: SuspenseFilter!) {
  suspenseSummary(filter: $filter, byContract: true) { code contract { id } records }
}`;
const RECYCLE = `mutation ($filter: SuspenseFilter!) { recycleRecords(filter: $filter) { id } }`;

let kontor: TestApp;
let world: TrafficWorld;
let fileId: string;

interface Shown {
  readonly line: string;
  readonly code: string;
  readonly contract: { readonly id: string; readonly level: string } | null;
}

async function records(filter: object, token = world.token): Promise<Shown[]> {
  return (await call(kontor, token, LIST, { filter })).nodes;
}

/** Codes by line, with the name of the contract in the world. */
async function named(filter: object): Promise<string[]> {
  const names = new Map(Object.entries(world.contracts).map(([name, id]) => [id, name]));
  return (await records(filter)).map(({ line, code, contract }) => {
    const name = contract && (names.get(contract.id) ?? contract.level);
    return `${line} ${code} ${name}`;
  });
}

async function contractFrom(validFrom: string): Promise<string> {
  const { hub, supplier, lists, token } = world;
  const account = await call(
    kontor,
    token,
    'mutation ($input: CreateAccountInput!) { createAccount(input: $input) { id } }',
    { input: { partnerId: supplier.globalId, name: 'Later' } },
  );
  const input = contractInput({
    ...{ seller: supplier, buyer: hub, accountId: account.id },
    ...{ priceListId: lists.cost, level: 'COST' },
  });
  const terms = { ...input.terms, validFrom };
  const { id } = await call(
    kontor,
    token,
    'mutation ($input: CreateContractInput!) { createContract(input: $input) { id } }',
    { input: { ...input, terms } },
  );
  await call(
    kontor,
    token,
    'mutation ($input: CreateTrunkInput!) { createTrunk(input: $input) { id } }',
    { input: { name: 'OUT-LATER', costContractId: id } },
  );
  return id;
}

beforeAll(async () => {
  kontor = await testApp();
  world = await aTrafficWorld(kontor);
  await contractFrom('2027-01-01T00:00:00Z');
  const priced = async (prefix: string, ...lists: (keyof TrafficWorld['lists'])[]) => {
    for (const list of lists) {
      await aRate(kontor, world.token, world.lists[list], { prefix, price: '0.01' });
    }
  };
  await priced('45', 'cost');
  await priced('46', 'cost', 'base');
  await priced('47', 'cost', 'base', 'upperSells');
  await priced('48', 'base', 'upperSells', 'lowerRetail');
  const line = (id: string, number: string, to: string, service = 'voice', out = '') =>
    `${id},${service},${AT},+${number},+${to}123456789,60,,${out}\n`;
  const lines = [
    line('a', CUSTOMER_NUMBER, '44'),
    line('b', CUSTOMER_NUMBER, '45'),
    line('c', CUSTOMER_NUMBER, '46'),
    line('d', CUSTOMER_NUMBER, '47'),
    line('e', DIRECT_NUMBER, '45'),
    line('f', '4930999999', '33'),
    line('g', CUSTOMER_NUMBER, '33', 'sms'),
    line('h', CUSTOMER_NUMBER, '33', 'voice', 'OUT-LATER'),
    line('i', CUSTOMER_NUMBER, '48'),
    line('j', CUSTOMER_NUMBER, '33'),
    `k,fax,${AT},+${CUSTOMER_NUMBER},+33123456789,60,,\n`,
  ];
  ({ fileId } = await importFile(kontor, world, 'kontor', HEADER + lines.join('')));
});

afterAll(async () => kontor.stop());

describe('a record that waits for a price', () => {
  it('names the contract at which it is missing', async () => {
    expect(await named({ fileId })).toEqual([
      '2 NO_RATE cost',
      '3 NO_RATE upper',
      '4 NO_RATE lower',
      '5 NO_RATE customer',
      '6 NO_RATE direct',
      '7 UNKNOWN_SUBSCRIBER null',
      '8 NO_PRICE_LIST customer',
      '9 NO_CONTRACT COST',
      '10 NO_RATE cost',
      '12 UNKNOWN_SERVICE null',
    ]);
  });

  it('is found, counted and taken up again by it, and says what is missing then', async () => {
    const contractId = world.contracts.cost;
    expect(await named({ contractId })).toEqual(['2 NO_RATE cost', '10 NO_RATE cost']);
    const counted = await call(kontor, world.token, SUMMARY, { filter: { contractId } });
    expect(counted).toEqual([{ code: 'NO_RATE', contract: { id: contractId }, records: '2' }]);
    const all = await call(kontor, world.token, SUMMARY, { filter: { codes: ['NO_RATE'] } });
    expect(all).toHaveLength(5);
    const query = '{ suspenseSummary(filter: { codes: ["NO_RATE"] }) { records contract { id } } }';
    expect(await call(kontor, world.token, query)).toEqual([{ records: '6', contract: null }]);
    for (const prefix of ['44', '48']) {
      await aRate(kontor, world.token, world.lists.cost, { prefix, price: '0.01' });
    }
    const run = await call(kontor, world.token, RECYCLE, { filter: { contractId } });
    expect(await runEnd(kontor, world.token, run.id)).toMatchObject({
      ...{ state: 'DONE', result: { received: 2, rated: 1, held: 1 } },
    });
    expect(await named({ contractId })).toEqual([]);
    expect(await named({ contractId: world.contracts.upper })).toEqual([
      '2 NO_RATE upper',
      '3 NO_RATE upper',
    ]);
  });

  it('names no contract to whom it is out of sight, nor is it found by it', async () => {
    const number = (id: string) => Number(atob(id).split(':')[1]);
    await kontor.app.database.write(SYSTEM_SCOPE, async (tx) => {
      const [file] = await tx.query(
        `INSERT INTO usage_file (partner_id, name, sha256, size_bytes, stored_as)
         VALUES ($1, 'of the reseller', repeat('0', 64), 1, 'nowhere') RETURNING id`,
        [world.lower.id],
      );
      for (const contract of [world.contracts.cost, world.contracts.customer]) {
        await tx.query(
          `INSERT INTO suspense_record (partner_id, usage_file_id, batch_id, byte_offset,
             batch_line, state, code, message, raw, contract_id)
           SELECT $1, $2, max(id), 0, 1, 'HELD', 'NO_RATE', '', '', $3 FROM run_batch`,
          [world.lower.id, file.id, number(contract)],
        );
      }
    });
    const token = await tokenOf(kontor, world.lower);
    const seen = await records({}, token);
    expect(seen.map(({ contract }) => contract?.id ?? null)).toEqual([
      null,
      world.contracts.customer,
    ]);
    const found = async (contractId: string) => (await records({ contractId }, token)).length;
    expect(await found(world.contracts.customer)).toBe(1);
    expect(await found(world.contracts.cost)).toBe(0);
    const counted = await call(kontor, token, SUMMARY, {
      filter: { contractId: world.contracts.cost },
    });
    expect(counted).toEqual([]);
    const all = await call(kontor, token, SUMMARY, { filter: {} });
    expect(all).toEqual([
      { code: 'NO_RATE', contract: { id: world.contracts.customer }, records: '1' },
      { code: 'NO_RATE', contract: null, records: '1' },
    ]);
  });
});
