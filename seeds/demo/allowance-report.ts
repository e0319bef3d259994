import type { Client } from './client.js';
import { MONTH_TO } from './month.js';
import { foldCounts, PERIOD } from './steps.js';
import { buildSubscriptions, type DemoSubscription } from './subscriptions.js';
import { watchedLine } from './tally.js';
import { grouped, type Terminal } from './terminal.js';

interface Balance {
  readonly name: string;
  readonly sharing: string;
  readonly granted: string;
  readonly rolledIn: string;
  readonly bonus: string;
  readonly used: string;
  readonly left: string;
}

interface Points {
  readonly name: string;
  readonly sharing: string;
  readonly points: string;
}

interface Line {
  readonly label: string;
  readonly bucketBalances: {
    readonly buckets: readonly Balance[];
    readonly points: readonly Points[];
  };
}

/** What was priced with tiers and allowances, and what some lines have left of theirs. */
export async function printAllowances(client: Client, terminal: Terminal): Promise<void> {
  const { runs, contracts, records, adjusted } = await foldCounts(client);
  terminal.title('Months with tiers, volume discounts and allowances');
  // A contract counts again with every delivery that makes its month be priced anew.
  terminal.line(
    `  ${grouped(runs)} runs: ${grouped(contracts)} contracts, ${grouped(records)} records, ` +
      `${grouped(adjusted)} of them adjusted`,
  );
  const lines: Line[] = [];
  for (const subscription of shownLines()) lines.push(await lineOf(client, subscription));
  terminal.table(
    ['line', 'allowance', 'shared by', 'granted', 'rolled in', 'bonus', 'used', 'left'],
    lines.flatMap(({ label, bucketBalances: { buckets, points } }) => [
      ...buckets.map((bucket) => [
        label,
        bucket.name,
        bucket.sharing.toLowerCase(),
        ...[bucket.granted, bucket.rolledIn, bucket.bonus, bucket.used, bucket.left].map(plain),
      ]),
      ...points.map((earned) => [
        label,
        earned.name,
        earned.sharing.toLowerCase(),
        ...['', '', plain(earned.points), '', ''],
      ]),
    ]),
    3,
  );
}

/** One line with minutes, one with octets that branches share, one with money. */
function shownLines(): DemoSubscription[] {
  const all = buildSubscriptions();
  const first = (account: string) =>
    all.filter((each) => each.plan === 'LINE' && each.account === account).slice(0, 1);
  return [watchedLine(all), ...first('hub-2/bremen'), ...first('kieztel-1')];
}

async function lineOf(client: Client, { identity }: DemoSubscription): Promise<Line> {
  const { line } = await client.call<{ line: Line }>(
    `query Line($number: String!, $at: DateTime!, $month: String!) {
       line: subscriptionForNumber(number: $number, at: $at) {
         label
         bucketBalances(month: $month) {
           buckets { name sharing granted rolledIn bonus used left }
           points { name sharing points }
         }
       }
     }`,
    {
      number: identity.kind === 'TRUNK' ? '' : identity.from,
      // Some lines begin within the month.
      at: new Date(MONTH_TO - 1).toISOString(),
      month: PERIOD,
    },
  );
  return line;
}

/** A decimal with separators between thousands, as exact as it is. */
function plain(decimal: string): string {
  const [whole = '0', part] = decimal.split('.');
  return part === undefined ? grouped(whole) : `${grouped(whole)}.${part}`;
}
