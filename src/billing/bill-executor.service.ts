import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, formatAmount, invariant, minorUnits, monthPeriod } from '../kernel/index.js';
import {
  type BatchExecutor,
  type ClaimedBatch,
  completeBatchSql,
  type Database,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { holdFolds, isFoldDue } from '../rating/index.js';
import {
  type BilledContract,
  type BillingTerms,
  billingTerms,
  isBilled,
  lockContract,
  takeUsage,
  unbilledUsage,
} from './bill.store.js';
import { BilledFees } from './billed-fees.service.js';
import type { FeeCharge } from './fees.js';
import { finaliseHeld } from './finalise.store.js';
import { type BillFinding, creditCarriedOver, invoiceFindings } from './findings.js';
import { documentFrame, insertDraft, writeFigures } from './invoice.store.js';
import { invoiceFigures } from './invoice-lines.js';
import type { NumberService } from './number.service.js';
import { type ClosedDaySpan, monthSpan } from './prorate.js';

/** What a batch of a BILL run does: bills one contract, or finalises one invoice. */
export type BillPayload =
  | { readonly step: 'BILL'; readonly contractId: number; readonly period: string }
  | { readonly step: 'FINALISE'; readonly invoiceId: number };

/** What a batch leaves behind for people. */
export interface BillBatchResult {
  readonly invoiceIds: readonly number[];
  readonly findings: readonly BillFinding[];
  /** Added up over the run. */
  readonly totals: { readonly invoices: number; readonly findings: number };
}

const SLOTS = 2;
const STATEMENT_TIMEOUT = '15min';
const FOLD_WAIT_MS = 60_000;
const FOLD_POLL_MS = 250;

/**
 * Does the batches of bill runs. Results and completion commit together, so a batch that is
 * killed anywhere leaves nothing and is done again with the same figures.
 */
export class BillExecutor implements BatchExecutor {
  readonly kind = 'BILL';
  readonly slots = SLOTS;
  readonly #database: Database;
  readonly #numbers: NumberService;
  readonly #foldWaitMs: number;

  constructor(
    database: Database,
    numbers: NumberService,
    options: { readonly foldWaitMs?: number } = {},
  ) {
    this.#database = database;
    this.#numbers = numbers;
    this.#foldWaitMs = options.foldWaitMs ?? FOLD_WAIT_MS;
  }

  async execute(batch: ClaimedBatch): Promise<void> {
    const payload = batch.payload as BillPayload;
    if (payload.step === 'BILL') await this.#awaitFolds(payload.contractId, payload.period);
    else await this.#numbers.hold(payload.invoiceId);
    await this.#database.write(SYSTEM_SCOPE, async (tx) => {
      // A contract may have usage by the million, which takes longer than a request may.
      await tx.query(`SET LOCAL statement_timeout = '${STATEMENT_TIMEOUT}'`);
      const result =
        payload.step === 'BILL'
          ? await billContract(tx, batch.runId, payload.contractId, payload.period)
          : await finalise(tx, payload.invoiceId);
      await completeBatchSql(tx, batch, result, batch.units);
    });
  }

  // An attempt is not spent on what will soon be done; billing itself looks again.
  async #awaitFolds(contractId: number, month: string): Promise<void> {
    const { toOn } = monthSpan(month);
    for (let waited = 0; waited < this.#foldWaitMs; waited += FOLD_POLL_MS) {
      const due = await this.#database.read(SYSTEM_SCOPE, (tx) => isFoldDue(tx, contractId, toOn));
      if (!due) return;
      await delay(FOLD_POLL_MS);
    }
  }
}

async function finalise(tx: Tx, invoiceId: number): Promise<BillBatchResult> {
  await finaliseHeld(tx, invoiceId);
  return { invoiceIds: [invoiceId], findings: [], totals: { invoices: 1, findings: 0 } };
}

/**
 * Makes the draft invoices of one contract for one month: one, or one per currency when the terms
 * changed their currency. Makes none when the month is billed already or nothing is to be billed.
 * Refuses with CONTRACT_WITHOUT_TERMS, or with FOLD_PENDING while tiers and allowances of the usage
 * are not worked out.
 */
async function billContract(
  tx: Tx,
  runId: number,
  contractId: number,
  month: string,
): Promise<BillBatchResult> {
  const period = monthSpan(month);
  await holdFolds(tx, contractId);
  const contract = await lockContract(tx, contractId);
  invariant(contract !== null, 'a batch bills a contract that exists');
  const invoices: { id: number; findings: BillFinding[] }[] = [];
  const findings: BillFinding[] = [];
  if (!(await isBilled(tx, contractId, period.fromOn))) {
    const terms = await neededTerms(tx, contractId, period.toOn, null);
    const fees = await BilledFees.load(tx, contractId, period, terms);
    const unbilled = await unbilledUsage(tx, contractId, period.toOn);
    const flatCurrencies = fees.flat.map((charge) => charge.fee.currency);
    const currencies = new Set([...unbilled.keys(), ...flatCurrencies, ...fees.currencies]);
    for (const currency of [...currencies].sort()) {
      const plan = await planInvoice(tx, fees, currency, unbilled.get(currency) ?? null);
      const { takesUsage, waiting } = plan;
      if (!takesUsage) findings.push(creditCarriedOver(contractId, currency, waiting));
      if (plan.charges === 0 && !(takesUsage && plan.hasUsage)) continue;
      const task = { runId, contract, month, period, currency, fees, takesUsage };
      invoices.push(await makeInvoice(tx, task));
    }
    // After the usage was taken: what came in before that and is not folded yet shows here.
    if (await isFoldDue(tx, contractId, period.toOn)) {
      throw new DomainError('FOLD_PENDING', 'Usage of the month is not folded yet.', {
        contractId,
      });
    }
  }
  findings.push(...invoices.flatMap((invoice) => invoice.findings));
  return {
    invoiceIds: invoices.map((invoice) => invoice.id),
    findings,
    totals: { invoices: invoices.length, findings: findings.length },
  };
}

interface InvoicePlan {
  readonly hasUsage: boolean;
  readonly takesUsage: boolean;
  /** How many fees are charged. */
  readonly charges: number;
  /** What waits where usage is not taken, as decimal text. */
  readonly waiting: string;
}

/**
 * Whether an invoice takes the usage. An invoice never pays out: what would make it negative stays
 * unbilled until the usage of a later month, or a credit note, makes up for it; and so do fees that
 * give back.
 */
async function planInvoice(
  tx: Tx,
  fees: BilledFees,
  currency: string,
  used: bigint | null,
): Promise<InvoicePlan> {
  const flat = fees.flat.filter((charge) => charge.fee.currency === currency);
  const all = await fees.ofContract(tx, currency, { withUnbilled: true, invoiceId: null });
  const total = [...flat, ...all].reduce((sum, { amount }) => sum + amount, used ?? 0n);
  const hasUsage = used !== null;
  if (total >= 0n) {
    return { hasUsage, takesUsage: true, charges: flat.length + all.length, waiting: '' };
  }
  const owed = await owedOfContract(tx, fees, currency);
  const back = all.filter(({ amount }) => amount < 0n);
  const waiting = back.reduce((sum, { amount }) => sum + amount, used ?? 0n);
  const charges = flat.length + owed.length;
  return { hasUsage, takesUsage: false, charges, waiting: formatAmount(waiting) };
}

/** Fees of the whole contract without unbilled usage and without what they give back. */
async function owedOfContract(tx: Tx, fees: BilledFees, currency: string): Promise<FeeCharge[]> {
  const charges = await fees.ofContract(tx, currency, { withUnbilled: false, invoiceId: null });
  return charges.filter(({ amount }) => amount > 0n);
}

interface InvoiceTask {
  readonly runId: number;
  readonly contract: BilledContract;
  readonly month: string;
  readonly period: ClosedDaySpan;
  readonly currency: string;
  readonly fees: BilledFees;
  readonly takesUsage: boolean;
}

async function makeInvoice(
  tx: Tx,
  task: InvoiceTask,
): Promise<{ id: number; findings: BillFinding[] }> {
  const { runId, contract, month, period, currency, fees, takesUsage } = task;
  minorUnits(currency);
  const terms = await neededTerms(tx, contract.contractId, period.toOn, currency);
  const { from, to } = monthPeriod(terms.timeZone, month);
  invariant(to !== null, 'a month ends');
  const frame = await documentFrame(tx, contract, terms, period);
  const id = await insertDraft(tx, {
    contract,
    terms,
    runId,
    frame,
    currency,
    periodFrom: new Date(from),
    periodTo: new Date(to),
  });
  const { contractId, partnerId } = contract;
  const usage = takesUsage ? await takeUsage(tx, { id, contractId, currency }, period) : [];
  // By the usage that was taken, which may be more than there was a moment ago.
  const ofContract = takesUsage
    ? await fees.ofContract(tx, currency, { withUnbilled: false, invoiceId: id })
    : await owedOfContract(tx, fees, currency);
  const flat = fees.flat.filter((charge) => charge.fee.currency === currency);
  const figures = invoiceFigures(usage, [...flat, ...ofContract], terms, currency, frame.language);
  await writeFigures(tx, { id, partnerId }, figures);
  return { id, findings: invoiceFindings(contractId, figures, frame, terms) };
}

async function neededTerms(
  tx: Tx,
  contractId: number,
  periodToOn: string,
  currency: string | null,
): Promise<BillingTerms> {
  const terms = await billingTerms(tx, contractId, periodToOn, currency);
  if (terms === null) {
    throw new DomainError('CONTRACT_WITHOUT_TERMS', 'The contract has no terms to bill by.', {
      contractId,
    });
  }
  return terms;
}
