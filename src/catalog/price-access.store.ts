import DataLoader from 'dataloader';
import { DomainError } from '../kernel/index.js';
import { Contract, levelPermission, mayReadLevel, type PriceLevel } from '../partner/index.js';
import {
  type RequestContext,
  requireViewer,
  rowNumber,
  rowOf,
  type Tx,
  type Viewer,
} from '../platform/index.js';

const LEVELS = Symbol('levels of price lists');
const USES = Symbol('what tier schedules price');
const MANAGE = 'catalog.manage';

/**
 * Refuses with FORBIDDEN unless the viewer may see the prices of a list: those of every level at
 * which contracts price by it, now or before. Of a list that no contract uses nobody knows the
 * level, so only those who keep the catalogue see its prices, and of what it inherits those who may
 * see them there. Whether the list exists is for others to say.
 */
export async function demandPrices(context: RequestContext, priceListId: string): Promise<void> {
  const missing = await missingFor(context, rowNumber('PriceList', priceListId));
  if (missing !== null) throw forbidden(missing);
}

/** Refuses with FORBIDDEN unless the viewer may see what is paid under a contract. */
export async function demandLevelOf(tx: Tx, viewer: Viewer, contractId: number): Promise<void> {
  const { level } = await rowOf(tx, Contract, 'Contract', contractId);
  if (!mayReadLevel(viewer, level)) throw forbidden(levelPermission[level]);
}

function forbidden(permission: string): DomainError {
  return new DomainError('FORBIDDEN', `This needs the permission ${permission}.`, { permission });
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
  const { own, inherited } = await levelsOf(context).load(listId);
  if (own.length === 0 && !viewer.permissions.has(MANAGE)) return MANAGE;
  const levels = own.length === 0 ? inherited : own;
  const level = levels.find((one) => !mayReadLevel(viewer, one));
  return level === undefined ? null : levelPermission[level];
}

// Those who may see whatever there is are spared the question.
function seesAll({ permissions }: Viewer): boolean {
  const all = [MANAGE, ...Object.values(levelPermission)];
  return all.every((permission) => permissions.has(permission));
}

/** Levels at which contracts use a list, and at which they use lists that it inherits from. */
interface ListLevels {
  readonly own: readonly PriceLevel[];
  readonly inherited: readonly PriceLevel[];
}

const UNUSED: ListLevels = { own: [], inherited: [] };

function levelsOf(context: RequestContext): DataLoader<number, ListLevels> {
  return context.loader(LEVELS, (read) => {
    return new DataLoader<number, ListLevels>(async (ids) => {
      const found = await levelsOfLists(await read(), ids);
      return ids.map((id) => found.get(id) ?? UNUSED);
    });
  });
}

// A buyer's contract names a list of the seller, who alone sees it; to others it is not there. Who
// inherits from a list that he does not see buys by it.
async function levelsOfLists(tx: Tx, listIds: readonly number[]): Promise<Map<number, ListLevels>> {
  const rows: (ListLevels & { id: number })[] = await tx.query(
    `WITH RECURSIVE line AS (
       SELECT id AS bottom, id, parent_id FROM price_list WHERE id = ANY ($1::int[])
       UNION ALL SELECT line.bottom, above.id, above.parent_id
       FROM line JOIN price_list AS above ON above.id = line.parent_id
     ), used AS (
       SELECT line.bottom, line.id, c.level FROM line
       JOIN contract_price_list AS named ON named.price_list_id = line.id
       JOIN contract_version AS v ON v.id = named.contract_version_id
       JOIN contract AS c ON c.id = v.contract_id
       UNION SELECT bottom, parent_id, 'WHOLESALE' FROM line WHERE parent_id IS NOT NULL
         AND NOT EXISTS (SELECT FROM price_list AS above WHERE above.id = line.parent_id)
     )
     SELECT bottom AS id,
       coalesce(array_agg(DISTINCT level) FILTER (WHERE id = bottom), '{}') AS own,
       coalesce(array_agg(DISTINCT level) FILTER (WHERE id <> bottom), '{}') AS inherited
     FROM used GROUP BY 1`,
    [listIds],
  );
  return new Map(rows.map((row) => [row.id, row]));
}
