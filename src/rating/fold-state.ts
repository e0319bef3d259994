import { invariant } from '../kernel/index.js';
import { Counters } from './counters.js';
import { decodePot, encodePot, type Pot, type StoredPot } from './pots.js';

const COUNTERS = ['tiers', 'volumes', 'caps', 'bonusTotals', 'bonusTimes', 'points'] as const;

/**
 * What a contract's month has come to after some of its records: all that decides what the next
 * one costs. Kept with the results of a fold, so that a later one can go on from there.
 */
export class MonthState {
  pots: readonly Pot[] = [];
  /** Units by tier schedule, holder and period. */
  readonly tiers = new Counters();
  /** What price rules have counted, and given of their caps; by rule, holder and period. */
  readonly volumes = new Counters();
  readonly caps = new Counters();
  /** What bonus rules have counted, how often they have granted, and points; by rule and holder. */
  readonly bonusTotals = new Counters();
  readonly bonusTimes = new Counters();
  readonly points = new Counters();

  /** Pots, who used them, and sums: what its bytes grow with. */
  get size(): number {
    const pots = this.pots.reduce((sum, { usedBy }) => sum + 1 + usedBy.size, 0);
    return COUNTERS.reduce((sum, name) => sum + this[name].size, pots);
  }
}

/** The form of the bytes; those of another are not understood. */
const FORM = 1;

type Sum = readonly [id: number, key: number, sum: number];
type StoredState = { readonly form: number; readonly pots: readonly StoredPot[] } & Readonly<
  Record<(typeof COUNTERS)[number], readonly Sum[]>
>;

/** A state as JSON. All of its numbers are whole and below 2^53 in size. */
export function encodeState(state: MonthState): Buffer {
  const sums = COUNTERS.map((name) => [
    name,
    state[name].all().map(({ id, key, sum }) => [id, key, sum]),
  ]);
  const stored = { form: FORM, pots: state.pots.map(encodePot), ...Object.fromEntries(sums) };
  return Buffer.from(JSON.stringify(stored));
}

export function decodeState(bytes: Buffer): MonthState {
  const stored = JSON.parse(bytes.toString()) as StoredState;
  invariant(stored.form === FORM, 'a state has the form that is written now');
  const state = new MonthState();
  state.pots = stored.pots.map(decodePot);
  for (const name of COUNTERS) {
    for (const [id, key, sum] of stored[name]) state[name].add(id, key, sum);
  }
  return state;
}
