import { clearCondition, raiseAlarm } from '../alarm/index.js';
import { toGlobalId } from '../kernel/index.js';
import { appendOutbox, type OutboxRow, type Tx } from '../platform/index.js';
import type { GuardedPair } from './margin.store.js';
import { permissionsAt } from './margin-decision.service.js';
import type { MarginFinding } from './margin-guard.js';
import { concernedSellers, decidingSeller } from './margin-report.store.js';
import { conditionOf, PRICE_TOPIC, type PriceTask, SHOWN, shownOf } from './price-guard.service.js';
import { listOwner, lockNewsOf, standsAsRecorded } from './price-news.store.js';
import { type Keeping, SheetGuard } from './sheet-guard.service.js';

/** After so long a task of the outbox leaves the other sellers to the next one. */
const TASK_MS = 10_000;

/**
 * Tells each seller that watches its margin, besides who decided, what a single price that was set
 * or ended does to it, by an alarm; taking the price back takes the alarm back. For the system.
 */
export async function tellOfPrice(
  tx: Tx,
  row: Pick<OutboxRow, 'payload'>,
  taskMs = TASK_MS,
): Promise<void> {
  const task = row.payload as PriceTask;
  const { listId, target, moment, after } = task;
  await lockNewsOf(tx, listId);
  // What has become of the price since is told by a task of its own.
  if (!(await standsAsRecorded(tx, task))) return;
  const partnerId = await listOwner(tx, listId);
  const from = new Date(task.from);
  const key = { id: 0, partnerId, priceListId: listId };
  const guard = new SheetGuard(tx, key, { from, moment, undone: after, others: moment });
  const besides = await decidingSeller(tx, partnerId);
  const sellers = task.sellers ?? (await concernedSellers(tx, { listId, from, besides }, true));
  const until = performance.now() + taskMs;
  for (const [at, sellerId] of sellers.entries()) {
    if (at > 0 && performance.now() >= until) {
      const payload: PriceTask = { ...task, sellers: sellers.slice(at) };
      await appendOutbox(tx, { topic: PRICE_TOPIC, partnerId, payload });
      return;
    }
    const condition = `${conditionOf(listId, { target, from })} at partner ${sellerId}`;
    await tellSeller(tx, guard, { sellerId, condition, from });
  }
}

interface SellerNews {
  readonly sellerId: number;
  readonly condition: string;
  readonly from: Date;
}

async function tellSeller(
  tx: Tx,
  guard: SheetGuard,
  { sellerId, condition, from }: SellerNews,
): Promise<void> {
  const found: object[] = [];
  const lists: number[] = [];
  const keeping: Keeping = {
    limits: { ofPair: SHOWN, ofSheet: SHOWN },
    watchedOnly: true,
    store: async (pair, findings) => {
      if (findings.length > 0) lists.push(pair.sell.listId);
      found.push(...findings.map((one) => ownFinding(pair, one)));
    },
  };
  const { count } = await guard.compare(sellerId, keeping);
  await clearCondition(tx, condition);
  const [subjectId] = lists;
  if (subjectId === undefined) return;
  await raiseAlarm(tx, {
    partnerId: sellerId,
    severity: 'WARNING',
    probableCause: 'NEGATIVE_MARGIN',
    subjectType: 'PriceList',
    subjectId,
    naturalKey: condition,
    text: 'A price that we pay or inherit was set or ended, and has us sell below cost.',
    // Partners above see the alarm as well: what it costs the seller is for him alone.
    details: { takesEffectAt: from.toISOString() },
    ownDetails: { findings: count, shown: found },
    shownWith: await permissionsAt(tx, sellerId),
  });
}

/** What a seller may see of a finding: its own list, and the contract under which it buys. */
function ownFinding(pair: GuardedPair, finding: MarginFinding): object {
  return {
    sellListId: toGlobalId('PriceList', pair.sell.listId),
    costContractId: toGlobalId('Contract', pair.cost.contractId),
    ...shownOf(pair, finding),
  };
}
