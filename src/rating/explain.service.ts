import { DomainError, formatAmount, toGlobalId } from '../kernel/index.js';
import { mayReadLevel, type PriceLevel } from '../partner/index.js';
import {
  type Database,
  type RequestContext,
  requireViewer,
  SYSTEM_SCOPE,
  type Tx,
} from '../platform/index.js';
import { adjustments } from './allowance-query.store.js';
import type { XdrExplanation, XdrGuiding, XdrLevelMargin } from './explain.entity.js';
import {
  type Difference,
  deriveLevel,
  differencesOf,
  type LevelDerivation,
  type PricedRecord,
  type StoredLevel,
} from './explain.js';
import {
  type BatchFacts,
  batchFacts,
  contractOfVersion,
  guidingIdentity,
  seenNames,
  seenTerms,
  seenTrunks,
} from './explain.store.js';
import type { XdrLevelExplanation } from './explain-level.entity.js';
import { batchInMonth, type WorkedOut, workOut } from './explain-month.js';
import { loadMonths, monthOf, monthsOf } from './explain-month.store.js';
import { levelSteps, type SeenNames, type SeenTerms, type ShownLevel } from './explain-view.js';
import { loadBookFacts } from './price-book.store.js';
import { shownCharge } from './rerate-charge.store.js';
import type { Xdr } from './xdr.entity.js';
import { findXdr } from './xdr-query.store.js';
import { batchOfXdr, margin } from './xdr-row.js';

/** A level that the viewer may see. */
interface SeenLevel {
  readonly level: PriceLevel;
  readonly position: number;
  readonly stored: StoredLevel;
  /** By how much the month changed it, at scale 8. */
  readonly adjustment: bigint;
  readonly terms: SeenTerms | null;
}

/** The levels of a record worked out again, with the batches that priced them, oldest first. */
interface PricedXdr {
  /** The batch that wrote the record. */
  readonly written: BatchFacts;
  readonly batches: ReadonlyMap<number, BatchFacts>;
  /** The batch of each level. */
  readonly pricedBy: readonly number[];
  readonly worked: readonly WorkedOut[];
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
    const levels = await seenLevels(context, tx, xdr);
    const { written, batches, pricedBy, worked } = await this.#workOut(xdr, levels);
    const names = await namesByBatch(tx, batches, pricedBy, worked);
    const seesShared = levels.some(({ position }) => position === xdr.legs.length - 1);
    const views = levels.map((level, at) => {
      const seen = names.get(pricedBy[at] as number) as SeenNames;
      return levelView(level, { ...(worked[at] as WorkedOut), ...level, seesShared }, seen);
    });
    return {
      xdr,
      knownAt: ([...batches.values()].at(-1) as BatchFacts).knownAtDate,
      // Rating anew leaves a record with the subscription that it was guided to.
      guiding: await guidingOf(tx, xdr, written.knownAt),
      levels: views,
      margins: marginsOf(levels),
      equal: views.every((view) => view.equal),
    };
  }

  // Prices may rest on lists of partners that the viewer does not see, and months on records that
  // he does not, so the whole truth is read; only what belongs to levels that he was found to see
  // is asked for, and views cover the rest.
  async #workOut(xdr: Xdr, levels: readonly SeenLevel[]): Promise<PricedXdr> {
    return this.#database.readAside(SYSTEM_SCOPE, async (aside) => {
      const payer = await contractOfVersion(aside, xdr.legs.at(-1)?.contractVersionId ?? 0);
      const contracts = levels.flatMap(({ terms }) => (terms === null ? [] : [terms.contractId]));
      const filter = {
        number: xdr.bNumber ?? '',
        contracts: payer === null ? contracts : [...contracts, payer],
      };
      const record = pricedRecord(xdr);
      const from = { xdr, record, payer, levels, filter };
      const legs = xdr.legs.map((_, position) => batchOfLevel(xdr, position));
      const stored = levels.map(({ position }) => legs[position] as number);
      const known = await pricingBatches(aside, legs);
      const first = await deriveBy(aside, from, known, stored);
      const months = await loadMonths(aside, monthsOf(first), record.startedMs);
      const id = Number(xdr.id);
      // A batch that has found a level to cost as much as before may have handed it to the fold
      // with another tariff.
      const pricedBy = first.map((level, at) => {
        const month = monthOf(months, level);
        return Math.max(stored[at] as number, month === undefined ? 0 : batchInMonth(month, id));
      });
      const isSame = pricedBy.every((batch, at) => batch === stored[at]);
      const batches = isSame ? known : await pricingBatches(aside, [...legs, ...pricedBy]);
      const derived = isSame ? first : await deriveBy(aside, from, batches, pricedBy);
      const written = batches.get(batchOfXdr(xdr.id)) ?? (await factsOf(aside, batchOfXdr(xdr.id)));
      return {
        ...{ written, batches, pricedBy },
        worked: derived.map((level) => workOut(level, monthOf(months, level), id)),
      };
    });
  }
}

/** What levels of a record are worked out from, besides what was known. */
interface DerivedFrom {
  readonly xdr: Xdr;
  readonly record: PricedRecord;
  /** The contract of the subscriber's own level. */
  readonly payer: number | null;
  readonly levels: readonly SeenLevel[];
  readonly filter: { readonly number: string; readonly contracts: readonly number[] };
}

// Works each level out by what its batch knew.
async function deriveBy(
  aside: Tx,
  { xdr, record, payer, levels, filter }: DerivedFrom,
  batches: ReadonlyMap<number, BatchFacts>,
  pricedBy: readonly number[],
): Promise<LevelDerivation[]> {
  const derived: LevelDerivation[] = Array.from({ length: levels.length });
  const last = xdr.legs.length - 1;
  const paidBy = pricedBy.filter((_, at) => levels[at]?.position === last);
  for (const [batchId, { knownAt }] of batches) {
    if (!pricedBy.includes(batchId)) continue;
    const facts = await loadBookFacts(aside, knownAt, filter);
    const isPaid = batchOfLevel(xdr, last) === batchId || paidBy.includes(batchId);
    const paid = isPaid ? deriveLevel(facts, payer, record, null) : null;
    const shared =
      paid === null
        ? await shownCharge(aside, xdr, batchId)
        : { amount: paid.amount, currency: paid.version?.currency ?? '' };
    levels.forEach(({ terms, position }, at) => {
      if (pricedBy[at] !== batchId) return;
      const own = position === last ? paid : null;
      derived[at] = own ?? deriveLevel(facts, terms?.contractId ?? null, record, shared);
    });
  }
  return derived;
}

// Which batch priced a level: the one that wrote the record, or the last that corrected it.
function batchOfLevel(xdr: Xdr, position: number): number {
  return xdr.batches?.[position] || batchOfXdr(xdr.id);
}

// Some batches, oldest first.
async function pricingBatches(aside: Tx, ids: readonly number[]): Promise<Map<number, BatchFacts>> {
  const batches = new Map<number, BatchFacts>();
  for (const id of [...new Set(ids)].sort((one, other) => one - other)) {
    batches.set(id, await factsOf(aside, id));
  }
  return batches;
}

async function factsOf(aside: Tx, batchId: number): Promise<BatchFacts> {
  const batch = await batchFacts(aside, batchId);
  if (batch === null) throw new DomainError('XDR_NOT_FOUND', 'The batch of the record is gone.');
  return batch;
}

// What levels name is called as it was known when their batch priced them.
async function namesByBatch(
  tx: Tx,
  batches: ReadonlyMap<number, BatchFacts>,
  pricedBy: readonly number[],
  worked: readonly WorkedOut[],
): Promise<Map<number, SeenNames>> {
  const names = new Map<number, SeenNames>();
  for (const [id, { knownAt }] of batches) {
    const own = worked.filter((_, at) => pricedBy[at] === id);
    const derived = own.map((one) => one.derived);
    const months = own.map((one) => one.month);
    names.set(id, await seenNames(tx, derived, months, knownAt));
  }
  return names;
}

function pricedRecord(xdr: Xdr): PricedRecord {
  const { service, inTrunkId, outTrunkId, destinationId, subscriptionId } = xdr;
  return {
    service,
    startedMs: xdr.startedAt.getTime(),
    number: xdr.bNumber ?? '',
    aNumber: xdr.aNumber ?? '',
    quantity: BigInt(xdr.quantity),
    value: xdr.exactValue,
    inTrunkId,
    outTrunkId,
    destinationId,
    subscriptionId,
  };
}

// The database has cut off the levels above the viewer; the rest needs permissions. A contract
// that prices a level but cannot be seen hides it.
async function seenLevels(context: RequestContext, tx: Tx, xdr: Xdr): Promise<SeenLevel[]> {
  const { permissions } = requireViewer(context);
  const terms = await seenTerms(
    tx,
    xdr.legs.map((leg) => leg.contractVersionId),
  );
  const { id: xdrId, startedMicros } = xdr;
  const levels = xdr.legs.map(async (leg, position): Promise<SeenLevel[]> => {
    const found = terms.get(leg.contractVersionId) ?? null;
    if (found === null && leg.contractVersionId !== 0) return [];
    const level = found?.level ?? 'COST';
    if (!mayReadLevel({ permissions }, level)) return [];
    const stored = { ...leg, amount: xdr.amounts[position] ?? 0n };
    const key = found && { contractId: found.contractId, xdrId, startedMicros };
    const adjusted = key && (await adjustments(context).load(key));
    const adjustment = BigInt(adjusted?.adjustment ?? 0);
    return [{ level, position, stored, adjustment, terms: found }];
  });
  return (await Promise.all(levels)).flat();
}

function levelView(
  { stored, adjustment }: SeenLevel,
  shown: ShownLevel,
  seen: SeenNames,
): XdrLevelExplanation {
  const { derived, month } = shown;
  const { amount } = derived;
  const final = month === null ? amount : month.amount;
  const differences: Difference[] = differencesOf(derived, stored);
  const changed = final === null || amount === null ? 0n : final - amount;
  if (derived.fault === null && (changed !== adjustment || month?.agrees === false)) {
    differences.push('MONTH');
  }
  return {
    ...levelSteps(shown, seen),
    storedAmount: formatAmount(stored.amount),
    recomputedAmount: amount === null ? null : formatAmount(amount),
    amount: formatAmount(stored.amount + adjustment),
    recomputedFinal: final === null ? null : formatAmount(final),
    equal: differences.length === 0,
    differences,
  };
}

async function guidingOf(tx: Tx, xdr: Xdr, knownAt: string): Promise<XdrGuiding> {
  const found = await guidingIdentity(tx, knownAt, xdr);
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

function pricedLevel({ stored, adjustment, terms }: SeenLevel) {
  return { amount: stored.amount + adjustment, currency: terms?.currency ?? null };
}
