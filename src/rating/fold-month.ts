import { DomainError } from '../kernel/index.js';
import { type EntryList, NUMBER, WORD } from './allowance-entry.js';
import {
  type ChargeSlice,
  type ChargeTariff,
  modelOf,
  roundedCharge,
  tariffCharge,
} from './charge.js';
import { type Counters, periodKey } from './counters.js';
import { EntrySubject } from './entry-subject.js';
import { decodeState, MonthState } from './fold-state.js';
import { cutDown, minus, NOTHING } from './fraction.js';
import { type Pot, PotList } from './pots.js';
import {
  applyRules,
  inForce,
  type RuleContract,
  type RuleEffect,
  ruleMatches,
} from './price-rules.js';
import type { BonusTerms, BucketTerms, GroupMember, PriceRule } from './pricing-facts.js';
import { QuickTariffs } from './quick-charge.js';
import type { TierPosition } from './tiers.js';

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

/** What came of some of a contract's records, one after the other. */
export interface FoldedRecords {
  /** By place in the order: what the record costs less its stored amount, at scale 8. */
  readonly adjustments: Float64Array;
  /** Units that buckets covered. */
  readonly covered: Float64Array;
}

/** The month of a contract after all its records. */
export interface FoldedMonth extends FoldedRecords {
  readonly pots: readonly Pot[];
  readonly points: readonly Points[];
}

/** Bonus points that a holder earned in the month. */
export interface Points {
  readonly bonusLineageId: number;
  readonly holderId: number;
  /** Scale 8. */
  readonly points: number;
}

/**
 * A record would cost more in its month than can be stored: the month stays due and unbilled,
 * rather than that digits are lost. Whose record it is, is no business of whoever asks for a quote.
 */
export class MonthTooLarge extends DomainError {
  constructor(
    readonly contractId: number,
    readonly xdrId: number,
  ) {
    super('MONTH_CHARGE_TOO_LARGE', 'A record costs more in its month than can be stored.');
  }
}

/**
 * Prices a contract's records of one civil month one after the other, in order of time: what one
 * takes from a bucket or brings into a tier is gone or there for the next. `order` holds the
 * entries of the records (their first slices) sorted by time and identity, so that the result
 * does not depend on when a record arrived. `from` is the state after all records before them,
 * null where they are all of the month.
 */
export function foldMonth(
  list: EntryList,
  order: Int32Array,
  facts: FoldFacts,
  trace?: (step: FoldStep) => void,
  from: Buffer | null = null,
): FoldedMonth {
  const begin = () => (from === null ? new MonthState() : decodeState(from));
  const isVolume = list.tariffs.map((tariff) => modelOf(tariff) === 'VOLUME');
  const byVolume =
    isVolume.includes(true) && order.some((entry) => isVolume[list.word(entry, WORD.TARIFF)]);
  const state = begin();
  if (!byVolume) return monthOf(new MonthFold(list, facts, state, null, trace).run(order), state);
  // The tier of all units is known when all units are: the first pass counts, the second prices.
  const counted = begin();
  new MonthFold(list, facts, counted, null).run(order);
  const fold = new MonthFold(list, facts, state, counted.tiers, trace);
  return monthOf(fold.run(order), state);
}

function monthOf(records: FoldedRecords, state: MonthState): FoldedMonth {
  return { ...records, pots: state.pots, points: pointsOf(state) };
}

/** What a month has earned of bonus points. */
export function pointsOf(state: MonthState): Points[] {
  return state.points.all().map(({ id, key, sum }) => {
    return { bonusLineageId: id, holderId: key, points: sum };
  });
}

/**
 * Goes on with a contract's month from where its state stands, and takes the state along. Each
 * call takes records that follow those of the calls before in order of time; none may have a
 * VOLUME tariff, whose tier only {@link foldMonth} can tell.
 */
export class MonthFold {
  readonly #state: MonthState;
  readonly #list: EntryList;
  readonly #subject: EntrySubject;
  readonly #facts: FoldFacts;
  readonly #totals: Counters | null;
  readonly #trace: ((step: FoldStep) => void) | undefined;
  readonly #pots: PotList;
  readonly #quick: QuickTariffs;
  readonly #hasState: boolean;
  #covering: { pot: Pot; units: number }[] = [];
  #paying: { pot: Pot; amount: number }[] = [];

  constructor(
    list: EntryList,
    facts: FoldFacts,
    state: MonthState,
    totals: Counters | null = null,
    trace?: (step: FoldStep) => void,
  ) {
    this.#list = list;
    this.#subject = new EntrySubject(list);
    this.#facts = facts;
    this.#state = state;
    this.#totals = totals;
    this.#trace = trace;
    this.#pots = new PotList(facts.buckets, facts.rolledIn, state.pots);
    this.#quick = new QuickTariffs(list.tariffs);
    this.#hasState = facts.rules.some((rule) => rule.measure !== null || rule.cap !== null);
  }

  run(order: Int32Array): FoldedRecords {
    const adjustments = new Float64Array(order.length);
    const covered = new Float64Array(order.length);
    for (let place = 0; place < order.length; place += 1) {
      const entry = order[place]!;
      this.#subject.entry = entry;
      const slices = this.#slices(entry);
      const units = this.#cover(slices);
      covered[place] = units;
      adjustments[place] = this.#price(slices, units) - this.#list.number(entry, NUMBER.BASE);
    }
    this.#state.pots = this.#pots.all();
    return { adjustments, covered };
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
  #cover(slices: number[]): number {
    if (this.#trace) this.#covering = [];
    if (!this.#pots.kinds.has('UNITS')) return 0;
    const pots = this.#pots.matching('UNITS', this.#subject);
    const model = modelOf(this.#tariff(this.#subject.entry));
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
      this.#pots.note(pot, this.#subject.subscriptionId, taken);
      if (this.#trace) this.#covering.push({ pot, units: taken });
    }
    return covered;
  }

  // What the record costs in the end.
  #price(slices: readonly number[], covered: number): number {
    const { entry } = this.#subject;
    const tariff = this.#tariff(entry);
    let left = 0;
    for (const units of slices) left += units;
    const rules = this.#matching();
    const counted = this.#trace ? rules.map((rule) => this.#counted(rule)) : [];
    const position = this.#position(tariff, left);
    let effects: readonly RuleEffect[] = [];
    let amount = this.#list.number(entry, NUMBER.BASE);
    if (left === 0) amount = 0;
    else if (position !== null || covered > 0 || this.#hasState) {
      const isQuick = rules.length === 0 && slices.length === 1 && !this.#trace;
      amount = isQuick ? this.#quick.charge(this.#place(entry), left, position) : Number.NaN;
      if (Number.isNaN(amount)) [amount, effects] = this.#exact(tariff, slices, rules, position);
    }
    this.#countRules(rules, left + covered, amount);
    const final = this.#pay(amount);
    this.#earnBonuses(left + covered, final);
    this.#trace?.({
      entry,
      billed: left + covered,
      covered: this.#covering,
      tierBefore: position?.before ?? null,
      tierTotal: position?.total ?? null,
      counted,
      effects,
      paid: this.#paying,
      final,
    });
    return final;
  }

  #place(entry: number): number {
    return this.#list.word(entry, WORD.TARIFF);
  }

  #tariff(entry: number): ChargeTariff {
    return this.#list.tariffs[this.#place(entry)]!;
  }

  // Where the record stands in the tiers of its tariff, which it enters by this.
  #position(tariff: ChargeTariff, units: number): TierPosition | null {
    const schedule = tariff.terms?.schedule ?? null;
    if (schedule === null || units === 0) return null;
    const holder = this.#subject.holderId(schedule.scope);
    const key = periodKey(holder, schedule.period, this.#subject.day);
    const after = this.#state.tiers.add(schedule.id, key, units);
    const total = this.#totals === null ? after : this.#totals.read(schedule.id, key);
    return { before: after - units, total, first: after === units };
  }

  #exact(
    tariff: ChargeTariff,
    slices: readonly number[],
    rules: readonly PriceRule[],
    position: TierPosition | null,
  ): [amount: number, effects: readonly RuleEffect[]] {
    const { entry } = this.#subject;
    const charge = tariffCharge(tariff, this.#chargeSlices(entry, slices), {
      value: BigInt(this.#list.number(entry, NUMBER.CARRIED)),
      position: position ?? NO_TIERS,
    });
    const acting = rules.filter((rule) => this.#inVolume(rule));
    const ruled = applyRules(charge, acting, (rule) => this.#capLeft(rule));
    for (const { rule, effect } of ruled.effects) {
      if (rule.cap === null) continue;
      const size = rule.type === 'DISCOUNT' ? minus(NOTHING, effect) : effect;
      this.#state.caps.add(rule.lineageId, this.#ruleKey(rule), Number(cutDown(size)));
    }
    const amount = roundedCharge(ruled.charge, tariff);
    if (amount >= LIMIT) {
      const xdrId = this.#list.number(this.#subject.entry, NUMBER.XDR_ID);
      throw new MonthTooLarge(this.#facts.contract.id, xdrId);
    }
    return [Number(amount), ruled.effects];
  }

  #chargeSlices(entry: number, slices: readonly number[]): ChargeSlice[] {
    return slices.map((billed, n) => {
      const { price, rateUnit } = this.#tariff(entry + n);
      return { billed, price, rateUnit };
    });
  }

  #matching(): readonly PriceRule[] {
    const { rules, contract, members } = this.#facts;
    if (rules.length === 0) return rules;
    return rules.filter((rule) => ruleMatches(rule, contract, this.#subject, members));
  }

  #counted(rule: PriceRule): CountedRule {
    return { rule, volume: this.#volume(rule), capLeft: this.#capLeft(rule) };
  }

  #volume(rule: PriceRule): bigint | null {
    if (rule.measure === null) return null;
    const counted = BigInt(this.#state.volumes.read(rule.lineageId, this.#ruleKey(rule)));
    // Quantities are counted in units, amounts at scale 8 as the limits are.
    return rule.measure === 'QUANTITY' ? counted * UNIT : counted;
  }

  #inVolume(rule: PriceRule): boolean {
    const volume = this.#volume(rule);
    if (volume === null) return true;
    return volume >= rule.volumeFrom && (rule.volumeTo === null || volume < rule.volumeTo);
  }

  #capLeft(rule: PriceRule): bigint | null {
    if (rule.cap === null) return null;
    const given = BigInt(this.#state.caps.read(rule.lineageId, this.#ruleKey(rule)));
    // A later version of a rule may allow less than an earlier one has given already.
    return given < rule.cap ? rule.cap - given : 0n;
  }

  #countRules(rules: readonly PriceRule[], billed: number, amount: number): void {
    for (const rule of rules) {
      if (rule.measure === null) continue;
      const counted = rule.measure === 'QUANTITY' ? billed : amount;
      this.#state.volumes.add(rule.lineageId, this.#ruleKey(rule), counted);
    }
  }

  #ruleKey(rule: PriceRule): number {
    return periodKey(this.#subject.holderId(rule.holder), rule.period, this.#subject.day);
  }

  // Buckets of money pay what is charged, as far as they reach: in the decimals of the contract, so
  // that what is left to pay is an amount of the contract, too.
  #pay(amount: number): number {
    if (this.#trace) this.#paying = [];
    if (!this.#pots.kinds.has('MONEY')) return amount;
    const step = Number(this.#tariff(this.#subject.entry).step);
    let left = amount;
    for (const pot of this.#pots.matching('MONEY', this.#subject)) {
      const paid = Math.min(left, pot.left - (pot.left % step));
      if (paid === 0) continue;
      left -= paid;
      pot.left -= paid;
      this.#pots.note(pot, this.#subject.subscriptionId, paid);
      if (this.#trace) this.#paying.push({ pot, amount: paid });
    }
    return left;
  }

  #earnBonuses(billed: number, final: number): void {
    for (const bonus of this.#facts.bonuses) {
      if (!earns(bonus, this.#subject)) continue;
      const holder = this.#subject.holderId(bonus.holder);
      const added = bonus.measure === 'SPEND' ? final : billed;
      const total = this.#state.bonusTotals.add(bonus.lineageId, holder, added);
      const threshold = Number(
        bonus.measure === 'SPEND' ? bonus.threshold : bonus.threshold / UNIT,
      );
      const reached = Math.floor(total / threshold);
      const due = bonus.repeats ? reached : Math.min(1, reached);
      const times = due - this.#state.bonusTimes.read(bonus.lineageId, holder);
      if (times <= 0) continue;
      this.#state.bonusTimes.add(bonus.lineageId, holder, times);
      this.#grant(bonus, holder, times);
    }
  }

  #grant(bonus: BonusTerms, holder: number, times: number): void {
    if (bonus.grants === 'POINTS') {
      const room = MOST_POINTS - this.#state.points.read(bonus.lineageId, holder);
      const earned = Math.max(0, Math.min(times * Number(bonus.amount), room));
      this.#state.points.add(bonus.lineageId, holder, earned);
      return;
    }
    const units = Number(bonus.grants === 'UNITS' ? bonus.amount / UNIT : bonus.amount);
    this.#pots.grant(bonus.bucketLineageId!, this.#subject, times * units);
  }
}

const LIMIT = 2n ** 53n;
/** One unit at scale 8. */
const UNIT = 100_000_000n;
/** Whole points at scale 8 are multiples of 2^8: up to 2^61 their sums are exact. */
const MOST_POINTS = Math.floor(2 ** 61 / 1e8) * 1e8;
const NO_TIERS: TierPosition = { before: 0, total: 0, first: true };

function earns(bonus: BonusTerms, subject: EntrySubject): boolean {
  const isOurs =
    bonus.contractId === null
      ? bonus.servicePlanId === subject.planId
      : bonus.contractId === subject.contractId;
  return (
    isOurs &&
    (bonus.services === null || bonus.services.includes(subject.service)) &&
    (bonus.destinationIds === null || bonus.destinationIds.includes(subject.destinationId)) &&
    inForce(bonus, subject.startedMs, subject.knownAt)
  );
}
