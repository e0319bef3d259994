import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DomainError } from '../../src/kernel/index.js';
import { admitPartner, once, type Tx } from '../../src/platform/index.js';
import { plainDatabase } from '../fixtures/plain-database.js';

let stage: Awaited<ReturnType<typeof plainDatabase>>;
let effects = 0;
const viewer = { userId: 1, partnerId: 1 };

beforeAll(async () => {
  stage = await plainDatabase();
});
afterAll(() => stage.drop());

function request(
  key: string | null,
  input: unknown,
  work: (tx: Tx) => Promise<unknown> = async () => {
    effects += 1;
    return { id: effects };
  },
  operation = 'createThing',
  who = viewer,
) {
  return stage.database.write({ partnerId: 1 }, (tx) =>
    once(tx, who, key, operation, input, () => work(tx)),
  );
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error instanceof DomainError ? error.code : String(error);
}

describe('an idempotency key', () => {
  it('gives 20 simultaneous requests one effect and one answer', async () => {
    const before = effects;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        request('racing', { a: 1 }, async (tx) => {
          await tx.query('SELECT pg_sleep(0.05)');
          effects += 1;
          return { id: effects };
        }),
      ),
    );
    expect(effects).toBe(before + 1);
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  it('shows who waited for it the partner that was made meanwhile', async () => {
    const make = (tx: Tx) =>
      once(tx, viewer, 'partner', 'createPartner', {}, async () => {
        await admitPartner(tx, 2);
        await tx.query(`INSERT INTO partner (id, parent_id, path, depth, kind, name, country)
          VALUES (2, 1, '{1,2}', 1, 'RESELLER', 'New', 'DE')`);
        await tx.query('SELECT pg_sleep(0.3)');
        return { id: 2 };
      });
    const seen = await Promise.all(
      [1, 2, 3].map(() =>
        stage.database.write({ partnerId: 1 }, async (tx) => {
          const { id } = await make(tx);
          return tx.query('SELECT id FROM partner WHERE id = $1', [id]);
        }),
      ),
    );
    expect(seen).toEqual([[{ id: 2 }], [{ id: 2 }], [{ id: 2 }]]);
  });

  it('does not care for the order of the input’s fields', async () => {
    const first = await request('order', { a: 1, b: { c: 2, d: 3 } });
    expect(await request('order', { b: { d: 3, c: 2 }, a: 1 })).toEqual(first);
  });

  it('refuses another input, another operation', async () => {
    await request('used', { a: 1 });
    expect(await refusal(request('used', { a: 2 }))).toBe('IDEMPOTENCY_KEY_REUSED');
    expect(await refusal(request('used', { a: 1 }, undefined, 'other'))).toBe(
      'IDEMPOTENCY_KEY_REUSED',
    );
  });

  it('belongs to one user', async () => {
    const mine = await request('shared', { a: 1 });
    const his = await request('shared', { a: 1 }, undefined, 'createThing', {
      userId: 2,
      partnerId: 1,
    });
    expect(his).not.toEqual(mine);
  });

  it('is free again after a refusal', async () => {
    const refuse = async () => {
      throw new DomainError('NOT_FOUND', 'no');
    };
    expect(await refusal(request('retry', { a: 1 }, refuse))).toBe('NOT_FOUND');
    expect(await request('retry', { a: 2 })).toHaveProperty('id');
  });

  it('has 1 to 255 characters', async () => {
    expect(await refusal(request('', {}))).toBe('BAD_USER_INPUT');
    expect(await refusal(request('x'.repeat(256), {}))).toBe('BAD_USER_INPUT');
    expect(await refusal(request('a\0b', {}))).toBe('BAD_USER_INPUT');
  });

  it('remembers an empty answer, and may be absent', async () => {
    expect(await request('empty', {}, async () => undefined)).toBeNull();
    expect(await request('empty', {}, async () => 'again')).toBeNull();
    expect(await request(null, {})).not.toEqual(await request(null, {}));
  });
});
