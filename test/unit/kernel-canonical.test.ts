import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/kernel/canonical.js';
import { Bug, DomainError } from '../../src/kernel/errors.js';

function lists(depth: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n += 1) value = [value];
  return value;
}

function objects(depth: number): unknown {
  let value: unknown = 1;
  for (let n = 0; n < depth; n += 1) value = { a: value };
  return value;
}

/** Stands for another of its kind, and that for another, so many times. */
function standIns(depth: number): unknown {
  return depth === 0 ? 1 : { toJSON: () => standIns(depth - 1) };
}

describe('a value as text for hashing', () => {
  it.each([
    ['lists', lists],
    ['objects', objects],
    ['values that stand for others', standIns],
  ])('may nest 64 deep and no deeper: %s', (_, nested) => {
    expect(canonicalJson(nested(64))).toContain('1');
    expect(() => canonicalJson(nested(65))).toThrow(Bug);
  });

  it('may not hold itself, by whatever way', () => {
    const list: unknown[] = [];
    list.push(list);
    const object: Record<string, unknown> = {};
    object.self = object;
    const standIn = { toJSON: (): unknown => standIn };
    for (const endless of [list, object, standIn]) {
      expect(() => canonicalJson(endless)).toThrow('nested too deeply');
    }
  });

  it('keeps a property that is called toJSON and is none', () => {
    expect(canonicalJson({ toJSON: 'text', a: null })).toBe('{"a":null,"toJSON":"text"}');
    expect(canonicalJson({ at: new Date(0) })).toBe('{"at":"1970-01-01T00:00:00.000Z"}');
  });

  it('names the number that it refuses', () => {
    const refused = () => canonicalJson([Number.NaN]);
    expect(refused).toThrow(DomainError);
    expect(refused).toThrow(
      expect.objectContaining({ code: 'INVALID_NUMBER', details: { value: 'NaN' } }),
    );
  });
});
