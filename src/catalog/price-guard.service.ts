import { clearCondition, raiseAlarm } from '../alarm/index.js';
import { formatAmount } from '../kernel/index.js';
import type { Tx, Viewer } from '../platform/index.js';
import type { GuardedPair } from './margin.store.js';
import { assertMargin, maySeeMargin, permissionsAt } from './margin-decision.service.js';
import type { MarginFinding } from './margin-guard.js';
import { decidingSeller } from './margin-report.store.js';
import type { PriceList } from './price-list.entity.js';
import { changeMoment } from './rate.store.js';
import { type Keeping, type MarginReport, NOW, SheetGuard } from './sheet-guard.service.js';

/** Findings that a refusal shows. */
const SHOWN = 20;

/** Whose request it is, and which findings under HOLD are accepted. */
export interface PriceDecision {
  readonly viewer: Viewer;
  readonly confirmedMargins: string | null;
}

/** For which numbers a single price speaks, and from when on it changes. */
export interface PriceChange {
  readonly target: {
    readonly prefix: string | null;
    readonly destinationId: number | null;
    readonly bandId: number | null;
    readonly originSetId: number | null;
  };
  readonly from: Date;
}

/** Holds a change of a single price against margins once it has been recorded. */
export type PriceGuard = () => Promise<void>;

/**
 * Guards a change of a single price of a locked list as a rate sheet with the same row would be.
 * Called before anything is recorded, so that of two changes the later one sees the earlier. The
 * guard refuses as `assertMargin` does, and raises an alarm for prices that are below cost none the
 * less. Prices for sets of calling numbers are compared with nothing.
 */
export async function guardPrice(
  tx: Tx,
  list: Pick<PriceList, 'id' | 'partnerId'>,
  change: PriceChange,
  { viewer, confirmedMargins }: PriceDecision,
): Promise<PriceGuard> {
  const { target, from } = change;
  if (target.originSetId !== null) return async () => undefined;
  const key = { id: 0, partnerId: list.partnerId, priceListId: list.id };
  const sellerId = await decidingSeller(tx, list.partnerId);
  const before = new SheetGuard(tx, key, { from, ...NOW });
  const condition = conditionOf(list.id, change);
  if (!(await before.watch(sellerId))) return () => clearCondition(tx, condition);
  return async () => {
    const shown: object[] = [];
    const keeping: Keeping = {
      limits: { ofPair: SHOWN, ofSheet: SHOWN },
      watchedOnly: true,
      store: async (pair, found) => void shown.push(...found.map((one) => shownOf(pair, one))),
    };
    const { moment, after } = await changeMoment(tx);
    const guard = new SheetGuard(tx, key, { from, moment, undone: after, others: null });
    const report = await guard.compare(sellerId, keeping);
    const sees = viewer.partnerId === sellerId && (await maySeeMargin(tx, viewer));
    assertMargin(report, confirmedMargins, sees ? { shown } : {});
    await tellDecider(tx, { listId: list.id, sellerId, change, report });
  };
}

/** What a refusal says of a finding. */
function shownOf({ sell }: GuardedPair, finding: MarginFinding): object {
  const { prefix, from, to, costRateUnit, sellRateUnit } = finding;
  return {
    policy: sell.policy,
    prefix,
    validFrom: new Date(from).toISOString(),
    validTo: to === null ? null : new Date(to).toISOString(),
    costPrice: formatAmount(finding.costPrice),
    costRateUnit,
    sellPrice: formatAmount(finding.sellPrice),
    sellRateUnit,
    costAmount: formatAmount(finding.costAmount),
    margin: formatAmount(finding.margin),
  };
}

interface PriceNews {
  readonly listId: number;
  readonly sellerId: number;
  readonly change: PriceChange;
  readonly report: MarginReport;
}

/** Names what an alarm is about: a later price takes back nothing of an earlier one. */
function conditionOf(listId: number, { target, from }: PriceChange): string {
  const { prefix, destinationId, bandId } = target;
  const key = `${prefix ?? '-'} ${destinationId} ${bandId}`;
  return `margin of price list ${listId} ${key} from ${from.toISOString()}`;
}

/** One open alarm for a key of a list and an instant; withdrawing the price takes it back. */
async function tellDecider(tx: Tx, news: PriceNews): Promise<void> {
  const { listId, sellerId, change, report } = news;
  const condition = conditionOf(listId, change);
  await clearCondition(tx, condition);
  if (report.count === 0) return;
  const { prefix } = change.target;
  await raiseAlarm(tx, {
    partnerId: sellerId,
    severity: 'WARNING',
    probableCause: 'NEGATIVE_MARGIN',
    subjectType: 'PriceList',
    subjectId: listId,
    naturalKey: condition,
    text: 'A price that was set or ended has us sell below cost.',
    details: { prefix, findings: report.count, takesEffectAt: change.from.toISOString() },
    shownWith: await permissionsAt(tx, sellerId),
  });
}
