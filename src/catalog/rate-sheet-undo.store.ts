import type { Tx } from '../platform/index.js';
import { RATE_TERMS } from './rate.store.js';
import { inBulk, key, type SheetKey } from './rate-sheet.store.js';

/** What an undo found: rates of the activation, those that still count, newer ones in the way. */
export interface Undone {
  readonly recorded: number;
  readonly withdrawn: number;
  readonly inTheWay: number;
}

/**
 * Takes an activation of a locked list back: every rate that it recorded is superseded, every one
 * that it superseded is recorded anew. What counts is what a rate says, not its number, so that
 * sheets can be undone one after the other, the newest first. The caller refuses unless all that
 * was recorded was withdrawn and nothing stands in the way.
 */
export async function undoRows(tx: Tx, sheet: SheetKey): Promise<Undone> {
  return inBulk(tx, async () => {
    const [withdrawn] = await tx.query<{ recorded: number; withdrawn: number }[]>(WITHDRAW, [
      sheet.id,
      sheet.priceListId,
    ]);
    const { recorded = 0, withdrawn: count = 0 } = withdrawn ?? {};
    const [found] = await tx.query<{ rows: number }[]>(IN_THE_WAY, [sheet.id, sheet.priceListId]);
    const undone = { recorded, withdrawn: count, inTheWay: found?.rows ?? 0 };
    if (undone.recorded === count && undone.inTheWay === 0) {
      await tx.query(REVIVE, [sheet.id, sheet.priceListId]);
    }
    return undone;
  });
}

const MOMENT = '(SELECT recorded_time FROM rate_sheet WHERE id = $1)';

/** Everything that a rate says, apart from its number and its recorded time. */
function said(alias: string): string {
  return `to_jsonb(${alias}) - ARRAY['id', 'recorded_at', 'superseded_at']`;
}

const WITHDRAW = `
  WITH recorded AS (
    SELECT * FROM rate WHERE price_list_id = $2 AND recorded_at = ${MOMENT}
  ), withdrawn AS (
    UPDATE rate r SET superseded_at = now() FROM recorded d
    WHERE r.price_list_id = $2 AND r.superseded_at IS NULL AND (${key('r')}) = (${key('d')})
      AND r.origin_set_id IS NOT DISTINCT FROM d.origin_set_id AND r.valid_from = d.valid_from
      AND (r.id = d.id OR ${said('r')} = ${said('d')})
    RETURNING r.id)
  SELECT (SELECT count(*) FROM recorded)::int AS recorded,
    (SELECT count(*) FROM withdrawn)::int AS withdrawn`;

const CLOSED = `price_list_id = $2 AND superseded_at = ${MOMENT} AND recorded_at < ${MOMENT}`;

const IN_THE_WAY = `
  SELECT count(*)::int AS rows FROM (SELECT * FROM rate WHERE ${CLOSED}) old
  JOIN rate r ON r.price_list_id = $2 AND r.superseded_at IS NULL
    AND (${key('r')}) = (${key('old')})
    AND r.origin_set_id IS NOT DISTINCT FROM old.origin_set_id
    AND tstzrange(r.valid_from, r.valid_to) && tstzrange(old.valid_from, old.valid_to)`;

const REVIVE = `
  INSERT INTO rate (${RATE_TERMS}, valid_from, valid_to)
  SELECT ${RATE_TERMS}, valid_from, valid_to FROM rate WHERE ${CLOSED}`;
