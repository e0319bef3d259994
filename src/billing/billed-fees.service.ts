import { addDays } from '../kernel/index.js';
import type { Tx } from '../platform/index.js';
import type { BillingTerms } from './bill.store.js';
import {
  chargedBefore,
  feeMonths,
  flatSums,
  givenCaps,
  type UsageScope,
  usageDays,
  usageMonths,
} from './contract-fee.store.js';
import { contractFees, type KnownFee } from './contract-fees.js';
import { type FeeFacts, feeFacts } from './fee.store.js';
import { feeRules } from './fee-rule.store.js';
import { CapLedger, type FeeRule } from './fee-rules.js';
import { type FeeCharge, type FlatCharge, owedFees } from './fees.js';
import { ruledFees } from './flat-fees.js';
import type { TaxTerms } from './invoice-lines.js';
import { MonthTerms } from './month-terms.service.js';
import type { ClosedDaySpan } from './prorate.js';

/** Which usage fees of the whole contract are charged by. */
export interface FeeUsage {
  /** Whether what no invoice has taken yet counts as if this one took it. */
  readonly withUnbilled: boolean;
  /** The invoice that has taken usage; null for none. */
  readonly invoiceId: number | null;
}

/** The fees of one contract for one month, in a transaction that has the contract locked. */
export class BilledFees {
  readonly #contractId: number;
  readonly #period: ClosedDaySpan;
  readonly #facts: FeeFacts;
  readonly #rules: (timeZone: string) => readonly FeeRule[];
  /** What rules with a cap have taken of flat fees. */
  #caps = new CapLedger();
  readonly #terms: MonthTerms;
  #flat: readonly FlatCharge[] = [];

  private constructor(
    contractId: number,
    period: ClosedDaySpan,
    terms: MonthTerms,
    facts: FeeFacts,
    rules: (timeZone: string) => readonly FeeRule[],
  ) {
    this.#contractId = contractId;
    this.#period = period;
    this.#terms = terms;
    this.#facts = facts;
    this.#rules = rules;
  }

  static async load(
    tx: Tx,
    contractId: number,
    period: ClosedDaySpan,
    billed: BillingTerms,
  ): Promise<BilledFees> {
    const facts = await feeFacts(tx, contractId, period);
    const rules = facts.months.length === 0 ? () => [] : await feeRules(tx, contractId);
    const terms = new MonthTerms(contractId, period, billed);
    const fees = new BilledFees(contractId, period, terms, facts, rules);
    await fees.#chargeFlat(tx, billed.timeZone);
    return fees;
  }

  /** Flat fees after price rules. */
  get flat(): readonly FlatCharge[] {
    return this.#flat;
  }

  /** Currencies in which fees are charged, or may be for the whole contract. */
  get currencies(): string[] {
    return [...this.#flat.map(({ fee }) => fee), ...this.#priced(this.#terms.billed.timeZone)].map(
      ({ currency }) => currency,
    );
  }

  /** All charges in one currency; those below zero give back. */
  async charges(tx: Tx, currency: string, usage: FeeUsage): Promise<FeeCharge[]> {
    return [
      ...this.#flat.filter(({ fee }) => fee.currency === currency),
      ...(await this.#ofContract(tx, currency, usage)),
    ];
  }

  /** The tax terms of charges: those of the contract at the end of the month that they are for. */
  async taxes(
    tx: Tx,
    charges: readonly FeeCharge[],
    currency: string,
  ): Promise<(charge: FeeCharge) => TaxTerms> {
    const billed = this.#period.fromOn.slice(0, 7);
    const monthOf = ({ fee, fromOn }: FeeCharge) =>
      fee.kind === 'ONE_TIME' ? billed : fromOn.slice(0, 7);
    const found = new Map<string, TaxTerms>();
    for (const month of new Set([billed, ...charges.map(monthOf)])) {
      found.set(month, await this.#terms.of(tx, month, currency));
    }
    return (charge) => found.get(monthOf(charge)) as TaxTerms;
  }

  // Each month by the zone, the rounding and the rules of its own time.
  async #chargeFlat(tx: Tx, timeZone: string): Promise<void> {
    const { months, subscriptions, terms, earlier } = this.#facts;
    const billed = this.#period.fromOn.slice(0, 7);
    const firstOn = subscriptions(timeZone).reduce(
      (first, { fromOn }) => (fromOn < first ? fromOn : first),
      this.#period.fromOn,
    );
    const before = addDays(firstOn, -1);
    this.#caps = await givenCaps(tx, this.#contractId, this.#rules(timeZone), before);
    const charged: FlatCharge[] = [];
    for (const month of months) {
      const policy = await this.#terms.of(tx, month);
      const owing = subscriptions(policy.timeZone).flatMap((subscription) =>
        subscription.months.includes(month) ? [{ ...subscription, months: [month] }] : [],
      );
      // A one-time fee is of no month: it is charged with the billed one.
      const fees = terms(policy.timeZone).filter(
        ({ supersededAt, kind }) =>
          supersededAt === null && (kind === 'PERIODIC' || month === billed),
      );
      const owed = owedFees(owing, fees, earlier, this.#period.toOn);
      const rules = this.#rules(policy.timeZone);
      charged.push(...ruledFees(owed, { rules, caps: this.#caps, policy }));
    }
    this.#flat = charged;
  }

  #priced(timeZone: string): KnownFee[] {
    return this.#facts.terms(timeZone).filter(({ pricing }) => pricing !== null);
  }

  async #ofContract(tx: Tx, currency: string, usage: FeeUsage): Promise<FeeCharge[]> {
    const isOurs = (fee: KnownFee) => fee.currency === currency;
    if (!this.#priced(this.#terms.billed.timeZone).some(isOurs)) return [];
    const scope = {
      contractId: this.#contractId,
      currency,
      untilOn: this.#period.toOn,
      withUnbilled: usage.withUnbilled,
    };
    const months = await this.#months(tx, scope, usage);
    const names = months.map(({ month }) => month);
    const charged = this.#flat.map(({ fee, fromOn, amount }) => ({ ...fee, fromOn, amount }));
    const facts = {
      billed: this.#period.fromOn.slice(0, 7),
      usage: await usageDays(tx, scope, names),
      flat: [...(await flatSums(tx, this.#contractId, names)), ...charged],
      before: await chargedBefore(tx, this.#contractId, names),
      caps: this.#caps,
    };
    const charges: FeeCharge[] = [];
    for (const month of months) {
      const policy = await this.#terms.of(tx, month.month);
      const { timeZone } = policy;
      charges.push(
        ...contractFees({
          ...{ ...facts, policy, months: [month] },
          subscriptions: this.#facts.subscriptions(timeZone),
          fees: this.#priced(timeZone).filter(isOurs),
          rules: this.#rules(timeZone),
        }),
      );
    }
    return charges;
  }

  // The billed month, and those to which usage, subscriptions or flat fees are added now.
  async #months(tx: Tx, scope: UsageScope, { withUnbilled, invoiceId }: FeeUsage) {
    const months = [...this.#facts.months, ...this.#flat.map(({ fromOn }) => fromOn.slice(0, 7))];
    if (withUnbilled) months.push(...(await usageMonths(tx, scope, null)));
    if (invoiceId !== null) months.push(...(await usageMonths(tx, scope, invoiceId)));
    return feeMonths(tx, this.#contractId, months);
  }
}
