import { clearCondition, raiseAlarm } from '../alarm/index.js';
import { formatAmount } from '../kernel/index.js';
import { appendOutbox, type Tx, type Viewer } from '../platform/index.js';
import type { GuardedPair } from './margin.store.js';
import { assertMargin, maySeeMargin, permissionsAt } from './margin-decision.service.js';
import type { MarginFinding } from './margin-guard.js';
import { decidingSeller } from './margin-report.store.js';
import type { PriceList } from './price-list.entity.js';
import { changeMoment } from './rate.store.js';
import type { SheetKey } from './rate-sheet.store.js';
import { type Keeping, type ListChange, NOW, SheetGuard } from './sheet-guard.service.js';

/** Single prices whose margins are worked out apart from the request, for other sellers. */
export const PRICE_TOPIC = 'price.margin';

/** Findings that a refusal shows, or an alarm of another seller. */
export const SHOWN = 20;

/** What a task of {@link PRICE_TOPIC} is for. */
export interface PriceTask {
  readonly listId: number;
  readonly target: PriceTime['target'];
  readonly from: string;
  /** When the price was recorded, and the first moment after it. */
  readonly moment: string;
  readonly after: string;
  /** Those who have still to be told; all when absent. */
  readonly sellers?: readonly number[];
}

/** Whose request it is, and which findings under HOLD are accepted. */
export interface PriceDecision {
  readonly viewer: Viewer;
  readonly confirmedMargins: string | null;
}

/** For which numbers a single price speaks, and from when on it changes. */
export interface PriceTime {
  readonly target: {
    readonly prefix: string | null;
    readonly destinationId: number | null;
    readonly bandId: number | null;
    readonly originSetId: number | null;
  };
  readonly from: Date;
}

/** What becomes of the rows of its list. */
export interface PriceChange extends PriceTime {
  readonly after: ListChange['after'];
}

/** Holds a change of a single price against margins once it has been recorded. */
export type PriceGuard = () => Promise<void>;

/**
 * Guards a change of a single price of a locked list as a rate sheet with the same row would be.
 * Called before anything is recorded, so that of two changes the later one sees the earlier, and
 * price books need not wait while lists are read. The guard refuses as `assertMargin` does, raises
 * an alarm for prices that are below cost none the less, and has other sellers told. Prices for
 * sets of calling numbers are compared with nothing.
 */
export async function guardPrice(
  tx: Tx,
  list: Pick<PriceList, 'id' | 'partnerId'>,
  change: PriceChange,
  { viewer, confirmedMargins }: PriceDecision,
): Promise<PriceGuard> {
  const { target, from, after } = change;
  if (target.originSetId !== null) return async () => undefined;
  const key = { id: 0, partnerId: list.partnerId, priceListId: list.id };
  const sellerId = await decidingSeller(tx, list.partnerId);
  const guard = new SheetGuard(tx, key, { from, ...NOW }, { keys: [target], after });
  const news = { listId: list.id, sellerId, change };
  const shown: object[] = [];
  const keeping: Keeping = {
    limits: { ofPair: SHOWN, ofSheet: SHOWN },
    watchedOnly: true,
    store: async (pair, found) => void shown.push(...found.map((one) => shownOf(pair, one))),
  };
  const watches = await guard.lock(sellerId, true);
  const report = watches ? await guard.compare(sellerId, keeping) : null;
  return async () => {
    const sees = viewer.partnerId === sellerId && (await maySeeMargin(tx, viewer));
    if (report !== null) assertMargin(report, confirmedMargins, sees ? { shown } : {});
    await tellDecider(tx, { ...news, findings: report?.count ?? 0 });
    await askForNews(tx, key, change);
  };
}

/** What a refusal says of a finding. */
export function shownOf({ sell }: GuardedPair, finding: MarginFinding): object {
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
  readonly change: PriceTime;
  readonly findings: number;
}

/** Names what an alarm is about: a later price takes back nothing of an earlier one. */
export function conditionOf(listId: number, { target, from }: PriceTime): string {
  const { prefix, destinationId, bandId } = target;
  const key = `${prefix ?? '-'} ${destinationId} ${bandId}`;
  return `margin of price list ${listId} ${key} from ${from.toISOString()}`;
}

/** One open alarm for a key of a list and an instant; withdrawing the price takes it back. */
async function tellDecider(tx: Tx, news: PriceNews): Promise<void> {
  const { listId, sellerId, change, findings } = news;
  const condition = conditionOf(listId, change);
  await clearCondition(tx, condition);
  if (findings === 0) return;
  const { prefix } = change.target;
  await raiseAlarm(tx, {
    partnerId: sellerId,
    severity: 'WARNING',
    probableCause: 'NEGATIVE_MARGIN',
    subjectType: 'PriceList',
    subjectId: listId,
    naturalKey: condition,
    text: 'A price that was set or ended has us sell below cost.',
    details: { prefix, findings, takesEffectAt: change.from.toISOString() },
    shownWith: await permissionsAt(tx, sellerId),
  });
}

async function askForNews(tx: Tx, key: SheetKey, { target, from }: PriceTime): Promise<void> {
  const { prefix, destinationId, bandId, originSetId } = target;
  const payload: PriceTask = {
    listId: key.priceListId,
    target: { prefix, destinationId, bandId, originSetId },
    from: from.toISOString(),
    ...(await changeMoment(tx)),
  };
  await appendOutbox(tx, { topic: PRICE_TOPIC, partnerId: key.partnerId, payload });
}
