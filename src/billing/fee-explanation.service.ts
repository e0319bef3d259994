import DataLoader from 'dataloader';
import { parseAmount } from '../kernel/index.js';
import { mayReadLevel, type PriceLevel } from '../partner/index.js';
import { type RequestContext, requireViewer, SYSTEM_SCOPE, type Tx } from '../platform/index.js';
import { feesById } from './fee.store.js';
import type { FeeExplanation } from './fee-explanation.entity.js';
import { explainCharge } from './fee-explanation.js';
import { rulesById } from './fee-rule.store.js';
import type { InvoiceFeeCharge } from './invoice.entity.js';

const CHARGES = {};

/**
 * How a charge came about, or null when the viewer may not see prices of its contract's level. The
 * charges of a page are explained together.
 */
export async function feeExplanation(
  context: RequestContext,
  charge: InvoiceFeeCharge,
): Promise<FeeExplanation | null> {
  const loader = context.loader(
    CHARGES,
    (read) =>
      new DataLoader<InvoiceFeeCharge, FeeExplanation | null, number>(
        async (charges) => explainCharges(context, await read(), charges),
        { cacheKeyFn: ({ id }) => id },
      ),
  );
  return loader.load(charge);
}

async function explainCharges(
  context: RequestContext,
  tx: Tx,
  charges: readonly InvoiceFeeCharge[],
): Promise<(FeeExplanation | null)[]> {
  const viewer = requireViewer(context);
  const levels = await invoiceLevels(tx, [...new Set(charges.map((charge) => charge.invoiceId))]);
  const seen = charges.filter(({ invoiceId }) => {
    const level = levels.get(invoiceId);
    return level !== undefined && mayReadLevel(viewer, level);
  });
  if (seen.length === 0) return charges.map(() => null);
  const ruleIds = seen.flatMap(({ workings }) => workings?.rules ?? []).map(({ id }) => id);
  // Fees and rules are the seller's, whom a buyer does not see; of charges that the viewer was
  // found to see the whole truth is read, and what he may not know is left out of what is shown.
  const { fees, rules } = await context.database.readAside(SYSTEM_SCOPE, async (aside) => ({
    fees: await feesById(aside, [...new Set(seen.map(({ planFeeId }) => planFeeId))]),
    rules: await rulesById(aside, [...new Set(ruleIds)]),
  }));
  const names = await seenRules(tx, ruleIds);
  return charges.map((charge) => {
    const fee = fees.get(charge.planFeeId);
    if (fee === undefined || !seen.includes(charge)) return null;
    const { spanFrom: fromOn, spanTo: toOn, workings } = charge;
    const amount = parseAmount(charge.amount);
    return explainCharge({ fee, fromOn, toOn, amount, workings, rules, names });
  });
}

async function invoiceLevels(tx: Tx, ids: readonly number[]): Promise<Map<number, PriceLevel>> {
  const rows: { id: number; level: PriceLevel }[] = await tx.query(
    `SELECT i.id, c.level FROM invoice i JOIN contract c ON c.id = i.contract_id
     WHERE i.id = ANY ($1::int[])`,
    [ids],
  );
  return new Map(rows.map(({ id, level }) => [id, level]));
}

async function seenRules(tx: Tx, ids: readonly number[]): Promise<Map<number, string>> {
  const rows: { id: number; name: string }[] = await tx.query(
    'SELECT id, name FROM price_rule WHERE id = ANY ($1::int[])',
    [[...new Set(ids)]],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}
