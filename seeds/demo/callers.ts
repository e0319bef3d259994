import type { Circle } from './called-numbers.js';
import { drawTable, hashOf, type Random } from './random.js';
import type { DemoSubscription } from './subscriptions.js';

const TABLE = 16_384;
/** Destinations that a customer, or an operator with its own customers, deals with. */
const CUSTOMER_CIRCLE = 90;
const CARRIER_CIRCLE = 600;

/** Who calls: a number, one of a hundred numbers, or a trunk. */
export interface Caller {
  readonly subscription: DemoSubscription;
  readonly startsAt: number;
  /** Digits of the number; of a range all but the last two. */
  readonly digits: Uint8Array;
  readonly range: boolean;
  readonly circle: Circle;
  /** Name of the trunk by which the calls come in; empty for none. */
  readonly trunk: Uint8Array;
}

/** The callers of one source; few of them make most of the calls. */
export class Callers {
  readonly #callers: Caller[];
  readonly #settled: Caller[];
  readonly #table: Uint16Array;

  /** `presented` are the digits that calls by a trunk show as calling number. */
  constructor(subscriptions: readonly DemoSubscription[], presented: string) {
    this.#callers = subscriptions.map((each) => callerOf(each, presented));
    this.#settled = this.#callers.filter(({ startsAt }) => startsAt === this.#callers[0]?.startsAt);
    const weights = subscriptions.map(({ plan }, place) => {
      const skew = 1 + 40 / (1 + (place % 97));
      if (plan === 'INTERCONNECT') return 3000;
      if (plan === 'PBX') return 900;
      return plan === 'RANGE' ? 8 * skew : skew;
    });
    this.#table = drawTable(weights, TABLE);
  }

  /** A caller whose subscription had begun at that time. */
  draw(random: Random, atMs: number): Caller {
    const drawn = this.#callers[this.#table[random.below(TABLE)] ?? 0];
    if (drawn !== undefined && drawn.startsAt <= atMs) return drawn;
    const other = this.#settled[random.below(this.#settled.length)];
    if (other === undefined) throw new RangeError('nobody calls');
    return other;
  }
}

function callerOf(subscription: DemoSubscription, presented: string): Caller {
  const { identity, startsAt, partner, plan } = subscription;
  const size = plan === 'INTERCONNECT' ? CARRIER_CIRCLE : CUSTOMER_CIRCLE;
  const circle = { seed: hashOf(partner), size };
  if (identity.kind === 'TRUNK') {
    const digits = Buffer.from(presented);
    const trunk = Buffer.from(identity.trunk);
    return { subscription, startsAt, circle, digits, range: true, trunk };
  }
  const range = identity.kind === 'RANGE';
  const digits = Buffer.from(range ? identity.from.slice(0, -2) : identity.from);
  return { subscription, startsAt, circle, digits, range, trunk: new Uint8Array() };
}
