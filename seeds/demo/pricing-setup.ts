import {
  type DemoBonus,
  type DemoBucket,
  type DemoRule,
  demoBonuses,
  demoBuckets,
  demoGroups,
  demoRules,
} from './allowances.js';
import { type DemoRate, demoOrigins, demoRates, demoTiers } from './charges.js';
import type { Client } from './client.js';
import { PRICES_FROM } from './price-lists.js';
import { inParallel, type Nodes, type Setup } from './setup.js';

const RATES_AT_ONCE = 4;

interface Destination {
  readonly id: string;
  readonly name: string;
  readonly country: string;
}

/** Prices that are more than so much a unit: tiers, origins, discounts, buckets, bonuses. */
export class PricingSetup {
  readonly #setup: Setup;
  readonly #destinations: readonly Destination[];

  private constructor(setup: Setup, destinations: readonly Destination[]) {
    this.#setup = setup;
    this.#destinations = destinations;
  }

  /** Creates all of them; partners, lists, plans and contracts must be there. */
  static async create(client: Client, setup: Setup): Promise<void> {
    const { german, american } = await client.call<Record<string, Nodes<Destination>>>(
      `query Destinations {
         german: destinations(first: 100, filter: { country: "DE" }) { ...Found }
         american: destinations(first: 100, filter: { country: "US" }) { ...Found }
       }
       fragment Found on DestinationConnection { edges { node { id name country } } }`,
    );
    const found = [german, american].flatMap((page) => page?.edges ?? []);
    const pricing = new PricingSetup(
      setup,
      found.map(({ node }) => node),
    );
    await pricing.#charges();
    await pricing.#rules();
    await pricing.#allowances();
  }

  async #charges(): Promise<void> {
    const setup = this.#setup;
    for (const { key, owner, name, steps } of demoTiers) {
      const input = {
        partnerId: setup.id('partner', owner),
        name,
        scope: 'CONTRACT',
        steps: steps.map(([upTo, price]) => ({ upTo: upTo?.toString(), price, rateUnit: 1 })),
      };
      await setup.create('tiers', key, 'createTierSchedule', 'CreateTierScheduleInput', input);
    }
    for (const { key, owner, name, prefixes } of demoOrigins) {
      const input = { partnerId: setup.id('partner', owner), name, prefixes };
      await setup.create('origins', key, 'createOriginSet', 'CreateOriginSetInput', input);
    }
    await inParallel(demoRates, RATES_AT_ONCE, (rate) => this.#rate(rate));
  }

  async #rate({ list, destination, tiers, origins, ...terms }: DemoRate): Promise<void> {
    const input = {
      ...terms,
      priceListId: this.#setup.id('list', list),
      ...(destination === null ? { prefix: '' } : { destinationId: this.#named(destination) }),
      tierScheduleId: tiers === null ? null : this.#setup.id('tiers', tiers),
      originSetId: origins === null ? null : this.#setup.id('origins', origins),
      validFrom: PRICES_FROM,
    };
    const key = [list, destination ?? 'all', origins ?? 'any'].join(' ');
    await this.#setup.create('rate', key, 'setRate', 'SetRateInput', input);
  }

  async #rules(): Promise<void> {
    const setup = this.#setup;
    for (const { key, seller, name, members } of demoGroups) {
      const group = { partnerId: setup.id('partner', seller), name };
      await setup.create('group', key, 'createCustomerGroup', 'CreateCustomerGroupInput', group);
      for (const member of members) {
        const groupId = setup.id('group', key);
        const partnerId = setup.id('partner', member);
        const input = { groupId, partnerId, validFrom: PRICES_FROM };
        await setup.create('member', member, 'addGroupMember', 'AddGroupMemberInput', input);
      }
    }
    for (const rule of demoRules) await this.#rule(rule);
  }

  async #rule({ key, seller, group, buyer, terms }: DemoRule): Promise<void> {
    const setup = this.#setup;
    const rule = {
      ...terms,
      customerGroupId: group === null ? null : setup.id('group', group),
      buyerId: buyer === null ? null : setup.id('partner', buyer),
    };
    await setup.make('rule', key, 'createPriceRule', {
      partnerId: ['ID!', setup.id('partner', seller)],
      rule: ['PriceRuleInput!', rule],
    });
  }

  async #allowances(): Promise<void> {
    for (const bucket of demoBuckets) await this.#bucket(bucket);
    for (const bonus of demoBonuses) await this.#bonus(bonus);
  }

  async #bucket({ key, plan, country, terms }: DemoBucket): Promise<void> {
    const there = this.#destinations.filter((each) => each.country === country);
    const destinationIds = country === null ? null : there.map(({ id }) => id);
    await this.#setup.make('bucket', key, 'createBucket', {
      target: ['AllowanceTargetInput!', { servicePlanId: this.#setup.id('plan', plan) }],
      bucket: ['BucketInput!', { ...terms, destinationIds }],
    });
  }

  async #bonus({ key, plan, bucket, terms }: DemoBonus): Promise<void> {
    const bucketId = bucket === null ? null : this.#setup.id('bucket', bucket);
    await this.#setup.make('bonus', key, 'createBonusRule', {
      target: ['AllowanceTargetInput!', { servicePlanId: this.#setup.id('plan', plan) }],
      rule: ['BonusRuleInput!', { ...terms, bucketId }],
    });
  }

  #named(name: string): string {
    const found = this.#destinations.find((each) => each.name === name);
    if (found === undefined) throw new RangeError(`the demo has no destination ${name}`);
    return found.id;
  }
}
