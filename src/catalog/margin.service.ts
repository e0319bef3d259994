import DataLoader from 'dataloader';
import { clearCondition, raiseAlarm } from '../alarm/index.js';
import {
  appendOutbox,
  type Connection,
  type OutboxRow,
  type Page,
  pageById,
  pageOf,
  type RequestContext,
  requireViewer,
  rowAfter,
  rowNumber,
  rowOrNull,
  type Tx,
  type Viewer,
} from '../platform/index.js';
import { type MarginFindingFilter, MarginFindingRow, RateSheetMargin } from './margin.entity.js';
import { assertMargin, maySeeMargin, permissionsAt } from './margin-decision.service.js';
import {
  concernedSellers,
  decidingSeller,
  dropFindings,
  dropMargin,
  lockedSheetState,
  type MarginKey,
  reportedSellers,
  type SheetState,
  storeFindings,
  storeReport,
} from './margin-report.store.js';
import type { SheetKey } from './rate-sheet.store.js';
import {
  type GuardedTime,
  type Keeping,
  type KeptFindings,
  type MarginReport,
  NOW,
  SheetGuard,
} from './sheet-guard.service.js';

/** Sheets whose margins are worked out apart from the request; see {@link tellSellers}. */
export const MARGIN_TOPIC = 'rate-sheet.margin';

/** Findings that are kept for who decides about a sheet. */
const FOR_DECISION: KeptFindings = { ofPair: 10_000, ofSheet: 100_000 };
/** Of sellers who are only told; a sheet of the hub may concern hundreds of them. */
const FOR_NEWS: KeptFindings = { ofPair: 1_000, ofSheet: 10_000 };
/** Of an undo for who decides, who finds the sheet's own comparison where they would be. */
const COUNTED: Keeping = {
  limits: { ofPair: 0, ofSheet: 0 },
  store: async () => undefined,
};
/** After so long a task of the outbox leaves the other sellers to the next one. */
const TASK_MS = 10_000;

/** A compared sheet. */
type ComparedSheet = SheetKey & { readonly name: string };

/** What a task of {@link MARGIN_TOPIC} is for. */
interface MarginTask {
  readonly sheetId: number;
  /** Compares a draft for who decides about it; else tells the others of what became of it. */
  readonly draft?: boolean;
  /** Those who have still to be told; all when absent. */
  readonly sellers?: readonly number[];
  /** Tells of an undo: its moment, and from when on the prices of the sheet would have held. */
  readonly undo?: { readonly at: string; readonly from: string };
}

/**
 * Keeps what a compared sheet does to the margin of who decides about it: at once when the request
 * acts at that partner; else, since what is found is shown nowhere else, soon after by the system.
 */
export async function keepMargin(
  tx: Tx,
  sheet: ComparedSheet,
  from: Date | null,
  viewer: Viewer,
): Promise<void> {
  const sellerId = await decidingSeller(tx, sheet.partnerId);
  if (sellerId === viewer.partnerId) await compareMargin(tx, sheet, sellerId, from);
  else await askForMargin(tx, sheet, { draft: true });
}

/**
 * Refuses an activation by the policies of who decides about the sheet; see `assertMargin`.
 * Answers what the activation has to tell.
 */
export async function guardActivation(
  tx: Tx,
  sheet: ComparedSheet,
  from: Date | null,
  confirmed: string | null,
): Promise<() => Promise<void>> {
  // An undo may have told of a loss that the sheet takes away again, also where it changes nothing.
  const retell = async () => {
    await clearCondition(tx, conditionOf(sheet.id, null));
    await askForMargin(tx, sheet, {});
  };
  if (from === null) return retell;
  const sellerId = await decidingSeller(tx, sheet.partnerId);
  const guard = new SheetGuard(tx, sheet, { from, ...NOW });
  const report = await guard.compare(sellerId, null);
  assertMargin(report, confirmed);
  return async () => {
    await retell();
    const text = `The rate sheet "${sheet.name}" has us sell below cost.`;
    await alarmDecider(tx, sheet, { sellerId, report, text });
  };
}

/**
 * Makes an undo of an activated sheet wait for activations that it may concern, and these for it.
 * Answers what takes back what the activation has told, and tells who loses by the undo; it is
 * given the moment of the undo.
 */
export async function guardUndo(
  tx: Tx,
  sheet: ComparedSheet,
  from: Date | null,
): Promise<(at: string) => Promise<void>> {
  if (from === null) return async () => undefined;
  const sellerId = await decidingSeller(tx, sheet.partnerId);
  await new SheetGuard(tx, sheet, { from, ...NOW }).lock(sellerId, false);
  return async (at) => {
    await clearCondition(tx, conditionOf(sheet.id, null));
    await askForMargin(tx, sheet, { undo: { at, from: from.toISOString() } });
  };
}

async function compareMargin(
  tx: Tx,
  sheet: SheetKey,
  sellerId: number,
  from: Date | null,
): Promise<void> {
  const key = { sheetId: sheet.id, sellerId };
  if (from === null) {
    await dropFindings(tx, key);
    await storeReport(tx, key, null, null);
    return;
  }
  const guard = new SheetGuard(tx, sheet, { from, ...NOW });
  await storeReport(tx, key, await compared(tx, guard, key, FOR_DECISION), from);
}

/** Compares and keeps the findings in place of those before. */
async function compared(
  tx: Tx,
  guard: SheetGuard,
  key: MarginKey,
  limits: KeptFindings,
): Promise<MarginReport> {
  await dropFindings(tx, key);
  const store: Keeping['store'] = (pair, found) => storeFindings(tx, key, pair, found);
  return guard.compare(key.sellerId, { limits, store });
}

async function askForMargin(
  tx: Tx,
  { id, partnerId }: SheetKey,
  task: Omit<MarginTask, 'sheetId'>,
): Promise<void> {
  const payload: MarginTask = { sheetId: id, ...task };
  await appendOutbox(tx, { topic: MARGIN_TOPIC, partnerId, payload });
}

/**
 * Tells each seller, besides who decided, what an activated sheet does to its margin: findings of
 * its own, and an alarm unless its contracts want none. Whoever imported the sheet learns nothing
 * of it. When the sheet was undone, what was told is taken back, and all, who decided too, are told
 * what they lose by that. For the system.
 */
export async function tellSellers(
  tx: Tx,
  { payload }: Pick<OutboxRow, 'payload'>,
  taskMs = TASK_MS,
): Promise<void> {
  const task = payload as MarginTask;
  // An undo waits until what is told here can be taken back.
  const sheet = await lockedSheetState(tx, task.sheetId);
  const decider = await decidingSeller(tx, sheet.partnerId);
  if (task.draft) {
    if (sheet.state === 'DRAFT') await compareMargin(tx, sheet, decider, sheet.takesEffectAt);
    return;
  }
  const time = timeToTell(sheet, task);
  const isIdle = sheet.state === 'ACTIVATED' && sheet.takesEffectAt === null;
  const isUndo = time !== null && time.undone !== null && task.sellers === undefined;
  if (isIdle || isUndo) await takeBackAll(tx, sheet.id, decider);
  if (time === null) return;
  const guard = new SheetGuard(tx, sheet, time);
  if (isUndo) {
    const text = `Undoing the rate sheet "${sheet.name}" has us sell below cost.`;
    const report = await guard.compare(decider, COUNTED);
    await alarmDecider(tx, sheet, { sellerId: decider, report, text });
  }
  const { priceListId, id: sheetId } = sheet;
  const sellers =
    task.sellers ??
    (await concernedSellers(tx, { listId: priceListId, from: time.from, besides: decider }));
  const until = performance.now() + taskMs;
  for (const [at, sellerId] of sellers.entries()) {
    if (at > 0 && performance.now() >= until) {
      await askForMargin(tx, sheet, { ...task, sellers: sellers.slice(at) });
      return;
    }
    await tellSeller(tx, guard, { sheetId, sellerId }, time.from);
  }
}

/** The prices that a task is to compare; null when they are not the last ones any more. */
function timeToTell(sheet: SheetState, { undo }: MarginTask): GuardedTime | null {
  const { state, takesEffectAt, recordedTime, knownTime } = sheet;
  if (state === 'ACTIVATED') {
    if (undo !== undefined || takesEffectAt === null) return null;
    return { from: takesEffectAt, moment: recordedTime, undone: null, others: recordedTime };
  }
  if (undo?.at !== recordedTime) return null;
  const from = new Date(undo.from);
  return { from, moment: recordedTime, undone: knownTime, others: recordedTime };
}

async function takeBackAll(tx: Tx, sheetId: number, decider: number): Promise<void> {
  for (const sellerId of await reportedSellers(tx, sheetId)) {
    if (sellerId !== decider) await takeBack(tx, { sheetId, sellerId });
  }
}

async function tellSeller(tx: Tx, guard: SheetGuard, key: MarginKey, from: Date): Promise<void> {
  const report = await compared(tx, guard, key, FOR_NEWS);
  if (report.count === 0 && report.gaps.size === 0) {
    await takeBack(tx, key);
    return;
  }
  // A hash is for confirming, which is not the seller's to do.
  const reportId = await storeReport(tx, key, { ...report, hash: null }, from);
  if (report.count === report.byPolicy.NONE) return;
  await raiseAlarm(tx, {
    partnerId: key.sellerId,
    severity: 'WARNING',
    probableCause: 'NEGATIVE_MARGIN',
    subjectType: 'RateSheetMargin',
    subjectId: reportId,
    naturalKey: conditionOf(key.sheetId, key.sellerId),
    text: 'Prices that we pay or inherit change, and have us sell below cost.',
    // Partners above see the alarm as well, so it tells no more than that.
    details: { takesEffectAt: from.toISOString() },
    shownWith: await permissionsAt(tx, key.sellerId),
  });
}

async function takeBack(tx: Tx, key: MarginKey): Promise<void> {
  await clearCondition(tx, conditionOf(key.sheetId, key.sellerId));
  await dropMargin(tx, key);
}

/** Names the condition of an alarm: of who decided, or of a seller who was told. */
function conditionOf(sheetId: number, sellerId: number | null): string {
  const condition = `margin of rate sheet ${sheetId}`;
  return sellerId === null ? condition : `${condition} at partner ${sellerId}`;
}

/** Raises an alarm for prices that are below cost none the less, unless nobody wants to know. */
async function alarmDecider(
  tx: Tx,
  sheet: ComparedSheet,
  told: { readonly sellerId: number; readonly report: MarginReport; readonly text: string },
): Promise<void> {
  const { sellerId, report, text } = told;
  const findings = report.count - report.byPolicy.NONE;
  if (findings === 0) return;
  await raiseAlarm(tx, {
    partnerId: sellerId,
    severity: 'WARNING',
    probableCause: 'NEGATIVE_MARGIN',
    subjectType: 'RateSheet',
    subjectId: sheet.id,
    naturalKey: conditionOf(sheet.id, null),
    text,
    details: { findings },
    shownWith: await permissionsAt(tx, sellerId),
  });
}

const OF_SHEETS = Symbol('margins of rate sheets');

/**
 * What sheets do to the margin of the partner that a request acts at. Nobody else's is shown, not
 * that of partners below either; the hub's takes the permission to see what it is charged.
 */
export class MarginService {
  /** One margin; null when it is not the viewer's to see. */
  async find(tx: Tx, viewer: Viewer, globalId: string): Promise<RateSheetMargin | null> {
    const found = await rowOrNull(tx, RateSheetMargin, 'RateSheetMargin', globalId);
    if (found?.partnerId !== viewer.partnerId) return null;
    return (await maySeeMargin(tx, viewer)) ? found : null;
  }

  /** The margin of a sheet; null when it is not the viewer's to see. */
  async ofSheet(context: RequestContext, sheetId: number): Promise<RateSheetMargin | null> {
    const viewer = requireViewer(context);
    const loader = context.loader(OF_SHEETS, (read) => {
      return new DataLoader<number, RateSheetMargin | null>(async (sheets) => {
        const tx = await read();
        if (!(await maySeeMargin(tx, viewer))) return sheets.map(() => null);
        const rows = await tx
          .createQueryBuilder(RateSheetMargin, 'row')
          .where('row.rateSheetId = ANY(:sheets)', { sheets: [...sheets] })
          .andWhere('row.partnerId = :seller', { seller: viewer.partnerId })
          .getMany();
        const found = new Map(rows.map((row) => [row.rateSheetId, row]));
        return sheets.map((sheet) => found.get(sheet) ?? null);
      });
    });
    return loader.load(sheetId);
  }

  /** Margins, the newest first. */
  async list(tx: Tx, viewer: Viewer, page: Page): Promise<Connection<RateSheetMargin>> {
    if (!(await maySeeMargin(tx, viewer))) return pageOf<RateSheetMargin>([], page, () => []);
    const after = rowAfter(page.after);
    const query = tx
      .createQueryBuilder(RateSheetMargin, 'row')
      .where('row.partnerId = :seller', { seller: viewer.partnerId })
      .orderBy('row.id', 'DESC')
      .limit(page.first + 1);
    if (after !== null) query.andWhere('row.id < :after', { after });
    return pageOf(await query.getMany(), page, (row) => [row.id]);
  }

  /** Findings of a margin, pair of lists by pair, by prefix. */
  async findings(
    tx: Tx,
    margin: RateSheetMargin,
    filter: MarginFindingFilter,
    page: Page,
  ): Promise<Connection<MarginFindingRow>> {
    const query = tx
      .createQueryBuilder(MarginFindingRow, 'row')
      .where('row.rateSheetId = :sheet', { sheet: margin.rateSheetId })
      .andWhere('row.partnerId = :seller', { seller: margin.partnerId });
    // What is hidden is not found by its number either.
    const narrow = (column: string, table: string, type: string, id?: string | null) => {
      if (!id) return;
      const name = `of_${table}_${column}`;
      query.andWhere(`row.${column} = (SELECT id FROM ${table} WHERE id = :${name})`, {
        [name]: rowNumber(type, id),
      });
    };
    narrow('supplierPartnerId', 'partner', 'Partner', filter.supplierId);
    narrow('costListId', 'price_list', 'PriceList', filter.costListId);
    narrow('sellListId', 'price_list', 'PriceList', filter.sellListId);
    narrow('costContractId', 'contract', 'Contract', filter.costContractId);
    if (filter.policies) {
      query.andWhere('row.policy = ANY(:policies)', { policies: filter.policies });
    }
    return pageById(query, page);
  }
}
