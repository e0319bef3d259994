import type { ReferenceDestination } from '../reference/destinations.js';
import { EVENT_SURCHARGE, POOL_OCTETS } from './allowances.js';
import { EVENT_TIERS, MESSAGE_TIERS } from './charges.js';
import type { Client } from './client.js';
import { byVolume, germanCalls, graduated, tenThousandths } from './expected.js';
import { MONTH_FROM, MONTH_TO } from './month.js';
import type { Nodes, Setup } from './setup.js';
import { PERIOD, usageByDestination } from './steps.js';
import type { Tally } from './tally.js';

const PAGE = 500;

/**
 * Throws unless tiers, surcharges, shared and free units come to what the records that were
 * written make by a computation of the demo's own.
 */
export async function assertAllowances(
  client: Client,
  setup: Setup,
  tally: Tally,
  destinations: readonly ReferenceDestination[],
): Promise<void> {
  const rows = await usageByDestination(client);
  const revenue = (service: string) =>
    rows
      .filter((row) => row.service === service)
      .reduce((sum, row) => sum + tenThousandths(row.revenue ?? '0'), 0n);
  const total = (counts: ReadonlyMap<string, number>, price: (units: number) => bigint) =>
    [...counts.values()].reduce((sum, units) => sum + price(units), 0n);
  expectSame(
    'messages by tiers',
    revenue('SMS'),
    total(tally.messages, (units) => graduated(MESSAGE_TIERS, units)),
  );
  expectSame(
    'events by volume',
    revenue('EVENT'),
    total(tally.events, (units) => byVolume(EVENT_TIERS, units, EVENT_SURCHARGE)),
  );
  for (const [customer, octets] of tally.octets) {
    const used = await poolUse(client, setup.id('account', customer));
    expectSame(`shared octets of ${customer}`, used, BigInt(Math.min(octets, POOL_OCTETS)));
  }
  const expected = germanCalls(tally.calls, destinations);
  const found = await watchedLine(client, tally);
  expectSame('free seconds of a line', found.free, BigInt(expected.free));
  expectSame('charges of a line', found.charged, expected.charged);
}

function expectSame(what: string, actual: bigint, wanted: bigint): void {
  if (actual === wanted) return;
  throw new Error(`${what}: Kontor says ${actual}, but what was written comes to ${wanted}`);
}

interface Balances {
  readonly buckets: readonly { readonly kind: string; readonly used: string }[];
}

async function poolUse(client: Client, accountId: string): Promise<bigint> {
  const { account } = await client.call<{ account: { bucketBalances: Balances } }>(
    `query Pool($id: ID!, $month: String!) {
       account(id: $id) { bucketBalances(month: $month) { buckets { kind used } } }
     }`,
    { id: accountId, month: PERIOD },
  );
  return BigInt(account.bucketBalances.buckets[0]?.used ?? -1);
}

interface Priced {
  readonly bNumber: string | null;
  readonly prices: readonly { readonly level: string; readonly amount: string }[];
}

interface WatchedLine {
  readonly subscriptionForNumber: { readonly id: string; readonly bucketBalances: Balances };
}

async function watchedLine(
  client: Client,
  { watched }: Tally,
): Promise<{ free: bigint; charged: bigint }> {
  const number = watched.identity.kind === 'TRUNK' ? '' : watched.identity.from;
  const { subscriptionForNumber: line } = await client.call<WatchedLine>(
    `query Line($number: String!, $at: DateTime!, $month: String!) {
       subscriptionForNumber(number: $number, at: $at) {
         id
         bucketBalances(month: $month) { buckets { kind used } }
       }
     }`,
    { number, at: new Date(MONTH_FROM).toISOString(), month: PERIOD },
  );
  let charged = 0n;
  for await (const { bNumber, prices } of callsOf(client, line.id)) {
    if (!bNumber?.startsWith('49')) continue;
    charged += tenThousandths(prices.find(({ level }) => level === 'RETAIL')?.amount ?? '');
  }
  return { free: BigInt(line.bucketBalances.buckets[0]?.used ?? -1), charged };
}

async function* callsOf(client: Client, subscriptionId: string): AsyncGenerator<Priced> {
  const filter = {
    subscriptionId,
    from: new Date(MONTH_FROM).toISOString(),
    to: new Date(MONTH_TO).toISOString(),
  };
  for (let after: string | null = null; ; ) {
    const { xdrs: page }: { xdrs: XdrPage } = await client.call(
      `query Calls($filter: XdrFilter!, $first: Int!, $after: String) {
         xdrs(filter: $filter, first: $first, after: $after) {
           edges { node { bNumber prices { level amount } } }
           pageInfo { hasNextPage endCursor }
         }
       }`,
      { filter, first: PAGE, after },
    );
    for (const { node } of page.edges) yield node;
    if (!page.pageInfo.hasNextPage) return;
    after = page.pageInfo.endCursor;
  }
}

interface XdrPage extends Nodes<Priced> {
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}
