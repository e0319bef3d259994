import { type EffectiveTable, tableKey } from './inherit.js';
import type { EffectiveRate } from './rate-row.js';
import { overlay, type Timeline } from './timeline.js';

/**
 * The prices over time of the numbers that begin with a prefix and with no longer one of the
 * table: where the prefix has no price the next shorter one shows. Lines are worked out once, and
 * prefixes that fall through share the line of what they fall to. Prices for some calling numbers
 * alone are left out.
 */
export class PriceLines {
  readonly table: EffectiveTable;
  readonly #from: number;
  #longer: { than: ReadonlySet<string>; found: ReadonlySet<string> } | null = null;
  readonly #lines = new Map<string, Timeline<EffectiveRate>>();

  /** Only prices from this instant on are of interest. */
  constructor(table: EffectiveTable, from: number) {
    this.table = table;
    this.#from = from;
  }

  /** Band 0 is the price without band. */
  lineOf(prefix: string, bandId: number): Timeline<EffectiveRate> {
    const key = tableKey(prefix, bandId);
    const own = this.table.get(key)?.versions;
    if (own !== undefined && isLasting(own, this.#from)) return own;
    let line = this.#lines.get(key);
    if (line === undefined) {
      line = this.#make(prefix, bandId, own);
      this.#lines.set(key, line);
    }
    return line;
  }

  /** Prefixes of the table that begin with one of these and are longer; they are none of these. */
  longerThan(prefixes: ReadonlySet<string>): ReadonlySet<string> {
    if (this.#longer?.than === prefixes) return this.#longer.found;
    const found = new Set<string>();
    for (const { prefix } of this.table.values()) {
      if (!prefixes.has(prefix) && beginsIn(prefix, prefixes)) found.add(prefix);
    }
    this.#longer = { than: prefixes, found };
    return found;
  }

  #make(
    prefix: string,
    bandId: number,
    own: Timeline<EffectiveRate> | undefined,
  ): Timeline<EffectiveRate> {
    const shorter = prefix === '' ? [] : this.lineOf(prefix.slice(0, -1), bandId);
    if (bandId === 0) return laid(own, shorter);
    const plain = this.lineOf(prefix, 0);
    const falls = prefix === '' ? [] : this.lineOf(prefix.slice(0, -1), 0);
    if (own === undefined && shorter === falls) return plain;
    // Between the band's own price and what the band has at shorter prefixes stands the prefix's
    // own price without band.
    return laid(own, laid(this.table.get(prefix)?.versions, shorter));
  }
}

function laid(
  above: Timeline<EffectiveRate> | undefined,
  below: Timeline<EffectiveRate>,
): Timeline<EffectiveRate> {
  if (above === undefined || above.length === 0) return below;
  return below.length === 0 ? above : overlay([above, below]);
}

function beginsIn(prefix: string, others: ReadonlySet<string>): boolean {
  for (let length = prefix.length - 1; length >= 0; length -= 1) {
    if (others.has(prefix.slice(0, length))) return true;
  }
  return false;
}

/** Whether one price holds from an instant on for ever: then nothing shows through. */
export function isLasting(line: Timeline<EffectiveRate>, from: number): boolean {
  const last = line.at(-1);
  return last !== undefined && last.from <= from && last.to === null;
}
