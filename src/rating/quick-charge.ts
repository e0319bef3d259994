import { type RoundingCode, roundingCode } from '../kernel/index.js';
import { type ChargeTariff, modelOf } from './charge.js';
import { amountOf } from './price.js';
import { graduatedNumber, type NumberTiers, numberTiers, type TierPosition } from './tiers.js';

/** Charges in plain numbers by the tariffs that allow it: most records are priced by them. */
export class QuickTariffs {
  readonly #tariffs: readonly ChargeTariff[];
  readonly #known: (QuickTariff | null)[] = [];

  constructor(tariffs: readonly ChargeTariff[]) {
    this.#tariffs = tariffs;
  }

  /** What units cost, NaN where the exact way must decide. */
  charge(place: number, units: number, position: TierPosition | null): number {
    let quick = this.#known[place];
    if (quick === undefined) {
      quick = quickTariff(this.#tariffs[place]!);
      this.#known[place] = quick;
    }
    if (quick === null) return Number.NaN;
    const { price, fee, rateUnit, smallest, rounding, tiers } = quick;
    if (position === null) return amountOf(units, price, fee, rateUnit, smallest, rounding);
    if (tiers === null) return Number.NaN;
    return graduatedNumber(tiers, position.before, units, fee, smallest, rounding);
  }
}

interface QuickTariff {
  readonly price: number;
  readonly fee: number;
  readonly rateUnit: number;
  readonly smallest: number;
  readonly rounding: RoundingCode;
  readonly tiers: NumberTiers | null;
}

function quickTariff(tariff: ChargeTariff): QuickTariff | null {
  const { terms, conversion } = tariff;
  const model = modelOf(tariff);
  if (conversion !== null || (model !== 'PER_UNIT' && model !== 'GRADUATED')) return null;
  if (terms !== null && (terms.minCharge !== 0n || terms.maxCharge !== null)) return null;
  return {
    price: Number(tariff.price),
    fee: Number(tariff.connectionFee),
    rateUnit: tariff.rateUnit,
    smallest: Number(tariff.step),
    rounding: roundingCode(tariff.rounding),
    tiers: terms === null || terms.schedule === null ? null : numberTiers(terms.schedule.steps),
  };
}
