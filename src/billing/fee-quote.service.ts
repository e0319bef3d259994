import { DomainError, toGlobalId } from '../kernel/index.js';
import { Contract, levelPermission, mayReadLevel, Partner } from '../partner/index.js';
import {
  notFound,
  type RequestContext,
  requireViewer,
  rowByGlobalId,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { billingTerms, unbilledUsage } from './bill.store.js';
import { BilledFees } from './billed-fees.service.js';
import { amountText } from './document.js';
import { explainCharge } from './fee-explanation.js';
import type { FeeQuote } from './fee-quote.entity.js';
import { rulesById } from './fee-rule.store.js';
import type { FeeCharge } from './fees.js';
import {
  type InvoiceLineDraft,
  invoiceFigures,
  paysOut,
  type UsageSum,
  withoutCredits,
} from './invoice-lines.js';
import { monthSpan } from './prorate.js';

/**
 * The fees that an invoice of the contract for the month would have if it were made now, by the
 * usage there is; nothing is stored. As drafts are, it is for the seller's side alone. Refuses with
 * NOT_FOUND, CONTRACT_WITHOUT_TERMS, or FORBIDDEN without the permission for the level's prices.
 */
export async function quoteFees(
  context: RequestContext,
  contractId: string,
  period: string,
): Promise<FeeQuote[]> {
  const tx = await context.read();
  const contract = await rowByGlobalId(tx, Contract, 'Contract', contractId);
  if (!(await tx.existsBy(Partner, { id: contract.sellerId }))) {
    throw notFound('Contract', toGlobalId('Contract', contract.id));
  }
  if (!mayReadLevel(requireViewer(context), contract.level)) {
    const permission = levelPermission[contract.level];
    throw new DomainError('FORBIDDEN', `This needs the permission ${permission}.`, { permission });
  }
  // A line rests on all subscriptions and usage of the contract, whoever has them.
  const { lines, rules } = await context.database.readAside(SYSTEM_SCOPE, async (aside) => {
    const found = await feeLines(aside, contract, period);
    const ids = found.flatMap(({ line }) => line.charges[0]?.workings?.rules ?? []);
    return { lines: found, rules: await rulesById(aside, [...new Set(ids.map(({ id }) => id))]) };
  });
  const names = new Map([...rules].map(([id, { name }]) => [id, name]));
  return lines.map(({ line, currency }) => ({
    kind: line.kind,
    description: line.description,
    currency,
    charges: line.charges.length,
    basis: amountText(line.basis, currency),
    net: amountText(line.net, currency),
    explanation: explainCharge({ ...(line.charges[0] as FeeCharge), rules, names }),
  }));
}

interface CurrencyLine {
  readonly line: InvoiceLineDraft;
  readonly currency: string;
}

async function feeLines(
  tx: Tx,
  contract: Pick<Contract, 'id' | 'partnerId'>,
  month: string,
): Promise<CurrencyLine[]> {
  const period = monthSpan(month);
  const terms = await billingTerms(tx, contract.id, period.toOn, null);
  if (terms === null) {
    throw new DomainError('CONTRACT_WITHOUT_TERMS', 'The contract has no terms to bill by.');
  }
  const [buyer]: { language: string }[] = await tx.query(
    'SELECT language FROM partner WHERE id = $1',
    [contract.partnerId],
  );
  const fees = await BilledFees.load(tx, contract.id, period, terms);
  const lines: CurrencyLine[] = [];
  for (const currency of [...new Set(fees.currencies)].sort()) {
    const usage = await unbilledUsage(tx, { contractId: contract.id, currency }, period);
    const figuresOf = async (sums: readonly UsageSum[], charges: readonly FeeCharge[]) => {
      const taxes = await fees.taxes(tx, charges, currency);
      return invoiceFigures(sums, charges, taxes, currency, buyer?.language ?? 'en');
    };
    const charged = (withUnbilled: boolean) =>
      fees.charges(tx, currency, { withUnbilled, invoiceId: null });
    // As a bill run does it: what would pay out waits, and fees are billed alone.
    const all = await figuresOf(usage, await charged(true));
    const kept = paysOut(all) ? await figuresOf([], withoutCredits(await charged(false))) : all;
    const ofFees = kept.lines.filter(({ kind }) => kind !== 'USAGE');
    lines.push(...ofFees.map((line) => ({ line, currency })));
  }
  return lines;
}
