import { epochDayFromIso } from '../kernel/index.js';
import { serviceCodes } from '../mediation/index.js';
import { EntryWriter, FLAG, flagsOf, NUMBER, WORD } from './allowance-entry.js';
import { chargeSlices, type LevelDerivation, type PricedRecord } from './explain.js';
import type { MonthFacts } from './explain-month.js';
import { orderByContract } from './order-entries.js';

/** What a quoted record needs to take its place in a month. */
export interface QuotedPlace {
  readonly record: PricedRecord;
  readonly level: number;
  readonly isLast: boolean;
  readonly planId: number;
  readonly rootAccountId: number;
  /** Up to when facts are known, epoch milliseconds. */
  readonly knownAt: number;
}

/** Stands for the record that a quote adds; no stored record has it. */
export const QUOTED_XDR = -1;

/** The month with a record more, which comes after all others of its instant. */
export function withQuoted(
  month: MonthFacts,
  derived: LevelDerivation,
  place: QuotedPlace,
): MonthFacts {
  const { list, replaces } = month;
  const { version, clock, tariff } = derived;
  if (version === null || clock === null || tariff === null) return month;
  const { record, level, isLast, planId, rootAccountId, knownAt } = place;
  const writer = new EntryWriter(Math.min(knownAt, Number.MAX_SAFE_INTEGER));
  chargeSlices(derived).forEach(({ billed, price, rateUnit }, slice) => {
    const room = writer.next({ ...tariff, price, rateUnit });
    const { numbers, words, numberAt, wordAt } = room;
    const amount = slice === 0 ? Number(derived.amount ?? 0n) : 0;
    numbers[numberAt + NUMBER.XDR_ID] = QUOTED_XDR;
    numbers[numberAt + NUMBER.STARTED_MS] = record.startedMs;
    numbers[numberAt + NUMBER.BILLED] = billed;
    numbers[numberAt + NUMBER.BASE] = amount;
    numbers[numberAt + NUMBER.CARRIED] = Number(derived.carried);
    words.fill(-1, wordAt + WORD.IDENTITY, wordAt + WORD.IDENTITY + 4);
    words[wordAt + WORD.SUBSCRIPTION] = record.subscriptionId;
    words[wordAt + WORD.ROOT_ACCOUNT] = rootAccountId;
    words[wordAt + WORD.CONTRACT] = version.contractId;
    words[wordAt + WORD.VERSION] = version.id;
    words[wordAt + WORD.DESTINATION] = record.destinationId;
    words[wordAt + WORD.DAY] = epochDayFromIso(clock.day);
    words[wordAt + WORD.MINUTE_OF_WEEK] = clock.weekday * 1440 + clock.minuteOfDay;
    const last = isLast ? FLAG.LAST_LEVEL : 0;
    words[wordAt + WORD.FLAGS] = flagsOf(serviceCodes[record.service], level, slice, last);
    words[wordAt + WORD.PLAN] = planId;
  });
  list.read(writer.finish(), new Map());
  const isOurs = (contract: number) => contract === version.contractId;
  const order = orderByContract(list, isOurs, replaces).get(version.contractId);
  return { ...month, order: order ?? month.order };
}
