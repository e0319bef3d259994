import type { Call } from './call.js';
import type { Caller } from './callers.js';
import { CLOCK_CHANGE, isAmbiguous } from './month.js';
import type { DemoSubscription } from './subscriptions.js';

const MIB = 1_048_576;
const HOUR = 3_600_000;
const MOST_CALLED = 97;

/** A call of the watched line that will be rated. */
export interface TalliedCall {
  /** As its source writes it, a whole second. */
  readonly startedAt: number;
  readonly seconds: number;
  readonly called: string;
}

/** What the generator knows of the records that will be rated, to hold the results against. */
export class Tally {
  /** Messages and events by customer. */
  readonly messages = new Map<string, number>();
  readonly events = new Map<string, number>();
  /** Octets in whole MiB that the lines of a customer used. */
  readonly octets = new Map<string, number>();
  /** Calls of one line. */
  readonly calls: TalliedCall[] = [];
  readonly watched: DemoSubscription;

  constructor(subscriptions: readonly DemoSubscription[]) {
    this.watched = watchedLine(subscriptions);
  }

  /** Takes a record that is found for the first time and has nothing wrong. */
  add(call: Call, { subscription }: Caller): void {
    const { partner, plan } = subscription;
    if (call.service === 'sms') count(this.messages, partner, 1);
    if (call.service === 'event') count(this.events, partner, 1);
    if (call.service === 'data' && plan === 'LINE') {
      count(this.octets, partner, Math.ceil(call.quantity / MIB) * MIB);
    }
    if (subscription === this.watched && call.answered) this.calls.push(tallied(call));
  }
}

// The source writes times of Berlin: the hour that comes twice is read as the first.
function tallied({ startedAt, seconds, called, calledLength }: Call): TalliedCall {
  const second = isAmbiguous(startedAt) && startedAt >= CLOCK_CHANGE;
  return {
    startedAt: Math.floor((second ? startedAt - HOUR : startedAt) / 1000) * 1000,
    seconds,
    called: Buffer.from(called.subarray(0, calledLength)).toString(),
  };
}

/** A line of the reseller's, among those that telephone most. */
export function watchedLine(subscriptions: readonly DemoSubscription[]): DemoSubscription {
  const cloud = subscriptions.filter(({ source }) => source === 'cloud');
  const found = cloud.find(
    ({ plan, partner, startsAt, creditLimit }, place) =>
      place % MOST_CALLED === 0 &&
      plan === 'LINE' &&
      partner.startsWith('rheinfunk') &&
      creditLimit === null &&
      startsAt === cloud[0]?.startsAt,
  );
  if (found === undefined) throw new RangeError('no line telephones much');
  return found;
}

function count(counts: Map<string, number>, key: string, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
