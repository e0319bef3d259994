import { setTimeout as delay } from 'node:timers/promises';
import { DomainError, formatAmount, invariant, monthPeriod } from '../kernel/index.js';
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
  unbilledCurrencies,
} from './bill.store.js';
import { BilledFees } from './billed-fees.service.js';
import { finaliseHeld } from './finalise.store.js';
import {
  type BillFinding,
  creditCarriedOver,
  invoiceFindings,
  invoiceTooLarge,
} from './findings.js';
import { documentFrame, insertDraft, type NewInvoice, writeFigures } from './invoice.store.js';
import {
  type InvoiceFigures,
  invoiceFigures,
  isKeepable,
  paysOut,
  withoutCredits,
} from './invoice-lines.js';
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
  const billed: BilledCurrency[] = [];
  if (!(await isBilled(tx, contractId, period.fromOn))) {
    const terms = await neededTerms(tx, contractId, period.toOn, null);
    const fees = await BilledFees.load(tx, contractId, period, terms);
    const used = await unbilledCurrencies(tx, contractId, period.toOn);
    const currencies = new Set([...used, ...fees.currencies]);
    for (const currency of [...currencies].sort()) {
      const task = { runId, contract, month, period, currency, fees };
      billed.push(await billCurrency(tx, task));
    }
    // After the usage was taken: what came in before that and is not folded yet shows here.
    if (await isFoldDue(tx, contractId, period.toOn)) {
      throw new DomainError('FOLD_PENDING', 'Usage of the month is not folded yet.', {
        contractId,
      });
    }
  }
  const invoiceIds = billed.flatMap(({ invoiceId }) => (invoiceId === null ? [] : [invoiceId]));
  const findings = billed.flatMap((currency) => currency.findings);
  const totals = { invoices: invoiceIds.length, findings: findings.length };
  return { invoiceIds, findings, totals };
}

interface InvoiceTask {
  readonly runId: number;
  readonly contract: BilledContract;
  readonly month: string;
  readonly period: ClosedDaySpan;
  readonly currency: string;
  readonly fees: BilledFees;
}

interface BilledCurrency {
  /** Null where there is nothing to bill. */
  readonly invoiceId: number | null;
  readonly findings: readonly BillFinding[];
}

/**
 * Makes the draft of one currency. An invoice never pays out, and whether it would is told by the
 * figures of what it has taken: then everything is given back, so that it stays unbilled until
 * later usage, or a credit note, makes up for it, and fees are billed alone. What is too large for
 * the tables is left unbilled as well, until its price is mended.
 */
async function billCurrency(tx: Tx, task: InvoiceTask): Promise<BilledCurrency> {
  const invoice = await newInvoice(tx, task);
  await tx.query('SAVEPOINT nothing_taken');
  const id = await insertDraft(tx, invoice);
  const all = await figuresOf(tx, task, invoice, id);
  const isSound = isKeepable(all) && !paysOut(all);
  if (all.lines.length > 0 && isSound) return keepDraft(tx, invoice, id, all);
  await tx.query('ROLLBACK TO SAVEPOINT nothing_taken');
  if (all.lines.length === 0) return { invoiceId: null, findings: [] };
  if (!isKeepable(all)) return tooLarge(task, all);
  const alone = await figuresOf(tx, task, invoice, null);
  if (!isKeepable(alone)) return tooLarge(task, alone);
  const waiting = formatAmount(all.basis - alone.basis);
  const finding = creditCarriedOver(task.contract.contractId, task.currency, waiting);
  if (alone.lines.length === 0) return { invoiceId: null, findings: [finding] };
  const billed = await keepDraft(tx, invoice, await insertDraft(tx, invoice), alone);
  return { ...billed, findings: [finding, ...billed.findings] };
}

function tooLarge({ contract, currency }: InvoiceTask, figures: InvoiceFigures): BilledCurrency {
  const finding = invoiceTooLarge(contract.contractId, currency, figures);
  return { invoiceId: null, findings: [finding] };
}

async function newInvoice(
  tx: Tx,
  { runId, contract, month, period, currency }: InvoiceTask,
): Promise<NewInvoice> {
  const terms = await neededTerms(tx, contract.contractId, period.toOn, currency);
  const { from, to } = monthPeriod(terms.timeZone, month);
  invariant(to !== null, 'a month ends');
  return {
    contract,
    terms,
    runId,
    frame: await documentFrame(tx, contract, terms, period),
    currency,
    periodFrom: new Date(from),
    periodTo: new Date(to),
  };
}

/**
 * The figures of a draft, which takes the usage for it; without a draft those of fees alone, by the
 * usage that invoices have taken, and without fees that give back.
 */
async function figuresOf(
  tx: Tx,
  { contract: { contractId }, period, currency, fees }: InvoiceTask,
  { frame }: NewInvoice,
  id: number | null,
): Promise<InvoiceFigures> {
  const usage = id === null ? [] : await takeUsage(tx, { id, contractId, currency }, period);
  const charges = await fees.charges(tx, currency, { withUnbilled: false, invoiceId: id });
  const counted = id === null ? withoutCredits(charges) : charges;
  const taxes = await fees.taxes(tx, counted, currency);
  return invoiceFigures(usage, counted, taxes, currency, frame.language);
}

async function keepDraft(
  tx: Tx,
  { contract: { contractId, partnerId }, frame, terms }: NewInvoice,
  id: number,
  figures: InvoiceFigures,
): Promise<BilledCurrency> {
  await writeFigures(tx, { id, partnerId }, figures);
  return { invoiceId: id, findings: invoiceFindings(contractId, figures, frame, terms) };
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
