import { DomainError, parseAmount } from '../kernel/index.js';
import { once, rowByGlobalId, rowOf, type Tx } from '../platform/index.js';
import { Destination } from './destination.entity.js';
import { effectiveTable, type TableEntry } from './inherit.js';
import { inheritedRows, inheritsShares } from './inherited-price.store.js';
import { assertKept, assertOfOwner, writableList } from './keeper.store.js';
import { OriginSet } from './origin-set.entity.js';
import { guardPrice, type PriceDecision } from './price-guard.service.js';
import { PriceList, Rate } from './price-list.entity.js';
import type { SetRateInput } from './price-list.input.js';
import { closeRow, lockPriceList, recordingMoment } from './rate.store.js';
import type { EffectiveRate, RateRow } from './rate-row.js';
import {
  assertCharge,
  assertRate,
  assertTarget,
  closedBy,
  endedRows,
  HUNDRED_PERCENT,
  type RateVersion,
} from './rate-rules.js';
import { TierSchedule } from './tier-schedule.entity.js';
import { TimeBand } from './time-profile.entity.js';

/** Rows of price lists, set and ended one by one. */
export class RateService {
  /**
   * Records a rate from an instant on; the open rate of the same key ends there. Refuses with
   * RATE_REFUSED, RATE_OVERLAPS, RATE_WITHOUT_PARENT, RATE_BELOW_ZERO, RATE_ABOVE_REVENUE,
   * BAND_NOT_OF_PROFILE, NOT_OF_OWNER, INVALID_PERIOD, PRICE_LIST_READ_ONLY, NOT_FOUND, or as
   * {@link guardPrice}.
   */
  async set(
    tx: Tx,
    decision: PriceDecision,
    input: SetRateInput,
    key: string | null,
  ): Promise<Rate> {
    const made = await once(tx, decision.viewer, key, 'setRate', input, async () => ({
      id: await this.#set(tx, decision, input),
    }));
    return rowOf(tx, Rate, 'Rate', made.id);
  }

  async #set(tx: Tx, decision: PriceDecision, input: SetRateInput): Promise<number> {
    const list = await writableList(tx, input.priceListId);
    assertTarget(input.prefix ?? null, input.destinationId ?? null);
    assertRate(input);
    assertCharge(input);
    if (input.kind !== 'ABSOLUTE' && list.parentId === null) {
      throw new DomainError(
        'RATE_WITHOUT_PARENT',
        'The list inherits nothing that could be adjusted.',
      );
    }
    assertPeriod(input);
    const target = await targetOf(tx, list, input);
    const tierScheduleId = await scheduleOf(tx, list, input);
    await lockPriceList(tx, list.id);
    const open = closedBy(
      await keyVersions(tx, list.id, target),
      input.validFrom.getTime(),
      input.validTo?.getTime() ?? null,
    );
    const { validFrom: from } = input;
    const end = { rateId: open?.id ?? null, at: from.getTime() };
    const after = (rows: readonly RateRow[]) => [
      ...endedRows(rows, end),
      rowOfInput(target, input),
    ];
    const guard = await guardPrice(tx, list, { target, from, after }, decision);
    const moment = await recordingMoment(tx);
    if (open !== null) await closeRow(tx, open.id, input.validFrom, moment);
    const inserted = await tx.insert(Rate, {
      ...target,
      partnerId: list.partnerId,
      priceListId: list.id,
      kind: input.kind,
      price: input.price,
      connectionFee: input.connectionFee,
      rateUnit: input.rateUnit,
      firstIncrement: input.firstIncrement,
      nextIncrement: input.nextIncrement,
      minimum: input.minimum,
      grace: input.grace,
      model: input.model,
      minCharge: input.minCharge,
      maxCharge: input.maxCharge ?? null,
      tierScheduleId,
      validFrom: input.validFrom,
      validTo: input.validTo ?? null,
      recordedAt: () => `'${moment}'`,
    });
    const id = (inserted.identifiers[0] as { id: number }).id;
    const made = { listId: list.id, rateId: id, prefix: target.prefix };
    if (input.kind !== 'ABSOLUTE') await assertAdjustment(tx, made, input);
    await guard();
    return id;
  }

  /**
   * Ends a rate at an instant; at or before its beginning it is withdrawn as if it had never
   * been set. Refuses with RATE_NOT_CLOSABLE, PRICE_LIST_READ_ONLY, NOT_FOUND, or as
   * {@link guardPrice}.
   */
  async close(
    tx: Tx,
    decision: PriceDecision,
    given: RateEnd,
    key: string | null,
  ): Promise<PriceList> {
    const made = await once(tx, decision.viewer, key, 'closeRate', given, async () => ({
      id: await this.#close(tx, decision, given),
    }));
    return rowOf(tx, PriceList, 'PriceList', made.id);
  }

  async #close(tx: Tx, decision: PriceDecision, { rateId, at }: RateEnd): Promise<number> {
    const { priceListId } = await rowByGlobalId(tx, Rate, 'Rate', rateId);
    const list = await rowOf(tx, PriceList, 'PriceList', priceListId);
    await assertKept(tx, list.partnerId);
    await lockPriceList(tx, priceListId);
    const rate = await rowByGlobalId(tx, Rate, 'Rate', rateId);
    if (rate.supersededAt !== null || (rate.validTo !== null && rate.validTo <= at)) {
      throw new DomainError(
        'RATE_NOT_CLOSABLE',
        'The rate has been replaced or has ended before the given instant.',
      );
    }
    const end = at > rate.validFrom ? at : null;
    const from = end ?? rate.validFrom;
    const after = (rows: readonly RateRow[]) =>
      endedRows(rows, { rateId: rate.id, at: from.getTime() });
    const guard = await guardPrice(tx, list, { target: rate, from, after }, decision);
    await closeRow(tx, rate.id, end, await recordingMoment(tx));
    await guard();
    return list.id;
  }
}

interface RateEnd {
  readonly rateId: string;
  readonly at: Date;
}

/** A price that is set, as far as margins go: none of the list's rows yet. */
function rowOfInput(target: RateTarget, input: SetRateInput): RateRow {
  const { kind, model, rateUnit } = input;
  return {
    ...target,
    id: 0,
    kind,
    price: parseAmount(input.price),
    connectionFee: 0n,
    rateUnit,
    firstIncrement: 1,
    nextIncrement: 1,
    minimum: 0,
    grace: 0,
    terms: model === 'PER_UNIT' ? null : { model, minCharge: 0n, maxCharge: null, schedule: null },
    validFrom: input.validFrom.getTime(),
    validTo: input.validTo?.getTime() ?? null,
  };
}

interface RateTarget {
  readonly prefix: string | null;
  readonly destinationId: number | null;
  readonly bandId: number | null;
  readonly originSetId: number | null;
}

async function targetOf(tx: Tx, list: PriceList, input: SetRateInput): Promise<RateTarget> {
  const destination = input.destinationId
    ? await rowByGlobalId(tx, Destination, 'Destination', input.destinationId)
    : null;
  const origins = input.originSetId
    ? await rowByGlobalId(tx, OriginSet, 'OriginSet', input.originSetId)
    : null;
  assertOfOwner('OriginSet', origins, list.partnerId);
  return {
    prefix: input.prefix ?? null,
    destinationId: destination?.id ?? null,
    bandId: input.bandId ? await bandOf(tx, list, input.bandId) : null,
    originSetId: origins?.id ?? null,
  };
}

async function scheduleOf(tx: Tx, list: PriceList, input: SetRateInput): Promise<number | null> {
  if (!input.tierScheduleId) return null;
  const schedule = await rowByGlobalId(tx, TierSchedule, 'TierSchedule', input.tierScheduleId);
  assertOfOwner('TierSchedule', schedule, list.partnerId);
  return schedule.id;
}

function assertPeriod(input: SetRateInput): void {
  if (input.validTo && input.validTo <= input.validFrom) {
    throw new DomainError('INVALID_PERIOD', 'The rate does not end after it begins.');
  }
}

async function bandOf(tx: Tx, list: PriceList, globalId: string): Promise<number> {
  const band = await rowByGlobalId(tx, TimeBand, 'TimeBand', globalId);
  if (band.timeProfileId !== list.timeProfileId) {
    throw new DomainError(
      'BAND_NOT_OF_PROFILE',
      "The time band does not belong to the price list's time profile.",
    );
  }
  return band.id;
}

async function keyVersions(tx: Tx, listId: number, target: RateTarget): Promise<RateVersion[]> {
  const rows = await tx.query<{ id: number; valid_from: Date; valid_to: Date | null }[]>(
    `SELECT id, valid_from, valid_to FROM rate
     WHERE price_list_id = $1 AND superseded_at IS NULL AND time_band_id IS NOT DISTINCT FROM $4
       AND origin_set_id IS NOT DISTINCT FROM $5 AND (prefix = $2 OR destination_id = $3)`,
    [listId, target.prefix, target.destinationId, target.bandId, target.originSetId],
  );
  return rows.map((row) => ({
    id: row.id,
    validFrom: row.valid_from.getTime(),
    validTo: row.valid_to?.getTime() ?? null,
  }));
}

interface MadeAdjustment {
  readonly listId: number;
  readonly rateId: number;
  readonly prefix: string | null;
}

/**
 * Proves on the prices known now what an adjustment makes of every one of them: one that takes off
 * leaves none below zero, one that adds shares out no more than all of a revenue.
 */
async function assertAdjustment(
  tx: Tx,
  made: MadeAdjustment,
  { kind, price }: Pick<SetRateInput, 'kind' | 'price'>,
): Promise<void> {
  const isLess = price.startsWith('-');
  if (isLess && kind === 'PERCENT') return;
  if (!isLess && !(await inheritsShares(tx, made.listId))) return;
  const isWrong = isLess ? isBelowZero : isAboveRevenue;
  const entries = [...(await adjustedTable(tx, made)).values()];
  const wrong = entries.find(({ versions }) =>
    versions.some(({ value }) => value.path.at(-1) === made.rateId && isWrong(value)),
  );
  if (wrong === undefined) return;
  const [code, message] = isLess
    ? ['RATE_BELOW_ZERO', 'The adjustment would bring an inherited price below zero.']
    : ['RATE_ABOVE_REVENUE', 'The adjustment would share out more than all of a revenue.'];
  throw new DomainError(code, message, { prefix: wrong.prefix });
}

/** The prices of a list as far as an adjustment for this prefix may have to do with them. */
async function adjustedTable(
  tx: Tx,
  { listId, prefix }: MadeAdjustment,
): Promise<ReadonlyMap<string, TableEntry>> {
  const { lists, destinationPrefixes } = await inheritedRows(tx, listId);
  const scoped =
    prefix === null || prefix === ''
      ? lists
      : lists.map(({ listId: id, rows }) => ({
          listId: id,
          rows: rows.filter((row: RateRow) => related(row.prefix, prefix)),
        }));
  return effectiveTable(scoped, destinationPrefixes);
}

function isBelowZero(rate: EffectiveRate): boolean {
  return rate.clamped;
}

function isAboveRevenue({ terms, price }: EffectiveRate): boolean {
  return terms?.model === 'REVENUE_SHARE' && price > HUNDRED_PERCENT;
}

function related(prefix: string | null, other: string): boolean {
  return prefix === null || prefix.startsWith(other) || other.startsWith(prefix);
}
