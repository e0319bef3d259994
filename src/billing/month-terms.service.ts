import type { Tx } from '../platform/index.js';
import { type BillingTerms, billingTerms, termsOfInvoice } from './bill.store.js';
import { type ClosedDaySpan, monthSpan } from './prorate.js';

/** The terms of a contract by month: what is charged late is charged by those of its month. */
export class MonthTerms {
  readonly billed: BillingTerms;
  readonly #contractId: number;
  readonly #billedMonth: string;
  readonly #known = new Map<string, BillingTerms>();

  constructor(contractId: number, period: ClosedDaySpan, billed: BillingTerms) {
    this.#contractId = contractId;
    this.#billedMonth = period.fromOn.slice(0, 7);
    this.billed = billed;
  }

  /** Those by which it was billed, else those at its end; of a currency where it had such. */
  async of(tx: Tx, month: string, currency: string | null = null): Promise<BillingTerms> {
    if (month === this.#billedMonth && currency === null) return this.billed;
    const key = `${month} ${currency}`;
    const known = this.#known.get(key) ?? (await this.#load(tx, monthSpan(month), currency));
    this.#known.set(key, known);
    return known;
  }

  async #load(tx: Tx, month: ClosedDaySpan, currency: string | null): Promise<BillingTerms> {
    const id = this.#contractId;
    const billed = await termsOfInvoice(tx, id, month.fromOn, currency);
    return billed ?? (await billingTerms(tx, id, month.toOn, currency)) ?? this.billed;
  }
}
