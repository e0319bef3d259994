import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GraphQLError, parse } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureDocument } from '../../src/platform/document-scan.js';
import { OperationList, readOperationLists } from '../../src/platform/operation-list.service.js';
import { addressKey, TokenBuckets } from '../../src/platform/token-buckets.js';
import { SharedTurnstile, Turnstile, TurnstileShut } from '../../src/platform/turnstile.service.js';

describe('a budget', () => {
  it('lets a burst through, then fills steadily, for each caller apart', () => {
    const buckets = new TokenBuckets({ perSecond: 10, burst: 20 });
    const take = (key: string, now: number) => buckets.take(key, 1, now);
    expect(Array.from({ length: 20 }, () => take('a', 0))).toEqual(Array(20).fill(0));
    expect(take('a', 0)).toBe(100);
    expect(take('b', 0)).toBe(0);
    expect(take('a', 90)).toBeCloseTo(10, -1);
    expect(take('a', 100)).toBe(0);
    expect(take('a', 100)).toBe(100);
    expect(Array.from({ length: 21 }, () => take('a', 60_000)).filter(Boolean)).toEqual([100]);
  });

  it('takes nothing when there is not enough, and lets the largest through when it is full', () => {
    const buckets = new TokenBuckets({ perSecond: 10, burst: 20 });
    expect(buckets.take('a', 15, 0)).toBe(0);
    expect(buckets.take('a', 15, 0)).toBe(1_000);
    expect(buckets.take('a', 5, 0)).toBe(0);
    expect(buckets.take('a', 1_000, 1_900)).toBeCloseTo(100, -1);
    expect(buckets.take('a', 1_000, 2_001)).toBe(0);
  });

  it('is not fooled by a clock that goes back', () => {
    const buckets = new TokenBuckets({ perSecond: 10, burst: 10 });
    for (let i = 0; i < 10; i += 1) expect(buckets.take('a', 1, 1_000)).toBe(0);
    expect(buckets.take('a', 1, 0)).toBe(100);
    expect(buckets.take('a', 1, 100)).toBe(0);
  });

  it('forgets callers before it fills the memory', () => {
    const buckets = new TokenBuckets({ perSecond: 1, burst: 1 });
    for (let i = 0; i < 60_000; i += 1) buckets.take(String(i), 1, i);
    expect(buckets.size).toBe(50_000);
    expect(buckets.take('59999', 1, 60_000)).toBeGreaterThan(0);
    expect(buckets.take('0', 1, 60_000)).toBe(0);
  });

  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['', ''],
  ])('of the address %s is kept under %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

describe('a turnstile', () => {
  it('lets so many through at once, the others in their order, each key apart', async () => {
    const turns = new Turnstile({ parallel: 2, waiting: 10, waitMs: 5_000 });
    const order: number[] = [];
    const [first, second] = [await turns.enter('a'), await turns.enter('a')];
    const later = [3, 4, 5].map(async (n) => {
      const leave = await turns.enter('a');
      order.push(n);
      return leave;
    });
    (await turns.enter('b'))();
    expect(turns.isBusy('a')).toBe(true);
    expect(order).toEqual([]);
    first();
    first();
    (await later[0])?.();
    second();
    for (const leave of later) (await leave)();
    expect(order).toEqual([3, 4, 5]);
    expect([turns.isBusy('a'), turns.size]).toEqual([false, 0]);
  });

  it('sends away who would wait behind too many, or too long', async () => {
    const turns = new Turnstile({ parallel: 1, waiting: 1, waitMs: 30 });
    const leave = await turns.enter('a');
    const waits = turns.enter('a');
    await expect(turns.enter('a')).rejects.toThrow(TurnstileShut);
    await expect(waits).rejects.toThrow(TurnstileShut);
    leave();
    (await turns.enter('a'))();
    expect(turns.size).toBe(0);
  });
});

describe('a turnstile that parties share', () => {
  it('gives them turns, however many wait of one and whoever came first', async () => {
    const turns = new SharedTurnstile({ parallel: 2, waiting: 10, waitMs: 5_000 });
    const order: string[] = [];
    const held = [await turns.enter('greedy'), await turns.enter('greedy')];
    expect(turns.isBusy()).toBe(true);
    const waits = ['greedy', 'greedy', 'greedy', 'greedy', 'b', 'c', 'b'].map(async (party) => {
      const leave = await turns.enter(party);
      order.push(party);
      leave();
    });
    for (const leave of held) leave();
    await Promise.all(waits);
    expect(order).toEqual(['greedy', 'b', 'c', 'greedy', 'b', 'greedy', 'greedy']);
    expect([turns.isBusy(), turns.size]).toEqual([false, 0]);
  });

  it('sends away who waits too long or behind too many of his own, not of others', async () => {
    const turns = new SharedTurnstile({ parallel: 1, waiting: 1, waitMs: 30 });
    const leave = await turns.enter('a');
    const [mine, other] = [turns.enter('a'), turns.enter('b')];
    await expect(turns.enter('a')).rejects.toThrow(TurnstileShut);
    await expect(mine).rejects.toThrow(TurnstileShut);
    await expect(other).rejects.toThrow(TurnstileShut);
    expect(turns.size).toBe(0);
    leave();
    leave();
    (await turns.enter('c'))();
    expect(turns.isBusy()).toBe(false);
  });
});

describe('the measure of a document', () => {
  const measure = (text: string) => measureDocument(parse(text));

  it('counts what is written out, wherever it is written', () => {
    expect(measure('{ a { b: c @skip(if: true) ...f } } fragment f on T { d { e } g: h }')).toEqual(
      {
        depth: 3,
        selections: 6,
        aliases: 2,
        directives: 1,
        breadth: 3,
        introspects: false,
      },
    );
    expect(measure('query ($v: Int @x) @y { a ... @z { b c } }')).toMatchObject({
      directives: 3,
      breadth: 3,
      depth: 1,
    });
  });

  it('takes the largest of several operations, and looks into fragments nobody uses', () => {
    const found = measure('query A { a } query B { b { c } } fragment f on T { d: d e: e g: g }');
    expect(found).toMatchObject({ depth: 2, aliases: 3, breadth: 3 });
  });

  it('multiplies fragments without walking them again, also those that hold themselves', () => {
    const levels = Array.from(
      { length: 300 },
      (_, i) => `fragment f${i} on T { ...f${i + 1} ...f${i + 1} }`,
    );
    const begin = performance.now();
    const found = measure(`{ ...f0 } ${levels.join(' ')} fragment f300 on T { a }`);
    expect(found.selections).toBeGreaterThan(1e80);
    expect(measure('{ ...f } fragment f on T { a ...g } fragment g on T { ...f }').depth).toBe(1);
    expect(performance.now() - begin).toBeLessThan(200);
  });

  it('sees questions about the schema under any name', () => {
    expect(measure('{ x: __schema { types { name } } }').introspects).toBe(true);
    expect(
      measure('{ ...f } fragment f on Query { ... { __type(name: "A") { name } } }').introspects,
    ).toBe(true);
    expect(measure('{ __typename }').introspects).toBe(false);
  });
});

describe('a list of operations', () => {
  let directory: string;
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'kontor-operations-'));
  });
  afterAll(() => rmSync(directory, { recursive: true }));

  function file(name: string, content: unknown): string {
    const path = join(directory, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  }

  function code(work: () => unknown): unknown {
    try {
      work();
    } catch (error) {
      if (error instanceof GraphQLError) return error.extensions.code;
      return (error as { code?: unknown }).code;
    }
    return null;
  }

  it('is read as graphql-codegen, Relay and Apollo write it', () => {
    const simple = file('simple.json', { abc: 'query A { a }', 'sha256:12': 'query B { b }' });
    const manifest = file('apollo.json', {
      format: 'apollo-persisted-query-manifest',
      version: 1,
      operations: [{ id: 'def', name: 'C', type: 'query', body: 'query C { c }' }],
    });
    const list = readOperationLists([simple, manifest], 'all');
    const apollo = { extensions: { persistedQuery: { version: 1, sha256Hash: 'def' } } };
    expect(list.textOf(apollo)).toBe('query C { c }');
    expect(list.textOf({ documentId: 'sha256:12' })).toBe('query B { b }');
    expect(list.textOf({ query: '{ own }', documentId: 'abc' })).toBe('{ own }');
    expect(list.textOf({ query: '', extensions: null })).toBeUndefined();
  });

  it.each([
    ['that is none', 'no JSON'],
    ['with a list', []],
    ['with an entry that is no text', { a: 1 }],
    ['with an empty document', { a: '' }],
    ['with an id of odd characters', { 'a b': '{ a }' }],
    [
      'of Apollo with a part missing',
      { format: 'apollo-persisted-query-manifest', operations: [{ id: 'a' }] },
    ],
  ])('refuses a file %s', (name, content) => {
    expect(code(() => readOperationLists([file(`${name}.json`, content)], 'off'))).toBe(
      'INVALID_CONFIGURATION',
    );
  });

  it('refuses two documents of one id, and a file that is not there', () => {
    const files = [file('1.json', { a: '{ a }' }), file('2.json', { a: '{ b }' })];
    expect(code(() => readOperationLists(files, 'off'))).toBe('INVALID_CONFIGURATION');
    expect(code(() => readOperationLists([join(directory, 'none')], 'off'))).toBe(
      'INVALID_CONFIGURATION',
    );
  });

  it('tells clients what those of persisted queries understand', () => {
    const asked = { extensions: { persistedQuery: { sha256Hash: 'x' } } };
    const none = new OperationList(new Map(), 'off');
    expect(code(() => none.textOf(asked))).toBe('PERSISTED_QUERY_NOT_SUPPORTED');
    const one = new OperationList(new Map([['a', '{ a }']]), 'off');
    expect(code(() => one.textOf(asked))).toBe('PERSISTED_QUERY_NOT_FOUND');
  });

  it('binds nobody, those who are no program, or everybody', () => {
    const refused = (only: 'off' | 'users' | 'all', text: string) => {
      const list = new OperationList(new Map([['a', '{ a }']]), only);
      return [true, false].map((isApiKey) => code(() => list.refuseUnlisted(text, isApiKey)));
    };
    expect(refused('off', '{ b }')).toEqual([null, null]);
    expect(refused('users', '{ b }')).toEqual([null, 'OPERATION_NOT_LISTED']);
    expect(refused('all', '{ b }')).toEqual(['OPERATION_NOT_LISTED', 'OPERATION_NOT_LISTED']);
    expect(refused('all', '{ a }')).toEqual([null, null]);
  });
});
