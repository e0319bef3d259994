import { roundingModes } from '../kernel/index.js';
import { type RecordBatch, serviceCodes, serviceNames } from '../mediation/thread.js';
import { bandSlices, majorityBand, minuteOfWeek } from './bands.js';
import { type DatedFactor, type PriceBook, TARIFF } from './book.js';
import type { ChainPlanner } from './chain-plan.js';
import {
  type ChargeSlice,
  type ChargeTariff,
  modelOf,
  roundedCharge,
  tariffCharge,
} from './charge.js';
import { MAX_LEVELS } from './compile-guide.js';
import { BAND_POLICY } from './contract-pricing.js';
import type { Fraction } from './fraction.js';
import { subscriptionIdAt } from './guide.js';
import { billedQuantity } from './price.js';
import { applyRules, ruleMatches } from './price-rules.js';
import type { RateFinder } from './rate-finder.js';
import type { RatedBatch, RatedSlice } from './rated-batch.js';
import { currencyAt, type KeptLevels } from './rerate-kept.js';
import type { TariffFacts } from './tariff-table.js';

const LIMIT = 2n ** 53n;
/** Seconds of the longest call that is cut by bands: 31 days. */
const LONGEST_CUT = 2_678_400;

/**
 * Rates what the fast way over arrays does not know: models and limits of the charge, calls cut
 * by bands, foreign currencies, discounts and surcharges. Whole numbers of any size, one record
 * at a time. A level whose period has a say in the amount gets what it costs before that.
 */
export class GeneralRater {
  readonly #book: PriceBook;
  readonly #planner: ChainPlanner;
  readonly #finder: RateFinder;
  /** By version and place: every entry of a month asks for one. */
  readonly #tariffs: (ChargeTariff | undefined)[][] = [];
  readonly #exact: (TariffFacts | undefined)[] = [];
  /** Levels of the batch that are not rated; null where all are. */
  kept: KeptLevels | null = null;

  constructor(book: PriceBook, planner: ChainPlanner, finder: RateFinder) {
    this.#book = book;
    this.#planner = planner;
    this.#finder = finder;
  }

  /** Whether a level may have a price though its band at the start has none. */
  looksFurther(at: number, rated: RatedBatch): boolean {
    const { versionBandPolicy } = this.#book.contracts;
    return versionBandPolicy[rated.version[at]!] === BAND_POLICY.MAJORITY;
  }

  /** The levels of a row above `level` were rated before. */
  rate(row: number, level: number, records: RecordBatch, rated: RatedBatch): void {
    const at = row * MAX_LEVELS + level;
    const parts = this.#parts(row, at, records, rated);
    if (parts === null) {
      rated.fail(records, row, level, 'NO_RATE');
      return;
    }
    const first = parts[0]!;
    rated.tariff[at] = first.tariff;
    const billed = parts.reduce((sum, part) => sum + part.billed, 0);
    rated.billed[at] = billed;
    if (billed === 0) return;
    const tariff = this.tariffAt(row, at, first.tariff, records.startedMs[row]!, rated);
    if (tariff === null) {
      rated.fail(records, row, level, 'NO_EXCHANGE_RATE');
      return;
    }
    if (tariff.terms?.schedule) rated.folded[at] = 1;
    if (parts.length > 1) rated.slices.set(at, parts);
    const charge = tariffCharge(tariff, this.#charged(parts), {
      value: BigInt(this.carried(row, at, tariff, records, rated)),
      position: { before: 0, total: billed, first: true },
    });
    const amount = roundedCharge(this.#ruled(charge, row, at, records, rated), tariff);
    if (amount >= LIMIT) rated.fail(records, row, level, 'AMOUNT_TOO_LARGE');
    else rated.amount[at] = Number(amount);
  }

  /**
   * Money that the record carries, or what the subscriber is charged where it is shared: as it is
   * shown where the subscriber's level keeps its price.
   */
  carried(
    row: number,
    at: number,
    tariff: ChargeTariff,
    records: RecordBatch,
    rated: RatedBatch,
  ): number {
    if (modelOf(tariff) !== 'REVENUE_SHARE') return records.value[row]!;
    const last = row * MAX_LEVELS + rated.levels[row]! - 1;
    return last === at ? 0 : rated.amount[last]!;
  }

  /** A tariff as exact numbers; null when a currency has no exchange rate at the time. */
  tariffAt(
    row: number,
    at: number,
    place: number,
    startedMs: number,
    rated: RatedBatch,
  ): ChargeTariff | null {
    const { contracts, lists, listCurrency } = this.#book;
    const version = rated.version[at]!;
    const list = rated.list[at]!;
    const { conversions } = contracts;
    const dated = conversions.size === 0 ? undefined : conversions.get(version * lists + list);
    const conversion = dated === undefined ? null : factorAt(dated, startedMs);
    if (conversion === undefined) return null;
    const tariff = this.#tariff(place, version, conversion);
    if (modelOf(tariff) !== 'REVENUE_SHARE') return tariff;
    const last = row * MAX_LEVELS + rated.levels[row]! - 1;
    // What the subscriber pays himself is no share of anything, so nothing is converted.
    const charged = last === at ? null : currencyAt(last, rated, contracts, this.kept);
    if (charged === null || charged === listCurrency[list]) return tariff;
    const rates = contracts.exchange.get(`${charged} ${listCurrency[list]}`) ?? [];
    const shareConversion = factorAt(rates, startedMs);
    return shareConversion === undefined ? null : { ...tariff, shareConversion };
  }

  #tariff(place: number, version: number, conversion: DatedFactor | null): ChargeTariff {
    const { contracts } = this.#book;
    let ofVersion = this.#tariffs[version];
    if (ofVersion === undefined) {
      ofVersion = [];
      this.#tariffs[version] = ofVersion;
    }
    const known = ofVersion[place];
    if (known !== undefined && known.conversion === conversion) return known;
    const { price, connectionFee, rateUnit, terms } = this.#exactly(place);
    const made: ChargeTariff = {
      price,
      connectionFee,
      rateUnit,
      terms,
      conversion,
      shareConversion: null,
      step: BigInt(contracts.versionStep[version]!),
      rounding: roundingModes[contracts.versionRounding[version]!]!,
    };
    ofVersion[place] = made;
    return made;
  }

  // Amounts as big integers, made once.
  #exactly(place: number): TariffFacts {
    const known = this.#exact[place] ?? this.#finder.tariffs.at(place);
    this.#exact[place] = known;
    return known;
  }

  // The billed units by tariff: one part, or several where the contract cuts calls by bands.
  #parts(
    row: number,
    at: number,
    records: RecordBatch,
    rated: RatedBatch,
  ): readonly RatedSlice[] | null {
    const tariff = rated.tariff[at]!;
    const used = records.quantity[row]!;
    const { contracts, bandsOf, zones } = this.#book;
    const version = rated.version[at]!;
    const list = rated.list[at]!;
    const policy = contracts.versionBandPolicy[version]!;
    const bands = bandsOf[list]!;
    const whole = tariff < 0 ? null : [{ tariff, billed: this.#billed(tariff, used) }];
    const isCut =
      policy !== BAND_POLICY.START &&
      records.service[row] === serviceCodes.VOICE &&
      used <= LONGEST_CUT;
    const stays = policy === BAND_POLICY.SPLIT && !this.#isPlain(tariff);
    if (!isCut || bands === null || stays) return whole;
    const zone = zones[contracts.versionZone[version]!]!;
    const slices = bandSlices(bands, zone, records.startedMs[row]!, used);
    if (slices.length === 1) return whole;
    if (policy === BAND_POLICY.MAJORITY) {
      const chosen = this.#tariffIn(majorityBand(slices), row, at, records, rated);
      if (chosen < 0) return null;
      rated.rateId[at] = this.#finder.rateId;
      return [{ tariff: chosen, billed: this.#billed(chosen, used) }];
    }
    const billed = this.#billed(tariff, used);
    if (billed === 0) return [{ tariff, billed: 0 }];
    const parts: { tariff: number; billed: number }[] = [];
    for (const { band, seconds } of slices) {
      const part = this.#tariffIn(band, row, at, records, rated);
      if (part < 0) return null;
      if (!this.#isPlain(part)) return [{ tariff, billed }];
      parts.push({ tariff: part, billed: seconds });
    }
    parts.at(-1)!.billed += billed - used;
    return parts;
  }

  #isPlain(tariff: number): boolean {
    const { numbers, terms: all } = this.#finder.tariffs;
    const terms = all[numbers[tariff * 8 + TARIFF.TERMS]! - 1];
    return terms === undefined || terms.model === 'PER_UNIT';
  }

  #tariffIn(
    band: number,
    row: number,
    at: number,
    records: RecordBatch,
    rated: RatedBatch,
  ): number {
    const { slotOf, lists } = this.#book;
    const list = rated.list[at]!;
    const slot = slotOf[rated.prefixClass[row]! * lists + list]!;
    return this.#finder.find(list, slot, band, records.startedMs[row]!, records.aNumber[row]!);
  }

  #billed(tariff: number, used: number): number {
    const { numbers: tariffs } = this.#finder.tariffs;
    return billedQuantity(
      used,
      tariffs[tariff * 8 + TARIFF.FIRST_INCREMENT]!,
      tariffs[tariff * 8 + TARIFF.NEXT_INCREMENT]!,
      tariffs[tariff * 8 + TARIFF.MINIMUM]!,
      tariffs[tariff * 8 + TARIFF.GRACE]!,
    );
  }

  #charged(parts: readonly RatedSlice[]): ChargeSlice[] {
    return parts.map(({ tariff, billed }) => {
      const { price, rateUnit } = this.#exactly(tariff);
      return { billed, price, rateUnit };
    });
  }

  #ruled(
    charge: Fraction,
    row: number,
    at: number,
    records: RecordBatch,
    rated: RatedBatch,
  ): Fraction {
    const { contracts, guide, pricing } = this.#book;
    const version = rated.version[at]!;
    const { contract, rules } = this.#planner.pricing.of(contracts.versionContract[version]!);
    if (rules.length === 0) return charge;
    const startedMs = records.startedMs[row]!;
    const subject = {
      startedMs,
      knownAt: pricing.knownAt,
      service: serviceNames[records.service[row]!]!,
      destinationId: rated.destinationId[row]!,
      subscriptionId: subscriptionIdAt(guide, rated.subscription[row]!),
      minuteOfWeek: minuteOfWeek(this.#planner.local(contracts.versionZone[version]!, startedMs)),
    };
    const acting = rules.filter(
      (rule) =>
        (rule.measure === null || rule.volumeFrom === 0n) &&
        ruleMatches(rule, contract, subject, pricing.members),
    );
    return applyRules(charge, acting, (rule) => rule.cap).charge;
  }
}

/** The newest factor at an instant; undefined before the first. */
export function factorAt<T extends { readonly fromMs: number }>(
  dated: readonly T[],
  atMs: number,
): T | undefined {
  for (let n = dated.length - 1; n >= 0; n -= 1) if (dated[n]!.fromMs <= atMs) return dated[n];
  return undefined;
}
