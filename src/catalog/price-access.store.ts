import DataLoader from 'dataloader';
import { DomainError } from '../kernel/index.js';
import { levelPermission, mayReadLevel, type PriceLevel } from '../partner/index.js';
import {
  type RequestContext,
  requireViewer,
  rowNumber,
  type Tx,
  type Viewer,
} from '../platform/index.js';

const LEVELS = Symbol('levels of price lists');
const USES = Symbol('what tier schedules price');
const MANAGE = 'catalog.manage';

/**
 * Refuses with FORBIDDEN unless the viewer may see the prices of a list: those of every level at
 * which contracts price by it, now or before. Of a list that no contract uses nobody knows the
 * level, so only those who keep the catalogue see its prices. Whether the list exists is for
 * others to say.
 */
export async function demandPrices(context: RequestContext, priceListId: string): Promise<void> {
  const missing = await missingFor(context, rowNumber('PriceList', priceListId));
  if (missing === null) return;
  throw new DomainError('FORBIDDEN', `This needs the permission ${missing}.`, {
    permission: missing,
  });
}

/** Whether {@link demandPrices} lets the viewer see the prices of a list. */
export async function mayReadPrices(context: RequestContext, listId: number): Promise<boolean> {
  return (await missingFor(context, listId)) === null;
}

/**
 * Whether the viewer may see the steps of a tier schedule: the prices of every list, and of fees,
 * that it prices; of one that prices nothing, whoever keeps the catalogue.
 */
export async function mayReadSteps(context: RequestContext, scheduleId: number): Promise<boolean> {
  const viewer = requireViewer(context);
  if (seesAll(viewer)) return true;
  const { lists, ofFees } = await usesOf(context).load(scheduleId);
  if (lists.length === 0 && !ofFees) return viewer.permissions.has(MANAGE);
  if (ofFees && !mayReadLevel(viewer, 'RETAIL')) return false;
  const shown = await Promise.all(lists.map((id) => mayReadPrices(context, id)));
  return shown.every((each) => each);
}

/** What a tier schedule prices. */
interface TierUses {
  readonly lists: readonly number[];
  readonly ofFees: boolean;
}

function usesOf(context: RequestContext): DataLoader<number, TierUses> {
  return context.loader(USES, (read) => {
    return new DataLoader<number, TierUses>(async (ids) => {
      const rows: (TierUses & { id: number })[] = await (await read()).query(
        `SELECT s.id, EXISTS (SELECT FROM plan_fee f WHERE f.tier_schedule_id = s.id) AS "ofFees",
           ARRAY(SELECT DISTINCT r.price_list_id FROM rate r
             WHERE r.tier_schedule_id = s.id) AS lists
         FROM unnest($1::int[]) AS s (id)`,
        [ids],
      );
      const found = new Map(rows.map((row) => [row.id, row]));
      return ids.map((id) => found.get(id) ?? { lists: [], ofFees: false });
    });
  });
}

async function missingFor(context: RequestContext, listId: number): Promise<string | null> {
  const viewer = requireViewer(context);
  if (seesAll(viewer)) return null;
  const levels = await levelsOf(context).load(listId);
  if (levels.length === 0) return viewer.permissions.has(MANAGE) ? null : MANAGE;
  const level = levels.find((one) => !mayReadLevel(viewer, one));
  return level === undefined ? null : levelPermission[level];
}

// Those who may see whatever there is are spared the question.
function seesAll({ permissions }: Viewer): boolean {
  const all = [MANAGE, ...Object.values(levelPermission)];
  return all.every((permission) => permissions.has(permission));
}

function levelsOf(context: RequestContext): DataLoader<number, PriceLevel[]> {
  return context.loader(LEVELS, (read) => {
    return new DataLoader<number, PriceLevel[]>(async (ids) => {
      const found = await levelsOfLists(await read(), ids);
      return ids.map((id) => found.get(id) ?? []);
    });
  });
}

// A buyer's contract names a list of the seller, who alone sees it; to others it is not there.
async function levelsOfLists(
  tx: Tx,
  listIds: readonly number[],
): Promise<Map<number, PriceLevel[]>> {
  const rows: { id: number; levels: PriceLevel[] }[] = await tx.query(
    `SELECT used.price_list_id AS id, array_agg(DISTINCT c.level ORDER BY c.level) AS levels
     FROM contract_price_list AS used
     JOIN price_list AS list ON list.id = used.price_list_id
     JOIN contract_version AS v ON v.id = used.contract_version_id
     JOIN contract AS c ON c.id = v.contract_id
     WHERE used.price_list_id = ANY ($1::int[]) GROUP BY 1`,
    [listIds],
  );
  return new Map(rows.map(({ id, levels }) => [id, levels]));
}
