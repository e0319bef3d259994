import { type Service, serviceCodes } from '../mediation/index.js';
import { type EntryList, FLAG, NUMBER, WORD } from './allowance-entry.js';
import {
  type ChargeSlice,
  type ChargeTariff,
  modelOf,
  roundedCharge,
  tariffCharge,
} from './charge.js';
import { add, type Counters, periodKey, read } from './counters.js';
import { cutDown, minus, NOTHING } from './fraction.js';
import { type Pot, PotList } from './pots.js';
import {
  applyRules,
  inForce,
  type RuleContract,
  type RuleEffect,
  ruleMatches,
} from './price-rules.js';
import type { BonusTerms, BucketTerms, GroupMember, Holder, PriceRule } from './pricing-facts.js';

/** What a contract's month is folded by. */
export interface FoldFacts {
  readonly contract: RuleContract;
  /** In the order in which they act. */
  readonly rules: readonly PriceRule[];
  /** Of the contract and of all plans of its subscriptions. */
  readonly buckets: readonly BucketTerms[];
  readonly bonuses: readonly BonusTerms[];
  readonly members: readonly GroupMember[];
  /** What a holder's bucket has left over from the months before, in its own unit. */
  readonly rolledIn: (bucket: BucketTerms, holderId: number) => number;
}

/** How one record was priced within its month, for explanations. */
export interface FoldStep {
  readonly entry: number;
  readonly billed: number;
  readonly covered: readonly { readonly pot: Pot; readonly units: number }[];
  /** Units of the tier counter before the record; null without tiers. */
  readonly tierBefore: number | null;
  readonly tierTotal: number | null;
  /** The rules that are for the record, with what they had counted before it at scale 8. */
  readonly counted: readonly CountedRule[];
  readonly effects: readonly RuleEffect[];
  readonly paid: readonly { readonly pot: Pot; readonly amount: number }[];
  readonly final: number;
}

/** A rule that is for a record, with what it had counted before it. */
export interface CountedRule {
  readonly rule: PriceRule;
  /** What the rule counts, at scale 8 whatever the measure; null when it counts nothing. */
  readonly volume: bigint | null;
  /** What is left of its cap; null without cap. */
  readonly capLeft: bigint | null;
}

/** The month of a contract after all its records. */
export interface FoldedMonth {
  /** By place in the order: what the record costs less its stored amount, at scale 8. */
  readonly adjustments: Float64Array;
  /** Units that buckets covered. */
  readonly covered: Float64Array;
  readonly pots: readonly Pot[];
  readonly points: readonly Points[];
}

/** Bonus points that a holder earned in the month. */
export interface Points {
  readonly bonusLineageId: number;
  readonly holderId: number;
  readonly points: number;
}

const serviceNames = Object.fromEntries(
  Object.entries(serviceCodes).map(([service, code]) => [code, service as Service]),
) as Readonly<Record<number, Service>>;

/**
 * Prices a contract's records of one civil month one after the other, in order of time: what one
 * takes from a bucket or brings into a tier is gone or there for the next. `order` holds the
 * entries of the records (their first slices) sorted by time and identity, so that the result
 * does not depend on when a record arrived.
 */
export function foldMonth(
  list: EntryList,
  order: Int32Array,
  facts: FoldFacts,
  trace?: (step: FoldStep) => void,
): FoldedMonth {
  const byVolume = list.tariffs.some((tariff) => modelOf(tariff) === 'VOLUME');
  if (!byVolume) return new MonthFold(list, facts, null, trace).run(order);
  // The tier of all units is known when all units are: the first pass counts, the second prices.
  const counting = new MonthFold(list, facts, null);
  counting.run(order);
  return new MonthFold(list, facts, counting.tierTotals, trace).run(order);
}

class MonthFold {
  readonly tierTotals: Counters = new Map();
  readonly #list: EntryList;
  readonly #facts: FoldFacts;
  readonly #totals: Counters | null;
  readonly #trace: ((step: FoldStep) => void) | undefined;
  readonly #pots: PotList;
  readonly #volumes: Counters = new Map();
  readonly #caps: Counters = new Map();
  readonly #bonusTotals: Counters = new Map();
  readonly #bonusTimes: Counters = new Map();
  readonly #points: Counters = new Map();
  readonly #statefulRules: boolean;
  #paid: { pot: Pot; amount: number }[] = [];

  constructor(
    list: EntryList,
    facts: FoldFacts,
    totals: Counters | null,
    trace?: (step: FoldStep) => void,
  ) {
    this.#list = list;
    this.#facts = facts;
    this.#totals = totals;
    this.#trace = trace;
    this.#pots = new PotList(facts.buckets, facts.rolledIn);
    this.#statefulRules = facts.rules.some((rule) => rule.measure !== null || rule.cap !== null);
  }

  run(order: Int32Array): FoldedMonth {
    const adjustments = new Float64Array(order.length);
    const covered = new Float64Array(order.length);
    order.forEach((entry, place) => {
      const slices = this.#slices(entry);
      covered[place] = this.#cover(entry, slices);
      adjustments[place] = this.#price(entry, slices, covered[place]!);
    });
    return { adjustments, covered, pots: this.#pots.all(), points: this.#allPoints() };
  }

  // Units by slice, still to be covered or charged.
  #slices(entry: number): number[] {
    const list = this.#list;
    const units = [list.number(entry, NUMBER.BILLED)];
    for (let next = entry + 1; next < list.count && list.slice(next) > 0; next += 1) {
      units.push(list.number(next, NUMBER.BILLED));
    }
    return units;
  }

  // Takes units from buckets, from the earliest slice on.
  #cover(entry: number, slices: number[]): number {
    this.#covering = [];
    const pots = this.#potsFor(entry, 'UNITS');
    const model = modelOf(this.#tariff(entry));
    if (model === 'PERCENTAGE' || model === 'REVENUE_SHARE') return 0;
    let covered = 0;
    for (const pot of pots) {
      let taken = 0;
      for (let n = 0; n < slices.length && pot.left > 0; n += 1) {
        const units = Math.min(slices[n]!, pot.left);
        slices[n]! -= units;
        pot.left -= units;
        taken += units;
      }
      if (taken === 0) continue;
      covered += taken;
      this.#pots.note(pot, this.#list.word(entry, WORD.SUBSCRIPTION), taken);
      if (this.#trace) this.#covering.push({ pot, units: taken });
    }
    return covered;
  }

  #covering: { pot: Pot; units: number }[] = [];

  #price(entry: number, slices: readonly number[], covered: number): number {
    const list = this.#list;
    const base = list.number(entry, NUMBER.BASE);
    const left = slices.reduce((sum, units) => sum + units, 0);
    const tariff = this.#tariff(entry);
    const schedule = tariff.terms?.schedule ?? null;
    const rules = this.#matching(entry);
    const counted = this.#trace ? rules.map((rule) => this.#counted(rule, entry)) : [];
    let priced: Priced = { amount: base, effects: [], tierBefore: null, tierTotal: null };
    if (left === 0) priced = { ...priced, amount: 0 };
    else if (schedule !== null || covered > 0 || this.#statefulRules) {
      priced = this.#exact(entry, tariff, slices, left, rules);
    }
    this.#countRules(entry, rules, left + covered, priced.amount);
    const final = this.#pay(entry, priced.amount);
    this.#grantBonuses(entry, left + covered, final);
    this.#trace?.({
      entry,
      billed: left + covered,
      covered: this.#covering,
      tierBefore: priced.tierBefore,
      tierTotal: priced.tierTotal,
      counted,
      effects: priced.effects,
      paid: this.#paid,
      final,
    });
    return final - base;
  }

  #tariff(entry: number): ChargeTariff {
    return this.#list.tariffs[this.#list.word(entry, WORD.TARIFF)]!;
  }

  #exact(
    entry: number,
    tariff: ChargeTariff,
    slices: readonly number[],
    left: number,
    rules: readonly PriceRule[],
  ): Priced {
    const schedule = tariff.terms?.schedule ?? null;
    let position = { before: 0, total: left, first: true };
    if (schedule !== null) {
      const holder = this.#holderId(entry, schedule.scope);
      const key = periodKey(holder, schedule.period, this.#list.word(entry, WORD.DAY));
      const before = add(this.tierTotals, schedule.id, key, left) - left;
      const total = this.#totals?.get(schedule.id)?.get(key) ?? before + left;
      position = { before, total, first: before === 0 };
    }
    const charge = tariffCharge(tariff, this.#chargeSlices(entry, slices), {
      value: BigInt(this.#list.number(entry, NUMBER.CARRIED)),
      position,
    });
    const acting = rules.filter((rule) => this.#inVolume(rule, entry));
    const ruled = applyRules(charge, acting, (rule) => this.#capLeft(rule, entry));
    for (const { rule, effect } of ruled.effects) {
      if (rule.cap === null) continue;
      const size = rule.type === 'DISCOUNT' ? minus(NOTHING, effect) : effect;
      add(this.#caps, rule.lineageId, this.#ruleKey(rule, entry), Number(cutDown(size)));
    }
    return {
      amount: Number(roundedCharge(ruled.charge, tariff)),
      effects: ruled.effects,
      tierBefore: schedule === null ? null : position.before,
      tierTotal: schedule === null ? null : position.total,
    };
  }

  #chargeSlices(entry: number, slices: readonly number[]): ChargeSlice[] {
    return slices.map((billed, n) => {
      const { price, rateUnit } = this.#tariff(entry + n);
      return { billed, price, rateUnit };
    });
  }

  #matching(entry: number): readonly PriceRule[] {
    const { rules, contract, members } = this.#facts;
    if (rules.length === 0) return rules;
    const list = this.#list;
    const subject = {
      startedMs: list.number(entry, NUMBER.STARTED_MS),
      knownAt: list.knownAt(entry),
      service: serviceNames[list.service(entry)]!,
      destinationId: list.word(entry, WORD.DESTINATION),
      subscriptionId: list.word(entry, WORD.SUBSCRIPTION),
      minuteOfWeek: list.word(entry, WORD.MINUTE_OF_WEEK),
    };
    return rules.filter((rule) => ruleMatches(rule, contract, subject, members));
  }

  #counted(rule: PriceRule, entry: number): CountedRule {
    return { rule, volume: this.#volume(rule, entry), capLeft: this.#capLeft(rule, entry) };
  }

  #volume(rule: PriceRule, entry: number): bigint | null {
    if (rule.measure === null) return null;
    const counted = BigInt(read(this.#volumes, rule.lineageId, this.#ruleKey(rule, entry)));
    // Quantities are counted in units, amounts at scale 8 as the limits are.
    return rule.measure === 'QUANTITY' ? counted * 100_000_000n : counted;
  }

  #inVolume(rule: PriceRule, entry: number): boolean {
    const volume = this.#volume(rule, entry);
    if (volume === null) return true;
    return volume >= rule.volumeFrom && (rule.volumeTo === null || volume < rule.volumeTo);
  }

  #capLeft(rule: PriceRule, entry: number): bigint | null {
    if (rule.cap === null) return null;
    return rule.cap - BigInt(read(this.#caps, rule.lineageId, this.#ruleKey(rule, entry)));
  }

  #countRules(entry: number, rules: readonly PriceRule[], billed: number, amount: number): void {
    for (const rule of rules) {
      if (rule.measure === null) continue;
      const counted = rule.measure === 'QUANTITY' ? billed : amount;
      add(this.#volumes, rule.lineageId, this.#ruleKey(rule, entry), counted);
    }
  }

  #ruleKey(rule: PriceRule, entry: number): number {
    const holder = this.#holderId(entry, rule.holder);
    return periodKey(holder, rule.period, this.#list.word(entry, WORD.DAY));
  }

  // Buckets of money pay what is charged, as far as they reach.
  #pay(entry: number, amount: number): number {
    this.#paid = [];
    let left = amount;
    for (const pot of this.#potsFor(entry, 'MONEY')) {
      const paid = Math.min(left, pot.left);
      if (paid === 0) continue;
      left -= paid;
      pot.left -= paid;
      this.#pots.note(pot, this.#list.word(entry, WORD.SUBSCRIPTION), paid);
      if (this.#trace) this.#paid.push({ pot, amount: paid });
      if (left === 0) break;
    }
    return left;
  }

  #potsFor(entry: number, kind: 'UNITS' | 'MONEY'): readonly Pot[] {
    if (this.#facts.buckets.length === 0) return [];
    const list = this.#list;
    return this.#pots.matching(kind, {
      startedMs: list.number(entry, NUMBER.STARTED_MS),
      knownAt: list.knownAt(entry),
      service: serviceNames[list.service(entry)]!,
      destinationId: list.word(entry, WORD.DESTINATION),
      planId: list.has(entry, FLAG.LAST_LEVEL) ? list.word(entry, WORD.PLAN) : 0,
      contractId: list.word(entry, WORD.CONTRACT),
      holderId: (holder) => this.#holderId(entry, holder),
    });
  }

  #holderId(entry: number, holder: Holder): number {
    const place = { SUBSCRIPTION: WORD.SUBSCRIPTION, ACCOUNT: WORD.ROOT_ACCOUNT } as const;
    return this.#list.word(entry, holder === 'CONTRACT' ? WORD.CONTRACT : place[holder]);
  }

  #grantBonuses(entry: number, billed: number, final: number): void {
    for (const bonus of this.#facts.bonuses) {
      if (!this.#earns(bonus, entry)) continue;
      const holder = this.#holderId(entry, bonus.holder);
      const added = bonus.measure === 'SPEND' ? final : billed;
      const total = add(this.#bonusTotals, bonus.lineageId, holder, added);
      const threshold = Number(bonus.threshold) / (bonus.measure === 'SPEND' ? 1 : 1e8);
      const reached = Math.floor(total / threshold);
      const due = bonus.repeats ? reached : Math.min(1, reached);
      const times = due - read(this.#bonusTimes, bonus.lineageId, holder);
      if (times <= 0) continue;
      add(this.#bonusTimes, bonus.lineageId, holder, times);
      this.#grant(bonus, entry, holder, times);
    }
  }

  #earns(bonus: BonusTerms, entry: number): boolean {
    const list = this.#list;
    const planId = list.has(entry, FLAG.LAST_LEVEL) ? list.word(entry, WORD.PLAN) : 0;
    const isOurs =
      bonus.contractId === null
        ? bonus.servicePlanId === planId
        : bonus.contractId === list.word(entry, WORD.CONTRACT);
    if (!isOurs) return false;
    const service = serviceNames[list.service(entry)]!;
    if (bonus.services !== null && !bonus.services.includes(service)) return false;
    const destination = list.word(entry, WORD.DESTINATION);
    if (bonus.destinationIds !== null && !bonus.destinationIds.includes(destination)) return false;
    return inForce(bonus, list.number(entry, NUMBER.STARTED_MS), list.knownAt(entry));
  }

  #grant(bonus: BonusTerms, entry: number, holder: number, times: number): void {
    if (bonus.grants === 'POINTS') {
      add(this.#points, bonus.lineageId, holder, times * (Number(bonus.amount) / 1e8));
      return;
    }
    const units = bonus.grants === 'UNITS' ? Number(bonus.amount) / 1e8 : Number(bonus.amount);
    this.#pots.grant(
      bonus.bucketLineageId!,
      {
        startedMs: this.#list.number(entry, NUMBER.STARTED_MS),
        knownAt: this.#list.knownAt(entry),
      },
      (kind) => this.#holderId(entry, kind),
      times * units,
    );
  }

  #allPoints(): Points[] {
    return [...this.#points].flatMap(([bonusLineageId, holders]) =>
      [...holders].map(([holderId, points]) => ({ bonusLineageId, holderId, points })),
    );
  }
}

interface Priced {
  readonly amount: number;
  readonly effects: readonly RuleEffect[];
  readonly tierBefore: number | null;
  readonly tierTotal: number | null;
}
