import type { ReferenceDestination } from '../reference/destinations.js';
import { type Call, NO_TRUNK } from './call.js';
import { CalledNumbers } from './called-numbers.js';
import { Callers } from './callers.js';
import { Feed, type FeedFile, type FeedPlan } from './feed.js';
import { asteriskFormat, kontorFormat, type LineFormat, switchFormat } from './line-format.js';
import { WEEKS } from './month.js';
import { Random } from './random.js';
import type { DemoSubscription } from './subscriptions.js';
import { Tally } from './tally.js';
import { type DemoSource, demoOperators, demoSources } from './world.js';

/** Calls of the month by source; the faults add to them. */
export const CALLS: Readonly<Record<DemoSource, number>> = {
  gateway: 430_000,
  cloud: 270_000,
  transit: 340_000,
};

const formats: Readonly<Record<DemoSource, LineFormat>> = {
  gateway: kontorFormat,
  cloud: asteriskFormat,
  transit: switchFormat,
};

const seeds: Readonly<Record<DemoSource, number>> = { gateway: 101, cloud: 202, transit: 303 };
const outTrunks = demoOperators.map(({ trunkOut }) => Buffer.from(trunkOut));
const inTrunks = demoOperators.map(({ trunkIn }) => Buffer.from(trunkIn));
const PRESENTED = '4930555000';
/** Of ten calls to a country so many go to the operator that is best there. */
const BEST_OF_TEN = 7;

/**
 * Writes the record files of the demo into a folder that exists, one after the other and every
 * time the same, and says what they hold. `tally` counts what will be rated; `scale` makes the
 * month smaller for tests.
 */
export function* writeFeeds(
  folder: string,
  subscriptions: readonly DemoSubscription[],
  destinations: readonly ReferenceDestination[],
  scale = 1,
  tally = new Tally(subscriptions),
): Generator<FeedFile> {
  const called = new CalledNumbers(destinations);
  for (const source of Object.keys(demoSources) as DemoSource[]) {
    const own = subscriptions.filter((each) => each.source === source);
    const feed = new Feed({
      source: demoSources[source].name,
      calls: Math.round(CALLS[source] * scale),
      format: formats[source],
      callers: new Callers(own, PRESENTED),
      called,
      random: new Random(seeds[source]),
      tally,
      route: source === 'transit' ? transitRoute(called) : routes[source],
    });
    for (let week = 0; week < WEEKS.length; week += 1) yield feed.write(folder, week);
  }
}

const routes: Readonly<Record<Exclude<DemoSource, 'transit'>, FeedPlan['route']>> = {
  gateway: (call, random, voiceOnly) => {
    const kind = voiceOnly ? 100 : random.below(100);
    if (kind >= 12) call.outTrunk = bestTrunk(call, random);
    else if (kind < 8) {
      call.service = 'sms';
      call.outTrunk = outTrunks[0] ?? NO_TRUNK;
    } else {
      call.service = kind < 11 ? 'data' : 'event';
      call.calledLength = 0;
    }
  },
  // The shared PBX names no trunks: its source says which one everything leaves by.
  cloud: () => {},
};

/** Transit comes from anybody's numbers, and nobody gets his own traffic back. */
function transitRoute(numbers: CalledNumbers): FeedPlan['route'] {
  return (call, random) => {
    const best = bestTrunk(call, random);
    const own = inTrunks.findIndex((trunk) => equal(trunk, call.inTrunk));
    call.outTrunk = outTrunks[own] === best ? (outTrunks[(own + 1) % 3] ?? best) : best;
    if (own >= 0) call.callingLength = numbers.draw(random, call.calling, call.circle);
  };
}

function bestTrunk(call: Call, random: Random): Uint8Array {
  const country = (call.called[0] ?? 0) * 7 + (call.called[1] ?? 0);
  const second = random.below(10) >= BEST_OF_TEN ? 1 + random.below(2) : 0;
  return outTrunks[(country + second) % outTrunks.length] ?? NO_TRUNK;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
