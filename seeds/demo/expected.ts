import type { ReferenceDestination } from '../reference/destinations.js';
import { CARRIED_SECONDS, FREE_SECONDS } from './allowances.js';
import type { DemoTiers } from './charges.js';
import type { TalliedCall } from './tally.js';

// What a month comes to, worked out from what was written and by the rules alone: nothing of the
// product computes here. Money is in ten-thousandths of a euro, to which the product rounds.

const UNIT = 10_000n;

/** Every message at the price of the tier that it falls in. */
export function graduated({ steps }: DemoTiers, units: number): bigint {
  let sum = 0n;
  let from = 0;
  for (const [upTo, price] of steps) {
    const to = Math.min(units, upTo ?? units);
    if (to > from) sum += BigInt(to - from) * tenThousandths(price);
    from = upTo ?? units;
  }
  return sum;
}

/** All events at the price of the tier that holds their number, and a surcharge on each. */
export function byVolume({ steps }: DemoTiers, units: number, surcharge: string): bigint {
  const [, price] = steps.find(([upTo]) => upTo === null || units <= upTo) ?? [null, '0'];
  return BigInt(units) * (tenThousandths(price) + tenThousandths(surcharge));
}

/** What a line of Rheinfunk uses of its free minutes, and pays for its other calls to Germany. */
export function germanCalls(
  calls: readonly TalliedCall[],
  destinations: readonly ReferenceDestination[],
): { free: number; charged: bigint } {
  const german = destinations.filter(({ country }) => country === 'DE');
  const kinds = new Map(german.flatMap(({ prefixes, kind }) => prefixes.map((p) => [p, kind])));
  let left = FREE_SECONDS + CARRIED_SECONDS;
  let charged = 0n;
  for (const { seconds, called } of [...calls].sort((a, b) => a.startedAt - b.startedAt)) {
    if (!called.startsWith('49')) continue;
    // The first minute is charged as a whole, then every second.
    const billed = Math.max(60, seconds);
    const covered = Math.min(left, billed);
    left -= covered;
    if (covered === billed) continue;
    const perMinute = kindOf(called, kinds) === 'MOBILE' ? 35_000n : 12_000n;
    charged += rounded(40_000n * 60n + perMinute * BigInt(billed - covered), 6_000n);
  }
  return { free: FREE_SECONDS + CARRIED_SECONDS - left, charged };
}

function kindOf(called: string, kinds: ReadonlyMap<string, string>): string | undefined {
  for (let length = called.length; length > 0; length -= 1) {
    const kind = kinds.get(called.slice(0, length));
    if (kind !== undefined) return kind;
  }
  return undefined;
}

/** A quotient of whole numbers from 0, rounded half up. */
function rounded(value: bigint, divisor: bigint): bigint {
  return (2n * value + divisor) / (2n * divisor);
}

/** A decimal in ten-thousandths; it must have no more than four places. */
export function tenThousandths(decimal: string): bigint {
  const [whole = '0', part = ''] = decimal.split('.');
  const places = part.replace(/0+$/, '');
  if (places.length > 4) throw new RangeError(`${decimal} has more than four decimals`);
  return BigInt(whole) * UNIT + BigInt(places.padEnd(4, '0'));
}
