import { DomainError } from '../kernel/index.js';
import { activePartner, Partner } from '../partner/index.js';
import { rowByGlobalId, rowOf, type Tx } from '../platform/index.js';
import { PriceList } from './price-list.entity.js';

/**
 * Refuses with PRICE_LIST_READ_ONLY a supplier or operator as its own user: the prices that they
 * charge us are kept by us, not by them.
 */
export async function assertKeeper(tx: Tx, owner: Partner): Promise<void> {
  if (owner.kind !== 'SUPPLIER' && owner.kind !== 'OPERATOR') return;
  if (owner.parentId !== null && (await tx.existsBy(Partner, { id: owner.parentId }))) return;
  throw new DomainError(
    'PRICE_LIST_READ_ONLY',
    'Prices of a supplier or operator are kept by the partner above it.',
  );
}

/** An active, visible partner whose prices the caller keeps; refuses as {@link assertKeeper}. */
export async function keptPartner(tx: Tx, globalId: string): Promise<Partner> {
  const owner = await activePartner(tx, globalId);
  await assertKeeper(tx, owner);
  return owner;
}

/** Refuses as {@link assertKeeper} when the caller does not keep the prices of this partner. */
export async function assertKept(tx: Tx, partnerId: number): Promise<void> {
  await assertKeeper(tx, await rowOf(tx, Partner, 'Partner', partnerId));
}

/** A visible list that the caller may change. */
export async function writableList(tx: Tx, globalId: string): Promise<PriceList> {
  const list = await rowByGlobalId(tx, PriceList, 'PriceList', globalId);
  await assertKept(tx, list.partnerId);
  return list;
}

/** Refuses with NOT_OF_OWNER a thing that belongs to another partner than what names it. */
export function assertOfOwner(
  type: string,
  thing: { readonly partnerId: number } | null,
  ownerId: number,
): void {
  if (thing === null || thing.partnerId === ownerId) return;
  throw new DomainError('NOT_OF_OWNER', `The ${type} belongs to another partner.`, { type });
}
