import type { Tx } from '../platform/index.js';
import type { SheetKey } from './rate-sheet.store.js';
import type { NoticeTerms } from './sheet-notice.js';

/**
 * What the contracts demand that were in force when a sheet was received and that use its list, or
 * a list of the same owner that inherits from it.
 */
export async function noticeTerms(
  tx: Tx,
  sheet: SheetKey,
  receivedAt: Date,
): Promise<NoticeTerms[]> {
  const rows = await tx.query<{ notice: NoticeTerms; time_zone: string }[]>(
    `WITH RECURSIVE down AS (
       SELECT id FROM price_list WHERE id = $1
       UNION SELECT l.id FROM price_list l JOIN down ON l.parent_id = down.id
       WHERE l.partner_id = $2)
     SELECT DISTINCT v.notice, v.time_zone FROM contract_version v
     JOIN contract c ON c.id = v.contract_id
     JOIN contract_price_list p ON p.contract_version_id = v.id
     WHERE p.price_list_id IN (SELECT id FROM down) AND c.status = 'ACTIVE'
       AND v.superseded_at IS NULL AND v.notice IS NOT NULL
       AND v.valid_from <= $3 AND (v.valid_to IS NULL OR v.valid_to > $3)`,
    [sheet.priceListId, sheet.partnerId, receivedAt],
  );
  return rows.map((row) => ({ ...row.notice, timeZone: row.time_zone }));
}
