import { mulDiv } from '../kernel/index.js';
import type { EffectiveRate, RateRow } from './rate-row.js';

const HUNDRED_PERCENT = 10_000_000_000n;

/**
 * A rate after one adjustment: PERCENT multiplies price, connection fee, and price and flat fee of
 * each tier by (1 + p/100), each rounded HALF_EVEN to 8 decimals; DIFFERENCE adds to the price, or
 * to each tier's, alone. Below zero becomes zero and is marked. Limits of the charge stay.
 */
export function adjustRate(rate: EffectiveRate, by: RateRow): EffectiveRate {
  const schedule = rate.terms?.schedule ?? null;
  const act = by.kind === 'PERCENT' ? percentOf(by.price) : differenceOf(by.price);
  const steps = schedule?.steps.map((step) => ({
    ...step,
    price: act.price(step.price),
    flatFee: act.fee(step.flatFee),
  }));
  // The price of a rate with tiers is nothing, and stays so.
  const price = steps === undefined ? act.price(rate.price) : rate.price;
  const connectionFee = act.fee(rate.connectionFee);
  const below =
    price < 0n ||
    connectionFee < 0n ||
    (steps?.some((step) => step.price < 0n || step.flatFee < 0n) ?? false);
  const adjusted: EffectiveRate = {
    ...rate,
    price: notBelowZero(price),
    connectionFee: notBelowZero(connectionFee),
    path: [...rate.path, by.id],
    clamped: rate.clamped || below,
  };
  if (rate.terms === null || schedule === null || steps === undefined) return adjusted;
  const held = steps.map((step) => ({
    ...step,
    price: notBelowZero(step.price),
    flatFee: notBelowZero(step.flatFee),
  }));
  return { ...adjusted, terms: { ...rate.terms, schedule: { ...schedule, steps: held } } };
}

interface Adjusting {
  readonly price: (amount: bigint) => bigint;
  readonly fee: (amount: bigint) => bigint;
}

function percentOf(percent: bigint): Adjusting {
  const factor = HUNDRED_PERCENT + percent;
  const scaled = (amount: bigint) => mulDiv(amount, factor, HUNDRED_PERCENT, 'HALF_EVEN');
  return { price: scaled, fee: scaled };
}

function differenceOf(difference: bigint): Adjusting {
  return { price: (amount) => amount + difference, fee: (amount) => amount };
}

function notBelowZero(amount: bigint): bigint {
  return amount < 0n ? 0n : amount;
}
