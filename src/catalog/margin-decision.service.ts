import { DomainError } from '../kernel/index.js';
import { pricePermissions } from '../partner/index.js';
import type { Tx, Viewer } from '../platform/index.js';
import { visibleHub } from './margin.store.js';
import type { MarginReport } from './sheet-guard.service.js';

/** Permissions for both sides of a seller's margin: the hub alone buys at the level COST. */
export async function permissionsAt(tx: Tx, sellerId: number): Promise<string[]> {
  if ((await visibleHub(tx)) === sellerId) return [...pricePermissions];
  return pricePermissions.filter((name) => name !== COST_PERMISSION);
}

const COST_PERMISSION = 'price.cost.read';

/**
 * Refuses with MARGIN_REFUSED, with MARGIN_HELD unless the caller confirms just these findings,
 * or with EXCHANGE_RATE_MISSING where a strict policy cannot be followed. `shown` goes into the
 * details of the first two.
 */
export function assertMargin(
  report: MarginReport,
  confirmed: string | null,
  shown: object = {},
): void {
  const { byPolicy, hash } = report;
  if (byPolicy.REFUSE > 0) {
    throw new DomainError('MARGIN_REFUSED', 'It would have us sell below cost.', {
      findings: byPolicy.REFUSE,
      ...shown,
    });
  }
  for (const [pair, policy] of report.gaps) {
    if (policy !== 'HOLD' && policy !== 'REFUSE') continue;
    throw new DomainError('EXCHANGE_RATE_MISSING', 'Margins cannot be compared.', { pair });
  }
  if (hash === null || hash === confirmed) return;
  throw new DomainError(
    'MARGIN_HELD',
    confirmed === null
      ? 'It would have us sell below cost; confirm it with the hash of the findings.'
      : 'The findings are not those that were confirmed.',
    { hash, findings: byPolicy.HOLD, ...shown },
  );
}

/** Whether the viewer may see both sides of the margin of the partner acted at. */
export async function maySeeMargin(tx: Tx, viewer: Viewer): Promise<boolean> {
  const both = await permissionsAt(tx, viewer.partnerId);
  return both.every((permission) => viewer.permissions.has(permission));
}
