import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { FeedFile } from '../../seeds/demo/feed.js';
import { CALLS, writeFeeds } from '../../seeds/demo/feeds.js';
import { berlinFormats } from '../../seeds/demo/formats.js';
import { berlinOffset, CLOCK_CHANGE, MONTH_FROM, MONTH_TO } from '../../seeds/demo/month.js';
import { buildSubscriptions, type DemoSubscription } from '../../seeds/demo/subscriptions.js';
import { demoOperators, demoSources } from '../../seeds/demo/world.js';
import { dialCountries } from '../../seeds/reference/country-codes.js';
import { buildDestinations } from '../../seeds/reference/destinations.js';
import { readCarriers } from '../../seeds/reference/numbering-plan.js';
import { faultCodes, RecordBatch, RecordParser } from '../../src/mediation/index.js';

const folder = mkdtempSync(join(tmpdir(), 'kontor-demo-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const SCALE = 0.12;
const destinations = buildDestinations(dialCountries, readCarriers());
const subscriptions = buildSubscriptions();
const files = [...writeFeeds(folder, subscriptions, destinations, SCALE)];
const prefixes = new Set(destinations.flatMap((each) => each.prefixes));

describe('The subscriptions of the demo', () => {
  it('are about three thousand and nobody has the number of another', () => {
    expect(subscriptions.length).toBeGreaterThan(2900);
    expect(subscriptions.length).toBeLessThan(3100);
    const ranges = subscriptions.flatMap(({ identity }) =>
      identity.kind === 'TRUNK' ? [] : [[Number(identity.from), Number(identity.to)] as const],
    );
    ranges.sort((a, b) => a[0] - b[0]);
    const overlaps = ranges.filter(([from], at) => from <= (ranges[at - 1]?.[1] ?? 0));
    expect(overlaps).toEqual([]);
    expect(ranges.every(([from]) => from > 49_000_000_000 && from < 50_000_000_000)).toBe(true);
  });

  it('have a few small credit limits among the large ones', () => {
    const limits = subscriptions.flatMap(({ creditLimit }) => creditLimit ?? []).map(Number);
    expect(limits.length).toBeGreaterThan(40);
    expect(limits.filter((limit) => limit < 10).length).toBeGreaterThan(5);
  });
});

describe('The record files of the demo', () => {
  it('hold what their counts say, as the real parser reads them', () => {
    for (const source of Object.values(demoSources)) {
      const own = files.filter((file) => file.source === source.name);
      const seen = new Set<string>();
      const found = own.map((file) => readBack(file, seen));
      for (const [at, file] of own.entries()) {
        const { received, rejected, held, duplicate, rated, faults } = file.counts;
        const { faults: foundFaults, ...counts } = found[at] as Found;
        expect({ name: file.name, ...counts }).toEqual({
          name: file.name,
          ...{ received, rejected, held, duplicate, rated },
        });
        expect(foundFaults).toEqual(faults);
        expect(received).toBe(rated + rejected + held + duplicate);
      }
    }
  });

  it('hold every fault that their source can make', () => {
    const faultsOf = (source: string) => {
      const own = files.filter((file) => file.source === source);
      return new Set(own.flatMap((file) => Object.keys(file.counts.faults)));
    };
    const everywhere = ['INVALID_B_NUMBER', 'INVALID_QUANTITY', 'INVALID_TIME', 'MALFORMED_LINE'];
    for (const { name } of Object.values(demoSources)) {
      expect([...faultsOf(name)]).toEqual(expect.arrayContaining(everywhere));
      expect(faultsOf(name)).toContain('UNKNOWN_SUBSCRIBER');
    }
    expect(faultsOf('transit-switch')).toContain('UNKNOWN_TRUNK');
    expect(faultsOf('gateway-berlin')).toContain('UNKNOWN_SERVICE');
    const sum = (key: 'duplicate' | 'held' | 'late' | 'unanswered') =>
      files.reduce((all, file) => all + file.counts[key], 0);
    const received = files.reduce((all, file) => all + file.counts.received, 0);
    expect(sum('duplicate') / received).toBeGreaterThan(0.005);
    expect(sum('duplicate') / received).toBeLessThan(0.02);
    expect(sum('held')).toBeGreaterThan(0);
    expect(sum('late')).toBeGreaterThan(0);
    expect(sum('unanswered') / received).toBeGreaterThan(0.1);
  });

  it('are a million records at full size', () => {
    expect(CALLS.gateway + CALLS.cloud + CALLS.transit).toBeGreaterThanOrEqual(1_000_000);
  });

  it('repeat lines of the file before', () => {
    const lines = (file: FeedFile) => readFileSync(file.path, 'latin1').trimEnd().split('\n');
    const [first, second] = files.map(lines);
    const earlier = new Set(first);
    expect((second ?? []).slice(1).filter((line) => earlier.has(line)).length).toBeGreaterThan(0);
  });

  it('are the same every time', () => {
    const again = join(folder, 'again');
    mkdirSync(again);
    const second = [...writeFeeds(again, subscriptions, destinations, SCALE)];
    const digest = (file: FeedFile) =>
      createHash('sha256').update(readFileSync(file.path)).digest('hex');
    expect(second.map(digest)).toEqual(files.map(digest));
    expect(second.map(({ counts }) => counts)).toEqual(files.map(({ counts }) => counts));
  });

  it('show the hour before the clocks change twice', () => {
    const file = files.find(({ name }) => name === 'transit-switch-2026-10-22.csv');
    expect(file?.counts.ambiguous).toBeGreaterThan(0);
    const text = readFileSync(file?.path ?? '', 'latin1');
    expect(text).toMatch(/;2026102502\d{4};/);
    expect(berlinOffset(CLOCK_CHANGE - 1) - berlinOffset(CLOCK_CHANGE)).toBe(3_600_000);
  });
});

describe('The calls of the demo', () => {
  it('go to one prefix of a hundred four times of five', () => {
    const counts = new Map<string, number>();
    let calls = 0;
    for (const row of rows(files)) {
      const prefix = prefixOf(row.b);
      if (prefix === '') continue;
      counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
      calls += 1;
    }
    const most = [...counts.values()]
      .sort((a, b) => b - a)
      .slice(0, Math.ceil(prefixes.size / 100));
    const share = most.reduce((sum, count) => sum + count, 0) / calls;
    expect(share).toBeGreaterThan(0.78);
    expect(share).toBeLessThan(0.9);
  });

  it('follow the working day and rest on Sunday, all within the month', () => {
    const hours = new Array<number>(24).fill(0);
    const weekdays = new Array<number>(7).fill(0);
    for (const { startedMs } of rows(files)) {
      const local = new Date(startedMs + berlinOffset(startedMs));
      hours[local.getUTCHours()] = (hours[local.getUTCHours()] ?? 0) + 1;
      weekdays[local.getUTCDay()] = (weekdays[local.getUTCDay()] ?? 0) + 1;
      expect(startedMs >= MONTH_FROM && startedMs < MONTH_TO).toBe(true);
    }
    expect(hours[10] ?? 0).toBeGreaterThan(20 * (hours[3] ?? 0));
    expect(weekdays[1] ?? 0).toBeGreaterThan(2 * (weekdays[0] ?? 0));
  });
});

interface Found {
  received: number;
  rated: number;
  rejected: number;
  duplicate: number;
  held: number;
  faults: Record<string, number>;
}

interface Row {
  readonly fault: number;
  readonly a: number;
  readonly b: number;
  readonly inTrunk: number;
  readonly quantity: number;
  readonly startedMs: number;
  readonly identity: string;
  readonly service: number;
}

/** What becomes of the lines of a file by a plain reading of the rules. */
function readBack(file: FeedFile, seen: Set<string>): Found {
  const found: Found = { received: 0, rated: 0, rejected: 0, duplicate: 0, held: 0, faults: {} };
  for (const row of rows([file])) {
    found.received += 1;
    const owned = row.inTrunk > 0 || hasNumber(row.a, row.startedMs);
    const fault = row.fault !== 0 ? faultCodes[row.fault] : owned ? null : 'UNKNOWN_SUBSCRIBER';
    if (fault) {
      found.rejected += 1;
      found.faults[fault] = (found.faults[fault] ?? 0) + 1;
    } else if (seen.has(row.identity)) found.duplicate += 1;
    else {
      seen.add(row.identity);
      const priced = row.service > 2 || row.quantity === 0 || prefixOf(row.b) !== '';
      if (priced) found.rated += 1;
      else found.held += 1;
    }
  }
  return found;
}

function* rows(of: readonly FeedFile[]): Generator<Row> {
  const trunks = subscriptions.flatMap(({ identity }) =>
    identity.kind === 'TRUNK' ? [identity.trunk] : [],
  );
  const outgoing = demoOperators.map(({ trunkOut }) => trunkOut);
  const named = [...trunks, ...outgoing].map((name, at) => [name, at + 1] as const);
  for (const file of of) {
    const facts = {
      timeZone: 'Europe/Berlin',
      trunks: named,
      defaultInTrunkId: 0,
      defaultOutTrunkId: 0,
    };
    const parser = new RecordParser(berlinFormats[file.source] as never, facts);
    const bytes = readFileSync(file.path);
    let at = 0;
    const batch = new RecordBatch();
    const header = parser.header(batch);
    for (let line = 0; line < header.lines; line += 1) at = bytes.indexOf(10, at) + 1;
    while (at < bytes.length) {
      at = parser.parse(bytes, at, bytes.length, true, batch);
      for (let row = 0; row < batch.count; row += 1) yield rowOf(batch, row);
    }
  }
}

function rowOf(batch: RecordBatch, row: number): Row {
  const words = [batch.identity0, batch.identity1, batch.identity2, batch.identity3];
  const fault = batch.fault[row] ?? 0;
  return {
    fault,
    a: batch.aNumber[row] ?? 0,
    b: fault === 0 ? (batch.bNumber[row] ?? 0) : 0,
    inTrunk: fault === 0 ? (batch.inTrunk[row] ?? 0) : 0,
    quantity: batch.quantity[row] ?? 0,
    startedMs: fault === 0 ? (batch.startedMs[row] ?? 0) : MONTH_FROM,
    identity: words.map((each) => each[row]).join(' '),
    service: batch.service[row] ?? 0,
  };
}

const owners = new Map<number, DemoSubscription>();
for (const subscription of subscriptions) {
  const { identity } = subscription;
  if (identity.kind === 'TRUNK') continue;
  for (let number = Number(identity.from); number <= Number(identity.to); number += 1) {
    owners.set(number, subscription);
  }
}

function hasNumber(number: number, atMs: number): boolean {
  return (owners.get(number)?.startsAt ?? Number.POSITIVE_INFINITY) <= atMs;
}

function prefixOf(number: number): string {
  const digits = String(number);
  for (let length = digits.length; length > 0; length -= 1) {
    if (prefixes.has(digits.slice(0, length))) return digits.slice(0, length);
  }
  return '';
}
