export { currencyCodes, isCurrency, minorUnits } from './currency.js';
export { Bug, DomainError, type ErrorCatalogue, invariant, kernelErrors } from './errors.js';
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
  divRoundNumber,
  mulDiv,
  type RoundingCode,
  type RoundingMode,
  roundingCode,
  roundingModes,
  roundToScale,
} from './rounding.js';
