import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stagesOfThread } from '../../src/rating/stages.store.js';
import { runVectors, vectorsCommand } from '../../src/rating/vector.service.js';
import { vectorFile, vectorSchema } from '../../src/rating/vector-format.js';
import { caseRecords, runCase } from '../../src/rating/vector-run.js';
import { worldFacts } from '../../src/rating/vector-world.js';
import { engineAnswer } from '../fixtures/engine.js';
import { referenceAnswer } from '../fixtures/reference-answer.js';
import { EQUAL, tried } from '../fixtures/tried-vector.js';

const FOLDER = 'test/vectors';
const FEW = process.env.KONTOR_TEST_BOOKS;
const files = readdirSync(FOLDER).filter(
  (name) => name.endsWith('.json') && name !== 'schema.json',
);

type Json = { [name: string]: Json } | Json[] | string | number | boolean | null;

function read(name: string): Json {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
}

/** Every decimal and whole number under a node, each once one more than it should be. */
function* withOneWrong(node: Json): Generator<Json> {
  if (typeof node === 'number') yield node + 1;
  if (typeof node === 'string' && /^\d+(\.\d+)?$/.test(node)) yield `9${node}`;
  if (typeof node === 'string' && /^[A-Z]+_[A-Z_]+$/.test(node)) yield 'MALFORMED_LINE';
  if (typeof node !== 'object' || node === null) return;
  for (const [name, inner] of Object.entries(node)) {
    for (const wrong of withOneWrong(inner)) {
      yield Array.isArray(node) ? node.with(Number(name), wrong) : { ...node, [name]: wrong };
    }
  }
}

describe('our vectors', () => {
  it.each(files)('%s come to what was worked out by hand', async (name) => {
    const { cases } = await runVectors(join(FOLDER, name));
    expect(cases.filter(({ differences }) => differences.length > 0)).toEqual([]);
    expect(cases.length).toBeGreaterThan(5);
  });

  // Which says nothing of the engine, so that mutants of it are not tried with it.
  it.runIf(FEW === undefined).each(files)('%s tell each expectation that is wrong', (name) => {
    let planted = 0;
    const content = read(name) as { cases: { expect: Json }[] };
    for (const one of content.cases) {
      for (const expectation of withOneWrong(one.expect)) {
        const changed = { ...content, cases: [{ ...one, expect: expectation }] };
        const wrong = vectorFile(changed, '$');
        const { differences } = runCase(wrong, wrong.cases[0]!, stagesOfThread());
        expect(differences, JSON.stringify(expectation)).not.toEqual([]);
        planted += 1;
      }
    }
    expect(planted).toBeGreaterThan(content.cases.length);
  });

  it.each(files)('%s come to the same by the reference', (name) => {
    const content = vectorFile(read(name), '$');
    for (const one of content.cases) {
      if (one.expect.refusal !== undefined) continue;
      const built = worldFacts({ ...content.world, ...one });
      const records = [...caseRecords(built, one.events ?? []).values()];
      const all = records.map((record, number) => ({ number, record, identity: record.identity }));
      const { records: answered, pots, points } = engineAnswer(built.facts, [all]);
      expect({ records: answered, pots, points }, one.name).toEqual(
        referenceAnswer(built.facts, all),
      );
    }
  });
});

describe('the format', () => {
  it('is published as JSON Schema', () => {
    const published = JSON.parse(readFileSync(join(FOLDER, 'schema.json'), 'utf8'));
    expect(published).toEqual(JSON.parse(JSON.stringify(vectorSchema())));
  });

  it('names file and place of what breaks it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
    const said: string[] = [];
    const status = async (content: string): Promise<number> => {
      const file = join(folder, 'one.json');
      writeFileSync(file, content);
      return vectorsCommand([file], (line) => said.push(line.replace(folder, '')));
    };
    const withCase = (fields: object) =>
      JSON.stringify({ title: 't', cases: [{ name: 'n', expect: {}, ...fields }] });
    expect(await status('{')).toBe(1);
    expect(await status('{"cases": []}')).toBe(1);
    expect(await status(withCase({ evnts: [] }))).toBe(1);
    expect(await status(withCase({ events: [{ at: '2026-07-01' }] }))).toBe(1);
    expect(await status(withCase({ events: [{ at: '2026-07-01T00:00Z', value: 1.5 }] }))).toBe(1);
    const foreign = { priceLists: { a: { rates: [], parent: 'b' } } };
    expect(await status(withCase(foreign))).toBe(1);
    expect(said.slice(1)).toEqual([
      'VECTOR_INVALID: /one.json: $.title is missing.',
      'VECTOR_INVALID: /one.json: $.cases[0].evnts is not a field that is known here.',
      'VECTOR_INVALID: /one.json: $.cases[0].events[0].at ' +
        'is an instant such as "2026-03-29T00:59:30Z".',
      'VECTOR_INVALID: /one.json: $.cases[0].events[0].value ' +
        'is decimal text of at most 7 digits before and 8 after the point.',
      'VECTOR_INVALID: /one.json: cases[0] "n": ' +
        'priceLists.a.parent names the list "b", which is not there.',
    ]);
    expect(said[0]).toContain('VECTOR_UNREADABLE: /one.json');
    rmSync(folder, { recursive: true });
  });

  it('may begin with the mark that editors of Windows write', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
    const file = join(folder, 'one.json');
    writeFileSync(file, '\uFEFF{ "title": "t", "cases": [] }');
    expect((await runVectors(file)).cases).toEqual([]);
    rmSync(folder, { recursive: true });
  });

  it('answers the status 0 without, 1 with differences, and shows the steps', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vectors-'));
    const file = join(folder, 'one.json');
    const run = async (amount: string): Promise<[number, string]> => {
      const said: string[] = [];
      const priceLists = { standard: { rates: [{ price: '0.60', rateUnit: 60 }] } };
      const events = [{ id: 'a', at: '2026-07-01T10:00:00Z', quantity: 61 }];
      const one = { name: 'n', priceLists, events, expect: { events: { a: amount } } };
      writeFileSync(file, JSON.stringify({ title: 't', cases: [one] }));
      const status = await vectorsCommand([file], (line) => said.push(line));
      return [status, said.join('\n')];
    };
    expect((await run('0.61'))[0]).toBe(0);
    const [status, text] = await run('0.62');
    expect(status).toBe(1);
    expect(text).toContain('event a, amount: expected 0.62, answered 0.61');
    expect(text).toContain('0 + 0.6 * 61 / 60 = 0.61');
    rmSync(folder, { recursive: true });
  });
});

describe('ids of events', () => {
  it('tell events apart however long they are', async () => {
    const [status, said] = await tried({
      priceLists: { standard: { rates: [{ price: '1' }] } },
      events: [
        { id: 'customer-line-Aa', at: '2026-07-01T10:00:00Z' },
        { id: 'customer-line-BB', at: '2026-07-01T11:00:00Z' },
      ],
      expect: {
        totals: { retail: '2' },
        events: { 'customer-line-Aa': '1', 'customer-line-BB': '1' },
      },
    });
    expect([status, said]).toEqual([0, [expect.stringMatching(EQUAL)]]);
  });

  it.each([
    ['call-1', 'call-10'],
    ['call-of-october-1', 'call-of-october-10'],
  ])('order events of one instant: %s before %s', async (first, second) => {
    const at = '2026-07-01T10:00:00Z';
    const answer = await tried({
      tierSchedules: { t: { steps: [{ upTo: '1', price: '5' }, { price: '1' }] } },
      priceLists: { standard: { rates: [{ model: 'GRADUATED', tiers: 't' }] } },
      events: [
        { id: second, at },
        { id: first, at },
      ],
      expect: { events: { [first]: '5', [second]: '1' } },
    });
    expect(answer).toEqual([0, [expect.stringMatching(EQUAL)]]);
  });
});

describe('a day that does not exist', () => {
  const priceLists = { standard: { rates: [{ price: '1' }] } };
  const expected = { events: { a: '1' } };

  it.each(['2026-02-30T10:00:00Z', '2026-02-29T10:00+01:00', '2026-04-31T10:00:00.5Z'])(
    'is refused as an instant: %s',
    async (at) => {
      const answer = await tried({ priceLists, events: [{ id: 'a', at }], expect: expected });
      const refused = '$.cases[0].events[0].at is an instant that exists.';
      expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: ${refused}`]]);
    },
  );

  it.each(['2026-02-30', '2025-02-29', '2026-00-10'])(
    'is refused as a holiday: %s',
    async (day) => {
      const events = [{ id: 'a', at: '2026-02-20T10:00:00Z' }];
      const holidays = { de: ['2024-02-29', day] };
      const answer = await tried({ holidays, priceLists, events, expect: expected });
      const refused = '$.cases[0].holidays.de[1] is a day of the calendar.';
      expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: ${refused}`]]);
    },
  );

  it('is told by the date that is written, whatever its offset makes of it', async () => {
    const events = [{ id: 'a', at: '2024-02-29T23:30:00-01:00' }];
    expect((await tried({ priceLists, events, expect: expected }))[0]).toBe(0);
  });
});

describe('what cannot be expected together', () => {
  it.each([
    [
      'an amount with a fault',
      { events: { a: { fault: 'NO_RATE', amount: '17' } } },
      'expect.events.a.amount does not go with a fault.',
    ],
    [
      'levels with a fault',
      { events: { a: { levels: { retail: '12', misspelt: '3' }, fault: 'NO_RATE' } } },
      'expect.events.a.levels does not go with a fault.',
    ],
    [
      'totals with a refusal',
      { refusal: 'TIER_GAP', totals: { retail: '1' } },
      'expect.totals does not go with a refusal.',
    ],
  ])('is refused: %s', async (_, expected, refused) => {
    const answer = await tried({
      priceLists: { standard: { rates: [{ prefix: '1', price: '1' }] } },
      events: [{ id: 'a', at: '2026-02-20T10:00:00Z' }],
      expect: expected,
    });
    expect(answer).toEqual([1, [`VECTOR_INVALID: /one.json: cases[0] "n": ${refused}`]]);
  });
});

describe('a decimal', () => {
  const at = '2026-02-20T10:00:00Z';
  const rated = (price: string, rate: string) => ({
    exchangeRates: [{ base: 'USD', quote: 'EUR', rate }],
    priceLists: { standard: { rates: [{ price }] } },
    events: [{ id: 'a', at }],
    expect: { events: { a: price } },
  });

  it('has at most 8 decimals, that of an exchange rate 10', async () => {
    expect((await tried(rated('0.12340000', '0.9512345678')))[0]).toBe(0);
    const refused = async (price: string, rate: string) => (await tried(rated(price, rate)))[1];
    expect(await refused('0.123456789', '1')).toEqual([
      'VECTOR_INVALID: /one.json: $.cases[0].priceLists.standard.rates[0].price ' +
        'is decimal text such as "0.0125".',
    ]);
    expect(await refused('0.1234', '0.95123456789')).toEqual([
      'VECTOR_INVALID: /one.json: $.cases[0].exchangeRates[0].rate ' +
        'is decimal text above zero such as "0.9512345678".',
    ]);
  });
});
