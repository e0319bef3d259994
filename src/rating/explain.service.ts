import { DomainError, toGlobalId } from '../kernel/index.js';
import type { PriceLevel } from '../partner/index.js';
import {
  type Database,
  type RequestContext,
  requireViewer,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import type { XdrExplanation, XdrGuiding, XdrLevelMargin } from './explain.entity.js';
import { deriveLevel, type LevelDerivation, type StoredLevel } from './explain.js';
import {
  type BatchFacts,
  bandNames,
  batchFacts,
  guidingIdentity,
  seenLists,
  seenTerms,
  seenTrunks,
} from './explain.store.js';
import type { XdrLevelExplanation } from './explain-level.entity.js';
import { levelView, type SeenTerms } from './explain-view.js';
import { loadBookFacts } from './price-book.store.js';
import type { Xdr } from './xdr.entity.js';
import { findXdr } from './xdr-query.store.js';
import { batchOfXdr, levelPermission, margin } from './xdr-row.js';

/** A level that the viewer may see. */
interface SeenLevel {
  readonly level: PriceLevel;
  readonly position: number;
  readonly stored: StoredLevel;
  readonly terms: SeenTerms | null;
}

/** Explains amounts: derives each visible level of a record again and compares. */
export class ExplainService {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * How the amounts of a record came about, at the levels that the viewer may see. Refuses with
   * INVALID_ID or XDR_NOT_FOUND.
   */
  async explain(context: RequestContext, id: string): Promise<XdrExplanation> {
    const tx = await context.read();
    const xdr = await findXdr(tx, id);
    const levels = await seenLevels(tx, xdr, requireViewer(context).permissions);
    const { batch, derived } = await this.#derive(xdr, levels);
    const views = await viewsOf(tx, levels, derived);
    return {
      xdr,
      knownAt: batch.knownAtDate,
      guiding: await guidingOf(tx, xdr),
      levels: views,
      margins: marginsOf(levels),
      equal: views.every((view) => view.equal),
    };
  }

  // Prices may rest on lists of partners that the viewer does not see, so the whole truth is read;
  // only what belongs to levels that he was found to see is asked for, and views cover the rest.
  async #derive(
    xdr: Xdr,
    levels: readonly SeenLevel[],
  ): Promise<{ batch: BatchFacts; derived: LevelDerivation[] }> {
    const contracts = levels.flatMap(({ terms }) => (terms === null ? [] : [terms.contractId]));
    const number = xdr.bNumber ?? '';
    const { batch, facts } = await this.#database.readAside(SYSTEM_SCOPE, async (aside) => {
      const found = await batchFacts(aside, batchOfXdr(xdr.id));
      if (found === null)
        throw new DomainError('XDR_NOT_FOUND', 'The batch of the record is gone.');
      const known = await loadBookFacts(aside, found.knownAt, { number, contracts });
      return { batch: found, facts: known };
    });
    const record = {
      service: xdr.service,
      startedMs: xdr.startedAt.getTime(),
      number,
      quantity: BigInt(xdr.quantity),
    };
    const derived = levels.map(({ terms, stored }) =>
      deriveLevel(facts, terms?.contractId ?? null, record, stored),
    );
    return { batch, derived };
  }
}

// The database has cut off the levels above the viewer; the rest needs permissions. A contract
// that prices a level but cannot be seen hides it.
async function seenLevels(
  tx: Tx,
  xdr: Xdr,
  permissions: ReadonlySet<string>,
): Promise<SeenLevel[]> {
  const terms = await seenTerms(
    tx,
    xdr.legs.map((leg) => leg.contractVersionId),
  );
  return xdr.legs.flatMap((leg, position) => {
    const found = terms.get(leg.contractVersionId) ?? null;
    if (found === null && leg.contractVersionId !== 0) return [];
    const level = found?.level ?? 'COST';
    if (!permissions.has(levelPermission[level])) return [];
    const stored = { ...leg, amount: xdr.amounts[position] ?? 0n };
    return [{ level, position, stored, terms: found }];
  });
}

async function viewsOf(
  tx: Tx,
  levels: readonly SeenLevel[],
  derived: readonly LevelDerivation[],
): Promise<XdrLevelExplanation[]> {
  const lists = await seenLists(
    tx,
    derived.flatMap((one) => one.listIds),
  );
  const bands = await bandNames(
    tx,
    derived.flatMap((one) => [one.bandId, one.priceBandId]).filter((id) => id !== 0),
  );
  return levels.map(({ level, position, stored, terms }, at) =>
    levelView(level, position, stored, terms, derived[at] as LevelDerivation, { lists, bands }),
  );
}

async function guidingOf(tx: Tx, xdr: Xdr): Promise<XdrGuiding> {
  const found = await guidingIdentity(tx, xdr);
  const byTrunk = found !== null && found.trunkId !== null;
  const trunks = byTrunk ? await seenTrunks(tx, [xdr.inTrunkId]) : new Map<number, string>();
  return {
    by: found === null ? 'NONE' : byTrunk ? 'TRUNK' : 'NUMBER',
    key: byTrunk ? (trunks.get(xdr.inTrunkId) ?? null) : xdr.aNumber,
    identityId: found === null ? null : toGlobalId('SubscriptionIdentity', found.id),
    numberFrom: found?.numberFrom ?? null,
    numberTo: found?.numberTo ?? null,
    validFrom: found?.validFrom ?? null,
    validTo: found?.validTo ?? null,
    subscriptionId: xdr.globalSubscriptionId,
    equal: found?.subscriptionId === xdr.subscriptionId,
  };
}

function marginsOf(levels: readonly SeenLevel[]): XdrLevelMargin[] {
  return levels.flatMap((sell) => {
    const buy = levels.find(({ position }) => position === sell.position - 1);
    if (buy === undefined) return [];
    const left = margin(pricedLevel(buy), pricedLevel(sell));
    if (left === null) return [];
    return [{ buy: buy.level, sell: sell.level, position: sell.position, ...left }];
  });
}

function pricedLevel({ stored, terms }: SeenLevel) {
  return { amount: stored.amount, currency: terms?.currency ?? null };
}
