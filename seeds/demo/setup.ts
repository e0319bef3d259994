import type { Client } from './client.js';
import { type DemoContract, demoContracts, demoPlans, purchaseOf } from './contracts.js';
import { berlinFormats } from './formats.js';
import { ZONE } from './month.js';
import {
  type DemoPriceList,
  type DemoSheet,
  demoPriceLists,
  PRICES_FROM,
  type SheetFacts,
} from './price-lists.js';
import { SHEET_COLUMNS, sheetText } from './sheet.js';
import { type DemoSubscription, pbxTrunk } from './subscriptions.js';
import {
  demoBranches,
  demoCustomers,
  demoOperators,
  demoPartners,
  demoSources,
  HUB,
} from './world.js';

/** Opaque identifiers of what the demo made, by kind and key: `partner:aurel`. */
export type Ids = Map<string, string>;

const ACCOUNTS_AT_ONCE = 4;
const SHEETS_AT_ONCE = 2;
const SUBSCRIPTIONS_A_CALL = 300;
/** Larger sheets are uploaded, smaller ones are part of the request. */
const INLINE_BYTES = 40_000;

/**
 * Creates the world of the demo through the API, a step at a time. Every call has an idempotency
 * key made of what it creates, so a repeated setup finds what an interrupted one has made.
 */
export class Setup {
  readonly ids: Ids = new Map();
  readonly #client: Client;

  constructor(client: Client) {
    this.#client = client;
  }

  /** Partners with an account each, and accounts of branches below them. */
  async partners(): Promise<void> {
    const { partners } = await this.#client.call<{ partners: Nodes<{ id: string }> }>(
      '{ partners(first: 1) { edges { node { id } } } }',
    );
    this.ids.set(`partner:${HUB}`, partners.edges[0]?.node.id ?? '');
    for (const { key, parent, ...rest } of demoPartners) {
      if (parent === null) continue;
      const input = { ...rest, parentId: this.id('partner', parent) };
      await this.create('partner', key, 'createPartner', 'CreatePartnerInput', input);
    }
    await inParallel(demoPartners, ACCOUNTS_AT_ONCE, async ({ key, name }) => {
      const input = { partnerId: this.id('partner', key), name };
      await this.create('account', key, 'createAccount', 'CreateAccountInput', input);
    });
    for (const { key, partner, name } of demoBranches) {
      const partnerId = this.id('partner', partner);
      const input = { partnerId, parentId: this.id('account', partner), name };
      await this.create('account', key, 'createAccount', 'CreateAccountInput', input);
    }
  }

  /** Price lists, still without sheets, and the exchange rates that compare them. */
  async priceLists(): Promise<void> {
    const { timeProfiles } = await this.#client.call<{
      timeProfiles: Nodes<{ id: string; name: string }>;
    }>('{ timeProfiles { edges { node { id name } } } }');
    for (const { node } of timeProfiles.edges) this.ids.set(`profile:${node.name}`, node.id);
    for (const list of demoPriceLists) await this.#priceList(list);
    for (const [date, rate] of EXCHANGE_RATES) {
      const input = {
        baseCurrency: 'EUR',
        quoteCurrency: 'USD',
        rate,
        validFrom: `${date}T00:00:00.000Z`,
        source: 'Demo',
      };
      await this.create('exchange', date, 'setExchangeRate', 'SetExchangeRateInput', input);
    }
  }

  /** The rate sheets of all lists that hold from the beginning, read, compared and activated. */
  async firstSheets(facts: SheetFacts): Promise<void> {
    await this.#sheets(facts, (sheet) => sheet.effectiveFrom === PRICES_FROM);
  }

  /** Those that change prices later; contracts that are there are held against them. */
  async laterSheets(facts: SheetFacts): Promise<void> {
    await this.#sheets(facts, (sheet) => sheet.effectiveFrom !== PRICES_FROM);
  }

  /** Contracts, service plans and trunks. */
  async contracts(): Promise<void> {
    await inParallel(demoContracts, ACCOUNTS_AT_ONCE, (each) => this.#contract(each));
    for (const { seller, plan, name, fees } of demoPlans) {
      const input = { partnerId: this.id('partner', seller), name, currency: 'EUR', fees };
      const key = `${seller} ${plan}`;
      await this.create('plan', key, 'createServicePlan', 'CreateServicePlanInput', input);
    }
    for (const { key, trunkIn, trunkOut } of demoOperators) {
      const partnerId = this.id('partner', key);
      const costContractId = this.id('contract', `COST ${key} ${HUB}`);
      await this.#trunk({ name: trunkIn, partnerId });
      await this.#trunk({ name: trunkOut, partnerId, costContractId });
    }
    for (const { key, parent } of demoCustomers) {
      if (parent !== HUB) continue;
      await this.#trunk({ name: pbxTrunk(key), partnerId: this.id('partner', key) });
    }
  }

  /** Formats of records and the sources that write them. */
  async sources(): Promise<void> {
    for (const { name, domain } of Object.values(demoSources)) {
      const { createUsageFormat } = await this.#client.call<{ createUsageFormat: Made }>(
        `mutation Format($name: String!, $definition: JSON!, $key: String) {
           createUsageFormat(name: $name, definition: $definition, idempotencyKey: $key) { id }
         }`,
        { name, definition: berlinFormats[name], key: `demo:format:${name}` },
      );
      const input = {
        name,
        formatId: createUsageFormat.id,
        identityDomain: domain,
        timeZone: ZONE,
        // The shared PBX names no trunks, and all its calls leave by one.
        defaultOutTrunkId: name === demoSources.cloud.name ? this.id('trunk', 'BALTICA-OUT') : null,
      };
      await this.create('source', name, 'createUsageSource', 'CreateUsageSourceInput', input);
    }
  }

  /** Subscriptions; those that are alike are created together. */
  async subscriptions(
    all: readonly DemoSubscription[],
    done: (count: number) => void,
  ): Promise<void> {
    const chunks = [...grouped(all)].flatMap(([group, members]) =>
      chunked(members, SUBSCRIPTIONS_A_CALL).map((chunk, place) => ({ group, place, chunk })),
    );
    let count = 0;
    await inParallel(chunks, ACCOUNTS_AT_ONCE, async ({ group, place, chunk }) => {
      await this.#subscribe(chunk, `demo:subscriptions:${group}:${place}`);
      count += chunk.length;
      done(count);
    });
  }

  async #subscribe(chunk: readonly DemoSubscription[], key: string): Promise<void> {
    const [first] = chunk;
    const contract = purchaseOf(first?.partner ?? '');
    if (first === undefined || contract === undefined) throw new RangeError('nobody subscribes');
    const { account, plan, startsAt, creditLimit } = first;
    const input = {
      accountId: this.id('account', account),
      contractId: this.id('contract', contract.key),
      servicePlanId: this.id('plan', `${contract.seller} ${plan}`),
      startsAt: new Date(startsAt).toISOString(),
      creditLimit,
      subscriptions: chunk.map(({ label, identity }) => ({
        label,
        numbers: identity.kind === 'TRUNK' ? [] : [numbersOf(identity)],
        trunks: identity.kind === 'TRUNK' ? [identity.trunk] : [],
      })),
    };
    await this.#client.call(
      `mutation Subscribe($input: CreateSubscriptionsInput!, $key: String) {
         createSubscriptions(input: $input, idempotencyKey: $key) { id }
       }`,
      { input, key },
    );
  }

  async #priceList(list: DemoPriceList): Promise<void> {
    const { key, owner, parent, name, currency, profile, everywhere } = list;
    const input = {
      partnerId: this.id('partner', owner),
      parentId: parent === null ? null : this.id('list', parent),
      timeProfileId: profile === null ? null : this.id('profile', profile),
      name,
      currency,
    };
    await this.create('list', key, 'createPriceList', 'CreatePriceListInput', input);
    if (everywhere === null) return;
    const { kind, price, rateUnit, increment } = everywhere;
    const rate = {
      priceListId: this.id('list', key),
      prefix: '',
      kind,
      price,
      rateUnit,
      firstIncrement: increment,
      nextIncrement: increment,
      validFrom: PRICES_FROM,
    };
    await this.create('rate', key, 'setRate', 'SetRateInput', rate);
  }

  async #sheets(facts: SheetFacts, wanted: (sheet: DemoSheet) => boolean): Promise<void> {
    await inParallel(demoPriceLists, SHEETS_AT_ONCE, (list) =>
      this.#sheetsOf(list, facts, list.sheets.filter(wanted)),
    );
  }

  async #sheetsOf(list: DemoPriceList, facts: SheetFacts, sheets: readonly DemoSheet[]) {
    for (const { name, effectiveFrom, rows } of sheets) {
      const text = sheetText(rows(facts));
      const small = Buffer.byteLength(text) < INLINE_BYTES;
      const file = `${list.key}-${effectiveFrom.slice(0, 10)}.csv`;
      const input = {
        priceListId: this.id('list', list.key),
        name,
        ...(small ? { csv: text } : { fileId: await this.#client.upload(file, text) }),
        columns: SHEET_COLUMNS,
        effectiveFrom,
        timeZone: ZONE,
      };
      const id = await this.create(
        'sheet',
        `${list.key}:${name}`,
        'importRateSheet',
        'ImportRateSheetInput',
        input,
      );
      await this.#client.call('mutation Activate($id: ID!) { activateRateSheet(id: $id) { id } }', {
        id,
      });
    }
  }

  async #contract(contract: DemoContract): Promise<void> {
    const { key, seller, buyer, level, name, lists, ...rest } = contract;
    const counterparty = level === 'COST' ? seller : buyer;
    const input = {
      sellerId: this.id('partner', seller),
      buyerId: this.id('partner', buyer),
      level,
      name,
      accountId: this.id('account', counterparty),
      terms: {
        ...rest,
        validFrom: PRICES_FROM,
        priceLists: lists.map(([service, list]) => ({
          service,
          priceListId: this.id('list', list),
        })),
      },
    };
    await this.create('contract', key, 'createContract', 'CreateContractInput', input);
  }

  async #trunk(input: { name: string; partnerId: string; costContractId?: string }): Promise<void> {
    await this.create('trunk', input.name, 'createTrunk', 'CreateTrunkInput', input);
  }

  /** The identifier of something that an earlier step has made. */
  id(kind: string, key: string): string {
    const found = this.ids.get(`${kind}:${key}`);
    if (found === undefined) throw new RangeError(`the demo has no ${kind} ${key} yet`);
    return found;
  }

  /** Makes something by a mutation that takes one input, and notes its identifier. */
  async create(
    kind: string,
    key: string,
    mutation: string,
    type: string,
    input: object,
  ): Promise<string> {
    return this.make(kind, key, mutation, { input: [`${type}!`, input] });
  }

  /** The same by a mutation with arguments of these names, types and values. */
  async make(
    kind: string,
    key: string,
    mutation: string,
    args: Readonly<Record<string, readonly [type: string, value: unknown]>>,
  ): Promise<string> {
    const entries = Object.entries(args);
    const declared = entries.map(([name, [type]]) => `$${name}: ${type}, `).join('');
    const given = entries.map(([name]) => `${name}: $${name}, `).join('');
    const data = await this.#client.call<{ made: Made }>(
      `mutation Create(${declared}$key: String) {
         made: ${mutation}(${given}idempotencyKey: $key) { id }
       }`,
      {
        ...Object.fromEntries(entries.map(([name, [, value]]) => [name, value])),
        key: `demo:${kind}:${key}`,
      },
    );
    this.ids.set(`${kind}:${key}`, data.made.id);
    return data.made.id;
  }
}

interface Made {
  readonly id: string;
}

/** Nodes of a page, as every list of the API gives them. */
export interface Nodes<T> {
  readonly edges: readonly { readonly node: T }[];
}

const EXCHANGE_RATES: readonly (readonly [date: string, rate: string])[] = [
  ['2026-07-01', '1.0820'],
  ['2026-09-30', '1.0905'],
  ['2026-10-16', '1.0874'],
];

/** Subscriptions of one account under the same terms. */
function grouped(all: readonly DemoSubscription[]): Map<string, DemoSubscription[]> {
  const groups = new Map<string, DemoSubscription[]>();
  for (const subscription of all) {
    const group = groupOf(subscription);
    const members = groups.get(group);
    if (members === undefined) groups.set(group, [subscription]);
    else members.push(subscription);
  }
  return groups;
}

function groupOf({ account, plan, startsAt, creditLimit }: DemoSubscription): string {
  return [account, plan, new Date(startsAt).toISOString(), creditLimit ?? 'none'].join(' ');
}

function numbersOf(identity: { kind: 'NUMBER' | 'RANGE'; from: string; to: string }): string {
  return identity.kind === 'NUMBER' ? identity.from : `${identity.from}-${identity.to}`;
}

function chunked<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}

/** Does the work for every item, so many at a time; ends with the first failure. */
export async function inParallel<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const lanes = Array.from({ length: limit }, async () => {
    for (const item of rest) await work(item);
  });
  await Promise.all(lanes);
}
