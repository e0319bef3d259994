import type { CalledNumbers, Circle } from './called-numbers.js';
import type { Caller } from './callers.js';
import type { Random } from './random.js';

export type CallService = 'voice' | 'sms' | 'data' | 'event';

// Seconds that a call lasts at parts of a hundred; between them along a straight line.
const QUANTILES: readonly (readonly [part: number, seconds: number])[] = [
  [0, 1],
  [5, 4],
  [10, 9],
  [20, 22],
  [30, 40],
  [40, 62],
  [50, 90],
  [60, 128],
  [70, 180],
  [80, 270],
  [90, 480],
  [95, 840],
  [98, 1500],
  [99, 2700],
  [100, 7200],
];
const DURATIONS = 4096;
const MOST_RINGING_MS = 25_000;
const DATA_OCTETS = 80_000_000;

/** One call, message or session; one object is filled again and again. */
export class Call {
  serial = 0;
  service: CallService = 'voice';
  setupAt = 0;
  startedAt = 0;
  answered = true;
  /** Milliseconds of a call; messages, octets or events of the others. */
  quantity = 0;
  readonly calling = new Uint8Array(24);
  callingLength = 0;
  readonly called = new Uint8Array(24);
  calledLength = 0;
  circle: Circle = { seed: 0, size: 1 };
  inTrunk: Uint8Array = NO_TRUNK;
  outTrunk: Uint8Array = NO_TRUNK;

  /** Whole seconds that the call lasted; a second that has begun counts. */
  get seconds(): number {
    return Math.ceil(this.quantity / 1000);
  }

  from(caller: Caller, random: Random): void {
    this.calling.set(caller.digits);
    this.callingLength = caller.digits.length;
    if (caller.range) {
      this.calling[this.callingLength++] = 48 + random.below(10);
      this.calling[this.callingLength++] = 48 + random.below(10);
    }
    this.circle = caller.circle;
    this.inTrunk = caller.trunk;
  }

  /** A number of Berlin that was never given to anybody. */
  fromStranger(random: Random): void {
    this.callingLength = 11;
    this.calling.set(STRANGER);
    for (let at = STRANGER.length; at < 11; at += 1) this.calling[at] = 48 + random.below(10);
    this.inTrunk = NO_TRUNK;
  }

  to(numbers: CalledNumbers, random: Random, priced: boolean): void {
    this.calledLength = priced
      ? numbers.draw(random, this.called, this.circle)
      : numbers.drawUnassigned(random, this.called);
  }

  /** Begins at `atMs`, when it was answered; an unanswered call has lasted no time. */
  begin(atMs: number, answered: boolean, random: Random): void {
    const ringing = answered ? random.below(MOST_RINGING_MS) : 0;
    this.startedAt = atMs;
    this.setupAt = atMs - ringing;
    this.answered = answered;
    this.quantity = 0;
    if (answered) this.quantity = quantityOf(this.service, random);
  }
}

export const NO_TRUNK = new Uint8Array();
const STRANGER = Buffer.from('49309');

const durations = Int32Array.from({ length: DURATIONS }, (_, place) => {
  const part = (place * 100) / DURATIONS;
  const next = QUANTILES.findIndex(([limit]) => limit > part);
  const [fromPart, from] = QUANTILES[next - 1] ?? [0, 1];
  const [toPart, to] = QUANTILES[next] ?? [100, 7200];
  return Math.round((from + ((to - from) * (part - fromPart)) / (toPart - fromPart)) * 1000);
});

function quantityOf(service: CallService, random: Random): number {
  if (service === 'voice') return (durations[random.below(DURATIONS)] ?? 0) + random.below(1000);
  return service === 'data' ? 20_000 + random.below(DATA_OCTETS) : 1;
}
