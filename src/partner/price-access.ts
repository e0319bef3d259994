import type { PermissionName } from '../identity/index.js';
import type { PriceLevel } from './contract.entity.js';

/** What a viewer must hold to see prices and amounts of a level. */
export const levelPermission: Readonly<Record<PriceLevel, PermissionName>> = {
  COST: 'price.cost.read',
  WHOLESALE: 'price.wholesale.read',
  RETAIL: 'price.retail.read',
};

/** The permissions of all levels, for fields whose value depends on them. */
export const pricePermissions = Object.values(levelPermission);

/** Somebody with permissions. */
type Holder = { readonly permissions: ReadonlySet<string> };

/** Whether prices and amounts of a level may be shown. */
export function mayReadLevel({ permissions }: Holder, level: PriceLevel): boolean {
  return permissions.has(levelPermission[level]);
}

/** The levels whose prices and amounts may be shown. */
export function readableLevels(viewer: Holder): PriceLevel[] {
  const levels = Object.keys(levelPermission) as PriceLevel[];
  return levels.filter((level) => mayReadLevel(viewer, level));
}
