import { type Service, serviceCodes } from '../mediation/thread.js';
import { type bandPolicies, type marginPolicies, type PriceBook, priceLevels } from './book.js';
import { type RuleContract, rulesOfContract } from './price-rules.js';
import type { PriceRule, PricingFacts } from './pricing-facts.js';

/** What a contract adds to the prices of its lists. */
export interface ContractPricing {
  readonly contract: RuleContract;
  readonly rules: readonly PriceRule[];
  /** Bits by service code: records whose amount depends on others of the period. */
  readonly folds: number;
}

const ALL_SERVICES = Object.values(serviceCodes).reduce((bits, code) => bits | (1 << code), 0);

/** The rules and allowances of each contract of a book, looked up once. */
export class PricingLookup {
  readonly #book: PriceBook;
  readonly #contracts: (ContractPricing | undefined)[] = [];
  readonly #plans: ReadonlyMap<number, number>;

  constructor(book: PriceBook) {
    this.#book = book;
    this.#plans = foldsOfPlans(book.pricing);
  }

  /** By the place of the contract. */
  of(contract: number): ContractPricing {
    let found = this.#contracts[contract];
    if (found === undefined) {
      found = this.#make(contract);
      this.#contracts[contract] = found;
    }
    return found;
  }

  /** Bits by service code that the allowances of a service plan have a say in. */
  foldsOfPlan(planId: number): number {
    return this.#plans.get(planId) ?? 0;
  }

  #make(place: number): ContractPricing {
    const { contracts, pricing } = this.#book;
    const contract: RuleContract = {
      id: contracts.id[place]!,
      level: priceLevels[contracts.level[place]!]!,
      sellerPartnerId: contracts.sellerPartnerId[place]!,
      buyerPartnerId: contracts.buyerPartnerId[place]!,
    };
    const rules = rulesOfContract(pricing.rules, contract, pricing.members);
    return { contract, rules, folds: foldsOfContract(pricing, contract.id, rules) };
  }
}

type Allowances = Pick<PricingFacts, 'buckets' | 'bonuses'>;

function foldsOfPlans({ buckets, bonuses }: Allowances): ReadonlyMap<number, number> {
  const plans = new Map<number, number>();
  for (const { servicePlanId, services } of [...buckets, ...bonuses]) {
    if (servicePlanId === null) continue;
    plans.set(servicePlanId, (plans.get(servicePlanId) ?? 0) | servicesOf(services));
  }
  return plans;
}

function foldsOfContract(
  { buckets, bonuses }: Allowances,
  contractId: number,
  rules: readonly PriceRule[],
): number {
  let folds = 0;
  for (const rule of rules) {
    if (rule.measure === null && rule.cap === null) continue;
    folds |= servicesOf(rule.service === null ? null : [rule.service]);
  }
  for (const item of [...buckets, ...bonuses]) {
    if (item.contractId === contractId) folds |= servicesOf(item.services);
  }
  return folds;
}

/**
 * Whether the month has a say in records of a service that a contract prices, tiers apart; the
 * plan, 0 for none, is that of the subscription where the contract is its own.
 */
export function isFolded(
  pricing: Pick<PricingFacts, 'rules' | 'buckets' | 'bonuses' | 'members'>,
  contract: RuleContract,
  service: Service,
  planId: number,
): boolean {
  const rules = rulesOfContract(pricing.rules, contract, pricing.members);
  const ofPlan = foldsOfPlans(pricing).get(planId) ?? 0;
  const folds = ofPlan | foldsOfContract(pricing, contract.id, rules);
  return (folds & servicesOf([service])) !== 0;
}

function servicesOf(services: readonly Service[] | null): number {
  if (services === null) return ALL_SERVICES;
  return services.reduce((bits, service) => bits | (1 << serviceCodes[service]), 0);
}

/** Codes of {@link bandPolicies} and {@link marginPolicies}. */
export const BAND_POLICY = { START: 0, SPLIT: 1, MAJORITY: 2 } as const satisfies Record<
  (typeof bandPolicies)[number],
  number
>;
export const MARGIN_POLICY = { NONE: 0, WARN: 1, HOLD: 2, REFUSE: 3 } as const satisfies Record<
  (typeof marginPolicies)[number],
  number
>;
