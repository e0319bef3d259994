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
import type { CapLedger, FeeRule } from './fee-rules.js';
import { type FeeCharge, type FlatCharge, owedFees } from './fees.js';
import { ruledFees } from './flat-fees.js';
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
  readonly #terms: BillingTerms;
  readonly #facts: FeeFacts;
  readonly #rules: readonly FeeRule[];
  readonly #caps: CapLedger;
  /** Flat fees after price rules. */
  readonly flat: readonly FlatCharge[];

  private constructor(
    contractId: number,
    period: ClosedDaySpan,
    terms: BillingTerms,
    loaded: { facts: FeeFacts; rules: readonly FeeRule[]; caps: CapLedger },
  ) {
    this.#contractId = contractId;
    this.#period = period;
    this.#terms = terms;
    this.#facts = loaded.facts;
    this.#rules = loaded.rules;
    this.#caps = loaded.caps;
    const { subscriptions, terms: fees, earlier } = loaded.facts;
    const current = fees.filter(({ supersededAt }) => supersededAt === null);
    const owed = owedFees(subscriptions, current, earlier, period.toOn);
    this.flat = ruledFees(owed, { rules: loaded.rules, caps: loaded.caps, policy: terms });
  }

  static async load(
    tx: Tx,
    contractId: number,
    period: ClosedDaySpan,
    terms: BillingTerms,
  ): Promise<BilledFees> {
    const facts = await feeFacts(tx, contractId, period, terms.timeZone);
    const rules = facts.terms.length === 0 ? [] : await feeRules(tx, contractId, terms.timeZone);
    const firstOn = facts.subscriptions.reduce(
      (first, { fromOn }) => (fromOn < first ? fromOn : first),
      period.fromOn,
    );
    const caps = await givenCaps(tx, contractId, rules, firstOn);
    return new BilledFees(contractId, period, terms, { facts, rules, caps });
  }

  /** Currencies in which fees of the whole contract may be charged. */
  get currencies(): string[] {
    return this.#priced().map(({ currency }) => currency);
  }

  #priced(): KnownFee[] {
    return this.#facts.terms.filter(({ pricing }) => pricing !== null);
  }

  /** Charges of fees of the whole contract in one currency; those below zero give back. */
  async ofContract(tx: Tx, currency: string, usage: FeeUsage): Promise<FeeCharge[]> {
    const fees = this.#priced().filter((fee) => fee.currency === currency);
    if (fees.length === 0) return [];
    const scope = {
      contractId: this.#contractId,
      currency,
      untilOn: this.#period.toOn,
      withUnbilled: usage.withUnbilled,
    };
    const months = await this.#months(tx, scope, usage);
    const names = months.map(({ month }) => month);
    const charged = this.flat.map(({ fee, fromOn, amount }) => ({ ...fee, fromOn, amount }));
    return contractFees({
      months,
      billed: this.#period.fromOn.slice(0, 7),
      subscriptions: this.#facts.subscriptions,
      fees,
      usage: await usageDays(tx, scope, names),
      flat: [...(await flatSums(tx, this.#contractId, names)), ...charged],
      before: await chargedBefore(tx, this.#contractId, names),
      rules: this.#rules,
      caps: this.#caps,
      policy: this.#terms,
    });
  }

  // The billed month, and those to which usage, subscriptions or flat fees are added now.
  async #months(tx: Tx, scope: UsageScope, { withUnbilled, invoiceId }: FeeUsage) {
    const months = [
      this.#period.fromOn.slice(0, 7),
      ...this.#facts.subscriptions.flatMap((subscription) => subscription.months),
      ...this.flat.map(({ fromOn }) => fromOn.slice(0, 7)),
    ];
    if (withUnbilled) months.push(...(await usageMonths(tx, scope, null)));
    if (invoiceId !== null) months.push(...(await usageMonths(tx, scope, invoiceId)));
    return feeMonths(tx, this.#contractId, months);
  }
}
