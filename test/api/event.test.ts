import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  appendEvent,
  connectWorker,
  Doorbell,
  type EventRow,
  EventStream,
  type EventStreamOptions,
  enterScope,
  lastPosition,
  SYSTEM_SCOPE,
} from '../../src/platform/index.js';
import { plainDatabase } from '../fixtures/plain-database.js';

let stage: Awaited<ReturnType<typeof plainDatabase>>;
const streams = new Set<EventStream>();

beforeAll(async () => {
  stage = await plainDatabase();
});
afterEach(async () => {
  for (const stream of streams) await stream.stop();
  streams.clear();
});
afterAll(() => stage.drop());

async function startStream(options: EventStreamOptions = {}): Promise<EventStream> {
  const stream = new EventStream(stage.database, { pollMs: 50, ...options });
  streams.add(stream);
  await stream.start();
  return stream;
}

function append(topic: string, key: string, partnerId = 1): Promise<void> {
  return stage.database.write(SYSTEM_SCOPE, (tx) =>
    appendEvent(tx, { topic, partnerId, key, payload: { key } }),
  );
}

async function appendMany(topic: string, count: number): Promise<void> {
  await stage.database.write(SYSTEM_SCOPE, async (tx) => {
    for (let at = 0; at < count; at += 1) {
      await appendEvent(tx, { topic, partnerId: 1, key: String(at), payload: {} });
    }
  });
}

async function take(source: AsyncIterator<EventRow>, count: number): Promise<EventRow[]> {
  const events: EventRow[] = [];
  while (events.length < count) {
    const step = await source.next();
    if (step.done) break;
    events.push(step.value);
  }
  return events;
}

const keys = (events: readonly EventRow[]) => events.map((event) => event.key);

/** Whether nothing comes within a moment; the step asked for stays asked for. */
async function isQuiet(source: AsyncIterator<EventRow>): Promise<boolean> {
  return Promise.race([source.next().then(() => false), delay(300).then(() => true)]);
}

/** An event in a transaction that stays open until `commit`. */
async function openAppend(topic: string, key: string) {
  const client = await connectWorker(stage.url, 'test');
  await client.query('BEGIN');
  await enterScope(client, SYSTEM_SCOPE);
  await appendEvent(client, { topic, partnerId: 1, key, payload: {} });
  return async () => {
    await client.query('COMMIT');
    await client.end();
  };
}

describe('events', () => {
  it('are missed by nobody and repeated to nobody when commits overtake each other', async () => {
    const stream = await startStream();
    const source = stream.subscribe({ topic: 'overtake' });
    const commitEarly = await openAppend('overtake', 'begun first');
    const commitLate = await openAppend('overtake', 'begun second');
    await commitLate();
    const first = await take(source, 1);
    expect(keys(first)).toEqual(['begun second']);
    await commitEarly();
    const second = await take(source, 1);
    expect(keys(second)).toEqual(['begun first']);
    expect(second[0]!.position).toBeGreaterThan(first[0]!.position);
    const resumed = stream.subscribe({ topic: 'overtake', after: first[0]!.position });
    expect(keys(await take(resumed, 1))).toEqual(['begun first']);
    expect(await isQuiet(source)).toBe(true);
  });

  it('come once and in one order to readers in several processes under load', async () => {
    const doorbell = new Doorbell(stage.url);
    await doorbell.start();
    const [a, b] = [await startStream({ doorbell }), await startStream({ pageSize: 7 })];
    const sources = [a.subscribe({ topic: 'load' }), b.subscribe({ topic: 'load' })];
    const writers = Array.from({ length: 6 }, async (_, writer) => {
      for (let at = 0; at < 40; at += 1) {
        await stage.database.write(SYSTEM_SCOPE, async (tx) => {
          await appendEvent(tx, {
            topic: 'load',
            partnerId: 1,
            key: `${writer}.${at}`,
            payload: {},
          });
          if (at % 5 === writer % 5) await tx.query('SELECT pg_sleep(0.01)');
        });
      }
    });
    const [seenA = [], seenB = []] = await Promise.all(sources.map((each) => take(each, 240)));
    await Promise.all(writers);
    await doorbell.stop();
    expect(new Set(keys(seenA)).size).toBe(240);
    expect(seenB.map((event) => event.position)).toEqual(seenA.map((event) => event.position));
  });

  it('are not written when their cause is rolled back', async () => {
    const stream = await startStream();
    const source = stream.subscribe({ topic: 'cause' });
    const failing = stage.database.write(SYSTEM_SCOPE, async (tx) => {
      await appendEvent(tx, { topic: 'cause', partnerId: 1, key: 'no', payload: {} });
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    await append('cause', 'yes');
    expect(keys(await take(source, 1))).toEqual(['yes']);
  });

  it('of a partner who was created a moment ago come too', async () => {
    const stream = await startStream();
    const source = stream.subscribe({ topic: 'new partner' });
    await stage.database.write(SYSTEM_SCOPE, async (tx) => {
      await tx.query(`SELECT set_config('kontor.partner_ids', '{1,2}', true)`);
      await tx.query(`INSERT INTO partner (id, parent_id, path, depth, kind, name, country)
        VALUES (2, 1, '{1,2}', 1, 'RESELLER', 'New', 'DE')`);
      await appendEvent(tx, { topic: 'new partner', partnerId: 2, key: 'theirs', payload: {} });
    });
    expect(keys(await take(source, 1))).toEqual(['theirs']);
  });
});

describe('a subscriber', () => {
  it('passes from the table to the live events without gap and without repetition', async () => {
    const stream = await startStream({ pageSize: 10 });
    const start = await stage.database.read(SYSTEM_SCOPE, lastPosition);
    await appendMany('handover', 95);
    const source = stream.subscribe({ topic: 'handover', after: start });
    const more = (async () => {
      for (let at = 0; at < 60; at += 1) await append('handover', `live ${at}`);
    })();
    const seen = await take(source, 155);
    await more;
    expect(new Set(seen.map((event) => event.position)).size).toBe(155);
    expect(keys(seen).slice(-60)).toEqual(Array.from({ length: 60 }, (_, at) => `live ${at}`));
    expect(await isQuiet(source)).toBe(true);
  });

  it('gets its topic, its key and what its filter lets through', async () => {
    const stream = await startStream();
    const byKey = stream.subscribe({ topic: 'choice', key: 'b' });
    const byFilter = stream.subscribe({ topic: 'choice', filter: (event) => event.key > 'b' });
    for (const [topic, key] of [
      ['choice', 'a'],
      ['other', 'b'],
      ['choice', 'b'],
      ['choice', 'c'],
    ] as const) {
      await append(topic, key);
    }
    expect(keys(await take(byFilter, 1))).toEqual(['c']);
    expect(keys(await take(byKey, 1))).toEqual(['b']);
    expect(await isQuiet(byKey)).toBe(true);
  });

  it('that does not read is cut off alone, and loses nothing when it resumes', async () => {
    const stream = await startStream({ queueLimit: 100 });
    const slow = stream.subscribe({ topic: 'flood' });
    const quick = stream.subscribe({ topic: 'flood' });
    const waiting = [slow.next(), quick.next()];
    await append('flood', 'first');
    const [last] = await Promise.all(waiting);
    for (let part = 0; part < 4; part += 1) {
      await appendMany('flood', 50);
      expect(await take(quick, 50)).toHaveLength(50);
    }
    await expect(slow.next()).rejects.toMatchObject({ code: 'SLOW_READER' });
    expect((await slow.next()).done).toBe(true);
    expect(stream.subscriberCount).toBe(1);
    const resumed = stream.subscribe({ topic: 'flood', after: last!.value.position });
    expect(await take(resumed, 200)).toHaveLength(200);
  });

  it('is not cut off while it still reads the past', async () => {
    const stream = await startStream({ queueLimit: 10, pageSize: 5 });
    const start = await stage.database.read(SYSTEM_SCOPE, lastPosition);
    const source = stream.subscribe({ topic: 'past', after: start });
    await appendMany('past', 40);
    await delay(300);
    expect(await take(source, 40)).toHaveLength(40);
  });

  it('ends at once, even while it waits', async () => {
    const stream = await startStream();
    const source = stream.subscribe({ topic: 'end' });
    const step = source.next();
    await delay(50);
    await source.return?.();
    expect(await step).toEqual({ done: true, value: undefined });
    expect(stream.subscriberCount).toBe(0);
  });

  it('ends with the stream, also while it reads the past', async () => {
    const stream = await startStream({ pageSize: 5 });
    const start = await stage.database.read(SYSTEM_SCOPE, lastPosition);
    await appendMany('stopped', 30);
    const past = stream.subscribe({ topic: 'stopped', after: start });
    const live = stream.subscribe({ topic: 'stopped nothing' });
    const waiting = live.next();
    await take(past, 3);
    await stream.stop();
    expect((await waiting).done).toBe(true);
    expect((await past.next()).done).toBe(true);
  });

  it('that has read further elsewhere gets nothing again from a process that lags', async () => {
    const ahead = await startStream();
    const behind = await startStream({ pollMs: 400 });
    const start = await stage.database.read(SYSTEM_SCOPE, lastPosition);
    await appendMany('lag', 20);
    const seen = await take(ahead.subscribe({ topic: 'lag', after: start }), 20);
    const moved = behind.subscribe({ topic: 'lag', after: seen[14]!.position });
    const rest = await take(moved, 5);
    expect(rest.map((event) => event.position)).toEqual(
      seen.slice(15).map((event) => event.position),
    );
    expect(await isQuiet(moved)).toBe(true);
  });

  it('goes on after the connections of the stream were cut', async () => {
    const doorbell = new Doorbell(stage.url);
    await doorbell.start();
    const stream = await startStream({ doorbell });
    const source = stream.subscribe({ topic: 'cut' });
    await append('cut', 'before');
    expect(keys(await take(source, 1))).toEqual(['before']);
    const admin = new pg.Client({ connectionString: stage.ownerUrl });
    await admin.connect();
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()`);
    await admin.end();
    await delay(100);
    await append('cut', 'after').catch(() => append('cut', 'after'));
    expect(keys(await take(source, 1))).toEqual(['after']);
    await doorbell.stop();
  });

  it('need not wait for the next look at the table, also after the bell was cut off', async () => {
    const doorbell = new Doorbell(stage.url);
    await doorbell.start();
    const stream = await startStream({ doorbell, pollMs: 3_600_000 });
    const source = stream.subscribe({ topic: 'bell' });
    await append('bell', 'at once');
    expect(keys(await take(source, 1))).toEqual(['at once']);
    const admin = new pg.Client({ connectionString: stage.ownerUrl });
    await admin.connect();
    await admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE datname = current_database() AND application_name = 'kontor doorbell'`);
    await admin.end();
    await append('bell', 'while nobody listened');
    expect(keys(await take(source, 1))).toEqual(['while nobody listened']);
    await append('bell', 'listening again');
    expect(keys(await take(source, 1))).toEqual(['listening again']);
    await doorbell.stop();
  });
});
