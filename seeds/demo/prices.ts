import type { ReferenceDestination } from '../reference/destinations.js';
import type { PrefixNames } from '../reference/numbering-plan.js';
import { hashOf } from './random.js';
import type { SheetRow } from './sheet.js';

// What a minute costs the trade, in millionths of a euro: fixed and mobile numbers.
const KNOWN: Readonly<Record<string, readonly [fixed: number, mobile: number]>> = {
  DE: [1_400, 6_800],
  AT: [6_200, 12_500],
  CH: [8_800, 24_000],
  PL: [5_600, 9_400],
  TR: [21_000, 64_000],
  GB: [3_100, 8_200],
  FR: [3_400, 9_800],
  IT: [4_200, 12_000],
  NL: [3_600, 9_000],
  US: [2_600, 2_600],
  CA: [2_900, 2_900],
  ES: [3_300, 9_900],
  RO: [4_100, 10_800],
  CZ: [6_900, 15_500],
  GR: [4_800, 13_000],
  HR: [9_100, 27_000],
  UA: [71_000, 118_000],
  BE: [4_400, 11_200],
  CN: [9_500, 10_500],
  IN: [8_000, 8_600],
};
const ELSEWHERE: readonly [least: number, span: number] = [28_000, 190_000];
const SPECIAL: readonly [least: number, span: number] = [1_600_000, 3_900_000];
const MOBILE_PERCENT = 145;

/** Sheets of the demo name these bands for countries where the time of day matters. */
const BANDED = new Set(['DE', 'AT', 'CH', 'PL', 'TR', 'GB', 'FR', 'IT', 'NL', 'ES', 'RO']);
const OFF_PEAK_PERCENT = 82;

/** Worldwide services that the hub does not sell: records that go there wait for a price. */
const NOT_SOLD = new Set(['Inmarsat', 'International Premium Rate', 'Disaster Relief']);

/** What a minute to a destination costs the trade, in millionths of a euro. */
export function tradePrice({ name, country, kind }: ReferenceDestination): number {
  const wobble = hashOf(name);
  if (country === null) return SPECIAL[0] + (wobble % SPECIAL[1]);
  const known = KNOWN[country];
  if (known !== undefined) {
    const price = kind === 'MOBILE' ? known[1] : known[0];
    return kind === 'MOBILE' ? scaled(price, 94 + (wobble % 13)) : price;
  }
  const fixed = ELSEWHERE[0] + (hashOf(country) % ELSEWHERE[1]);
  return kind === 'MOBILE' ? scaled(fixed, MOBILE_PERCENT - 15 + (wobble % 30)) : fixed;
}

/** How a supplier prices: against the trade, in its currency, and where it is exact. */
export interface SupplierHabit {
  readonly key: string;
  /** Percent of the trade's price, currency included. */
  readonly level: number;
  /** Its prices differ by so many percent from prefix to prefix. */
  readonly spread: number;
  readonly bands: boolean;
  readonly increments: (destination: ReferenceDestination) => readonly [number, number];
}

/** Every prefix of the world, and the areas of some countries, as a supplier prices them. */
export function supplierRows(
  habit: SupplierHabit,
  destinations: readonly ReferenceDestination[],
  areas: PrefixNames,
): SheetRow[] {
  const rows: SheetRow[] = [];
  const byPrefix = new Map<string, ReferenceDestination>();
  for (const destination of destinations) {
    for (const prefix of destination.prefixes) byPrefix.set(prefix, destination);
  }
  const all = new Map(byPrefix);
  for (const prefix of areas.keys()) {
    const above = destinationOf(prefix, byPrefix);
    if (above !== undefined && !all.has(prefix)) all.set(prefix, above);
  }
  for (const [prefix, destination] of all) {
    const wobble = (hashOf(habit.key + prefix) % (2 * habit.spread + 1)) - habit.spread;
    const price = scaled(scaled(tradePrice(destination), habit.level), 100 + wobble);
    const [firstIncrement, nextIncrement] = habit.increments(destination);
    const row = { prefix, firstIncrement, nextIncrement };
    rows.push(...banded(row, price, habit.bands && isBanded(destination)));
  }
  return rows;
}

/** How a seller prices destinations. */
export interface SellerHabit {
  /** Percent of the trade's price. */
  readonly level: number;
  /** Added to every minute, in millionths. */
  readonly plus: number;
  readonly firstIncrement: number;
  readonly nextIncrement: number;
}

/** Every destination that is sold, as one row or one for each band. */
export function sellerRows(
  habit: SellerHabit,
  destinations: readonly ReferenceDestination[],
): SheetRow[] {
  return destinations
    .filter(({ name }) => !NOT_SOLD.has(name))
    .flatMap((destination) => {
      const { firstIncrement, nextIncrement } = habit;
      const price = scaled(tradePrice(destination), habit.level) + habit.plus;
      const special = destination.kind === 'SPECIAL';
      const row = {
        destination: destination.name,
        ...(special
          ? { firstIncrement: 60, nextIncrement: 60, minimum: 60, connectionFee: 500_000 }
          : { firstIncrement, nextIncrement }),
      };
      return banded(row, price, isBanded(destination));
    });
}

function isBanded({ country }: ReferenceDestination): boolean {
  return country !== null && BANDED.has(country);
}

function banded(row: Omit<SheetRow, 'price'>, price: number, isSplit: boolean): SheetRow[] {
  if (!isSplit) return [{ ...row, price: rounded(price) }];
  return [
    { ...row, band: 'Peak', price: rounded(price) },
    { ...row, band: 'Off-peak', price: rounded(scaled(price, OFF_PEAK_PERCENT)) },
  ];
}

function destinationOf(
  prefix: string,
  known: ReadonlyMap<string, ReferenceDestination>,
): ReferenceDestination | undefined {
  for (let length = prefix.length; length > 0; length -= 1) {
    const found = known.get(prefix.slice(0, length));
    if (found !== undefined) return found;
  }
  return undefined;
}

function scaled(price: number, percent: number): number {
  return Math.round((price * percent) / 100);
}

// Sheets are written with four decimals, and with five where that would lose a tenth.
function rounded(price: number): number {
  const step = price < 10_000 ? 10 : 100;
  return Math.max(step, Math.round(price / step) * step);
}
