export { allocate } from './allocate.js';
export {
  addDays,
  addMonths,
  assertTimeZone,
  civilDate,
  civilEdge,
  type Disambiguation,
  dayPeriod,
  daysBetween,
  epochDayFromIso,
  type IsoDate,
  type IsoMonth,
  isoFromEpochDay,
  isTimeZone,
  LAST_DATE,
  monthPeriod,
  nextMonth,
  startOfDay,
  wallClockToUtc,
  zonedIso,
} from './calendar.js';
export { canonicalJson } from './canonical.js';
export { bareCell, guardCell } from './cell-guard.js';
export { isCountry } from './country.js';
export { currencyCodes, isCurrency, minorUnits } from './currency.js';
export {
  type BillingCycle,
  type CyclePeriod,
  cycleContaining,
  cycleNumber,
  cyclesOverlapping,
} from './cycle.js';
export {
  E164_MAX_DIGITS,
  type NormalisedNumber,
  type NumberFault,
  type NumberRules,
  normaliseNumber,
  numberFaults,
} from './e164.js';
export { Bug, DomainError, type ErrorCatalogue, invariant, kernelErrors } from './errors.js';
export { grouped } from './group.js';
export { decodeCursor, encodeCursor, fromGlobalId, fromGlobalRowId, toGlobalId } from './ids.js';
export { countryCodeLength, maskNumber, maskNumbersIn } from './mask.js';
export {
  AMOUNT_SCALE,
  AMOUNT_UNIT,
  addMoney,
  compareMoney,
  formatAmount,
  type Money,
  money,
  negateMoney,
  parseAmount,
  parseMoney,
  roundAmount,
  roundMoney,
  subtractMoney,
  sumMoney,
} from './money.js';
export {
  assertOrdered,
  contains,
  intersect,
  isPartition,
  overlaps,
  type PartitionFault,
  type Period,
  partitionFault,
  period,
  subtractPeriods,
} from './period.js';
export {
  divRoundNumber,
  mulDiv,
  type RoundingCode,
  type RoundingMode,
  roundingCode,
  roundingModes,
  roundToScale,
} from './rounding.js';
export {
  localSeconds,
  localToUtc,
  transitionIndex,
  type ZoneTransitions,
  zoneTransitions,
} from './zone-transitions.js';
